package instagramauth_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	instagramauth "github.com/caddy-instagram/caddy-instagram-auth"
)

var placePattern = regexp.MustCompile(`at Caddyfile:(\d+)`)

// plantedSecret must not be repeated by any message.
const plantedSecret = "c0ffee00c0ffee00c0ffee00c0ffee00"

// wantPlace fails the test unless a message names a line of the block, and no secret.
func wantPlace(t *testing.T, block string, h *instagramauth.Handler, err error) {
	t.Helper()
	place := placePattern.FindStringSubmatch(err.Error())
	if place == nil {
		t.Fatalf("%q: message %q names no line", block, err)
	}
	if line, _ := strconv.Atoi(place[1]); line < 1 || line > strings.Count(block, "\n")+1 {
		t.Errorf("%q: message %q names a line that is not there", block, err)
	}
	secrets := slices.Concat(h.AppSecret, h.Session.Secret)
	hidden := len(secrets) > 0 && !slices.ContainsFunc(secrets, func(s string) bool { return s != plantedSecret })
	if hidden && strings.Count(block, plantedSecret) == len(secrets) && strings.Contains(err.Error(), plantedSecret) {
		t.Errorf("%q: message %q repeats a secret", block, err)
	}
}

func FuzzC9_CaddyfileBlock(f *testing.F) {
	for _, c := range broken {
		f.Add(c.block)
	}
	full := "instagram_auth {\n app_id 1\n app_secret " + plantedSecret + "\n redirect_uri https://a.test/cb https://b.test/cb\n"
	for _, seed := range []string{
		"instagram_auth", "{ }", full + "}", full, full + " session {\n lifetime 7d\n", full + " headers {\n user_id off\n name X-Name\n }\n fields name\n}",
		full + " api basic_display\n scope user_profile user_media\n fields media_count\n user_node id\n after_login handoff\n token {\n forward_as X-Token\n }\n}",
		full + " authorize force_reauth true\n authorize enable_fb_login false\n path_prefix /x\n login_page\n errors handle\n allow 1 @a\n deny 2\n logout_target /bye\n deauthorize pass\n data_deletion pass\n}",
		full + " sync_interval 10s\n on_storage_failure deny 2m\n token {\n long_lived\n }\n revalidate 12h\n require_scope instagram_business_basic\n step_up instagram_business_manage_comments\n timeout 5s\n}",
		full + " session {\n lifetime 7d\n idle 1h\n cookie my\n secret " + plantedSecret + "\n }\n endpoints {\n authorize https://c.test/a\n token https://c.test/t\n graph https://c.test/v1.0\n }\n}",
		"instagram_auth {\n app_id {env.ID}\n app_secret {file./s} {env.B}\n redirect_uri {env.URI}\n endpoints http://localhost:1/\n}", "instagram_auth {\n app_id \"\n", "instagram_auth {\n app_id <<X\n 1\n X\n}", "instagram_auth { }\n}", "instagram_auth {\n app_secret " + plantedSecret + " " + plantedSecret + "\n}",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, block string) {
		tokens, err := caddyfile.Tokenize([]byte(block), "Caddyfile")
		if err != nil || len(tokens) == 0 || !utf8.ValidString(block) {
			return
		}
		h := new(instagramauth.Handler)
		if err := h.UnmarshalCaddyfile(caddyfile.NewDispenser(tokens)); err != nil {
			wantPlace(t, block, h, err)
			return
		}
		if h.AppID == "" || len(h.AppSecret) == 0 || len(h.RedirectURI) == 0 {
			t.Errorf("%q is accepted", block)
		}
		text, err := json.Marshal(h)
		if err != nil {
			t.Fatalf("%q has no JSON form: %v", block, err)
		}
		again := new(instagramauth.Handler)
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(again); err != nil || !reflect.DeepEqual(h, again) {
			t.Errorf("%q becomes %s, which is read as another: %v", block, text, err)
		}
	})
}
