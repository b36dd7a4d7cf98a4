package instagramauth

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/caddyserver/certmagic"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/doctor"
)

func TestTheDoctorKnowsWhatMetaSwitchedOff(t *testing.T) {
	p := &patient{settings: settings{api: instagram.BasicDisplay}, handler: new(Handler)}
	if found := new(examination).checkAPI(p); len(found) != 1 || found[0].Status != doctor.Wrong || !strings.Contains(found[0].Message, "2024-12-04") {
		t.Errorf("found %+v", found)
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
		err := tryStorage(t.Context(), storage)
		if says == "" && err != nil || says != "" && (err == nil || err.Error() != says) {
			t.Errorf("error = %v, want %q", err, says)
		}
	}
}

func TestTheDoctorExplainsWhatIsNoAnswer(t *testing.T) {
	if f := explain("somebody", errors.New("a\nb")); f.Status != doctor.Wrong || f.Message != "somebody: a b" || f.Remedy == "" {
		t.Errorf("finding = %+v", f)
	}
}
