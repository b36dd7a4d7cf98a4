package instagramauth

import (
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-instagram/caddy-instagram-auth/session"
)

func FuzzC9_CallbackQuery(f *testing.F) {
	state := strings.Repeat("A", session.StateLength)
	for _, seed := range []string{"", "code=a&state=" + state, "code=a%23_&state=" + state, "error=access_denied&error_reason=user_denied&state=" + state, "code=a;b", "code=%", "code=a&code=b", "error=x&error_description=%00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		q, ok := parseCallback(raw)
		if !ok {
			return
		}
		if q.failed == (q.code != "") || q.state != "" && !isState(q.state) || !q.failed && !isCode(q.code) || len(raw) > maxCallbackQuery {
			t.Errorf("%q gives %+v", raw, q)
		}
		if text := q.providerError().Error(); strings.ContainsAny(text, "\r\n") || len(text) > 5000 {
			t.Errorf("%q gives %q", raw, text)
		}
	})
}

func FuzzC9_CaddyfileBlock(f *testing.F) {
	for _, seed := range []string{"instagram_auth", "instagram_auth {\n}", "instagram_auth {\n app_id 1\n app_secret s\n redirect_uri https://a.test/cb\n}", "instagram_auth {\n session {\n lifetime 7d\n", "instagram_auth x {\n headers off\n}", "{ }"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, block string) {
		h := new(Handler)
		if h.UnmarshalCaddyfile(caddyfile.NewTestDispenser(block)) == nil && (h.AppID == "" || len(h.AppSecret) == 0 || len(h.RedirectURI) == 0) {
			t.Errorf("%q is accepted", block)
		}
	})
}

func FuzzHandOffQuery(f *testing.F) {
	f.Add("code=a&state=b&x=1", "/")
	f.Add("c%6fde=a&&=", "/a?b=c&code=d")
	f.Fuzz(func(t *testing.T, raw, returnTo string) {
		got := handOffQuery(raw, returnTo)
		for pair := range strings.SplitSeq(got, "&") {
			if name, _, _ := strings.Cut(pair, "="); isCallbackParameter(name) && name != "return_to" {
				t.Errorf("%q becomes %q", raw, got)
			}
		}
	})
}
