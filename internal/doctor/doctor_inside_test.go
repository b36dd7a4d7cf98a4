package doctor

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/certmagic"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/finding"
)

func TestTheDoctorOpensNoWindowThatMetaClosed(t *testing.T) {
	closed := &block{Block: &Block{Settings: &Settings{WindowClosed: true}}}
	if found := (&run{ctx: t.Context()}).checkWindow(closed); found != nil {
		t.Errorf("it is said again: %+v", found)
	}
}

func TestTheDoctorNamesAFileThatItMayNotRead(t *testing.T) {
	b := &block{Block: &Block{AppID: "1", AppSecret: []string{"{file./etc/caddy/app_secret}"}, SessionSecret: []string{"{file./gone}", "{env.X}"}}}
	found := b.denied(func(path string) error {
		if path == "/gone" {
			return fs.ErrNotExist
		}
		return &fs.PathError{Op: "open", Path: path, Err: syscall.EACCES}
	})
	if found.Status != finding.Wrong || found.Message != "/etc/caddy/app_secret cannot be read: permission denied (as user "+userName()+")" {
		t.Errorf("%+v", found)
	}
	if found := b.denied(func(string) error { return fs.ErrNotExist }); found.Message != "" {
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
	page, err := os.ReadFile("../../docs/doctor.md")
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
