package sitetest

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// WantRefusal fails the test unless an answer is a refusal page with this text.
func WantRefusal(t *testing.T, answer Response, status int, text string) {
	t.Helper()
	if answer.StatusCode != status {
		t.Errorf("answered %s, want %d", answer.Status, status)
	}
	if !strings.Contains(answer.Body, text) {
		t.Errorf("page does not say %q:\n%s", text, answer.Body)
	}
}

// WantLoginRequired fails the test unless an answer is the JSON for a missing session.
func WantLoginRequired(t *testing.T, answer Response) {
	t.Helper()
	got := Decode(t, answer)
	if got["error"] != "login_required" || got["login_url"] == "" || got["message"] != "Please sign in." {
		t.Errorf("body = %s", answer.Body)
	}
	if answer.Header.Get("Www-Authenticate") != "Instagram" || answer.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers = %v", answer.Header)
	}
	if got := answer.Header.Get("Set-Cookie"); got != "" {
		t.Errorf("Set-Cookie = %q", got)
	}
}

// LoginExpired is the text of the page for a login that is too old.
const LoginExpired = "This sign-in is no longer valid. Please start again."

// BadRequest is the text of the page for a malformed request.
const BadRequest = "The request could not be understood."

// WantSession fails the test if the site gets to see a target without a session.
func (s *Site) WantSession(t *testing.T, target string) {
	t.Helper()
	before := s.Upstream.Count()
	answer := s.Ask(t, target)
	s.WantClosed(target, answer)
	if s.Upstream.Count() != before {
		t.Errorf("%s: the site was asked for %s", target, s.Upstream.Last(t).RequestURI)
	}
}

// WantPublic fails the test unless the site gets a target just as it is, without a session.
func (s *Site) WantPublic(t *testing.T, target string) {
	t.Helper()
	before := s.Upstream.Count()
	if answer := s.Ask(t, target); answer.StatusCode != http.StatusOK || s.Upstream.Count() != before+1 {
		t.Errorf("%s: answered %s, and the site was asked %d times", target, answer.Status, s.Upstream.Count()-before)
	} else if got := s.Upstream.Last(t).RequestURI; got != target {
		t.Errorf("%s: the site was asked for %s", target, got)
	}
}

// WantClosed fails the test unless an answer keeps a visitor out.
func (s *Site) WantClosed(what string, answer Response) {
	s.T.Helper()
	switch answer.StatusCode {
	case http.StatusFound, http.StatusSeeOther, http.StatusUnauthorized, http.StatusForbidden:
	default:
		s.T.Errorf("%s: answered %s", what, answer.Status)
	}
}

// WantIdentity fails the test unless the last request to the site carries what
// belongs to a person and nothing that was forged.
func (s *Site) WantIdentity(t *testing.T, what, person string) {
	t.Helper()
	want := map[string]string{"X-Instagram-User-Id": "", "X-Instagram-Username": "", "X-Instagram-Name": ""}
	if person != "nobody" {
		want["X-Instagram-User-Id"], want["X-Instagram-Username"] = UserID, Username
	}
	if person == "somebody with a name" {
		want["X-Instagram-Name"] = "Jay"
	}
	got := s.Upstream.Last(t).Header
	for name, value := range want {
		if strings.Join(got[name], "|") != value {
			t.Errorf("%s: %s = %q, want %q", what, name, got[name], value)
		}
	}
}

// WantNothingForged fails the test if the last request to the site has a header or trailer
// that the client made up.
func (s *Site) WantNothingForged(t *testing.T, what string) {
	t.Helper()
	last := s.Upstream.Last(t)
	for _, all := range []http.Header{last.Header, last.Trailer} {
		for name, values := range all {
			if slices.Contains(values, "forged") {
				t.Errorf("%s reached the site as %s", what, name)
			}
		}
	}
}

// WantForgedHeadersDeleted asks for the public page in each protocol, with an identity header in
// each spelling.
func (s *Site) WantForgedHeadersDeleted(t *testing.T) {
	t.Helper()
	for protocol, client := range s.Clients(t) {
		for _, header := range append(lookAlikes("X-Instagram-User-Id"), lookAlikes("X-Instagram-Username")...) {
			request, err := http.NewRequest(http.MethodGet, "http://"+s.Addr+"/public/page", nil)
			if err != nil {
				t.Fatal(err)
			}
			request.Host = Host
			request.Header[header] = []string{"forged"}
			before := s.Upstream.Count()
			answer, err := client.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			_ = answer.Body.Close()
			if answer.StatusCode != http.StatusOK || s.Upstream.Count() == before {
				t.Fatalf("%s: the page is not public: %s", protocol, answer.Status)
			}
			s.WantNothingForged(t, protocol+" "+header)
		}
	}
}
