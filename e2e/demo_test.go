package e2e

import (
	"bufio"
	"context"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/chromedp/chromedp"
)

// demo is the command `caddy demo` as a process.
type demo struct {
	*process
	origin       string
	home, parent string // what a person has before, and where temporary folders are made
}

// startDemoAt runs the demo on a port of its own, until the end of the test.
func startDemoAt(t *testing.T, port string, more ...string) *demo {
	t.Helper()
	d := &demo{origin: "http://localhost:" + port, home: t.TempDir(), parent: t.TempDir()}
	t.Chdir(t.TempDir()) // it needs no checkout
	env := []string{"HOME=" + d.home, "XDG_DATA_HOME=", "XDG_CONFIG_HOME=", "TMPDIR=" + d.parent, "GORACE=halt_on_error=1 atexit_sleep_ms=0"}
	d.process = start(t, env, caddyBinary, append([]string{"demo", "--port", port}, more...)...)
	d.waitUntil("a ready line", func() bool { return strings.Contains(d.out.String(), "Demo ready: ") })
	return d
}

// wantQuiet fails the test unless the demo has printed its ready line and nothing else.
func (d *demo) wantQuiet() {
	d.t.Helper()
	if got, want := d.out.String(), "Demo ready: "+d.origin+"/\n"; got != want {
		d.t.Errorf("output = %q, want %q", got, want)
	}
}

