package spelling

import (
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	names := []string{"app_id", "app_secret", "redirect_uri", "log", "api"}
	for word, want := range map[string]string{
		"app_ids": "app_id", "apid": "api", "redirect_url": "redirect_uri", "ap_id": "app_id", "app_di": "app_id", "redirect_utils": "",
		"erdirect_url": "redirect_uri", "erdirect_xyi": "", // letters that are swapped, and one other; and two
		"lag": "log", "lgo": "log", "xyz": "", "": "", "ÄPI": "",
	} {
		if got := Nearest(word, names); got != want {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
}

func TestWithoutSecrets(t *testing.T) {
	const hex = "0123456789abcdef0123456789abcdef"
	const base64 = "q83vEjRWeJCrze8SNFZ4kKvN7xI0Vg=="
	for _, text := range []string{hex, base64, "x=" + hex, `"` + hex + `"`, "/" + hex, "a/" + base64, "secret:" + hex, "https://example.com/" + hex, "/" + base64 + "/" + base64} {
		if got := WithoutSecrets(text); strings.Contains(got, hex) || strings.Contains(got, base64[:20]) {
			t.Errorf("%s: %s", text, got)
		}
	}
	for text, want := range map[string]string{
		`"http://user:PASS@host/auth/": x`:       `"http://…@host/auth/": x`,
		"http://PASS@host/":                      "http://…@host/",
		"user:pa/ss@host/":                       "…@host/",
		"//user:PASS@host":                       "//…@host",
		"https://host/auth/?token=PASS&x=y#z=PA": "https://host/auth/?token=…&x=…#z=…",
		"/auth/?token=PASS":                      "/auth/?token=…",
		"https://host/?PASS":                     "https://host/?…",
		"https://host:8080/a?b":                  "https://host:8080/a?…",
	} {
		if got := WithoutSecrets(text); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	const slashes = "q83vEjRWeJCrz/8SNFZ4kKvN7/I0VniQq83vEjRWeJA="
	if got := WithoutSecrets("x: \"" + slashes + "\""); strings.Contains(got, "q83v") || strings.Contains(got, "SNFZ") {
		t.Error(got)
	}
	for _, text := range []string{"https://example.com:8080/auth/", "http://[::1]:8080/", "did you mean @name: x", "https://example.com/members/instagram/callback2/x", "/var/lib/caddy/1234567890-1234567890-1234567890/x", "instagram_business_basic", "{env.A_VERY_LONG_NAME_OF_A_VARIABLE}"} {
		if got := WithoutSecrets(text); got != text {
			t.Errorf("%s: %s", text, got)
		}
	}
}

// What has slashes in it may be a path, unless it has capital and small letters and digits.
func TestWithoutSecretsInPieces(t *testing.T) {
	for piece, isSecret := range map[string]bool{
		"Aa0/": true, "Zz9/": true, "Az0/": true, "Za9/": true, "Ma5/": true, "Hn0/": true,
		"A-0/": false, "Z_9/": false, "a+0/": false, "z=9/": false, "Aa-/": false, "Zz_/": false, "a_b/": false, "A-B/": false, "0-9/": false,
	} {
		text := "x: " + strings.Repeat(piece, 6)
		if got := WithoutSecrets(text); (got != text) != isSecret {
			t.Errorf("%s: %s", text, got)
		}
	}
}

func TestOfOption(t *testing.T) {
	for line, want := range map[string]string{
		"  app_secret abc {env.X}":              "  app_secret … {env.X}",
		"session secret abc":                    "session secret …",
		"app_id 123":                            "app_id 123",
		"app_secrett abc":                       "app_secrett …",
		"app_secert abc":                        "app_secert …",
		"\tappsecret\tabc":                      "\tappsecret\t…",
		"app_secret=abc":                        "app_secret=…",
		"app-secret: abc":                       "app-secret: …",
		"password abc def":                      "password … …",
		"API_KEY abc":                           "API_KEY …",
		"app_id 1 app_secret abc":               "app_id 1 app_secret …",
		"app_secret a{env.X}":                   "app_secret …",
		"app_secret {env.X}{a}":                 "app_secret …",
		"session {":                             "session {",
		"token {":                               "token {",
		"token https://a.test/b":                "token https://a.test/b",
		"redirect_uri https://a.b/app_secret c": "redirect_uri https://a.b/app_secret c",
		"app-secret hunter2!":                   "app-secret …",
		"app_secert hunter2!":                   "app_secert …",
		"client_secret hunter2!":                "client_secret …",
		"app_secret: hunter2!":                  "app_secret: …",
		"app_secret=hunter2!":                   "app_secret=…",
		"cookie_password hunter2!":              "cookie_password …",
		"secret {hunter2}":                      "secret …",
		"secret {$X} {file./a/b}":               "secret {$X} {file./a/b}",
		"redirect_uri https://a/":               "redirect_uri https://a/",
	} {
		if got := OfOption(line); got != want {
			t.Errorf("%q: %q", line, got)
		}
	}
}
