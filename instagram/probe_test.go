package instagram_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
)

func TestAProbeOfTheAppTellsTheCodeFromTheApp(t *testing.T) {
	for message, accepted := range map[string]bool{
		"Matching code was not found or was already used": true, "This authorization code has been used": true, "This authorization code has expired": true,
		"Invalid authorization code": true, "Error validating client secret.": false, "Invalid platform app": false, "Invalid client_id": false, "Missing required field code": false,
		"Error validating verification code. Please make sure your redirect_uri is identical to the one you used in the OAuth dialog request": false,
	} {
		got, err := serve(t, answer(400, `{"error_type":"OAuthException","code":400,"error_message":"`+message+`"}`)).ProbeApp(t.Context(), redirectURI)
		if got != accepted || wantKind(t, err, instagram.Refused).Message != message {
			t.Errorf("%s: %v, %v", message, got, err)
		}
	}
	if accepted, err := serve(t, answer(200, `{"access_token":"T","user_id":1}`)).ProbeApp(t.Context(), redirectURI); accepted || err != nil {
		t.Errorf("a token for a made-up code: %v, %v", accepted, err)
	}
	// A fault of the server with words about the code says nothing about the app.
	if accepted, err := serve(t, answer(500, `{"error_type":"O","code":500,"error_message":"code was not found"}`)).ProbeApp(t.Context(), redirectURI); accepted || err == nil {
		t.Errorf("a 500: %v, %v", accepted, err)
	}
}

func TestReachingAnEndpointTellsItsClock(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	date := at.Format(http.TimeFormat)
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodHead {
			t.Errorf("method = %s", r.Method)
		}
		w.Header().Set("Date", date)
		w.WriteHeader(http.StatusMethodNotAllowed)
	})
	for _, endpoint := range []instagram.Endpoint{instagram.WindowEndpoint, instagram.TokenEndpoint, instagram.UserEndpoint} {
		if address, clock, err := client.Reach(t.Context(), endpoint); err != nil || !clock.Equal(at) || address == "" {
			t.Errorf("%s: %q, %v, %v", endpoint, address, clock, err)
		}
	}
	date = "soon"
	if _, clock, err := client.Reach(t.Context(), instagram.TokenEndpoint); err != nil || !clock.IsZero() {
		t.Errorf("without a date: %v, %v", clock, err)
	}
	if _, _, err := client.Reach(t.Context(), "no such"); err == nil {
		t.Error("an endpoint that is none is reached")
	}
}

const probeState = "state-of-the-probe"

// openWindow opens a window that answers with handler.
func openWindow(t *testing.T, handler http.HandlerFunc, changes ...func(*instagram.Config)) (instagram.WindowAnswer, error) {
	t.Helper()
	return serve(t, handler, changes...).OpenWindow(t.Context(), instagram.Authorization{RedirectURI: redirectURI, State: probeState})
}

func TestTheWindowIsAskedAsByABrowserAndNowhereElse(t *testing.T) {
	asked := 0
	const location = "/oauth/authorize/third_party/?x"
	got, err := openWindow(t, func(w http.ResponseWriter, r *http.Request) {
		asked++
		query := r.URL.Query()
		if r.Method != http.MethodGet || r.URL.Path != "/oauth/authorize" || query.Get("client_id") != appID || query.Get("state") != probeState || query.Get("redirect_uri") != redirectURI {
			t.Errorf("request = %s %s", r.Method, r.URL)
		}
		if r.Header.Get("Accept") != "text/html" || r.Header.Get("Accept-Language") != "en" || r.Header.Get("Cookie") != "" {
			t.Errorf("header = %v", r.Header)
		}
		w.Header().Set("Location", location)
		w.WriteHeader(http.StatusFound)
		_, _ = io.WriteString(w, "a page that nobody sees")
	})
	if err != nil || asked != 1 || got.Status != http.StatusFound || got.Location != location || got.Body != "" || got.Asked.Query().Get("state") != probeState {
		t.Errorf("asked %d times, %+v, %v", asked, got, err)
	}
}

func TestTheAnswerOfTheWindowIsReturnedAsItCame(t *testing.T) {
	for _, status := range []int{200, 204, 400, 404, 502} {
		body := "<p>a\xff\r\n"
		if status == http.StatusNoContent {
			body = ""
		}
		got, err := openWindow(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "30")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		})
		if err != nil || got.Status != status || got.Body != body || got.RetryAfter != 30*time.Second {
			t.Errorf("%d: %+v, %v", status, got, err)
		}
	}
	got, err := openWindow(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat(" ", 1<<20)+"Invalid scope")
	})
	if err != nil || len(got.Body) != 1<<20 {
		t.Errorf("a page of more than a megabyte: %d bytes, %v", len(got.Body), err)
	}
}

func TestAWindowWithoutAnAnswerIsAnError(t *testing.T) {
	_, err := openWindow(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "<html>")
	})
	if failure := wantKind(t, err, instagram.BadAnswer); failure.Status != 200 || !strings.Contains(failure.Error(), "EOF") || failure.Endpoint != instagram.WindowEndpoint {
		t.Errorf("an answer that breaks off: %+v", failure)
	}
	_, err = openWindow(t, answer(200, ""), func(c *instagram.Config) { c.Endpoints.Authorize = "http://127.0.0.1:1/oauth/authorize" })
	wantKind(t, err, instagram.Unreachable)
}

func TestAnAnswerOfTheWindowThatIsAnError(t *testing.T) {
	for _, c := range []struct {
		status int
		body   string
		kind   instagram.Kind // 0: none
		says   string
	}{
		{400, `{"error_type":"OAuthException","code":400,"error_message":"Invalid scope"}`, instagram.Refused, "Invalid scope"},
		{200, ` {"error":{"message":"limit","code":4}}`, instagram.Refused, "limit"},
		{400, `{"error_type":"O","error_message":"state ` + probeState + `"}`, instagram.Refused, "state ***"},
		{500, `{"error_type":"O","code":500,"error_message":"Invalid scope"}`, instagram.BadAnswer, "Invalid scope"},
		{502, "<p>Bad gateway", instagram.BadAnswer, ""},
		{200, `{"a":1}`, 0, ""},
		{401, `{"message":"Please wait a few minutes before you try again.","status":"fail"}`, 0, ""},
		{400, "<p>Invalid scope", 0, ""},
		{400, "{", 0, ""},
	} {
		got, err := openWindow(t, answer(c.status, c.body))
		if err != nil {
			t.Fatal(err)
		}
		failure := got.Failure()
		if failure == nil && c.kind == 0 {
			continue
		}
		if failure == nil || failure.Kind != c.kind || failure.Message != c.says || failure.Status != c.status || failure.Endpoint != instagram.WindowEndpoint {
			t.Errorf("%d %s: %+v", c.status, c.body, failure)
		}
	}
	got, err := openWindow(t, answer(403, "<p>"))
	if failure := got.Refused("bad state " + probeState + strings.Repeat("x", 300)); err != nil || failure.Kind != instagram.Refused || failure.Status != 403 || !strings.HasPrefix(failure.Message, "bad state ***") || len(failure.Message) > 200 {
		t.Errorf("in its own words: %+v, %v", failure, err)
	}
}
