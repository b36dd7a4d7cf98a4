package finding

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestPlaceholdersOfExamplesAreKnown(t *testing.T) {
	for value, placeholder := range map[string]bool{
		"changeme": true, "ChangeMe-1234": true, "<secret>": true, "your-app-secret": true, "YOUR_APP_SECRET": true, "secret": true, "xxxxxxxx": true, "...": true, "a1b2C3D4": true, "[secret]": true, "replace_me": true, "app_secret": true, "SESSION-SECRET": true, "session-secret-0123456789-0123456789": false,
		"a1b2c3d4e5f60718293a4b5c6d7e8f90": false, strings.Repeat("0123", 8): false, "5c1f0b7e9d3a48c2b6e07f1d9a2c4e8b": false, "kT9f-Secret-of-ours-0815-kdjf83nf": false, "x": false,
	} {
		if IsPlaceholder(value) != placeholder {
			t.Errorf("%q: %v", value, !placeholder)
		}
	}
}

func TestGuessableSecretsAreKnown(t *testing.T) {
	for secret, guessable := range map[string]bool{
		strings.Repeat("a", 40): true, strings.Repeat("0123", 8): true, "01234567890123456789012345678901": true, "abcdefghijklmnopqrstuvwxyzabcdefghij": true, "changed-it": false,
		"5c1f0b7e9d3a48c2b6e07f1d9a2c4e8b": false, "correct-horse-battery-staple-and-so-on": false, "": true, "session-secret-0123456789-0123456789": true,
		"q7Kx2Tgq7xK2gTTKxq72g7qKT2xg": true, "q7Kx2TgMq7xK2MgTTKxq72g7qMKT2xg": false, // of 7 characters, and of 8
		strings.Repeat("q7Kx2TgM0z", 2): true, strings.Repeat("q7Kx2TgM0zWfR9d", 2): true, strings.Repeat("q7Kx2TgM0zWfR9dL", 2): false, // too long to be typed again and again
		"abcdefghijklmnopqrstuvwxyz0369CF": true, "abcdefghijklmnopqrstuvwxy0369CFI": false, // 25 steps of 32, and 24
	} {
		if IsGuessable(secret) != guessable {
			t.Errorf("%q: %v", secret, !guessable)
		}
	}
}

func TestACookieIsComparedAsBrowsersReadIt(t *testing.T) {
	const set = "__Host-Http-x=value; Path=/; Secure; HttpOnly; SameSite=Lax"
	for got, want := range map[string]struct {
		status Status
		says   string
	}{
		set:                       {Fine, ""},
		set + "; Secure":          {Fine, ""},
		set + "; SameSite=Lax":    {Fine, ""},
		set + "; SameSite=Strict": {Wrong, "SameSite=Strict"},
		set + ";samesite=STRICT":  {Wrong, "SameSite=Strict"},
		"__Host-Http-x=value; Path=/; Secure; HttpOnly; SameSite=Strict; SameSite=Lax": {Fine, ""}, // the last one counts
		set + "; SameSite=None":                   {Look, "SameSite=None"},
		set + "; Domain=example.test":             {Wrong, "Domain"},
		set + "; Path=/members":                   {Wrong, "Path"},
		strings.Replace(set, "; Secure", "", 1):   {Wrong, "Secure"},
		strings.Replace(set, "; HttpOnly", "", 1): {Wrong, "HttpOnly"},
		strings.Replace(set, "value", "other", 1): {Wrong, "values"},
		"y=1; Path=/":                             {Wrong, "removes Set-Cookie"},
		strings.TrimSuffix(set, "; SameSite=Lax"): {Look, "attributes"},
	} {
		if f := Cookie("header", set, []string{"z=1", got}); f.Status != want.status || !strings.Contains(f.Message, want.says) || (f.Remedy == "") != (f.Status == Fine) {
			t.Errorf("%s: %+v", got, f)
		}
	}
	const plain = "x=value; Path=/; HttpOnly; SameSite=Lax"
	if f := Cookie("header", plain, []string{plain + "; SameSite=None"}); f.Status != Wrong || !strings.Contains(f.Message, "plain http") {
		t.Errorf("%+v", f)
	}
	if f := Cookie("header", plain, nil); f.Status != Wrong {
		t.Errorf("%+v", f)
	}
}

func TestALogIsReadWithWhatItWraps(t *testing.T) {
	const covered = `"fields":{"request>uri":{"filter":"delete"},"request>headers":{"filter":"delete"},"resp_headers":{"filter":"delete"}}`
	for encoder, redacts := range map[string]bool{
		`{"format":"instagram_auth"}`: true, `{"format":"instagram_auth","wrap":{"format":"console"}}`: true, `{"format":"append","wrap":{"format":"instagram_auth"}}`: true,
		`{"format":"filter",` + covered + `}`: true, `{"format":"filter"}`: false, `{"format":"json"}`: false, ``: false, `null`: false, `{"format":"filter","wrap":{"format":"json"}}`: false,
	} {
		if Redacts(json.RawMessage(encoder)) != redacts {
			t.Errorf("%s: %v", encoder, !redacts)
		}
	}
}

func TestAnErrorOfCaddysIsCutToItsEnd(t *testing.T) {
	for text, want := range map[string][2]string{
		"adapting the configuration: parsing caddyfile tokens for 'instagram_auth': app_id: required: the ID; write it, at /etc/caddy/Caddyfile:3\n\tinstagram_auth {\n\t^": {"app_id: required: the ID (Caddyfile:3)", "write it"},
		"adapting the configuration: /etc/caddy/Caddyfile:12: unrecognized directive: instagram-auth":                                                                       {"unrecognized directive: instagram-auth (Caddyfile:12)", "did you mean instagram_auth?"},
		"loading http app module: provision http: server srv0: setting up route handlers: route 0: loading handler modules: position 0: loading module 'subroute': provision http.handlers.subroute: setting up subroutes: route 1: loading handler modules: position 0: loading module 'reverse_proxy': provision http.handlers.reverse_proxy: parsing upstream: no port": {"reverse_proxy: parsing upstream: no port", "fix that and try again"},
		"parsing caddyfile tokens for 'handle': parsing caddyfile tokens for 'respond': wrong argument count, at Caddyfile:5, at Caddyfile:3": {"wrong argument count (Caddyfile:5)", "fix that and try again"},
		"; nothing in front":           {"; nothing in front", "fix that and try again"},
		"open Caddyfile: no such file": {"open Caddyfile: no such file", "fix that and try again"},
	} {
		if message, remedy := Plain(errors.New(text)); message != want[0] || remedy != want[1] {
			t.Errorf("%s\nis %q, %q", text, message, remedy)
		}
	}
}
