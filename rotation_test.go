package instagramauth_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

const (
	olderSecret = "3b1e0f7c95a2d8461c0f9e8d7b6a5f42"
	newerSecret = "c49d7e02a1b85f36e07d4c9b8a1f6e53"

	secretChanged = "a secret has changed in its file; the former one is still accepted"
	secretBroken  = "the file of a secret cannot be used; the secret from before stays in use"
	secretMended  = "the file of a secret can be used again"
)

// secretFile is a file with a secret, as a test changes it.
type secretFile struct {
	t    *testing.T
	path string
}

func newSecretFile(t *testing.T, content string) *secretFile {
	t.Helper()
	f := &secretFile{t, filepath.Join(t.TempDir(), "secret")}
	f.write(content)
	return f
}

// write writes in place.
func (f *secretFile) write(content string) {
	f.t.Helper()
	if err := os.WriteFile(f.path, []byte(content), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// replace renames another file over it.
func (f *secretFile) replace(content string) {
	f.t.Helper()
	next := f.path + ".next"
	if err := os.WriteFile(next, []byte(content), 0o600); err != nil {
		f.t.Fatal(err)
	}
	if err := os.Rename(next, f.path); err != nil {
		f.t.Fatal(err)
	}
}

func (f *secretFile) option() string { return "session {\n secret {file." + f.path + "}\n}" }

func wantSignedIn(t *testing.T, when string, browsers ...*sitetest.Browser) {
	t.Helper()
	for i, b := range browsers {
		if answer := b.Get("/page"); answer.StatusCode != http.StatusOK {
			t.Errorf("%s: visitor %d was answered %s", when, i+1, answer.Status)
		}
	}
}

func TestN18_ASecretThatChangesInItsFileSignsNobodyOut(t *testing.T) {
	for name, change := range map[string]func(f *secretFile, content string){
		"written in place": (*secretFile).write,
		"renamed over":     (*secretFile).replace,
		"a link that leads elsewhere": func(f *secretFile, content string) {
			other := newSecretFile(f.t, content)
			if err := os.Symlink(other.path, f.path+".link"); err != nil {
				f.t.Fatal(err)
			}
			if err := os.Rename(f.path+".link", f.path); err != nil {
				f.t.Fatal(err)
			}
		},
		"emptied first": func(f *secretFile, content string) {
			f.write("")
			f.write(content)
		},
		"removed first": func(f *secretFile, content string) {
			if err := os.Remove(f.path); err != nil {
				f.t.Fatal(err)
			}
			f.write(content)
		},
	} {
		t.Run(name, func(t *testing.T) {
			file := newSecretFile(t, olderSecret+"\n")
			s := sitetest.Start(t, sitetest.Config{Options: file.option()})
			before, during := s.NewBrowser(), s.NewBrowser()
			before.SignIn("/page")
			if !before.SealedBy(olderSecret) {
				t.Fatal("the session is not sealed with the secret of the file")
			}
			// Somebody is on the way to Instagram and back while the secret changes.
			back := during.Begin("/page")
			change(file, newerSecret+"\n")
			s.WaitLogged(secretChanged, 1)
			wantSignedIn(t, "after the change", before)
			if answer := during.Get(back); answer.StatusCode != http.StatusFound && answer.StatusCode != http.StatusSeeOther {
				t.Errorf("the login under way was answered %s", answer.Status)
			}
			wantSignedIn(t, "after the login", during)
			if !during.SealedBy(newerSecret) || during.SealedBy(olderSecret) {
				t.Error("a new session is not sealed with the new secret")
			}
			line := s.Logged(secretChanged)[0]
			if line["level"] != "info" || line["option"] != "session secret" || line["file"] != file.path ||
				line["fingerprint"] != session.Fingerprint(newerSecret) || line["former_fingerprint"] != session.Fingerprint(olderSecret) {
				t.Errorf("line = %v", line)
			}
			if logs := s.Logs(); strings.Contains(logs, olderSecret) || strings.Contains(logs, newerSecret) {
				t.Error("a secret is in the log")
			}
		})
	}
}

func TestN16_AWeakSecretThatComesInAFileIsNamedAsAtLoad(t *testing.T) {
	for name, c := range map[string]struct{ value, says string }{
		"long and the same":  {strings.Repeat("a", 1_000_000), "the session secret that came in its file can be guessed, and whoever does can make sessions"},
		"the app secret":     {sitetest.AppSecret, "session keys are derived from the app secret: whoever knows it can make sessions"},
		"one like any other": {newerSecret, ""},
	} {
		t.Run(name, func(t *testing.T) {
			file := newSecretFile(t, olderSecret)
			s := sitetest.Start(t, sitetest.Config{Options: file.option()})
			file.replace(c.value)
			s.WaitLogged(secretChanged, 1)
			if c.says == "" {
				if logs := s.Logs(); strings.Contains(logs, "can be guessed") || strings.Contains(logs, "session keys are derived") {
					t.Error(logs)
				}
				return
			}
			s.WaitLogged(c.says, 1)
			if line := s.Logged(c.says)[0]; line["level"] != "warn" || line["remedy"] == nil || line["file"] != file.path {
				t.Errorf("%v", line)
			}
		})
	}
}

func TestN18_ABrokenFileNeverReplacesASecretThatWorks(t *testing.T) {
	file := newSecretFile(t, olderSecret)
	s := sitetest.Start(t, sitetest.Config{Options: file.option()})
	b := s.NewBrowser()
	b.SignIn("/page")
	for _, spoil := range []func(){
		func() { file.write("") },
		func() { file.write("\n") },
		func() { file.write(newerSecret[:31]) },
		func() { file.write(newerSecret + "\n" + olderSecret) },
		func() { file.write(strings.Repeat("\x00", 64)) },
		func() {
			if err := os.Remove(file.path); err != nil {
				t.Fatal(err)
			}
		},
	} {
		// A file that is being written may look broken in two ways.
		broken, mended := len(s.Logged(secretBroken)), len(s.Logged(secretMended))
		spoil()
		s.WaitLogged(secretBroken, broken+1)
		wantSignedIn(t, "while the file is broken", b)
		fresh := s.NewBrowser()
		fresh.SignIn("/page")
		if !fresh.SealedBy(olderSecret) {
			t.Fatal("a new session is not sealed with the secret that works")
		}
		file.write(olderSecret)
		s.WaitLogged(secretMended, mended+1)
	}
	for _, line := range s.Logged(secretBroken) {
		if remedy, _ := line["remedy"].(string); line["level"] != "error" || remedy == "" || line["file"] != file.path || line["fingerprint"] != session.Fingerprint(olderSecret) {
			t.Errorf("line = %v", line)
		}
	}
	if n := len(s.Logged(secretChanged)); n != 0 {
		t.Errorf("%d changes were logged", n)
	}
}

func TestN18_ReloadsKeepTheFormerSecret(t *testing.T) {
	file := newSecretFile(t, olderSecret)
	c := sitetest.Config{Options: file.option()}
	s := sitetest.Start(t, c)
	before := s.NewBrowser()
	before.SignIn("/page")
	file.write(newerSecret)
	s.Load(c) // which may be before or after the change is seen
	wantSignedIn(t, "after a reload at once", before)
	s.WaitLogged(secretChanged, 1)
	after := s.NewBrowser()
	after.SignIn("/page")
	if !after.SealedBy(newerSecret) {
		t.Error("the reload does not take the new secret over")
	}
	for range 3 {
		s.Load(sitetest.Config{Options: file.option() + "\nlogin_page"})
		s.Load(c)
	}
	wantSignedIn(t, "after more reloads", before, after)
	// A configuration that fails takes nothing away.
	file.write("short")
	config, err := sitetest.Adapt(s.Caddyfile(c))
	if err != nil {
		t.Fatal(err)
	}
	if err := caddy.Load(config, true); err == nil {
		t.Error("a file that is broken is loaded")
	}
	wantSignedIn(t, "after a reload that failed", before, after)
	file.write(newerSecret)
	// What the configuration no longer names opens nothing.
	other := newSecretFile(t, newerSecret)
	s.Load(sitetest.Config{Options: other.option()})
	wantSignedIn(t, "with another file", after)
	if answer := before.Get("/page"); answer.StatusCode == http.StatusOK {
		t.Error("the former secret of a file that is no longer listed opens")
	}
}

func TestN18_ARestartForgetsTheFormerSecret(t *testing.T) {
	file := newSecretFile(t, olderSecret)
	c := sitetest.Config{Options: file.option()}
	s := sitetest.Start(t, c)
	before := s.NewBrowser()
	before.SignIn("/page")
	file.write(newerSecret)
	s.WaitLogged(secretChanged, 1)
	s.Restart(c)
	if answer := before.Get("/page"); answer.StatusCode == http.StatusOK {
		t.Error("a secret that has leaked goes on opening after a restart")
	}
}

// Nobody can change two files in one moment.
func TestN18_TwoFilesAreSwappedOneAfterTheOther(t *testing.T) {
	first, second := newSecretFile(t, olderSecret), newSecretFile(t, newerSecret)
	c := sitetest.Config{Options: "session {\n secret {file." + first.path + "} {file." + second.path + "}\n}"}
	s := sitetest.Start(t, c)
	before := s.NewBrowser()
	before.SignIn("/page")
	first.write(newerSecret)
	s.WaitLogged(secretChanged, 1)
	wantSignedIn(t, "between the two", before)
	s.Load(c) // both hold the same now
	wantSignedIn(t, "after a reload between the two", before)
	second.write(olderSecret)
	s.WaitLogged(secretChanged, 2)
	s.Restart(c)
	wantSignedIn(t, "after a restart", before)
	after := s.NewBrowser()
	after.SignIn("/page")
	if !after.SealedBy(newerSecret) {
		t.Error("a new session is not sealed with the new secret")
	}
}

func TestN18_TheAppSecretChangesInItsFile(t *testing.T) {
	file := newSecretFile(t, sitetest.AppSecret)
	block := strings.Replace(sitetest.DefaultBlock(""), "app_secret "+sitetest.AppSecret, "app_secret {file."+file.path+"}", 1)
	s := sitetest.Start(t, sitetest.Config{Block: block})
	before := s.NewBrowser()
	before.SignIn("/page")
	callback := s.Instagram.SignedRequest(sitetest.Username)
	file.write(newerSecret)
	s.WaitLogged(secretChanged, 1)
	wantSignedIn(t, "after the change", before) // session keys are derived from it
	// Instagram knows only the old one here, and is told the new one.
	b := s.NewBrowser()
	if answer := b.Get(b.Window(b.Get("/page"))); answer.StatusCode == http.StatusFound || answer.StatusCode == http.StatusSeeOther {
		t.Errorf("the exchange was answered %s: it still sends the former secret", answer.Status)
	}
	// Meta's callbacks count, whichever of the two has signed them.
	if answer := s.FromMeta(deauthorizePath, metaSignedWith(newerSecret, "1", time.Now())); answer.StatusCode != http.StatusOK {
		t.Errorf("a callback of the new secret was answered %s", answer.Status)
	}
	if answer := s.FromMeta(deauthorizePath, callback); answer.StatusCode != http.StatusOK {
		t.Errorf("a callback of the former secret was answered %s", answer.Status)
	}
	if answer := before.Get("/page"); answer.StatusCode == http.StatusOK {
		t.Error("the callback has ended no session")
	}
	file.write(sitetest.AppSecret)
	s.WaitLogged(secretChanged, 2)
	s.NewBrowser().SignIn("/page")
}
