package e2e

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// firefox is a running Firefox with one window, driven over Marionette: Firefox's own
// protocol, of which WebDriver is a translation. A message is the length of a JSON array,
// a colon and the array.
type firefox struct {
	t          *testing.T
	connection net.Conn
	in         *bufio.Reader
	last       int
}

// firefoxPreferences keep Firefox from the network, from questions and from a fixed port.
const firefoxPreferences = `user_pref("marionette.port", 0);
user_pref("app.update.auto", false);
user_pref("app.normandy.enabled", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("browser.aboutwelcome.enabled", false);
user_pref("browser.safebrowsing.downloads.enabled", false);
user_pref("browser.safebrowsing.malware.enabled", false);
user_pref("browser.safebrowsing.phishing.enabled", false);
user_pref("browser.startup.page", 0);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("extensions.update.enabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("network.dns.disableIPv6", true);
user_pref("network.prefetch-next", false);
user_pref("services.settings.server", "data:,");
user_pref("toolkit.telemetry.unified", false);
`

// newFirefox starts Firefox with an empty profile of its own. The preferences are added to
// those that each Firefox has here.
func newFirefox(t *testing.T, preferences ...string) *firefox {
	t.Helper()
	profile, err := os.MkdirTemp("", "firefox")
	if err != nil {
		t.Fatal(err)
	}
	// Firefox still writes for a moment after it has ended, which t.TempDir calls a failure.
	t.Cleanup(func() { _ = os.RemoveAll(profile) })
	if err := os.WriteFile(filepath.Join(profile, "user.js"), []byte(firefoxPreferences+strings.Join(preferences, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, []string{"HOME=" + profile, "MOZ_CRASHREPORTER_DISABLE=1"}, "firefox-esr", "--headless", "--marionette", "--profile", profile)
	var port string
	p.waitUntil("a port of Firefox", func() bool {
		content, _ := os.ReadFile(filepath.Join(profile, "MarionetteActivePort"))
		port = strings.TrimSpace(string(content))
		return port != ""
	})
	p.waitFor("127.0.0.1:" + port)
	f := &firefox{t: t}
	if f.connection, err = net.Dial("tcp", "127.0.0.1:"+port); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.connection.Close() })
	_ = f.connection.SetDeadline(time.Now().Add(2 * time.Minute)) // ends what would hang
	f.in = bufio.NewReader(f.connection)
	var greeting struct{ MarionetteProtocol int }
	if err := f.read(&greeting); err != nil || greeting.MarionetteProtocol != 3 {
		t.Fatalf("Firefox greets with %+v, %v", greeting, err)
	}
	f.do("WebDriver:NewSession", map[string]any{"acceptInsecureCerts": true})
	t.Cleanup(func() { _, _ = f.call("Marionette:Quit", map[string]any{"flags": []string{"eForceQuit"}}) })
	return f
}

func (f *firefox) read(to any) error {
	length, err := f.in.ReadString(':')
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(strings.TrimSuffix(length, ":"))
	if err != nil {
		return err
	}
	message := make([]byte, n)
	if _, err := io.ReadFull(f.in, message); err != nil {
		return err
	}
	return json.Unmarshal(message, to)
}

// call asks for one thing and waits for the answer.
func (f *firefox) call(command string, parameters any) (json.RawMessage, error) {
	f.last++
	message, err := json.Marshal([]any{0, f.last, command, parameters})
	if err != nil {
		return nil, err
	}
	if _, err := fmt.Fprintf(f.connection, "%d:%s", len(message), message); err != nil {
		return nil, err
	}
	var answer [4]json.RawMessage // 1, the number, an error, the result
	if err := f.read(&answer); err != nil {
		return nil, err
	}
	var problem *struct{ Error, Message string }
	if err := json.Unmarshal(answer[2], &problem); err != nil {
		return nil, err
	}
	if problem != nil {
		return nil, errors.New(problem.Error + ": " + problem.Message)
	}
	return answer[3], nil
}

func (f *firefox) do(command string, parameters any) json.RawMessage {
	f.t.Helper()
	result, err := f.call(command, parameters)
	if err != nil {
		f.t.Fatalf("Firefox: %s: %v", command, err)
	}
	return result
}

// open navigates and waits until the page has loaded. A page that the network refuses is
// an error of Firefox's, which the caller sees in what the window shows.
func (f *firefox) open(address string) {
	_, _ = f.call("WebDriver:Navigate", map[string]any{"url": address})
}

// eval returns what an expression is in the page. The expression may be a promise.
func (f *firefox) eval(expression string) string {
	f.t.Helper()
	got, err := f.tryEval(expression)
	if err != nil {
		f.t.Fatalf("Firefox: %s: %v", expression, err)
	}
	return got
}

func (f *firefox) tryEval(expression string) (string, error) {
	result, err := f.call("WebDriver:ExecuteAsyncScript", map[string]any{
		"script": `const done = arguments[0]; Promise.resolve(` + expression + `).then(v => done(String(v)), e => done("error: " + e))`,
		"args":   []any{}, "newSandbox": true,
	})
	if err != nil {
		return "", err
	}
	var value struct{ Value string }
	return value.Value, json.Unmarshal(result, &value)
}

// until waits for an expression to be true. While a page is left, it has no value.
func (f *firefox) until(expression string) {
	f.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		got, err := f.tryEval(expression)
		if err == nil && got == "true" {
			return
		}
		if time.Now().After(deadline) {
			at, _ := f.tryEval("location.href + ' ' + document.body.innerText")
			f.t.Fatalf("Firefox: not %s: %q, %v; at %s", expression, got, err, at)
		}
	}
}
