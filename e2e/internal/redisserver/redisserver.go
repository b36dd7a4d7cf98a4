// Package redisserver runs a real redis-server for a test.
package redisserver

import (
	"bytes"
	"net"
	"os/exec"
	"testing"
	"time"
)

// Server is a redis-server on a loopback port. What it has answered survives Kill.
type Server struct {
	// Address is the host and port, the same after a restart.
	Address string

	t    *testing.T
	dir  string
	cmd  *exec.Cmd
	said bytes.Buffer // by the process that has ended last
}

// Start runs a server with an empty database until the end of the test.
func Start(t *testing.T) *Server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{Address: listener.Addr().String(), t: t, dir: t.TempDir()}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Kill)
	s.Run()
	return s
}

// Run starts the server, with the data that the last one left, and waits for it.
func (s *Server) Run() {
	s.t.Helper()
	program, err := exec.LookPath("redis-server")
	if err != nil {
		s.t.Fatal("redis-server is not installed; the project's test script installs it")
	}
	_, port, _ := net.SplitHostPort(s.Address)
	s.said.Reset()
	// It writes to its log before it answers. Without fsync that survives the death
	// of the process, which is what tests are about.
	s.cmd = exec.Command(program, "--port", port, "--bind", "127.0.0.1", "--dir", s.dir,
		"--save", "", "--appendonly", "yes", "--appendfsync", "everysec")
	s.cmd.Stdout, s.cmd.Stderr = &s.said, &s.said
	if err := s.cmd.Start(); err != nil {
		s.t.Fatalf("starting redis-server: %v", err)
	}
	for deadline := time.Now().Add(20 * time.Second); !s.ready(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.Kill()
			s.t.Fatalf("redis-server does not answer:\n%s", &s.said)
		}
	}
}

// ready tells whether the server answers and has read its data.
func (s *Server) ready() bool {
	connection, err := net.DialTimeout("tcp", s.Address, time.Second)
	if err != nil {
		return false
	}
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(time.Second))
	answer := make([]byte, 7)
	_, err = connection.Write([]byte("PING\r\n"))
	if err == nil {
		_, err = connection.Read(answer)
	}
	return err == nil && string(answer) == "+PONG\r\n"
}

// Kill ends the server at once, as kill -9 does.
func (s *Server) Kill() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	s.cmd = nil
}
