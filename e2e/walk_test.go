package e2e

import (
	"cmp"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"text/tabwriter"
	"time"
)

// The way of somebody who has never seen this before, timed: from an empty folder to a
// page that knows them, and then to a site of their own with the quick start's Caddyfile,
// whose app at Instagram is wrong in one way after another. `go test -v` prints the times.

// walk takes the times of its steps.
type walk struct {
	t     *testing.T
	began time.Time
	table strings.Builder
}

func (w *walk) step(name string, do func()) {
	w.t.Helper()
	began := time.Now()
	do()
	fmt.Fprintf(&w.table, "%s\t%.1f s\t%.1f s\n", name, time.Since(began).Seconds(), time.Since(w.began).Seconds())
}

func TestTheNewcomersWalk(t *testing.T) {
	w := &walk{t: t, began: time.Now()}
	folder := filepath.Join(t.TempDir(), "instagram_auth")
	w.step("get the project", func() { getProject(t, folder) })
	w.step("build and start the demo, by the README's command", func() { startDemo(t, folder) })
	p := &tourist{t, newBrowser(t, ""), &demo{process: &process{t: t, out: new(lockedBuffer)}, origin: "http://localhost:8080"}}
	w.step("open the site, press the button, press Allow, see the page", p.signIn)
	own := newOwnSite(t, folder)
	w.step("a site of one's own: the doctor finds nothing wrong", func() {
		if out, status := own.doctor(goodApp); status != 0 || strings.Contains(out, "✗") {
			t.Errorf("status %d:\n%s", status, out)
		}
	})
	for _, wrong := range wrongApps {
		w.step("the doctor: "+wrong.name, func() { own.wantNamed(wrong) })
	}
	var table strings.Builder
	columns := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintf(columns, "step\ttakes\tsince the beginning\n%s", &w.table)
	_ = columns.Flush()
	t.Logf("\n%s", &table)
}

// getProject copies what git would bring, into an empty folder.
func getProject(t *testing.T, folder string) {
	t.Helper()
	if out, err := exec.Command("git", "clone", "--quiet", "..", folder).CombinedOutput(); err == nil {
		return
	} else if _, noGit := os.Stat("../.git"); noGit == nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := os.CopyFS(folder, os.DirFS("..")); err != nil { // an archive of it
		t.Fatal(err)
	}
}

