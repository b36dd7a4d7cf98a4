package instagramauth_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
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
		m.user = `"` + appScopedID + `"`
	}
	if m.secret == "" {
		m.secret = appSecret
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

// calledBack is a signed-in visitor about whom Meta calls. What comes of it is the answer to
// Meta; whether the session has ended is compared as well.
func calledBack(m meta, outcome string) how {
	h := how{own: true, act: func(s *scene, b *browser) response {
		b.signIn("/private")
		if m.path == "" {
			m.path = deauthorizePath
		}
		answer := s.fromMeta(m.path, m.signed(), func(r *http.Request) {
			if m.change != nil {
				m.change(r)
			}
		})
		status := map[string]int{ends: http.StatusFound, stays: http.StatusOK}[outcome]
		if page := b.get("/private"); page.StatusCode != status {
			b.t.Errorf("want that %s: a page is answered %s", outcome, page.Status)
		}
		b.forget(sessionCookie)
		return answer
	}}
	h.config.block = strings.Replace(defaultBlock(""), "app_secret "+appSecret, "app_secret "+appSecret+" "+secondSecret, 1)
	return h
}

// toldMeta is the answer to a callback that is accepted.
func toldMeta(page string) then {
	return then{status: http.StatusOK, page: page, logs: "info sessions ended by instagram"}
}

// refusedMeta is the answer to a callback that is not.
func refusedMeta(status int, code, remedy string) then {
	return then{status: status, code: code, logs: "warn callback refused", check: func(t *testing.T, s *scene) {
		for _, line := range s.reported("callback refused") {
			if got := fmt.Sprint(line["remedy"]); line["code"] != code || !strings.Contains(got, remedy) {
				t.Errorf("the line says %v, want code %s and remedy %q", line, code, remedy)
			}
		}
	}}
}

// Section 5 of the page.
func TestFactsOfTheSignedCallbacks(t *testing.T) {
	empty := toldMeta("{}")
	unsigned := refusedMeta(400, "bad_signature", "app_secret")
	runFacts(t, []fact{
		{by: "D", says: "POST application/x-www-form-urlencoded with signed_request", how: calledBack(meta{}, ends), then: empty},
		{by: "D", says: "no GET", how: calledBack(meta{change: func(r *http.Request) { r.Method = http.MethodGet }}, stays), then: then{status: 405, code: "method"}},
		{by: "D", says: "no JSON", how: calledBack(meta{change: func(r *http.Request) { r.Header.Set("Content-Type", "application/json") }}, stays), then: refusedMeta(415, "bad_type", "no callback of Meta's")},
		{by: "D", says: "SIG.PAYLOAD, both base64url, padding missing", how: calledBack(meta{}, ends), then: empty},
		{by: "D", says: "padding present", how: calledBack(meta{padded: true}, ends), then: empty},
		{by: "D", says: "SIG is the HMAC-SHA256 of PAYLOAD as sent, with the app secret: another one changes nothing", how: calledBack(meta{secret: "ffeeddccbbaa99887766554433221100"}, stays), then: unsigned},
		{by: "D", says: "payload: algorithm HMAC-SHA256, and no other", how: calledBack(meta{payload: `{"algorithm":"none","issued_at":1291836800,"user_id":"` + appScopedID + `"}`}, stays), then: refusedMeta(400, "bad_request", "no callback of Meta's")},
		{by: "D", says: "payload: issued_at: what began later goes on", how: calledBack(meta{payload: `{"algorithm":"HMAC-SHA256","issued_at":1291836800,"expires":1291840400,"user_id":"` + appScopedID + `"}`}, stays), then: empty},
		{by: "D", says: "payload: user_id is text", how: calledBack(meta{user: `"` + appScopedID + `"`}, ends), then: empty},
		{by: "D", says: "payload: user_id is a number", how: calledBack(meta{user: appScopedID}, ends), then: empty},
		{by: "-", says: "either ID: the professional account's as text", how: calledBack(meta{user: `"` + userID + `"`}, ends), then: empty},
		{by: "-", says: "either ID: the professional account's as a number", how: calledBack(meta{user: userID, padded: true}, ends), then: empty},
		{by: "-", says: "another person's ID ends nothing", how: calledBack(meta{user: `"25025320822304914"`}, stays), then: empty},
		{by: "-", says: "any configured secret: the second one", how: calledBack(meta{secret: secondSecret}, ends), then: empty},
		{by: "-", says: "the second secret with padding and a number", how: calledBack(meta{secret: secondSecret, padded: true, user: userID}, ends), then: empty},
		{by: "D", says: "data deletion answers 200 with url and confirmation_code", how: calledBack(meta{path: deletionPath}, ends),
			then: toldMeta(`{"url":"https://example.test` + deletionPath + `?code=`)},
		{by: "D", says: "deauthorize: any 200", how: calledBack(meta{path: deauthorizePath}, ends), then: empty},
	})
}
