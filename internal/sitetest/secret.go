package sitetest

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/rotation"
)

// SecretFile is a file with a secret that a test can change.
type SecretFile struct {
	T    *testing.T
	Path string
}

// NewSecretFile writes a secret into a new file.
func NewSecretFile(t *testing.T, content string) *SecretFile {
	t.Helper()
	f := &SecretFile{t, filepath.Join(t.TempDir(), "secret")}
	f.Write(content)
	return f
}

// Write writes the file in place.
func (f *SecretFile) Write(content string) {
	f.T.Helper()
	if err := os.WriteFile(f.Path, []byte(content), 0o600); err != nil {
		f.T.Fatal(err)
	}
}

// Replace renames another file over it.
func (f *SecretFile) Replace(content string) {
	f.T.Helper()
	next := f.Path + ".next"
	if err := os.WriteFile(next, []byte(content), 0o600); err != nil {
		f.T.Fatal(err)
	}
	if err := os.Rename(next, f.Path); err != nil {
		f.T.Fatal(err)
	}
}

// Option returns the option with the secret in the file.
func (f *SecretFile) Option() string { return "session {\n secret {file." + f.Path + "}\n}" }

// Files with secrets are read more often than usual, so that tests do not wait for a change.
func init() { rotation.Interval = 20 * time.Millisecond }

// OlderSecret is a session secret.
const OlderSecret = "3b1e0f7c95a2d8461c0f9e8d7b6a5f42"

// NewerSecret is another session secret.
const NewerSecret = "c49d7e02a1b85f36e07d4c9b8a1f6e53"

// SecretChanged is the log message about a secret that has changed in its file.
const SecretChanged = "a secret file has changed; the previous secret is still accepted"
