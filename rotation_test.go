package instagramauth_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-instagram/caddy-instagram-auth/session"
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

// sealedBy reports whether the browser's session opens with a secret alone, as on another
// node that has only this one.
func (b *browser) sealedBy(secret string) bool {
	b.t.Helper()
	cookies, err := session.New(session.Config{Secrets: []string{secret}, Instance: appID + " /instagram_auth", Name: "instagram_auth", Lifetime: 7 * 24 * time.Hour})
	if err != nil {
		b.t.Fatal(err)
	}
	found := cookies.Find([]string{b.cookieHeader()})
	_, ok := cookies.Open(&found, nil)
	return ok
}

func (s *site) waitLogged(message string, times int) {
	s.t.Helper()
	eventually(s.t, message, func() bool { return len(s.logged(message)) >= times })
}

func wantSignedIn(t *testing.T, when string, browsers ...*browser) {
	t.Helper()
	for i, b := range browsers {
		if answer := b.get("/page"); answer.StatusCode != http.StatusOK {
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
			s := startSite(t, siteConfig{options: file.option()})
			before, during := s.newBrowser(), s.newBrowser()
			before.signIn("/page")
			if !before.sealedBy(olderSecret) {
				t.Fatal("the session is not sealed with the secret of the file")
			}
			// Somebody is on the way to Instagram and back while the secret changes.
			back := during.begin("/page")
			change(file, newerSecret+"\n")
			s.waitLogged(secretChanged, 1)
			wantSignedIn(t, "after the change", before)
			if answer := during.get(back); answer.StatusCode != http.StatusFound && answer.StatusCode != http.StatusSeeOther {
				t.Errorf("the login under way was answered %s", answer.Status)
			}
			wantSignedIn(t, "after the login", during)
			if !during.sealedBy(newerSecret) || during.sealedBy(olderSecret) {
				t.Error("a new session is not sealed with the new secret")
			}
			line := s.logged(secretChanged)[0]
			if line["level"] != "info" || line["option"] != "session secret" || line["file"] != file.path ||
				line["fingerprint"] != session.Fingerprint(newerSecret) || line["former_fingerprint"] != session.Fingerprint(olderSecret) {
				t.Errorf("line = %v", line)
			}
			if logs := s.logs(); strings.Contains(logs, olderSecret) || strings.Contains(logs, newerSecret) {
				t.Error("a secret is in the log")
			}
		})
	}
}

func TestN16_AWeakSecretThatComesInAFileIsNamedAsAtLoad(t *testing.T) {
	for name, c := range map[string]struct{ value, says string }{
		"long and the same":  {strings.Repeat("a", 1_000_000), "the session secret that came in its file can be guessed, and whoever does can make sessions"},
		"the app secret":     {appSecret, "session keys are derived from the app secret: whoever knows it can make sessions"},
		"one like any other": {newerSecret, ""},
	} {
		t.Run(name, func(t *testing.T) {
			file := newSecretFile(t, olderSecret)
			s := startSite(t, siteConfig{options: file.option()})
			file.replace(c.value)
			s.waitLogged(secretChanged, 1)
			if c.says == "" {
				if logs := s.logs(); strings.Contains(logs, "can be guessed") || strings.Contains(logs, "session keys are derived") {
					t.Error(logs)
				}
				return
			}
			s.waitLogged(c.says, 1)
			if line := s.logged(c.says)[0]; line["level"] != "warn" || line["remedy"] == nil || line["file"] != file.path {
				t.Errorf("%v", line)
			}
		})
	}
}

func TestN18_ABrokenFileNeverReplacesASecretThatWorks(t *testing.T) {
	file := newSecretFile(t, olderSecret)
	s := startSite(t, siteConfig{options: file.option()})
	b := s.newBrowser()
	b.signIn("/page")
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
		broken, mended := len(s.logged(secretBroken)), len(s.logged(secretMended))
		spoil()
		s.waitLogged(secretBroken, broken+1)
		wantSignedIn(t, "while the file is broken", b)
		fresh := s.newBrowser()
		fresh.signIn("/page")
		if !fresh.sealedBy(olderSecret) {
			t.Fatal("a new session is not sealed with the secret that works")
		}
		file.write(olderSecret)
		s.waitLogged(secretMended, mended+1)
	}
	for _, line := range s.logged(secretBroken) {
		if remedy, _ := line["remedy"].(string); line["level"] != "error" || remedy == "" || line["file"] != file.path || line["fingerprint"] != session.Fingerprint(olderSecret) {
			t.Errorf("line = %v", line)
		}
	}
	if n := len(s.logged(secretChanged)); n != 0 {
		t.Errorf("%d changes were logged", n)
	}
}

