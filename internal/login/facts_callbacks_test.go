package login_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

// secondSecret is a further secret in app_secret.
const secondSecret = "00112233445566778899aabbccddeeff"

// A meta is a callback as Meta may send it.
type meta struct {
	path    string // default: deauthorizePath
	user    string // of the payload, as JSON; default: the app-scoped ID as text
	secret  string // default: appSecret
	payload string // default: one of now
	padded  bool
	change  func(*http.Request)
}

// signed is the value of signed_request.
func (m meta) signed() string {
	if m.user == "" {
		m.user = `"` + sitetest.AppScopedID + `"`
	}
	if m.secret == "" {
		m.secret = sitetest.AppSecret
	}
	if m.payload == "" {
		// In whole seconds, and after the sign-in that has just been.
		at := time.Now().Unix() + 2
		m.payload = fmt.Sprintf(`{"algorithm":"HMAC-SHA256","expires":%d,"issued_at":%d,"user_id":%s}`, at+3600, at, m.user)
	}
	encoding := base64.RawURLEncoding
	if m.padded {
		encoding = base64.URLEncoding
		for len(m.payload)%3 == 0 {
			m.payload += " " // so that there is padding
		}
	}
	encoded := encoding.EncodeToString([]byte(m.payload))
	mac := hmac.New(sha256.New, []byte(m.secret))
	mac.Write([]byte(encoded))
	return encoding.EncodeToString(mac.Sum(nil)) + "." + encoded
}

// calledBack signs a visitor in and sends a callback about them. The row compares the answer to
// Meta; the route itself checks whether the session has ended.
func calledBack(m meta, outcome string) route {
	h := route{own: true, act: func(s *scene, b *sitetest.Browser) sitetest.Response {
		b.SignIn("/private")
		if m.path == "" {
			m.path = sitetest.DeauthorizePath
		}
		answer := s.FromMeta(m.path, m.signed(), func(r *http.Request) {
			if m.change != nil {
				m.change(r)
			}
		})
		status := map[string]int{ends: http.StatusFound, stays: http.StatusOK}[outcome]
		if page := b.Get("/private"); page.StatusCode != status {
			b.T.Errorf("want that %s: a page is answered %s", outcome, page.Status)
		}
		b.Forget(sitetest.SessionCookie)
		return answer
	}}
	h.config.Block = strings.Replace(sitetest.DefaultBlock(""), "app_secret "+sitetest.AppSecret, "app_secret "+sitetest.AppSecret+" "+secondSecret, 1)
	return h
}

// toldMeta is the answer to a callback that is accepted.
func toldMeta(page string) expected {
	return expected{status: http.StatusOK, page: page, logs: "info sessions revoked by Instagram"}
}

// refusedMeta is the answer to a callback that is refused, which anybody can send.
func refusedMeta(status int, code, remedy string) expected {
	return expected{status: status, code: code, logs: "info callback refused", check: func(t *testing.T, s *scene) {
		for _, line := range s.reported("callback refused") {
			if got := fmt.Sprint(line["remedy"]); line["code"] != code || !strings.Contains(got, remedy) {
				t.Errorf("the line says %v, want code %s and remedy %q", line, code, remedy)
			}
		}
	}}
}

// Section 5: signed callbacks.
func TestFactsOfTheSignedCallbacks(t *testing.T) {
	empty := toldMeta("{}")
	unsigned := refusedMeta(400, "bad_signature", "app_secret")
	runFacts(t, []fact{
		{by: "D", fact: "POST application/x-www-form-urlencoded with signed_request", via: calledBack(meta{}, ends), want: empty},
		{by: "D", fact: "no GET", via: calledBack(meta{change: func(r *http.Request) { r.Method = http.MethodGet }}, stays), want: expected{status: 405, code: "method"}},
		{by: "D", fact: "no JSON", via: calledBack(meta{change: func(r *http.Request) { r.Header.Set("Content-Type", "application/json") }}, stays), want: refusedMeta(415, "bad_type", "Meta did not send this callback")},
		{by: "D", fact: "SIG.PAYLOAD, both base64url, padding missing", via: calledBack(meta{}, ends), want: empty},
		{by: "D", fact: "padding present", via: calledBack(meta{padded: true}, ends), want: empty},
		{by: "D", fact: "SIG is the HMAC-SHA256 of PAYLOAD as sent, with the app secret: another one changes nothing", via: calledBack(meta{secret: "ffeeddccbbaa99887766554433221100"}, stays), want: unsigned},
		{by: "D", fact: "payload: algorithm HMAC-SHA256, and no other", via: calledBack(meta{payload: `{"algorithm":"none","issued_at":1291836800,"user_id":"` + sitetest.AppScopedID + `"}`}, stays), want: refusedMeta(400, "bad_request", "a newer version").logging("warn callback refused")},
		{by: "D", fact: "payload: issued_at: what began later goes on", via: calledBack(meta{payload: fmt.Sprintf(`{"algorithm":"HMAC-SHA256","issued_at":%d,"expires":%d,"user_id":"`+sitetest.AppScopedID+`"}`, time.Now().Unix()-3600, time.Now().Unix())}, stays), want: empty},
		{by: "-", fact: "the payload of Meta's sample, which is years old, is refused", via: calledBack(meta{payload: `{"algorithm":"HMAC-SHA256","issued_at":1291836800,"expires":1291840400,"user_id":"` + sitetest.AppScopedID + `"}`}, stays), want: refusedMeta(400, "bad_request", "clock of this machine").logging("warn callback refused")},
		{by: "D", fact: "payload: user_id is text", via: calledBack(meta{user: `"` + sitetest.AppScopedID + `"`}, ends), want: empty},
		{by: "D", fact: "payload: user_id is a number", via: calledBack(meta{user: sitetest.AppScopedID}, ends), want: empty},
		{by: "-", fact: "either ID: the professional account's as text", via: calledBack(meta{user: `"` + sitetest.UserID + `"`}, ends), want: empty},
		{by: "-", fact: "either ID: the professional account's as a number", via: calledBack(meta{user: sitetest.UserID, padded: true}, ends), want: empty},
		{by: "-", fact: "another person's ID ends nothing", via: calledBack(meta{user: `"25025320822304914"`}, stays), want: empty},
		{by: "-", fact: "any configured secret: the second one", via: calledBack(meta{secret: secondSecret}, ends), want: empty},
		{by: "-", fact: "the second secret with padding and a number", via: calledBack(meta{secret: secondSecret, padded: true, user: sitetest.UserID}, ends), want: empty},
		{by: "D", fact: "data deletion answers 200 with url and confirmation_code", via: calledBack(meta{path: sitetest.DataDeletionPath}, ends),
			want: toldMeta(`{"url":"https://example.test` + sitetest.DataDeletionPath + `?code=`)},
		{by: "D", fact: "deauthorize: any 200", via: calledBack(meta{path: sitetest.DeauthorizePath}, ends), want: empty},
	})
}