// filesBelow lists the files in a folder and in the folders of it.
func filesBelow(t *testing.T, folder string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			names = append(names, strings.TrimPrefix(path, folder))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestTheDemoPrintsOneLineAndAnswersByThen(t *testing.T) {
	d := startDemoAt(t, freePort(t))
	answer, err := http.Get(d.origin + "/")
	if err != nil || answer.StatusCode != http.StatusOK || !strings.Contains(body(t, answer), "A tour in six steps") {
		t.Fatalf("%v, %v", answer, err)
	}
	d.wantQuiet()
}

func TestTheDemoLeadsEveryOtherHostToLocalhost(t *testing.T) {
	d := startDemoAt(t, freePort(t))
	port := strings.TrimPrefix(d.origin, "http://localhost:")
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for host, path := range map[string]string{
		"127.0.0.1": "/", "127.0.0.2": "/", "127.0.0.1:" + port: "/private/?x=1&y=%2F", "example.test": "//evil.test/", "localhost.": "/",
	} {
		request, err := http.NewRequest(http.MethodGet, "http://127.0.0.1:"+port+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Host = host
		answer, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if got := answer.Header.Get("Location"); answer.StatusCode != http.StatusFound || got != d.origin+path {
			t.Errorf("%s%s: %s to %q", host, path, answer.Status, got)
		}
	}
}

func TestTheDemoKeepsItsDataInAFolderOfItsOwnAndDeletesIt(t *testing.T) {
	d := startDemoAt(t, freePort(t))
	if kept := filesBelow(t, d.home); len(kept) != 0 {
		t.Errorf("it writes into the home folder: %v", kept)
	}
	if made := filesBelow(t, "."); len(made) != 0 {
		t.Errorf("it writes into the current folder: %v", made)
	}
	if kept := filesBelow(t, d.parent); len(kept) == 0 {
		t.Error("it keeps nothing in a temporary folder")
	}
	_ = d.cmd.Process.Signal(syscall.SIGINT)
	if err := d.cmd.Wait(); err != nil {
		t.Errorf("Ctrl-C ends it with %v", err)
	}
	if kept, err := os.ReadDir(d.parent); err != nil || len(kept) != 0 {
		t.Errorf("afterwards there is %v, %v", kept, err)
	}
	d.wantQuiet()
}

func TestTheDemoEndsAtOnceAndDeletesItsFolderHoweverOftenCtrlCIsPressed(t *testing.T) {
	for _, impatient := range []bool{false, true} {
		d := startDemoAt(t, freePort(t))
		host := strings.TrimPrefix(d.origin, "http://")
		held, err := net.Dial("tcp", host)
		if err != nil {
			t.Fatal(err)
		}
		defer held.Close()
		// A form whose body does not come. Caddy asks for it once the handler reads it.
		_, err = io.WriteString(held, "POST /instagram_auth/logout HTTP/1.1\r\nHost: "+host+"\r\nSec-Fetch-Site: same-origin\r\n"+
			"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n")
		if err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(held).ReadString('\n'); err != nil || !strings.HasPrefix(line, "HTTP/1.1 100 ") {
			t.Fatalf("the form was answered %q, %v", line, err)
		}
		ended := make(chan error, 1)
		go func() { ended <- d.cmd.Wait() }()
		_ = d.cmd.Process.Signal(syscall.SIGINT)
		if impatient { // presses the keys until the demo is gone
			for range time.Tick(5 * time.Millisecond) {
				if d.cmd.Process.Signal(syscall.SIGINT) != nil {
					break
				}
			}
		}
		err = <-ended
		if code := d.cmd.ProcessState.ExitCode(); code != caddy.ExitCodeSuccess && (!impatient || code != caddy.ExitCodeForceQuit) {
			t.Errorf("impatient = %v: it ends with %v", impatient, err)
		}
		if kept, err := os.ReadDir(d.parent); err != nil || len(kept) != 0 {
			t.Errorf("impatient = %v: afterwards there is %v, %v", impatient, kept, err)
		}
		d.wantQuiet()
	}
}

func TestDemosThatStartTogetherHavePortsOfTheirOwn(t *testing.T) {
	ports := []string{freePort(t), freePort(t), freePort(t)}
	demos := make([]*process, len(ports))
	for i, port := range ports {
		env := []string{"HOME=" + t.TempDir(), "XDG_DATA_HOME=", "XDG_CONFIG_HOME=", "TMPDIR=" + t.TempDir(), "GORACE=halt_on_error=1 atexit_sleep_ms=0"}
		demos[i] = start(t, env, caddyBinary, "demo", "--port", port)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	windows := make(map[string]string)
	for i, d := range demos {
		d.waitUntil("a ready line", func() bool { return strings.Contains(d.out.String(), "Demo ready: ") })
		answer, err := client.Get("http://localhost:" + ports[i] + "/instagram_auth/login")
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		window, err := answer.Location()
		if err != nil {
			t.Fatal(err)
		}
		if other := windows[window.Host]; other != "" {
			t.Errorf("the demos on the ports %s and %s have one Instagram, %s", other, ports[i], window.Host)
		}
		windows[window.Host] = ports[i]
	}
}

func TestTheDemoNamesTheCommandWhereItsPortIsTaken(t *testing.T) {
	port := freePort(t)
	for _, host := range []string{"127.0.0.1", ""} {
		listener, err := net.Listen("tcp", host+":"+port)
		if err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(caddyBinary, "demo", "--port", port).CombinedOutput()
		_ = listener.Close()
		said := string(out)
		if err == nil || !strings.HasPrefix(said, "Error: another program listens on port "+port+" already\nTry: go run ./cmd/caddy demo --port ") || strings.Count(said, "\n") != 2 {
			t.Errorf("%v: %q", err, said)
		}
	}
	// Two demos: Caddy alone would let both listen on one port.
	first := startDemoAt(t, port)
	out, err := exec.Command(caddyBinary, "demo", "--port", port).CombinedOutput()
	line := strings.TrimSpace(string(out))
	if err == nil {
		t.Fatalf("a second demo starts: %s", line)
	}
	second := startDemoAt(t, line[strings.LastIndex(line, " ")+1:])
	for _, d := range []*demo{first, second} {
		if answer, err := http.Get(d.origin + "/private/"); err != nil || answer.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: %v, %v", d.origin, answer, err)
		}
		d.wantQuiet()
	}
}

func TestTheDemoPrintsCaddysLogOnRequest(t *testing.T) {
	d := startDemoAt(t, freePort(t), "--verbose")
	if answer, err := http.Get(d.origin + "/"); err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%v, %v", answer, err)
	}
	d.waitUntil("an access log", func() bool { return strings.Contains(d.out.String(), "handled request") })
}

// tourist is a person with a browser on the demo's tour.
type tourist struct {
	t   *testing.T
	tab context.Context
	*demo
}

// signIn goes from the front page to the authorization window, and allows the site there.
func (p *tourist) signIn() {
	p.t.Helper()
	run(p.t, p.tab, chromedp.Navigate(p.origin+"/"))
	click(p.t, p.tab, `a[href="/private/"]`, `a[href^="/instagram_auth/login"].button`, accountNamed(username), "#allow")
	p.wantText("private", "Hello, "+username)
}

// meet opens the window by the tour's link and clicks there, until a page of the site shows a text.
func (p *tourist) meet(name, text string, selectors ...string) {
	p.t.Helper()
	run(p.t, p.tab, chromedp.Navigate(p.origin+"/"))
	click(p.t, p.tab, append([]string{"#step-refused a"}, selectors...)...)
	p.wantText(name, text)
}

// wantText waits until a page of the site shows a text. While the tab goes from page to page it has
// no answer.
func (p *tourist) wantText(name, text string) {
	p.t.Helper()
	var address, shown string
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		address, _ = chromedp.Run(p.tab, chromedp.Evaluate[string]("location.href"))
		shown, _ = chromedp.Run(p.tab, chromedp.Evaluate[string]("document.body.innerText"))
		if strings.HasPrefix(address, p.origin+"/") && strings.Contains(shown, text) {
			shoot(p.t, p.tab, "demo-"+name)
			return
		}
	}
	p.t.Fatalf("%s: at %s: %q", name, address, shown)
}

