// Package e2e drives real processes: Caddy with this module, Chromium, php-fpm.
package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// caddyBinary is cmd/caddy, built once with the race detector.
var caddyBinary string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "caddy")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		binaries = dir
		// Stories that run at the same time wait for time-outs most of the time.
		flag.Parse()
		if err := flag.Set("test.parallel", "48"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		if caddyBinary, err = build("caddy", "..", "-race"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}())
}

// binaries is the folder that build writes to.
var binaries string

// build compiles a module's cmd/caddy.
func build(name, module string, flags ...string) (file string, err error) {
	return compile(name, module, "./cmd/caddy", flags...)
}

// compile compiles a program of a module, without what only debuggers read.
func compile(name, module, program string, flags ...string) (file string, err error) {
	file = filepath.Join(binaries, name)
	command := exec.Command("go", append(append([]string{"build", "-ldflags=-w"}, flags...), "-o", file, program)...)
	command.Dir = module
	if out, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building %s: %w\n%s", name, err, out)
	}
	return file, nil
}

const (
	appID     = "990602627938098"
	appSecret = "a1b2c3d4e5f60718293a4b5c6d7e8f90"
	userID    = "17841405793187218"
	username  = "jayposiris"
	cookie    = "__Host-Http-instagram_auth"
)

// process is a program that a test has started.
type process struct {
	t   *testing.T
	cmd *exec.Cmd
	out *lockedBuffer
}

// start runs a program until the end of the test and fails the test if its output
// reports a data race.
func start(t *testing.T, env []string, name string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(name, args...), out: new(lockedBuffer)}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("starting %s: %v", name, err)
	}
	t.Cleanup(func() {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		ended := make(chan struct{})
		go func() { _ = p.cmd.Wait(); close(ended) }()
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			_ = p.cmd.Process.Kill()
			t.Errorf("%s did not end", name)
		}
		if strings.Contains(p.out.String(), "DATA RACE") {
			t.Errorf("data race:\n%s", p.out)
		}
		if t.Failed() {
			t.Logf("%s said:\n%.6000s", name, p.out)
		}
	})
	return p
}

// startCaddy runs Caddy with a Caddyfile until the end of the test and waits until
// the addresses answer.
func startCaddy(t *testing.T, caddyfile string, env []string, addresses ...string) *process {
	t.Helper()
	file := filepath.Join(t.TempDir(), "Caddyfile")
	if err := os.WriteFile(file, []byte(caddyfile), 0o600); err != nil {
		t.Fatal(err)
	}
	return runCaddy(t, file, env, addresses...)
}

func runCaddy(t *testing.T, file string, env []string, addresses ...string) *process {
	t.Helper()
	return runBinary(t, caddyBinary, file, env, addresses...)
}

func runBinary(t *testing.T, binary, file string, env []string, addresses ...string) *process {
	t.Helper()
	home := t.TempDir()
	env = append(env, "HOME="+home, "XDG_DATA_HOME="+home, "XDG_CONFIG_HOME="+home, "GORACE=halt_on_error=1 atexit_sleep_ms=0")
	p := start(t, env, binary, "run", "--config", file, "--adapter", "caddyfile")
	for _, address := range addresses {
		p.waitFor(address)
	}
	return p
}

// kill ends a process at once, as kill -9 does.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// waitFor waits until somebody listens.
func (p *process) waitFor(address string) {
	p.t.Helper()
	network := "tcp"
	if strings.HasPrefix(address, "/") {
		network = "unix"
	}
	p.waitUntil("somebody on "+address, func() bool {
		connection, err := net.DialTimeout(network, address, time.Second)
		if err == nil {
			_ = connection.Close()
		}
		return err == nil
	})
}

// waitForOneListener waits after a reload until one socket is open at each address. Caddy does not
// wait for that itself, and the kernel gives new connections to either server; those that wait at
// the old one when it closes are broken.
func (p *process) waitForOneListener(addresses ...string) {
	p.t.Helper()
	for _, address := range addresses {
		p.waitUntil("one socket at "+address, func() bool { return listeners(p.t, address) == 1 })
	}
}

// listeners returns how many sockets listen at the port of an address.
func listeners(t *testing.T, address string) (n int) {
	t.Helper()
	number, err := strconv.ParseUint(portOf(address), 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	const listening = "0A" // see proc_net_tcp(5)
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, err := os.ReadFile(table)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if f := strings.Fields(line); len(f) > 3 && strings.HasSuffix(f[1], fmt.Sprintf(":%04X", number)) && f[3] == listening {
				n++
			}
		}
	}
	return n
}

// waitUntil waits for a condition, for a while.
func (p *process) waitUntil(what string, holds func() bool) {
	p.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.t.Fatalf("there is not %s:\n%s", what, p.out)
		}
	}
}

// lockedBuffer collects the output of a process.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

// freePort returns a port that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	for range 1000 {
		port := strconv.Itoa(20_000 + int(int32(os.Getpid())*37+nextPort.Add(1))%12_000)
		listener, err := net.Listen("tcp", ":"+port)
		if err == nil {
			_ = listener.Close()
			return port
		}
	}
	t.Fatal("no port is free")
	return ""
}

// nextPort counts through ports below those that systems give to outgoing connections:
// one of those could be taken between the choice of a port and its use.
var nextPort atomic.Int32

// site is a Caddy with instagram_auth over TLS and a simulated Instagram.
type site struct {
	origin, instagram string
	port              string
}

// startSite runs Caddy with instagram_auth in front of what handle says.
func startSite(t *testing.T, matcher, options, handle string) *site {
	t.Helper()
	port, instagram := freePort(t), freePort(t)
	s := &site{origin: "https://localhost:" + port, instagram: "http://localhost:" + instagram, port: port}
	p := startCaddy(t, fmt.Sprintf(`{
		admin off
		skip_install_trust
		http_port %s
		auto_https disable_redirects
	}
	%s {
		tls internal
		instagram_auth %s {
			app_id %s
			app_secret %s
			redirect_uri %s/auth/
			endpoints %s
			%s
		}
		%s
	}
	%s {
		instagram_simulator {
			app_id %s
			app_secret %s
			app_name "Test site"
			redirect_uri %s/auth/
		}
	}`, freePort(t), s.origin, matcher, appID, appSecret, s.origin, s.instagram, options, handle, s.instagram, appID, appSecret, s.origin),
		nil, "127.0.0.1:"+port, "127.0.0.1:"+instagram)
	// Caddy makes the certificate after it has begun to listen.
	p.waitUntil("a certificate", func() bool {
		connection, err := tls.Dial("tcp", "localhost:"+port, &tls.Config{InsecureSkipVerify: true})
		if err == nil {
			_ = connection.Close()
		}
		return err == nil
	})
	return s
}

// serve runs an HTTP server until the end of the test and returns its address.
func serve(t *testing.T, handler http.Handler) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = server.Shutdown(ctx)
	})
	return listener.Addr().String()
}

func body(t *testing.T, answer *http.Response) string {
	t.Helper()
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