// startDemo gives the command that the README names for it, and waits until it is ready.
func startDemo(t *testing.T, folder string) {
	t.Helper()
	readme, err := os.ReadFile(filepath.Join(folder, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^    (go run .*)$`).FindSubmatch(readme)
	if line == nil {
		t.Fatal("the README does not say how to start the demo")
	}
	words := strings.Fields(string(line[1]))
	command := exec.Command(words[0], words[1:]...)
	said := new(lockedBuffer)
	command.Dir, command.Stdout, command.Stderr = folder, said, said
	// go run does not hand signals on to what it runs: they go to both, as a group.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-command.Process.Pid, syscall.SIGTERM)
		_ = command.Wait()
	})
	ready := "Demo ready: http://localhost:8080/\n"
	for deadline := time.Now().Add(10 * time.Minute); !strings.Contains(said.String(), ready); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the demo is not ready:\n%s", said)
		}
	}
}

// ownSite is the newcomer's own: the Caddyfile of the quick start, and an Instagram.
type ownSite struct {
	t         *testing.T
	caddyfile string
}

func newOwnSite(t *testing.T, folder string) *ownSite {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(folder, "docs", "quick-start.md"))
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```caddyfile\n(.*?)```").FindSubmatch(page)
	if block == nil {
		t.Fatal("the quick start has no Caddyfile")
	}
	return &ownSite{t: t, caddyfile: string(block[1])}
}

// app is how an app at Instagram is set up.
type app struct {
	name    string
	options string // of the simulator
	fault   string // that it is told to commit: a form of its control address
	down    bool
	own     [2]string  // what is replaced in the newcomer's Caddyfile
	window  url.Values // what the person does in the window: the doctor's --browser finds it
	words   []string   // that the doctor's one line about it must have
}

var goodApp = app{}

var wrongApps = []app{
	{name: "the secret of the Facebook app", options: "app_secret " + strings.Repeat("0123", 8), words: []string{"✗ app: ", "app_secret is wrong"}},
	{name: "the ID of the Facebook app", options: "app_id 123456789012345", words: []string{"✗ app: ", "not the Facebook app ID"}},
	{name: "a redirect URI without its slash", options: "redirect_uri https://example.com/auth", words: []string{"✗ window: ", "slash included"}},
	{name: "a redirect URI of another host", options: "redirect_uri https://www.example.com/auth/", words: []string{"✗ window: ", "not registered"}},
	{name: "development mode", options: "mode development", window: url.Values{"user": {username}, "action": {"allow"}}, words: []string{"✗ login: ", "development mode"}},
	{name: "a product of the other family", options: "api basic_display", words: []string{"✗ window: ", "scope"}},
	{name: "a personal account", window: url.Values{"user": {"quiet_otter"}, "action": {"not_professional"}}, words: []string{"✗ login: ", "personal one"}},
	{name: "an Instagram that cannot be reached", down: true, words: []string{"✗ network: ", "firewall"}},
	{name: "an Instagram that does not answer", fault: "endpoint=token&kind=hang", own: [2]string{"app_id ", "timeout 500ms\napp_id "}, words: []string{"✗ network: ", "in time"}},
	{name: "a page in the place of Instagram", fault: "endpoint=token&kind=html", words: []string{"✗ app: ", "not from Instagram's API"}},
	{name: "an Instagram that fails", fault: "endpoint=token&kind=status_502", words: []string{"✗ app: ", "Instagram failed"}},
}

// wantNamed fails the test unless the doctor names what is wrong, and nothing else.
func (s *ownSite) wantNamed(wrong app) {
	s.t.Helper()
	out, status := s.doctor(wrong)
	if strings.Count(out, "✗") != 1 || status != 1 {
		s.t.Errorf("%s: status %d:\n%s", wrong.name, status, out)
	}
	for _, word := range wrong.words {
		if !strings.Contains(out, word) {
			s.t.Errorf("%s: the doctor does not say %q:\n%s", wrong.name, word, out)
		}
	}
}

// doctor runs the command in a process of its own, against an Instagram of its own.
func (s *ownSite) doctor(wrong app) (out string, status int) {
	s.t.Helper()
	address := "http://localhost:" + freePort(s.t)
	if !wrong.down {
		startInstagram(s.t, address, wrong)
	}
	home := s.t.TempDir()
	file := filepath.Join(home, "Caddyfile")
	text := strings.Replace(s.caddyfile, "app_id ", "endpoints "+address+"\napp_id ", 1)
	if wrong.own[0] != "" {
		text = strings.Replace(text, wrong.own[0], wrong.own[1], 1)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	arguments := []string{"instagram-auth", "doctor"}
	if wrong.window != nil {
		arguments = append(arguments, "--browser")
	}
	command := exec.Command(plain(s.t), arguments...)
	command.Dir = home
	command.Env = append(os.Environ(), "HOME="+home, "XDG_DATA_HOME="+home, "XDG_CONFIG_HOME="+home,
		"INSTAGRAM_APP_ID="+appID, "INSTAGRAM_APP_SECRET="+appSecret, "INSTAGRAM_SESSION_SECRET="+strings.Repeat("5e55104", 6))
	if wrong.window != nil {
		s.pasteIn(command, wrong.window)
	}
	answer, _ := command.Output()
	return string(answer), command.ProcessState.ExitCode()
}

// pasteIn plays the person at the terminal: they open the address that the command prints,
// press a button there, and paste where it leads, or what the window says.
func (s *ownSite) pasteIn(command *exec.Cmd, pressed url.Values) {
	s.t.Helper()
	in, err := command.StdinPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	command.Stderr = printed(func(text string) {
		window := regexp.MustCompile(`http://localhost:\d+/oauth/authorize\S+`).FindString(text)
		if window == "" {
			return
		}
		client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		answer, err := client.PostForm(window, pressed)
		if err != nil {
			s.t.Error(err)
			return
		}
		_, _ = fmt.Fprintln(in, cmp.Or(answer.Header.Get("Location"), body(s.t, answer)))
		_ = in.Close()
	})
}

// printed is a writer that shows what is written.
type printed func(string)

func (p printed) Write(text []byte) (int, error) { p(string(text)); return len(text), nil }

// startInstagram runs a simulated one.
func startInstagram(t *testing.T, address string, wrong app) {
	t.Helper()
	options := ""
	for _, standard := range []string{"app_id " + appID, "app_secret " + appSecret, "redirect_uri https://example.com/auth/"} {
		if name, _, _ := strings.Cut(standard, " "); !strings.HasPrefix(wrong.options, name+" ") {
			options += standard + "\n"
		}
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	startCaddy(t, fmt.Sprintf("{\nadmin off\nauto_https off\n}\n%s {\ninstagram_simulator {\n%s%s\n}\n}", address, options, wrong.options), nil,
		net.JoinHostPort("127.0.0.1", u.Port()))
	if wrong.fault != "" {
		answer, err := http.Post(address+"/simulator/fault", "application/x-www-form-urlencoded", strings.NewReader(wrong.fault))
		if err != nil || answer.StatusCode >= 300 {
			t.Fatalf("telling the simulator: %v, %v", answer, err)
		}
		_ = answer.Body.Close()
	}
}
