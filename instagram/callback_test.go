package instagram_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/attack"
)

var (
	codePattern  = regexp.MustCompile(`^[A-Za-z0-9_.~%#-]+$`)
	statePattern = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)
)

// stateLength is that of the states which the callback is compared with.
const stateLength = 43

// inOrder reports whether a callback's query keeps rule C2, and what its code is.
func inOrder(raw string) (code string, ok bool) {
	values, ok := attack.Parameters(raw)
	faults := 0
	for _, name := range []string{"error", "error_code", "error_message"} {
		if list := values[name]; len(list) > 1 || len(list) == 1 && list[0] == "" {
			return "", false
		}
		faults += len(values[name])
	}
	if !ok || len(raw) > 4096 || len(values["code"]) > 1 || (len(values["code"]) == 1) == (faults > 0) || len(values["state"]) > 1 {
		return "", false
	}
	for name, list := range values {
		if strings.ContainsAny(name+strings.Join(list, ""), "\x00\r\n") {
			return "", false
		}
	}
	if state := bare(strings.Join(values["state"], "")); state != "" && !statePattern.MatchString(state) {
		return "", false
	}
	if faults > 0 {
		return "", true
	}
	code = bare(values["code"][0])
	return code, codePattern.MatchString(code) && len(code) <= 1024
}

// bare takes off one #_ at the end, in each of its spellings.
func bare(value string) string {
	hash, line, equals := []string{"#", "%23"}, []string{"_", "%5F", "%5f"}, []string{"=", "%3D", "%3d"}
	for _, h := range hash {
		for _, l := range line {
			if before, had := strings.CutSuffix(value, h+l); had {
				return before
			}
			for _, e := range equals {
				for _, again := range line {
					if before, had := strings.CutSuffix(value, h+l+e+again); had {
						return before
					}
				}
			}
		}
	}
	return value
}

func FuzzC9_CallbackQuery(f *testing.F) {
	state := strings.Repeat("A", stateLength)
	for _, seed := range []string{
		"", "code=a&state=" + state, "code=a%23_&state=" + state, "error=access_denied&error_reason=user_denied&error_description=The+user+denied+your+request.&state=" + state,
		"code=a;b", "code=%", "code=%2", "code=%zz", "code=a&code=b", "code=a&error=b", "error=x&error_description=%00", "code=", "error=", "code=a&state=", "code=a&state=" + state + "A", "code=a&state=" + state[1:] + "%20",
		"code=a&state=" + state + "&state=" + state, "c%6fde=a&%63ode=b", "code=a%0d%0a", "x%00=y&code=a", "code=" + strings.Repeat("a", 1024), "code=" + strings.Repeat("a", 1025), "code=%23_", "code=#_", "code=a%23_%23_", "code=a+b",
		"code=\xc3\xa4", "code[]=a", "Code=a", "&&code=a&&", "=&code=a", "code=a&x=" + strings.Repeat("y", 4096), "code=a=b", "error=x\n&state=" + state,
		"code=a%23_%3D_&state=" + state, "code=a&state=" + state + "%2523_%253d%5f", "code=a%2523_&state=" + state + "%23_", "code=a&state=" + state + "%2523%255f", "code=a&state=%23_", "error_code=200&error_message=m&state=" + state, "error_code=1&error_code=2", "error_message=", "code=a&error_code=1", "error_code=x&error_message=m",
		"error=access_denied&error_code=200&error_description=Permissions+error&error_reason=user_denied&state=" + state, "error=access_denied&error_description=Insufficient+developer+role", "error=server_error", "state=" + state + "&error=access_denied%23_", "error=access_denied&error_reason=user_denied%2523_", "error=invalid_scope&error_description=Invalid+scope",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		q, ok := instagram.ParseCallback(raw, stateLength)
		code, want := inOrder(raw)
		if ok != want {
			t.Fatalf("%q: accepted %v, want %v", raw, ok, want)
		}
		window := &instagram.WindowError{Callback: q}
		if text := window.Error(); strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) || len(text) > 3*4*200+100 {
			t.Errorf("%q gives %q", raw, text)
		}
		if q.Failed && (q.Cancelled() == (window.Remedy() != "") || q.Cancelled() && q.Fault != "access_denied") {
			t.Errorf("%q: cancelled %v, remedy %q", raw, q.Cancelled(), window.Remedy())
		}
		if !ok {
			return
		}
		values, _ := attack.Parameters(raw)
		if q.Code != code || q.Failed == (q.Code != "") || q.State != bare(strings.Join(values["state"], "")) || q.Fault != bare(strings.Join(values["error"], "")) {
			t.Errorf("%q gives %+v", raw, q)
		}
	})
}
