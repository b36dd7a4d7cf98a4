package doctor_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

// onLoopback has a person open the window of a login whose redirect URI is on this machine.
func onLoopback(t *testing.T, act func(uri, window string)) (out, said string, err error) {
	t.Helper()
	addr := sitetest.FreeAddr(t)
	uri := "http://" + addr + sitetest.Callback
	env := sitetest.NewDoctorEnv(t, sitetest.Config{Redirects: []string{uri}})
	return person(t, env, env.File("example.test {", "http://"+addr+" {", "tls internal", "", sitetest.RedirectURI, uri), func(window string) string {
		act(uri, window)
		return ""
	})
}

// visit asks for an address and returns the status.
func visit(t *testing.T, method, address string) int {
	t.Helper()
	request, err := http.NewRequest(method, address, nil)
	if err != nil {
		t.Error(err)
		return 0
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Error(err)
		return 0
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}

func TestTheDoctorWaitsForItsOwnCallbackAlone(t *testing.T) {
	other := strings.Repeat("x", session.StateLength)
	out, _, err := onLoopback(t, func(uri, window string) {
		state := url.QueryEscape(sitetest.Query(t, window).Get("state"))
		root := strings.TrimSuffix(uri, sitetest.Callback)
		for _, c := range []struct {
			method, address string
			status          int
		}{
			{http.MethodGet, root + "/favicon.ico", http.StatusNotFound},
			{http.MethodGet, root + "/favicon.ico?code=1", http.StatusNotFound},
			{http.MethodGet, root + "/?code=PROMO", http.StatusNotFound},
			{http.MethodGet, root + "/other?error=access_denied", http.StatusNotFound},
			{http.MethodGet, uri, http.StatusNotFound},
			{http.MethodGet, uri + "?code=old&state=" + other, http.StatusBadRequest},
			{http.MethodGet, uri + "?code=old", http.StatusBadRequest},
			{http.MethodGet, uri + "?error=access_denied&state=" + other, http.StatusBadRequest},
			{http.MethodHead, uri + "?code=looked&state=" + state, http.StatusNotFound},
			{http.MethodPost, uri + "?code=sent&state=" + state, http.StatusNotFound},
		} {
			if got := visit(t, c.method, c.address); got != c.status {
				t.Errorf("%s %s: %d, want %d", c.method, c.address, got, c.status)
			}
		}
		visit(t, http.MethodGet, opened(t, window))
	})
	if err != nil || !strings.Contains(out, "✓ login: signed in as "+sitetest.Username) {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestTheDoctorCatchesWhatProvesItselfByTheState(t *testing.T) {
	for name, c := range map[string]struct {
		address func(uri, state string) string
		words   []string
	}{
		"another path":                   {func(uri, state string) string { return strings.TrimSuffix(uri, "/") + "?code=x&state=" + state }, []string{"by the slash at the end"}},
		"a refusal whose #_ is encoded":  {func(uri, state string) string { return uri + "?error=access_denied&state=" + state + "%23_" }, []string{"login: "}},
		"a refusal without a state":      {func(uri, _ string) string { return uri + "?error=access_denied&error_reason=user_denied" }, []string{"cancelled"}},
		"a code and an error in one URL": {func(uri, state string) string { return uri + "?error=x&code=x&state=" + state }, []string{"no valid code or error in it"}},
	} {
		t.Run(name, func(t *testing.T) {
			out, _, err := onLoopback(t, func(uri, window string) {
				visit(t, http.MethodGet, c.address(uri, url.QueryEscape(sitetest.Query(t, window).Get("state"))))
			})
			if err == nil {
				t.Error("the command succeeds")
			}
			sitetest.WantFault(t, "✗", out, append(c.words, "login: ")...)
		})
	}
}

func TestTheDoctorGoesOnWaitingWhenAnotherLoginIsPasted(t *testing.T) {
	env := sitetest.NewDoctorEnv(t, sitetest.Config{})
	out, said, err := person(t, env, env.File(), func(window string) string {
		return sitetest.RedirectURI + "?code=old&state=" + strings.Repeat("x", session.StateLength) + "\n" + opened(t, window) + "\n"
	})
	if err != nil || !strings.Contains(out, "✓ login: signed in as "+sitetest.Username) || !strings.Contains(said, "from another login") {
		t.Errorf("%v\n%s%s", err, said, out)
	}
}
