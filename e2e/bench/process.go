package main

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const module = "github.com/caddy-instagram/caddy-instagram-auth"

// The programs, by the names of their packages. All are built alike, with the versions of
// e2e/go.mod and without the race detector.
const (
	withSimulator = module + "/cmd/caddy"
	production    = module + "/e2e/cmd/production"
	plain         = module + "/e2e/cmd/plain"
)

// build compiles a program, as a release would be: what -s and -w leave out is in no binary
// that people download.
func (b *bench) build(program string) (file string, err error) {
	file = filepath.Join(b.folder, filepath.Base(filepath.Dir(program))+"-"+filepath.Base(program))
	command := exec.CommandContext(b.ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", file, program)
	if out, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building %s: %w\n%s", program, err, out)
	}
	return file, nil
}

// versions are those of Caddy and Go in a program.
func versions(file string) (string, error) {
	info, err := buildinfo.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("reading versions: %w", err)
	}
	for _, dependency := range info.Deps {
		if dependency.Path == "github.com/caddyserver/caddy/v2" {
			return "Caddy " + dependency.Version + ", " + info.GoVersion, nil
		}
	}
	return "", fmt.Errorf("%s is no Caddy", filepath.Base(file))
}

// server is a Caddy in a process of its own.
type server struct {
	address, admin string
	process        *os.Process
	stop           func() // ends it, and waits until it has ended
}

// config is how a Caddy is started.
type config struct {
	binary  string
	procs   int                      // GOMAXPROCS, 0 for Go's default
	options string                   // more of the global ones
	sites   func(port string) string // the rest of the Caddyfile
}

// start runs a Caddy and waits until it listens.
func (b *bench) start(c config) (s *server, err error) {
	s = new(server)
	if s.address, err = freeAddress(); err != nil {
		return nil, err
	}
	if s.admin, err = freeAddress(); err != nil {
		return nil, err
	}
	home, err := os.MkdirTemp(b.folder, "caddy")
	if err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(s.address)
	file := filepath.Join(home, "Caddyfile")
	text := "{\n admin " + s.admin + "\n auto_https off\n persist_config off\n default_bind 127.0.0.1\n log {\n output discard\n }\n" + c.options + "}\n" + c.sites(port)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	command := exec.CommandContext(ctx, c.binary, "run", "--config", file, "--adapter", "caddyfile")
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = timeout
	command.Env = append(os.Environ(), "HOME="+home, "XDG_DATA_HOME="+home, "XDG_CONFIG_HOME="+home)
	if c.procs > 0 {
		command.Env = append(command.Env, "GOMAXPROCS="+strconv.Itoa(c.procs))
	}
	var output bytes.Buffer
	command.Stderr = &output
	if err := command.Start(); err != nil {
		cancel()
		return nil, err
	}
	ended := make(chan error, 1)
	go func() {
		ended <- fmt.Errorf("a Caddy has ended: %v: %s", command.Wait(), &output)
		close(ended)
	}()
	s.process, s.stop = command.Process, func() { cancel(); <-ended }
	b.servers = append(b.servers, s)
	return s, awaitListener(b.ctx, s.address, ended)
}

// awaitListener waits until somebody listens at the address.
func awaitListener(ctx context.Context, address string, ended <-chan error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 2*timeout, fmt.Errorf("nobody listens on %s", address))
	defer cancel()
	for {
		if conn, err := net.Dial("tcp", address); err == nil {
			return conn.Close()
		}
		select {
		case <-time.After(time.Millisecond):
		case err := <-ended:
			return err
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// release ends servers before the rest of the bench.
func (b *bench) release(servers ...*server) {
	for _, s := range servers {
		s.stop()
	}
}

// nextPort counts through ports below those that systems give to outgoing connections:
// one of those could be taken between the choice of a port and its use.
var nextPort atomic.Int32

// freeAddress returns a loopback address that nobody listens on.
func freeAddress() (string, error) {
	for range 1000 {
		port := 10_000 + (os.Getpid()*37+int(nextPort.Add(1)))%10_000
		listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			return listener.Addr().String(), listener.Close()
		}
	}
	return "", errors.New("no port is free")
}

// cpu returns the CPU time that the process has had, in all its threads. It reads the clock
// that clock_getcpuclockid(3) names on Linux: that counts nanoseconds, where
// /proc/<pid>/stat counts hundredths of a second.
func (s *server) cpu() (time.Duration, error) {
	var now unix.Timespec
	const schedule = 2 // CPUCLOCK_SCHED of the whole process
	if err := unix.ClockGettime(int32(^s.process.Pid<<3|schedule), &now); err != nil {
		return 0, fmt.Errorf("reading the CPU time of a process: %w", err)
	}
	return time.Duration(now.Nano()), nil
}

// resident returns the memory of the process that is in RAM, in bytes.
func (s *server) resident() (int64, error) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", s.process.Pid))
	if err != nil {
		return 0, fmt.Errorf("reading the memory of a process: %w", err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(content))[1], 10, 64)
	return pages * int64(os.Getpagesize()), err
}

// counters are what the Go runtime of a Caddy has counted, exactly. They come from its
// admin endpoint.
type counters struct {
	Mallocs    uint64 // objects allocated
	TotalAlloc uint64 // and their bytes
	HeapInuse  uint64
	StackInuse uint64
}

// counters reads them. Reading them allocates, too.
func (s *server) counters(ctx context.Context) (c counters, err error) {
	body, err := s.askAdmin(ctx, "/debug/vars")
	if err != nil {
		return c, err
	}
	return c, json.Unmarshal(body, &struct{ Memstats *counters }{&c})
}

// collect has the garbage collector run.
func (s *server) collect(ctx context.Context) error {
	_, err := s.askAdmin(ctx, "/debug/pprof/heap?gc=1")
	return err
}

func (s *server) askAdmin(ctx context.Context, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.admin+path, nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("asking Caddy's admin endpoint: %w", err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("the admin endpoint of Caddy answered %s", answer.Status)
	}
	return body, err
}
