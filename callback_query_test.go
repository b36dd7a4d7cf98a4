package instagramauth

import (
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/login"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

// What the targets find is judged by rules that are written down here once more, in other
// words than those of the handler.

var (
	codePattern     = regexp.MustCompile(`^[A-Za-z0-9_.~%#-]+$`)
	statePattern    = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)
	callbackPattern = regexp.MustCompile(`^(code|state|error|error_reason|error_description|error_code|error_message|return_to)$`)

	escapePattern = regexp.MustCompile(`\+|%[0-9A-Fa-f]{2}`)
	badEscape     = regexp.MustCompile(`%($|[^0-9A-Fa-f]|[0-9A-Fa-f]($|[^0-9A-Fa-f]))`)
)

// unescaped undoes the escapes of a query, of which none is broken.
func unescaped(s string) string {
	return escapePattern.ReplaceAllStringFunc(s, func(escape string) string {
		if escape == "+" {
			return " "
		}
		b, _ := strconv.ParseUint(escape[1:], 16, 8)
		return string([]byte{byte(b)})
	})
}

// parameters takes a query apart. ok is false if it is broken anywhere.
func parameters(raw string) (values map[string][]string, ok bool) {
	if strings.Contains(raw, ";") || badEscape.MatchString(raw) {
		return nil, false
	}
	values = make(map[string][]string)
	for _, pair := range strings.Split(raw, "&") {
		if name, value, _ := strings.Cut(pair, "="); pair != "" {
			values[unescaped(name)] = append(values[unescaped(name)], unescaped(value))
		}
	}
	return values, true
}

// inOrder reports whether a callback's query keeps rule C2, and what its code is.
func inOrder(raw string) (code string, ok bool) {
	values, ok := parameters(raw)
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
	state := strings.Repeat("A", session.StateLength)
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
		q, ok := instagram.ParseCallback(raw, session.StateLength)
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
		values, _ := parameters(raw)
		if q.Code != code || q.Failed == (q.Code != "") || q.State != bare(strings.Join(values["state"], "")) || q.Fault != bare(strings.Join(values["error"], "")) {
			t.Errorf("%q gives %+v", raw, q)
		}
	})
}

func FuzzHandOffQuery(f *testing.F) {
	for _, raw := range []string{"code=a&state=b&x=1", "c%6fde=a&&=", "x=%&y=1", "return_to=//evil.example", "return%5fto=x&code", "a=b&error+reason=x", ""} {
		f.Add(raw, "/")
		f.Add(raw, "/a?b=c&code=d#e")
	}
	f.Fuzz(func(t *testing.T, raw, returnTo string) {
		var want []string
		for _, pair := range strings.Split(raw, "&") {
			name, _, _ := strings.Cut(pair, "=")
			if pair != "" && !badEscape.MatchString(name) && !callbackPattern.MatchString(unescaped(name)) {
				want = append(want, pair) // byte for byte
			}
		}
		got := strings.Split(login.HandOffQuery(raw, returnTo), "&")
		last, named := strings.CutPrefix(got[len(got)-1], "return_to=")
		if !slices.Equal(got[:len(got)-1], want) || !named || unescaped(last) != returnTo || strings.ContainsAny(last, " &=#;?") {
			t.Errorf("%q becomes %q, want %q and %q", raw, got, want, returnTo)
		}
	})
}

// Whoever made a link, nobody is asked for more than what the site's operator has listed.
func FuzzA2_StepUpScope(f *testing.F) {
	h := provisioned(f)
	h.logins.StepUp = []string{"instagram_business_manage_comments", "instagram_business_manage_insights"}
	for _, seed := range []string{
		"", "instagram_business_manage_comments", "instagram_business_basic,instagram_business_manage_comments", "instagram_business_manage_insights instagram_business_manage_insights", ",, ,",
		"instagram_business_content_publish", "instagram_business_manage_comments&redirect_uri=x", "INSTAGRAM_BUSINESS_BASIC", "instagram_business_manage_comments\n", "instagram_business_manage_comments,\xff",
	} {
		f.Add(seed, "/page?x=1")
	}
	f.Fuzz(func(t *testing.T, scope, returnTo string) {
		var want []string
		known := true
		for _, name := range regexp.MustCompile(`[^, ]+`).FindAllString(scope, -1) {
			switch {
			case slices.Contains(h.logins.StepUp, name) && !slices.Contains(want, name):
				want = append(want, name)
			case !slices.Contains(h.logins.StepUp, name) && name != "instagram_business_basic":
				known = false
			}
		}
		more, err := h.logins.ExtraScopes([]string{scope})
		if (err == nil) != known || known && !slices.Equal(more, want) {
			t.Fatalf("%q asks for %q, %v; want %q, %v", scope, more, err, want, known)
		}
		if err != nil {
			if text := err.Error(); strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) || len(text) > 64*4+100 {
				t.Errorf("%q gives %q", scope, text)
			}
			return
		}
		window, _ := url.Parse(h.settings.client.AuthorizationURL(instagram.Authorization{RedirectURI: "https://example.test/auth/", State: "state", More: more}))
		query := window.Query()
		if got := query["scope"]; len(got) != 1 || got[0] != strings.Join(append([]string{"instagram_business_basic"}, want...), ",") || len(query) != 5 {
			t.Errorf("%q: the window is asked for %q", scope, window)
		}
		button, err := url.Parse(h.settings.paths.LoginURL(returnTo, more...))
		if err != nil || button.Host != "" || button.Path != "/instagram_auth/login" || len(button.Query()["scope"]) > 1 || button.Query().Get("scope") != strings.Join(want, ",") ||
			returnTo != "" && returnTo != "/" && button.Query().Get("return_to") != returnTo {
			t.Errorf("%q: the button leads to %q, %v", scope, button, err)
		}
	})
}
