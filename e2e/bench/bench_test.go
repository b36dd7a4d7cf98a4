package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// peerAddress is in the environment of a peer: this test's own program, as a server.
const peerAddress = "BENCH_TEST_PEER"

func TestMain(m *testing.M) {
	if address := os.Getenv(peerAddress); address != "" {
		fmt.Fprintln(os.Stderr, servePeer(address))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// servePeer answers requests until the process is ended.
func servePeer(address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	o := &origin{answer: []byte(siteAnswer), listener: listener, conns: make(map[net.Conn]bool)}
	o.served.Go(o.accept)
	o.served.Wait()
	return errors.New("nobody is served any more")
}

// peersFile writes a file with one peer and returns the address where that will listen.
func peersFile(t *testing.T) (file, address string) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if address, err = freeAddress(); err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "peers")
	line := fmt.Sprintf("# name | command | port | cookie\na peer | %s=%s '%s' | %s | session=1\n", peerAddress, address, program, portOf(address))
	if err := os.WriteFile(file, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	return file, address
}

func flags(t *testing.T, args ...string) options {
	t.Helper()
	o, err := parse(args, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// wantNobody fails the test if somebody still listens.
func wantNobody(t *testing.T, address string) {
	t.Helper()
	if conn, err := net.Dial("tcp", address); err == nil {
		_ = conn.Close()
		t.Errorf("a process is left behind on %s", address)
	}
}

// The harness itself checks each status and what reaches the site behind: that it comes
// to an end says that all of them were as expected.
func TestARunHasARowForEachContestantAndLeavesNothingBehind(t *testing.T) {
	peers, address := peersFile(t)
	out := t.TempDir()
	var table, log bytes.Buffer
	err := benchmark(t.Context(), flags(t, "-quick", "-seed", "1", "-only", `auth|logins|peer`, "-peers", peers, "-out", out), &table, &log)
	if err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	wantNobody(t, address)
	results, plot := read(t, out, "results.md"), read(t, out, "results.svg")
	if results != table.String() {
		t.Error("the file is not what was printed")
	}
	for _, name := range []string{
		"respond", "reverse_proxy", "basic_auth", "forward_auth to the least authorizer", "instagram_auth, anonymous on a public path", "instagram_auth, signed in",
		"instagram_auth, signed in, 20 foreign cookies", "instagram_auth, forged cookie on a public path", "instagram_auth, signed in, respond behind",
		"instagram_auth, unauthenticated API call (401)", "instagram_auth, unauthenticated navigation (302)", "a peer",
	} {
		// One of timings, one of allocations.
		if n := strings.Count(results, "\n| "+name+" "); n < 2 {
			t.Errorf("%s has %d rows", name, n)
		}
		if !strings.Contains(plot, ">"+name+"</text>") {
			t.Errorf("%s is not in the plot", name)
		}
	}
	for _, text := range []string{"\n| 16 visitors at a time ", "seed 1", "cd e2e && go run ./bench -only 'auth|logins|peer'", "Caddy v2."} {
		if !strings.Contains(results, text) {
			t.Errorf("the results do not say %q", text)
		}
	}
	if strings.Contains(results, "NaN") || strings.Contains(plot, "NaN") {
		t.Error("something was divided by nothing")
	}
	if folder := filepath.Dir(peers); strings.Contains(results, folder) {
		t.Error("the results name a folder of this machine")
	}
}

func TestTheScaleTablesAreWritten(t *testing.T) {
	out := t.TempDir()
	var table, log bytes.Buffer
	if err := benchmark(t.Context(), flags(t, "-quick", "-scale", "-only", "cookies|connections", "-out", out), &table, &log); err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	results := read(t, out, "scale.md")
	for _, row := range []string{"\n| 0 ", "\n| 1 ", "\n| 5 ", "\n| 20 ", "\n| 50 ", "\n| 100 ", "\n| reverse_proxy ", "\n| instagram_auth, signed in "} {
		if !strings.Contains(results, row) {
			t.Errorf("there is no row %q", row)
		}
	}
}

func TestACancelledRunLeavesNothingBehind(t *testing.T) {
	peers, address := peersFile(t)
	ctx, cancel := context.WithCancel(t.Context())
	// The first line about a round is written in the midst of the work.
	log := writer(func(p []byte) {
		if bytes.HasPrefix(p, []byte("round 1 ")) {
			cancel()
		}
	})
	err := benchmark(ctx, flags(t, "-rounds", "1000", "-time", "50ms", "-only", "peer", "-peers", peers), io.Discard, log)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the run ended with %v", err)
	}
	wantNobody(t, address)
}

func TestAContestantWithAnotherStatusEndsTheRun(t *testing.T) {
	file := filepath.Join(t.TempDir(), "peers")
	peers, _ := peersFile(t)
	content := strings.TrimSpace(read(t, filepath.Dir(peers), "peers")) + " | /page | 403\n"
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	err := benchmark(t.Context(), flags(t, "-quick", "-only", "peer", "-peers", file), io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "a peer: an answer has the status 200, want 403") {
		t.Errorf("the run ended with %v", err)
	}
}

func TestTheExampleOfPeersCanBeRead(t *testing.T) {
	content, err := os.ReadFile("peers.example")
	if err != nil {
		t.Fatal(err)
	}
	if peers, err := parsePeers(bytes.NewReader(content)); err != nil || len(peers) != 0 {
		t.Errorf("%d peers, %v", len(peers), err)
	}
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	last := strings.TrimPrefix(lines[len(lines)-1], "# ")
	want := peer{
		name: "oauth2-proxy, signed in", port: "4180", cookie: "_oauth2_proxy=...", path: privatePath, status: 200,
		command: "oauth2-proxy --config bench/oauth2-proxy.cfg --http-address 127.0.0.1:4180 --upstream http://$UPSTREAM/",
	}
	if got, err := parsePeer(last); err != nil || got != want {
		t.Errorf("the commented line is %+v, %v", got, err)
	}
}

func TestAPeerNeedsAllOfItsFields(t *testing.T) {
	for name, line := range map[string]string{
		"too few": "a | b | 1", "too many": "a | b | 1 | c | /d | 200 | e", "no name": " | b | 1 | c", "no command": "a | | 1 | c",
		"no port": "a | b | x | c", "port too large": "a | b | 70000 | c", "no path": "a | b | 1 | c | d", "no status": "a | b | 1 | c | /d | x",
	} {
		if p, err := parsePeer(line); err == nil {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

func TestFlagsThatMakeNoSenseAreRefused(t *testing.T) {
	for _, args := range [][]string{{"-rounds", "0"}, {"-time", "1ms"}, {"-only", "("}, {"-connections", "0"}, {"-profile", "respond"}, {"more"}} {
		if _, err := parse(args, io.Discard); err == nil {
			t.Errorf("%q is accepted", args)
		}
	}
}

func read(t *testing.T, folder, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// writer hands on what is written.
type writer func([]byte)

func (w writer) Write(p []byte) (int, error) {
	w(p)
	return len(p), nil
}
