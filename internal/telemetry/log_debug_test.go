package telemetry_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

// debugSite is a site with all that brings an address into a log: rewrites, handlers that log
// it, dead upstreams, errors, panics and the admin endpoint, at DEBUG.
func debugSite(t *testing.T, format string) (s *sitetest.Site, admin string) {
	admin = sitetest.FreeAddr(t)
	dead := sitetest.FreeAddr(t)
	return sitetest.Start(t, sitetest.Config{
		LogFilter: format, Admin: admin, Global: "debug",
		Options: sitetest.LongLivedToken + "\ndeauthorize pass\ndata_deletion pass",
		Before: `log_request
			log_append asked {http.request.orig_uri}
			log_append code {http.request.uri.query.code}
			log_append by_another_name {http.request.uri.query.code}
			log_append state {http.request.uri.query.state}
			log_append body {http.request.body}
			log_append body64 {http.request.body_base64}
			uri strip_prefix /shop
			rewrite /old/* /new{uri}
			handle_errors {
				log_append failed {err.message}
				rewrite * /error?from={http.request.uri.query}
				respond failed
			}`,
		After: "handle /dead* {\n reverse_proxy " + dead + "\n}\nhandle /php* {\n php_fastcgi " + dead + "\n}\nhandle /fails* {\n error \"cannot answer {http.request.uri}\" 500\n}\n" +
			"handle {\n rewrite /late/* /later{uri}\n reverse_proxy {upstream} {\n header_up X-Asked {http.request.uri}\n header_down X-Asked {http.request.uri}\n }\n}",
	}), admin
}

// debugRun signs in, fails to, and plants what a login has in all places. It returns the log
// and what must not be in it.
func debugRun(t *testing.T, format string) (logs string, secrets []string) {
	t.Helper()
	s, admin := debugSite(t, format)
	note := func(values ...string) { secrets = append(secrets, values...) }
	b := s.NewBrowser()
	back := b.Window(b.Get("/private?x=1"))
	q := sitetest.Query(t, back)
	code, state := q.Get("code"), q.Get("state")
	note(code, state)
	for _, name := range b.Cookies() {
		note(b.Cookie(name))
	}
	if arrived := b.Get(back); arrived.StatusCode != http.StatusSeeOther {
		t.Fatalf("the callback answered %s", arrived.Status)
	}
	note(b.Cookie(sitetest.SessionCookie))
	s.Plant(b, back, "https://example.test/shop/auth/?"+sitetest.Query(t, back).Encode())
	b.Get("/page?again=" + url.QueryEscape(back))
	note(s.Upstream.Last(t).Header.Get(sitetest.TokenHeader))
	// Cancelled, and forged.
	other := s.NewBrowser()
	cancelled := sitetest.Query(t, other.Get("/private").Location()).Get("state")
	note(cancelled)
	other.Get(sitetest.Callback + "?error=access_denied&error_reason=user_denied&error_description=The+user+denied+your+request&state=" + cancelled)
	forged, old := "AQ"+strings.Repeat("Forged9-", 16), "ad7c8347d8b34e5498230c69c7cf66bc"
	note(forged, old)
	s.NewBrowser().Get(sitetest.Callback + "?code=" + forged + "&state=" + strings.Repeat("x", session.StateLength))
	s.NewBrowser().Get(sitetest.Callback + "?c%6fde=" + forged + "&CODE=" + old + "&STATE=" + state)
	form := sitetest.Navigation(t, http.MethodPost, sitetest.Callback)
	sitetest.SetBody(form, url.Values{"code": {old, code}, "state": {state}}.Encode())
	b.Do(form)
	// Meta's callbacks.
	for _, path := range []string{sitetest.DeauthorizePath, sitetest.DataDeletionPath} {
		signed := s.Instagram.SignedRequest(sitetest.Username)
		note(signed)
		s.FromMeta(path, signed)
		s.FromMeta(path, signed+"forged")
		s.FromMeta(path+"?signed_request="+signed, signed)
	}
	answer, err := http.Get("http://" + admin + "/config/?code=" + code + "&state=" + state)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	return s.Logs(), secrets
}

// leaks returns those of the secrets that a log has: as they are, with percent escapes, and in
// the base64 of a body.
func leaks(logs string, secrets []string) (found []string) {
	decoded := logs
	for range 3 {
		decoded = unescaped(decoded)
	}
	for _, secret := range secrets {
		inBase64 := base64.StdEncoding.EncodeToString([]byte("signed_request=" + secret))
		for _, form := range []string{secret, inBase64[:len(inBase64)-4]} {
			if at := max(strings.Index(logs, form), strings.Index(decoded, form)); len(secret) >= 8 && at >= 0 {
				found = append(found, secret)
				break
			}
		}
	}
	return found
}

// unescaped decodes all percent escapes of a text that may be broken.
func unescaped(text string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "%")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		if c, err := hex.DecodeString(rest[:min(2, len(rest))]); err == nil && len(c) == 1 {
			b.Write(c)
			rest = rest[2:]
		} else {
			b.WriteByte('%')
		}
		text = rest
	}
}

func TestP1_WithTheLogFormatNoLineOfADebugRunHasASecret(t *testing.T) {
	for _, format := range []string{
		"format instagram_auth", "format instagram_auth {\n wrap console\n}",
		"format instagram_auth {\n wrap filter {\n wrap json {\n time_format wall\n }\n request>remote_ip ip_mask 16 32\n }\n}",
		"format append {\n wrap instagram_auth\n node one\n}",
	} {
		t.Run(format, func(t *testing.T) {
			logs, secrets := debugRun(t, format)
			if found := leaks(logs, secrets); len(found) > 0 {
				at := max(strings.Index(logs, found[0]), 0)
				t.Errorf("the log has %d of %d secrets, %s among them: …%s…", len(found), len(secrets), found[0], logs[max(0, at-300):min(len(logs), at+300)])
			}
			for _, line := range []string{"http.log.access", "http.log.error", "rewrote request", "upstream roundtrip", "http.handlers.log_request", "panic serving", "admin.api", "sign-in refused", "callback refused", "REDACTED"} {
				if !strings.Contains(logs, line) {
					t.Errorf("the log has no line with %q", line)
				}
			}
			if !strings.Contains(format, "console") {
				for line := range strings.Lines(logs) {
					if !json.Valid([]byte(line)) {
						t.Fatalf("no JSON: %s", line)
					}
				}
			}
		})
	}
}

// What the test above looks for is there without the format, so it can fail.
func TestP1_WithAnotherLogFormatTheSameRunHasThemAll(t *testing.T) {
	for _, format := range []string{"format json", "format console"} {
		logs, secrets := debugRun(t, format)
		if found := leaks(logs, secrets); !slices.Equal(found, secrets) || len(secrets) < 10 {
			t.Errorf("%s: %d of %d secrets are in the log", format, len(found), len(secrets))
		}
	}
}
