package sitetest

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/project"
)

// Logs returns everything that Caddy has logged so far.
func (s *Site) Logs() string {
	s.T.Helper()
	var all []byte
	for _, name := range []string{s.LogFile, s.LogFile + ".access"} {
		content, err := os.ReadFile(name)
		if err != nil && !os.IsNotExist(err) {
			s.T.Fatal(err)
		}
		all = append(all, content...)
	}
	return string(all)
}

// Logged returns the log lines with this message, decoded.
func (s *Site) Logged(message string) (lines []map[string]any) {
	s.T.Helper()
	for line := range strings.Lines(s.Logs()) {
		var entry map[string]any
		if json.Unmarshal([]byte(line), &entry) == nil && entry["msg"] == message {
			lines = append(lines, entry)
		}
	}
	return lines
}

// WaitForLog waits until there are as many log lines with this message.
func (s *Site) WaitForLog(message string, n int) {
	s.T.Helper()
	for deadline := time.Now().Add(10 * time.Second); len(s.Logged(message)) < n; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.T.Fatalf("%d lines %q, want %d", len(s.Logged(message)), message, n)
		}
	}
}

// WaitLogged waits until there are as many log lines with this message.
func (s *Site) WaitLogged(message string, times int) {
	s.T.Helper()
	Eventually(s.T, message, func() bool { return len(s.Logged(message)) >= times })
}

// StartLine is a line of the log.
type StartLine struct{ Level, Logger, Msg, Remedy, More string }

// String returns the level, the message and the remedy.
func (l StartLine) String() string {
	text := strings.ToUpper(l.Level) + ": " + l.Msg
	if l.Remedy != "" {
		text += " | " + l.Remedy
	}
	return text
}

// StartLines returns what Caddy logs at start about the blocks of a site, without the lines about
// its secrets.
func (s *Site) StartLines() (lines []StartLine) {
	for text := range strings.Lines(s.Logs()) {
		var line StartLine
		if err := json.Unmarshal([]byte(text), &line); err == nil && line.Logger == "http.handlers.instagram_auth" && !SaidAtEachLoad.MatchString(line.Msg) {
			lines = append(lines, line)
		}
	}
	return lines
}

// ChecksTook returns how long the checks at the last start took.
func (s *Site) ChecksTook() (took time.Duration) {
	s.T.Helper()
	s.Logged("configuration checked")
	for text := range strings.Lines(s.Logs()) {
		var entry struct {
			Msg      string
			Duration float64
		}
		if json.Unmarshal([]byte(text), &entry) == nil && entry.Msg == "configuration checked" {
			took = time.Duration(entry.Duration * float64(time.Second))
		}
	}
	return took
}

// SaidAtEachLoad matches the log lines about secrets, which do not depend on the routes.
var SaidAtEachLoad = regexp.MustCompile("^(?:session keys are derived|secrets loaded|secrets are being rotated)")

// ProductionLogFormat returns the format of the default log of example/production.Caddyfile.
func ProductionLogFormat(t *testing.T) string {
	t.Helper()
	content := project.Read(t, "example/production.Caddyfile")
	_, rest, found := strings.Cut(content, "log default {\n")
	format, _, closed := strings.Cut(rest, "\n\t}\n}")
	if !found || !closed {
		t.Fatal("example/production.Caddyfile has no format for the default log")
	}
	return format
}

// WantNoneOf fails the test if a secret is in the log, and returns how many of them were
// long enough to be looked for.
func WantNoneOf(t *testing.T, logs string, secrets []string) (seen int) {
	t.Helper()
	for _, secret := range secrets {
		if len(secret) < 8 {
			continue
		}
		seen++
		if at := strings.Index(logs, secret); at >= 0 {
			start := strings.LastIndex(logs[:at], "\n") + 1
			t.Errorf("%q is in the log: %.600s", secret, logs[start:])
		}
	}
	return seen
}
