package cli

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	_ "github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/certmagic"
)

func TestProblemsArePlainLines(t *testing.T) {
	var out bytes.Buffer
	Failed("do\nthis", "no\x1b[2J Caddy\n answers").Print(&out, Style{})
	if got := out.String(); got != "Error: no [2J Caddy answers\nTry: do this\n" {
		t.Errorf("%q", got)
	}
	out.Reset()
	Failed("", "one <line>").JSON(&out)
	if got := out.String(); got != "{\"error\":\"one <line>\"}\n" {
		t.Errorf("%q", got)
	}
	wrapped := AsProblem(errors.Join(errors.New("x"), Usage("y", "z")))
	if wrapped.Exit != ExitUsage || wrapped.Error() != "z: y" {
		t.Errorf("%+v", wrapped)
	}
	if other := AsProblem(io.EOF); other.Exit != ExitFailed || other.What != "EOF" {
		t.Errorf("%+v", other)
	}
}

func TestStyleFollowsTheEnvironment(t *testing.T) {
	for _, c := range []struct {
		name     string
		env      map[string]string
		noColour bool
		want     Style
	}{
		{"nothing set", nil, false, Style{Colour: true}},
		{"UTF-8", map[string]string{"LANG": "de_DE.UTF-8", "TERM": "xterm"}, false, Style{Colour: true}},
		{"utf8", map[string]string{"LC_ALL": "C.utf8"}, false, Style{Colour: true}},
		{"LC_ALL counts first", map[string]string{"LC_ALL": "C", "LANG": "de_DE.UTF-8"}, false, Style{Colour: true, ASCII: true}},
		{"latin", map[string]string{"LANG": "de_DE.ISO-8859-1"}, false, Style{Colour: true, ASCII: true}},
		{"NO_COLOR", map[string]string{"NO_COLOR": "1"}, false, Style{}},
		{"NO_COLOR is empty", map[string]string{"NO_COLOR": ""}, false, Style{Colour: true}},
		{"dumb", map[string]string{"TERM": "dumb"}, false, Style{}},
		{"the flag", nil, true, Style{}},
	} {
		if got := styleFrom(func(name string) string { return c.env[name] }, c.noColour); got != c.want {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
	if StyleOf(new(bytes.Buffer), false) != (Style{}) {
		t.Error("what is no terminal has a style")
	}
}

func TestMarksOfAReport(t *testing.T) {
	const report = "the configuration\n  ✓ load: fine ✗ here\n  ! logs: look\n  ✗ app: wrong\n      ! pasted\n"
	for _, c := range []struct {
		style Style
		want  string
	}{
		{Style{}, report},
		{Style{Colour: true}, "the configuration\n  \x1b[32m✓\x1b[0m load: fine ✗ here\n  \x1b[33m!\x1b[0m logs: look\n  \x1b[31m✗\x1b[0m app: wrong\n      ! pasted\n"},
		{Style{ASCII: true}, "the configuration\n  ok load: fine ✗ here\n  !  logs: look\n  X  app: wrong\n      ! pasted\n"},
	} {
		if got := c.style.Marked(report); got != c.want {
			t.Errorf("%+v:\n%s", c.style, got)
		}
	}
}

func TestAskNeedsATerminal(t *testing.T) {
	var out bytes.Buffer
	if yes, err := Ask(strings.NewReader("y\n"), &out, "Go on?"); yes || err == nil || out.Len() > 0 {
		t.Errorf("%v, %v, %q", yes, err, out.String())
	}
}

func TestAnAddressIsThatOfOneAdminEndpoint(t *testing.T) {
	for _, good := range []string{"localhost:2019", "unix//run/caddy.sock", "fd/3", "[::1]:2019", "[fe80::1%eth0]:2019"} {
		if err := CheckAddress(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"http://localhost:2019", "localhost:2019-2020", "localhost", "localhost:0", "::1:2019", "localhost:x"} {
		if err := CheckAddress(bad); err == nil || AsProblem(err).Exit != ExitUsage {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestEnvironmentFiles(t *testing.T) {
	for _, c := range []struct {
		text string
		want map[string]string
		says string
	}{
		{"A=1\r\n\n# comment\nexport B=2\n", map[string]string{"A": "1", "B": "2"}, ""},
		{"A=\"x y\"\nB='z'", map[string]string{"A": "x y", "B": "z"}, ""},
		{"A=x # comment\nB=x#y\nC=\"x#y\"\nD=1\nE='e'", map[string]string{"A": "x", "B": "x", "C": "x", "D": "1", "E": "e"}, ""},
		{"A=\"one\ntwo\\\" x\nthree\"\nB=2", map[string]string{"A": "one\ntwo\" x\nthree", "B": "2"}, ""},
		{"A=\nB==x=", map[string]string{"A": "", "B": "=x="}, ""},
		{"A='open\nB=2", map[string]string{"A": "open\nB=2"}, ""},
		{"A=1\nhunter2", nil, "line 2: there is no ="},
		{"=hunter2", nil, "line 1: there is no name"},
		{"A = hunter2", nil, "line 1: there is a space before"},
		{"A= hunter2", nil, "line 1: there is a space after"},
	} {
		got, err := parseEnvfile(c.text)
		if !maps.Equal(got, c.want) || (err == nil) != (c.says == "") {
			t.Errorf("%q: %q, %v", c.text, got, err)
		}
		if err != nil && (!strings.HasPrefix(err.Error(), c.says) || strings.Contains(err.Error(), "hunter2")) {
			t.Errorf("%q: %v", c.text, err)
		}
	}
}

func TestEnvironmentFilesReplaceNothing(t *testing.T) {
	t.Setenv("TEST_SET", "mine")
	t.Setenv("TEST_NEW", "")
	_ = os.Unsetenv("TEST_NEW")
	file := filepath.Join(t.TempDir(), "env")
	if err := os.WriteFile(file, []byte("TEST_SET=theirs\nTEST_NEW=new\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := LoadEnvfile(file); err != nil || os.Getenv("TEST_SET") != "mine" || os.Getenv("TEST_NEW") != "new" {
		t.Errorf("%v, %q, %q", err, os.Getenv("TEST_SET"), os.Getenv("TEST_NEW"))
	}
}

func TestConfigurationsByTheirNames(t *testing.T) {
	for name, want := range map[string]bool{
		"Caddyfile": true, "caddyfile": true, "Caddyfile.test": true, "/etc/a.caddyfile": true, "site.Caddyfile": true,
		"Caddyfile.json": false, "site.txt": false, "-": false, "/Caddyfile/x": false, "caddy.json": false,
	} {
		if isCaddyfile(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
	if !slices.Contains(Adapters(), "caddyfile") {
		t.Errorf("adapters: %q", Adapters())
	}
}

func TestStandardInput(t *testing.T) {
	c, err := Source{File: "-", Adapter: "caddyfile", In: strings.NewReader("{\n\tadmin unix//run/a.sock\n}")}.Load()
	address, problem := c.AdminAddress()
	if err != nil || problem != nil || address != "unix//run/a.sock" || c.Name != "standard input" || c.Text == "" {
		t.Errorf("%v, %v, %q, %+v", err, problem, address, c)
	}
	_, err = Source{File: "-", In: strings.NewReader("example.test {\n}")}.Load()
	if err == nil || !strings.Contains(err.Error(), "--adapter caddyfile") {
		t.Errorf("%v", err)
	}
	_, err = Source{File: "-", In: strings.NewReader(`{"admin":}`)}.Load()
	if err == nil || !strings.Contains(err.Error(), "fix the JSON") {
		t.Errorf("%v", err)
	}
}

func TestAShadowKeepsWhatIsWritten(t *testing.T) {
	ctx := t.Context()
	real := &certmagic.FileStorage{Path: t.TempDir()}
	for _, key := range []string{"a/old", "a/gone", "a/deep/old"} {
		if err := real.Store(ctx, key, []byte("real")); err != nil {
			t.Fatal(err)
		}
	}
	before, _ := real.List(ctx, "", true)
	s := &Shadow{behind: real, written: make(map[string][]byte)}
	for _, err := range []error{
		s.Lock(ctx, "x"), s.Store(ctx, "a/new", []byte("new")), s.Store(ctx, "b/c/new", nil), s.Store(ctx, "a/old", []byte("changed")),
		s.Delete(ctx, "a/gone"), s.Delete(ctx, "a/deep"), s.Unlock(ctx, "x"),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	for key, want := range map[string]string{"a/new": "new", "a/old": "changed", "b/c/new": ""} {
		info, err := s.Stat(ctx, key)
		if got, problem := s.Load(ctx, key); problem != nil || string(got) != want || !s.Exists(ctx, key) || err != nil || info.Size != int64(len(want)) {
			t.Errorf("%s: %q, %v, %v", key, got, problem, err)
		}
	}
	for _, key := range []string{"a/gone", "a/deep/old", "never"} {
		_, err := s.Stat(ctx, key)
		if _, problem := s.Load(ctx, key); problem == nil || err == nil || s.Exists(ctx, key) {
			t.Errorf("%s is there", key)
		}
	}
	for _, c := range []struct {
		prefix string
		deep   bool
		want   []string
	}{
		{"a", false, []string{"a/new", "a/old"}}, {"a", true, []string{"a/new", "a/old"}},
		{"b", false, []string{"b/c"}}, {"b", true, []string{"b/c/new"}}, {"b/c", false, []string{"b/c/new"}},
	} {
		got, err := s.List(ctx, c.prefix, c.deep)
		got = slices.DeleteFunc(got, func(key string) bool { return key == "a/deep" }) // an empty folder
		if slices.Sort(got); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, %v", c.prefix, got, err)
		}
	}
	if after, _ := real.List(ctx, "", true); !slices.Equal(before, after) {
		t.Errorf("the storage has %q now, and had %q", after, before)
	}
}