// press presses a button of the tour and comes to the front page.
func (p *tourist) press(selector, text string) {
	p.t.Helper()
	run(p.t, p.tab, chromedp.Navigate(p.origin+"/"))
	click(p.t, p.tab, selector)
	p.wantText("front", text)
}

// accountNamed chooses an account in the authorization window.
func accountNamed(name string) string { return `input[type=radio][value="` + name + `"]` }

// signedOut is on the front page of the demo for a visitor without a session.
const signedOut = "Anybody can read this page."

func TestTheTourOfTheDemo(t *testing.T) {
	d := startDemoAt(t, freePort(t))
	p := &tourist{t, newBrowser(t, ""), d}
	run(t, p.tab, chromedp.Navigate(strings.Replace(d.origin, "localhost", "127.0.0.1", 1)+"/"))
	p.wantText("start", signedOut)

	p.meet("not-listed", "Use another account", accountNamed("maria.sees"), "#allow")
	p.meet("cancelled", "Sign in again", "#cancel")
	p.meet("personal", "Only professional accounts", accountNamed("quiet_otter"), "#allow", "#back")

	p.signIn()
	p.press("#step-out button", signedOut)

	p.signIn()
	other := &tourist{t, newBrowser(t, ""), d}
	other.signIn()
	p.press("#step-everywhere button", signedOut)
	run(t, other.tab, chromedp.Navigate(d.origin+"/"))
	other.wantText("ended", signedOut)

	p.signIn()
	other.signIn()
	run(t, p.tab, chromedp.Navigate(d.origin+"/instagram_auth/account"))
	p.wantText("account", "@"+username)
	run(t, p.tab, chromedp.Navigate(d.origin+"/"))
	click(p.t, p.tab, "#step-remove a")
	see(p.t, p.tab, "#remove")
	shoot(t, p.tab, "demo-apps")
	click(p.t, p.tab, "#remove")
	see(p.t, p.tab, "#deauthorize")
	shoot(t, p.tab, "demo-removed")
	click(p.t, p.tab, "#site")
	p.wantText("after-removal", signedOut)
	run(t, other.tab, chromedp.Navigate(d.origin+"/"))
	other.wantText("after-removal", signedOut)

	p.signIn() // again
	d.wantQuiet()
}
