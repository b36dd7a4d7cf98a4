//go:build unix

package instagramauth

import (
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

func TestAMistakeInACaddyfileFromAPipeDoesNotWait(t *testing.T) {
	name := filepath.Join(t.TempDir(), "Caddyfile")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	tokens, err := caddyfile.Tokenize([]byte("instagram_auth {\n\tap_id 1\n}"), name)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- new(Handler).UnmarshalCaddyfile(caddyfile.NewDispenser(tokens)) }()
	select {
	case err := <-done:
		if err == nil {
			t.Error("no error")
		}
	case <-time.After(10 * time.Second):
		t.Error("the parser waits for somebody who writes into the pipe")
	}
}
