package headerguard_test

import (
	"net/http"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/headerguard"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

// ourPair is one of the handler's cookies in a Cookie line.
var ourPair = regexp.MustCompile(`^[ \t]*__Host-Http-ig(_round|_login_[^=]*)?[ \t]*(=|$)`)

// A single cookie of the handler is cut where it was found, several are searched for. Both leave
// the same bytes.
func FuzzH5_TheShortWayCutsAsTheLongOne(f *testing.F) {
	c, err := session.New(session.Config{Secrets: []string{strings.Repeat("s", 32)}, Instance: "1", Name: "ig", Lifetime: time.Hour})
	if err != nil {
		f.Fatal(err)
	}
	const name = "__Host-Http-ig"
	for _, line := range []string{
		name + "=x", "a=1; " + name + "=x", name + "=x; a=1", "a=1; " + name + "=x; b=2", "a=1;" + name + "=x;b=2", " ; " + name + "=x ;; \t a = 1 ; ",
		name, name + "; a", name + " =x; a", name + "_round=1; a=\"x y\"", name + "_login_abcdefgh=1;", name + "x=1; " + name + "=2", ";;;" + name + "=;;;", "a=1; " + name,
	} {
		f.Add(line, "")
		f.Add(line, "other=1")
		f.Add("other=1", line)
	}
	f.Fuzz(func(t *testing.T, one, two string) {
		lines := []string{one}
		if two != "" {
			lines = append(lines, two)
		}
		found := c.Find(lines)
		short, long := http.Header{"Cookie": append([]string(nil), lines...)}, http.Header{"Cookie": append([]string(nil), lines...)}
		line, start, end, ok := found.Single()
		if !ok {
			return
		}
		headerguard.CutOne(short, line, start, end)
		headerguard.CutCookies(long, c.Ours)
		for pair := range strings.SplitSeq(strings.Join(long["Cookie"], ";"), ";") {
			if ourPair.MatchString(pair) {
				t.Errorf("%q: %q is left", lines, pair)
			}
		}
		if !reflect.DeepEqual(short, long) {
			t.Errorf("%q: cut to %q, want %q", lines, short["Cookie"], long["Cookie"])
		}
	})
}
