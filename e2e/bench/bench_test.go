package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// run does a run of the bench with some flags and returns the file that it writes.
func run(t *testing.T, file string, args ...string) string {
	t.Helper()
	out := t.TempDir()
	o, err := parse(append([]string{"-quick", "-out", out}, args...), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	var table, log bytes.Buffer
	if err := benchmark(t.Context(), o, &table, &log); err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	results, err := os.ReadFile(filepath.Join(out, file))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(results), "NaN") || strings.Contains(string(results), out) {
		t.Errorf("something was divided by nothing, or a folder of this machine is named:\n%s", results)
	}
	return string(results)
}

// The harness itself checks each status and what reaches the site behind: that it comes
// to an end says that all of them were as expected.
func TestARunHasARowForEachContestant(t *testing.T) {
	results := run(t, "results.md", "-seed", "1", "-only", `auth|logins`)
	for _, name := range []string{
		"respond", "reverse_proxy", "basic_auth", "forward_auth to the least authorizer", "instagram_auth, anonymous on a public path", "instagram_auth, signed in",
		"instagram_auth, signed in, 20 foreign cookies", "instagram_auth, forged cookie on a public path", "instagram_auth, signed in, respond behind",
		"instagram_auth, unauthenticated API call (401)", "instagram_auth, unauthenticated navigation (302)",
	} {
		if n := strings.Count(results, "\n| "+name+" "); n != 2 { // one of timings, one of allocations
			t.Errorf("%s has %d rows", name, n)
		}
	}
	for _, text := range []string{"\n| 16 visitors at a time ", "seed 1", "-only='auth|logins'", "Caddy v2."} {
		if !strings.Contains(results, text) {
			t.Errorf("the results do not say %q", text)
		}
	}
}

func TestTheScaleTablesAreWritten(t *testing.T) {
	results := run(t, "scale.md", "-scale", "-only", "cookies|connections") // the others take longer
	for _, row := range []string{"\n| 0 ", "\n| 100 ", "\n| reverse_proxy ", "\n| instagram_auth, signed in "} {
		if !strings.Contains(results, row) {
			t.Errorf("there is no row %q", row)
		}
	}
}

func TestACancelledRunLeavesNothingBehind(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	// The first line about a round is written in the midst of the work.
	log := writer(func(p []byte) {
		if bytes.HasPrefix(p, []byte("round 1 ")) {
			cancel()
		}
	})
	o, err := parse([]string{"-rounds", "1000", "-time", "50ms", "-only", "once more"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if err := benchmark(ctx, o, io.Discard, log); !errors.Is(err, context.Canceled) {
		t.Errorf("the run ended with %v", err)
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}
	processes, _ := filepath.Glob("/proc/self/task/*/children")
	for _, list := range processes {
		if content, _ := os.ReadFile(list); len(content) > 0 {
			t.Errorf("processes %s are left", content)
		}
	}
}

// writer hands on what is written.
type writer func([]byte)

func (w writer) Write(p []byte) (int, error) {
	w(p)
	return len(p), nil
}

func TestAnAnswerWithAnotherStatusIsAnError(t *testing.T) {
	site := startSite()
	defer site.Close()
	asked := target{address: site.Listener.Addr().String(), path: echoPath, status: 403}
	if _, err := asked.askOnce(t.Context()); err == nil || !strings.Contains(err.Error(), "an answer has the status 200, want 403") {
		t.Errorf("%v", err)
	}
}

func TestAForgedCookieDiffersInOneCharacter(t *testing.T) {
	for _, session := range []string{"name=" + strings.Repeat("A", 100), "name=" + strings.Repeat("-", 100)} {
		if forged := forge(session); len(forged) != len(session) || strings.Count(forged, session[5:6]) != 99+strings.Count("name=", session[5:6]) {
			t.Errorf("%q", forged)
		}
	}
}

func TestFlagsThatMakeNoSenseAreRefused(t *testing.T) {
	for _, args := range [][]string{{"-rounds", "0"}, {"-time", "1ms"}, {"-only", "("}, {"-connections", "0"}, {"more"}} {
		if _, err := parse(args, io.Discard); err == nil {
			t.Errorf("%q is accepted", args)
		}
	}
}
