package rotation

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

const secret = "9f4c2e7ab1d85036e7c90b4d6f1a8235"

func TestN18_ManyBlocksLookAtAFileOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	var blocks []*Rotation
	for range 20 {
		keys, err := session.NewKeyring([]string{secret})
		if err != nil {
			t.Fatal(err)
		}
		block, err := Watch(Config{
			App: Option{[]string{secret}, []string{secret}}, Session: Option{[]string{"{file." + file + "}"}, []string{secret}}, Keep: time.Hour, Now: time.Now,
			AppKeys: keys, SessionKeys: keys, SetAppSecret: func(string) {}, Changed: func(Change) {}, Failed: func(err error) { t.Error(err) },
		})
		if err != nil {
			t.Fatal(err)
		}
		blocks = append(blocks, block)
	}
	key := SessionSecretOption + " " + file
	if users, known := files.References(key); !known || users != len(blocks) {
		t.Errorf("%d users, %v", users, known)
	}
	for _, block := range blocks {
		for range 2 { // Caddy cleans up what failed to load, too
			if err := block.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	if users, known := files.References(key); known {
		t.Errorf("%d users are left", users)
	}
}