func TestN18_ReloadsKeepTheFormerSecret(t *testing.T) {
	file := newSecretFile(t, olderSecret)
	c := siteConfig{options: file.option()}
	s := startSite(t, c)
	before := s.newBrowser()
	before.signIn("/page")
	file.write(newerSecret)
	s.load(c) // which may be before or after the change is seen
	wantSignedIn(t, "after a reload at once", before)
	s.waitLogged(secretChanged, 1)
	after := s.newBrowser()
	after.signIn("/page")
	if !after.sealedBy(newerSecret) {
		t.Error("the reload does not take the new secret over")
	}
	for range 3 {
		s.load(siteConfig{options: file.option() + "\nlogin_page"})
		s.load(c)
	}
	wantSignedIn(t, "after more reloads", before, after)
	// A configuration that fails takes nothing away.
	file.write("short")
	config, err := adapt(s.caddyfile(c))
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
	s.load(siteConfig{options: other.option()})
	wantSignedIn(t, "with another file", after)
	if answer := before.get("/page"); answer.StatusCode == http.StatusOK {
		t.Error("the former secret of a file that is no longer listed opens")
	}
}

func TestN18_ARestartForgetsTheFormerSecret(t *testing.T) {
	file := newSecretFile(t, olderSecret)
	c := siteConfig{options: file.option()}
	s := startSite(t, c)
	before := s.newBrowser()
	before.signIn("/page")
	file.write(newerSecret)
	s.waitLogged(secretChanged, 1)
	s.restart(c)
	if answer := before.get("/page"); answer.StatusCode == http.StatusOK {
		t.Error("a secret that has leaked goes on opening after a restart")
	}
}

// Nobody can change two files in one moment.
func TestN18_TwoFilesAreSwappedOneAfterTheOther(t *testing.T) {
	first, second := newSecretFile(t, olderSecret), newSecretFile(t, newerSecret)
	c := siteConfig{options: "session {\n secret {file." + first.path + "} {file." + second.path + "}\n}"}
	s := startSite(t, c)
	before := s.newBrowser()
	before.signIn("/page")
	first.write(newerSecret)
	s.waitLogged(secretChanged, 1)
	wantSignedIn(t, "between the two", before)
	s.load(c) // both hold the same now
	wantSignedIn(t, "after a reload between the two", before)
	second.write(olderSecret)
	s.waitLogged(secretChanged, 2)
	s.restart(c)
	wantSignedIn(t, "after a restart", before)
	after := s.newBrowser()
	after.signIn("/page")
	if !after.sealedBy(newerSecret) {
		t.Error("a new session is not sealed with the new secret")
	}
}

func TestN18_TheAppSecretChangesInItsFile(t *testing.T) {
	file := newSecretFile(t, appSecret)
	block := strings.Replace(defaultBlock(""), "app_secret "+appSecret, "app_secret {file."+file.path+"}", 1)
	s := startSite(t, siteConfig{block: block})
	before := s.newBrowser()
	before.signIn("/page")
	callback := s.instagram.SignedRequest(username)
	file.write(newerSecret)
	s.waitLogged(secretChanged, 1)
	wantSignedIn(t, "after the change", before) // session keys are derived from it
	// Instagram knows only the old one here, and is told the new one.
	b := s.newBrowser()
	if answer := b.get(b.window(b.get("/page"))); answer.StatusCode == http.StatusFound || answer.StatusCode == http.StatusSeeOther {
		t.Errorf("the exchange was answered %s: it still sends the former secret", answer.Status)
	}
	// Meta's callbacks count, whichever of the two has signed them.
	if answer := s.fromMeta(deauthorizePath, metaSignedWith(newerSecret, "1", time.Now())); answer.StatusCode != http.StatusOK {
		t.Errorf("a callback of the new secret was answered %s", answer.Status)
	}
	if answer := s.fromMeta(deauthorizePath, callback); answer.StatusCode != http.StatusOK {
		t.Errorf("a callback of the former secret was answered %s", answer.Status)
	}
	if answer := before.get("/page"); answer.StatusCode == http.StatusOK {
		t.Error("the callback has ended no session")
	}
	file.write(appSecret)
	s.waitLogged(secretChanged, 2)
	s.newBrowser().signIn("/page")
}
