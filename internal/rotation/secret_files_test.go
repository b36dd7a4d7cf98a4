package rotation_test

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

const (
	secretBroken = "a secret file is not valid; the previous secret stays in use"
	secretMended = "a secret file is valid again"
)

func wantSignedIn(t *testing.T, when string, browsers ...*sitetest.Browser) {
	t.Helper()
	for i, b := range browsers {
		if answer := b.Get("/page"); answer.StatusCode != http.StatusOK {
			t.Errorf("%s: visitor %d was answered %s", when, i+1, answer.Status)
		}
	}
}

func TestN18_ASecretThatChangesInItsFileSignsNobodyOut(t *testing.T) {
	for name, change := range map[string]func(f *sitetest.SecretFile, content string){
		"written in place": (*sitetest.SecretFile).Write,
		"renamed over":     (*sitetest.SecretFile).Replace,
		"a link that leads elsewhere": func(f *sitetest.SecretFile, content string) {
			other := sitetest.NewSecretFile(f.T, content)
			if err := os.Symlink(other.Path, f.Path+".link"); err != nil {
				f.T.Fatal(err)
			}
			if err := os.Rename(f.Path+".link", f.Path); err != nil {
				f.T.Fatal(err)
			}
		},
		"emptied first": func(f *sitetest.SecretFile, content string) {
			f.Write("")
			f.Write(content)
		},
		"removed first": func(f *sitetest.SecretFile, content string) {
			if err := os.Remove(f.Path); err != nil {
				f.T.Fatal(err)
			}
			f.Write(content)
		},
	} {
		t.Run(name, func(t *testing.T) {
			file := sitetest.NewSecretFile(t, sitetest.OlderSecret+"\n")
			s := sitetest.Start(t, sitetest.Config{Options: file.Option()})
			before, during := s.NewBrowser(), s.NewBrowser()
			before.SignIn("/page")
			if !before.SealedBy(sitetest.OlderSecret) {
				t.Fatal("the session is not sealed with the secret of the file")
			}
			// Somebody is on the way to Instagram and back while the secret changes.
			back := during.Begin("/page")
			change(file, sitetest.NewerSecret+"\n")
			s.WaitLogged(sitetest.SecretChanged, 1)
			wantSignedIn(t, "after the change", before)
			if answer := during.Get(back); answer.StatusCode != http.StatusFound && answer.StatusCode != http.StatusSeeOther {
				t.Errorf("the login under way was answered %s", answer.Status)
			}
			wantSignedIn(t, "after the login", during)
			if !during.SealedBy(sitetest.NewerSecret) || during.SealedBy(sitetest.OlderSecret) {
				t.Error("a new session is not sealed with the new secret")
			}
			line := s.Logged(sitetest.SecretChanged)[0]
			if line["level"] != "info" || line["option"] != "session secret" || line["file"] != file.Path ||
				line["fingerprint"] != session.Fingerprint(sitetest.NewerSecret) || line["previous_fingerprint"] != session.Fingerprint(sitetest.OlderSecret) {
				t.Errorf("line = %v", line)
			}
			if logs := s.Logs(); strings.Contains(logs, sitetest.OlderSecret) || strings.Contains(logs, sitetest.NewerSecret) {
				t.Error("a secret is in the log")
			}
		})
	}
}

func TestN16_AWeakSecretThatComesInAFileIsNamedAsAtLoad(t *testing.T) {
	for name, c := range map[string]struct{ value, says string }{
		"long and the same":  {strings.Repeat("a", 1_000_000), "the new session secret in its file is easy to guess: anyone who guesses it can forge sessions"},
		"the app secret":     {sitetest.AppSecret, "session keys are derived from the app secret: anyone who knows it can forge sessions"},
		"one like any other": {sitetest.NewerSecret, ""},
	} {
		t.Run(name, func(t *testing.T) {
			file := sitetest.NewSecretFile(t, sitetest.OlderSecret)
			s := sitetest.Start(t, sitetest.Config{Options: file.Option()})
			file.Replace(c.value)
			s.WaitLogged(sitetest.SecretChanged, 1)
			if c.says == "" {
				if logs := s.Logs(); strings.Contains(logs, "is easy to guess") || strings.Contains(logs, "session keys are derived") {
					t.Error(logs)
				}
				return
			}
			s.WaitLogged(c.says, 1)
			if line := s.Logged(c.says)[0]; line["level"] != "warn" || line["remedy"] == nil || line["file"] != file.Path {
				t.Errorf("%v", line)
			}
		})
	}
}

