package instagramauth

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/certmagic"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/finding"
)

func TestTheDoctorKnowsWhatMetaSwitchedOff(t *testing.T) {
	p := &patient{handler: &Handler{settings: settings{api: instagram.BasicDisplay}}}
	if found := new(examination).checkAPI(p); len(found) != 1 || found[0].Status != finding.Wrong || !strings.Contains(found[0].Message, "2024-12-04") {
		t.Errorf("found %+v", found)
	}
}

func TestTheDoctorKnowsTheWindowThatMetaClosed(t *testing.T) {
	const closed, mirror = "https://api.instagram.com/oauth/authorize", "https://mirror.test/"
	now := func() time.Time { return time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC) }
	for name, c := range map[string]struct {
		api    instagram.API
		set    EndpointOptions
		remedy string // of the old window, "" where it is another one
	}{
		"today's":                     {instagram.InstagramLogin, EndpointOptions{}, ""},
		"the old one":                 {instagram.InstagramLogin, EndpointOptions{Authorize: closed}, "leave endpoints authorize out"},
		"the old one by the tutorial": {instagram.BasicDisplay, EndpointOptions{Authorize: closed}, "use api instagram_login"},
		"the family's, that is old":   {instagram.BasicDisplay, EndpointOptions{Token: mirror}, "use api instagram_login"},
		"another one":                 {instagram.BasicDisplay, EndpointOptions{Authorize: mirror}, ""},
		"said of api":                 {instagram.BasicDisplay, EndpointOptions{}, ""},
	} {
		p := &patient{handler: &Handler{Endpoints: c.set, settings: settings{api: c.api}}}
		e := &examination{ctx: t.Context(), now: now}
		found := e.checkEndpoints(p)
		if c.remedy == "" {
			if len(found) != 1 || found[0].Status != finding.Fine || p.closedWindow {
				t.Errorf("%s: %+v", name, found)
			}
			continue
		}
		if len(found) != 1 || found[0].Status != finding.Wrong || !strings.Contains(found[0].Message, "Sorry, this page isn't available.") || !strings.HasPrefix(found[0].Remedy, c.remedy) {
			t.Errorf("%s: %+v", name, found)
		}
		if again := e.checkWindow(p); again != nil {
			t.Errorf("%s: it is said again: %+v", name, again)
		}
	}
	both := &patient{handler: &Handler{settings: settings{api: instagram.InstagramLogin}, Endpoints: EndpointOptions{Authorize: closed, Graph: "https://graph.instagram.com/v21.0"}}}
	if found := (&examination{now: now}).checkEndpoints(both); len(found) != 2 || found[1].Status != finding.Look || !strings.Contains(found[1].Message, "2027-01-21, in 56 days") {
		t.Errorf("an old version, too: %+v", found)
	}
}

func TestTheDoctorNamesAFileThatItMayNotRead(t *testing.T) {
	h := &Handler{AppID: "1", AppSecret: []string{"{file./etc/caddy/app_secret}"}, Session: SessionOptions{Secret: []string{"{file./gone}", "{env.X}"}}}
	p := &patient{handler: h}
	found := p.denied(func(path string) error {
		if path == "/gone" {
			return fs.ErrNotExist
		}
		return &fs.PathError{Op: "open", Path: path, Err: syscall.EACCES}
	})
	if found.Status != finding.Wrong || found.Message != "/etc/caddy/app_secret cannot be read: permission denied (as user "+userName()+")" {
		t.Errorf("%+v", found)
	}
	if found := p.denied(func(string) error { return fs.ErrNotExist }); found.Message != "" {
		t.Errorf("%+v", found)
	}
}

// badStorage is a storage that loses or changes what it is given.
type badStorage struct {
	certmagic.FileStorage
	load   func() ([]byte, error)
	delete error
}

func (s *badStorage) Load(context.Context, string) ([]byte, error) { return s.load() }
func (s *badStorage) Delete(context.Context, string) error         { return s.delete }

func TestTheDoctorsPageNamesEveryCheck(t *testing.T) {
	page, err := os.ReadFile("docs/doctor.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, check := range blockChecks {
		if !strings.Contains(string(page), "`"+check.name+"` ") {
			t.Errorf("%s is not in docs/doctor.md", check.name)
		}
	}
}

func TestTheDoctorTriesTheStorage(t *testing.T) {
	good := func() ([]byte, error) { return []byte("a trial"), nil }
	for says, storage := range map[string]*badStorage{
		"reading: it is not what was written": {load: func() ([]byte, error) { return nil, nil }},
		"reading: lost":                       {load: func() ([]byte, error) { return nil, errors.New("lost") }},
		"deleting: kept":                      {load: good, delete: errors.New("kept")},
		"":                                    {load: good},
	} {
		storage.Path = t.TempDir()
		err := tryStorage(t.Context(), storage, storage.Path)
		if says == "" && err != nil || says != "" && (err == nil || err.Error() != says) {
			t.Errorf("error = %v, want %q", err, says)
		}
	}
}

func TestTheDoctorExplainsWhatIsNoAnswer(t *testing.T) {
	if f := explain("somebody", errors.New("a\nb")); f.Status != finding.Wrong || f.Message != "somebody: a b" || f.Remedy == "" {
		t.Errorf("finding = %+v", f)
	}
}

func TestTheDoctorFindsTheAccessLogOfAHost(t *testing.T) {
	byName := map[string]caddyhttp.StringArray{"example.test": {"log0"}, "*.example.test": {"log1", "log2"}, "": {"never"}}
	for _, c := range []struct {
		logs *caddyhttp.ServerLogConfig
		host string
		want []string
	}{
		{nil, "example.test", nil},
		{&caddyhttp.ServerLogConfig{}, "example.test", []string{""}},
		{&caddyhttp.ServerLogConfig{DefaultLoggerName: "all"}, "example.test", []string{"all"}},
		{&caddyhttp.ServerLogConfig{LoggerNames: byName}, "example.test", []string{"log0"}},
		{&caddyhttp.ServerLogConfig{LoggerNames: byName, DefaultLoggerName: "all"}, "www.example.test", []string{"log1", "log2"}},
		{&caddyhttp.ServerLogConfig{LoggerNames: byName, DefaultLoggerName: "all"}, "other.test", []string{"all"}},
		{&caddyhttp.ServerLogConfig{LoggerNames: byName, SkipUnmappedHosts: true}, "other.test", nil},
		{&caddyhttp.ServerLogConfig{LoggerNames: byName, SkipHosts: []string{"example.test"}}, "example.test", nil},
	} {
		if got := loggersOf(c.logs, c.host); !slices.Equal(got, c.want) {
			t.Errorf("%s in %+v: %q, want %q", c.host, c.logs, got, c.want)
		}
	}
}
