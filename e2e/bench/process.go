package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// server is a process that answers requests: a Caddy, or a peer.
type server struct {
	name, address string
	admin         string // of a Caddy
	cmd           *exec.Cmd
	output        *tail
	ended         chan struct{} // closed when the process has ended
}

// launch starts a process. Whoever launches it has to stop it.
func launch(name string, env []string, command ...string) (*server, error) {
	s := &server{name: name, cmd: exec.Command(command[0], command[1:]...), output: new(tail), ended: make(chan struct{})}
	s.cmd.Env = append(os.Environ(), env...)
	s.cmd.Stdout, s.cmd.Stderr = s.output, s.output
	s.cmd.SysProcAttr = attributes()
	// Its children may keep its output open.
	s.cmd.WaitDelay = time.Second
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	go func() {
		_ = s.cmd.Wait()
		close(s.ended)
	}()
	return s, nil
}

// stop ends the process, and with it the group that launch gave it.
func (s *server) stop() {
	select {
	case <-s.ended:
		return
	default:
	}
	end(s.cmd.Process, syscall.SIGTERM)
	select {
	case <-s.ended:
	case <-time.After(patience):
		end(s.cmd.Process, syscall.SIGKILL)
		<-s.ended
	}
}

// ready waits until somebody listens at the address.
func (s *server) ready(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 2*patience, fmt.Errorf("nobody listens on %s", address))
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-tick.C:
		case <-s.ended:
			return fmt.Errorf("%s has ended: %s", s.name, s.output)
		case <-ctx.Done():
			return fmt.Errorf("starting %s: %w: %s", s.name, context.Cause(ctx), s.output)
		}
	}
}

// cpu returns the CPU time that the process has had.
func (s *server) cpu() (time.Duration, error) { return cpuTime(s.cmd.Process.Pid) }

// caddy starts a Caddy with what stands in its Caddyfile beside the global options of all
// of them. It is stopped with the rest of the bench.
func (b *bench) caddy(name, binary, caddyfile, address string, options ...string) (*server, error) {
	s, err := b.launchCaddy(name, binary, caddyfile, options...)
	if err != nil {
		return nil, err
	}
	s.address = address
	b.servers = append(b.servers, s)
	return s, s.ready(b.ctx, address)
}

// launchCaddy is caddy for a process that the caller waits for and stops.
func (b *bench) launchCaddy(name, binary, caddyfile string, options ...string) (*server, error) {
	home, err := os.MkdirTemp(b.folder, "caddy")
	if err != nil {
		return nil, err
	}
	admin, err := freeAddress()
	if err != nil {
		return nil, err
	}
	text := "{\n admin " + admin + "\n auto_https off\n persist_config off\n default_bind 127.0.0.1\n log {\n output discard\n }\n"
	for _, option := range options {
		text += option + "\n"
	}
	file := filepath.Join(home, "Caddyfile")
	if err := os.WriteFile(file, []byte(text+"}\n"+caddyfile), 0o600); err != nil {
		return nil, err
	}
	env := append(b.env(), "HOME="+home, "XDG_DATA_HOME="+home, "XDG_CONFIG_HOME="+home)
	s, err := launch(name, env, binary, "run", "--config", file, "--adapter", "caddyfile")
	if s != nil {
		s.admin = admin
	}
	return s, err
}

// env is what all servers have in their environment.
func (b *bench) env() []string {
	if b.procs > 0 {
		return []string{"GOMAXPROCS=" + strconv.Itoa(b.procs)}
	}
	return nil
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

func portOf(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}

// tail keeps the last of what a process prints.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailLength = 4 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	t.text = t.text[max(0, len(t.text)-tailLength):]
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}