func TestN18_ABrokenFileNeverReplacesASecretThatWorks(t *testing.T) {
	file := sitetest.NewSecretFile(t, sitetest.OlderSecret)
	s := sitetest.Start(t, sitetest.Config{Options: file.Option()})
	b := s.NewBrowser()
	b.SignIn("/page")
	for _, spoil := range []func(){
		func() { file.Write("") },
		func() { file.Write("\n") },
		func() { file.Write(sitetest.NewerSecret[:31]) },
		func() { file.Write(sitetest.NewerSecret + "\n" + sitetest.OlderSecret) },
		func() { file.Write(strings.Repeat("\x00", 64)) },
		func() {
			if err := os.Remove(file.Path); err != nil {
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
		if !fresh.SealedBy(sitetest.OlderSecret) {
			t.Fatal("a new session is not sealed with the secret that works")
		}
		file.Write(sitetest.OlderSecret)
		s.WaitLogged(secretMended, mended+1)
	}
	for _, line := range s.Logged(secretBroken) {
		if remedy, _ := line["remedy"].(string); line["level"] != "error" || remedy == "" || line["file"] != file.Path || line["fingerprint"] != session.Fingerprint(sitetest.OlderSecret) {
			t.Errorf("line = %v", line)
		}
	}
	if n := len(s.Logged(sitetest.SecretChanged)); n != 0 {
		t.Errorf("%d changes were logged", n)
	}
}

func TestN18_ReloadsKeepTheFormerSecret(t *testing.T) {
	file := sitetest.NewSecretFile(t, sitetest.OlderSecret)
	c := sitetest.Config{Options: file.Option()}
	s := sitetest.Start(t, c)
	before := s.NewBrowser()
	before.SignIn("/page")
	file.Write(sitetest.NewerSecret)
	s.Load(c) // which may be before or after the change is seen
	wantSignedIn(t, "after a reload at once", before)
	s.WaitLogged(sitetest.SecretChanged, 1)
	after := s.NewBrowser()
	after.SignIn("/page")
	if !after.SealedBy(sitetest.NewerSecret) {
		t.Error("the reload does not take the new secret over")
	}
	for range 3 {
		s.Load(sitetest.Config{Options: file.Option() + "\nlogin_page"})
		s.Load(c)
	}
	wantSignedIn(t, "after more reloads", before, after)
	// A configuration that fails takes nothing away.
	file.Write("short")
	config, err := sitetest.Adapt(s.Caddyfile(c))
	if err != nil {
		t.Fatal(err)
	}
	if err := caddy.Load(config, true); err == nil {
		t.Error("a file that is broken is loaded")
	}
	wantSignedIn(t, "after a reload that failed", before, after)
	file.Write(sitetest.NewerSecret)
	// What the configuration no longer names opens nothing.
	other := sitetest.NewSecretFile(t, sitetest.NewerSecret)
	s.Load(sitetest.Config{Options: other.Option()})
	wantSignedIn(t, "with another file", after)
	if answer := before.Get("/page"); answer.StatusCode == http.StatusOK {
		t.Error("the former secret of a file that is no longer listed opens")
	}
}

func TestN18_ARestartForgetsTheFormerSecret(t *testing.T) {
	file := sitetest.NewSecretFile(t, sitetest.OlderSecret)
	c := sitetest.Config{Options: file.Option()}
	s := sitetest.Start(t, c)
	before := s.NewBrowser()
	before.SignIn("/page")
	file.Write(sitetest.NewerSecret)
	s.WaitLogged(sitetest.SecretChanged, 1)
	s.Restart(c)
	if answer := before.Get("/page"); answer.StatusCode == http.StatusOK {
		t.Error("a secret that has leaked goes on opening after a restart")
	}
}

// Nobody can change two files in one moment.
func TestN18_TwoFilesAreSwappedOneAfterTheOther(t *testing.T) {
	first, second := sitetest.NewSecretFile(t, sitetest.OlderSecret), sitetest.NewSecretFile(t, sitetest.NewerSecret)
	c := sitetest.Config{Options: "session {\n secret {file." + first.Path + "} {file." + second.Path + "}\n}"}
	s := sitetest.Start(t, c)
	before := s.NewBrowser()
	before.SignIn("/page")
	first.Write(sitetest.NewerSecret)
	s.WaitLogged(sitetest.SecretChanged, 1)
	wantSignedIn(t, "between the two", before)
	s.Load(c) // both hold the same now
	wantSignedIn(t, "after a reload between the two", before)
	second.Write(sitetest.OlderSecret)
	s.WaitLogged(sitetest.SecretChanged, 2)
	s.Restart(c)
	wantSignedIn(t, "after a restart", before)
	after := s.NewBrowser()
	after.SignIn("/page")
	if !after.SealedBy(sitetest.NewerSecret) {
		t.Error("a new session is not sealed with the new secret")
	}
}

func TestN18_TheAppSecretChangesInItsFile(t *testing.T) {
	file := sitetest.NewSecretFile(t, sitetest.AppSecret)
	block := strings.Replace(sitetest.DefaultBlock(""), "app_secret "+sitetest.AppSecret, "app_secret {file."+file.Path+"}", 1)
	s := sitetest.Start(t, sitetest.Config{Block: block})
	before := s.NewBrowser()
	before.SignIn("/page")
	callback := s.Instagram.SignedRequest(sitetest.Username)
	file.Write(sitetest.NewerSecret)
	s.WaitLogged(sitetest.SecretChanged, 1)
	wantSignedIn(t, "after the change", before) // session keys are derived from it
	// Instagram knows only the old one here, and is told the new one.
	b := s.NewBrowser()
	if answer := b.Get(b.Window(b.Get("/page"))); answer.StatusCode == http.StatusFound || answer.StatusCode == http.StatusSeeOther {
		t.Errorf("the exchange was answered %s: it still sends the former secret", answer.Status)
	}
	// Meta's callbacks count, whichever of the two has signed them.
	if answer := s.FromMeta(sitetest.DeauthorizePath, sitetest.SignedRequest(sitetest.NewerSecret, "1", time.Now())); answer.StatusCode != http.StatusOK {
		t.Errorf("a callback of the new secret was answered %s", answer.Status)
	}
	if answer := s.FromMeta(sitetest.DeauthorizePath, callback); answer.StatusCode != http.StatusOK {
		t.Errorf("a callback of the former secret was answered %s", answer.Status)
	}
	if answer := before.Get("/page"); answer.StatusCode == http.StatusOK {
		t.Error("the callback has ended no session")
	}
	file.Write(sitetest.AppSecret)
	s.WaitLogged(sitetest.SecretChanged, 2)
	s.NewBrowser().SignIn("/page")
}
