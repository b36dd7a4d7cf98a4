package review

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"unicode"
)

const (
	appSecret     = "0123456789abcdef0123456789abcdef"
	sessionSecret = "correct Horse+battery/staple 42 été"
)

// escaped writes each byte of a text as a percent escape.
func escaped(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}

func TestSecretsAreHiddenHoweverTheyAreWritten(t *testing.T) {
	secrets := []string{appSecret, sessionSecret}
	for name, text := range map[string]string{
		"alone": appSecret, "upper case": strings.ToUpper(appSecret), "in a word": "my" + appSecret + "site", "in hex": "ff" + appSecret + "00",
		"in an address": "https://example.com/" + appSecret + "/x", "escaped": escaped(appSecret), "escaped twice": strings.ReplaceAll(escaped(appSecret), "%", "%25"),
		"partly escaped": "%30" + appSecret[1:], "with a character that nobody sees": appSecret[:8] + "\u200b" + appSecret[8:],
		"with a control character": appSecret[:8] + "\x00" + appSecret[8:], "another hex": strings.Repeat("Ab", 16),
	} {
		// A control character becomes a space. The longer part behind it is hidden.
		got := WithoutSecrets(text, secrets)
		for _, form := range []string{appSecret[4:20], strings.ToUpper(appSecret[4:20]), appSecret[12:20], "%33%34", "%2533%2534", "AbAbAb"} {
			if strings.Contains(got, form) {
				t.Errorf("%s: %s", name, got)
			}
		}
	}
	for name, text := range map[string]string{
		"alone": sessionSecret, "other case": strings.ToUpper(sessionSecret), "in words": "the" + sessionSecret + "site", "as a query": url.QueryEscape(sessionSecret),
		"as a path": url.PathEscape(sessionSecret), "its beginning": sessionSecret[:22], "its end": "x" + sessionSecret[8:], "on two lines": strings.Replace(sessionSecret, " ", "\r\n", 1), "escaped": escaped(sessionSecret),
	} {
		if got := strings.ToLower(WithoutSecrets("x "+text+" y", secrets)); strings.Contains(got, "horse") || strings.Contains(got, "battery") || strings.Contains(got, strings.ToLower(escaped("Horse"))) {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// Each is too short for its parts to be known.
func TestShortSecretsAreHiddenInEachSpelling(t *testing.T) {
	for _, c := range []struct{ secret, text string }{
		{"été à Gex", escaped("été à Gex")}, {"two w+rds", "two+w%2Brds"}, {"two w+rds", "Two W+Rds"}, {"two w+rds", "xtwo%20w%2brdsx"}, {"h%41unter", "hAunter"}, {"h%41unter", "h%41unter"},
	} {
		if got := WithoutSecrets("a "+c.text+" b", []string{c.secret}); !strings.HasPrefix(got, "a ") || strings.Trim(got, "abx ") != mark {
			t.Errorf("%s in %s: %s", c.secret, c.text, got)
		}
	}
}

func TestWhatLooksLikeASecretIsHidden(t *testing.T) {
	key := base64.StdEncoding.EncodeToString([]byte("q8\xff\xfe0123456789zyxwvutsrqponmlk"))
	for _, text := range []string{
		"IGAAJ1xyzABC0123456789abcdefGHIJKL", key, "https://example.com/privacy?token=hunter2", "https://example.com/p#a=b&access_key=hunter2",
		"https://user:hunter2@example.com/p", "https://hunter2@example.com/", "x https://example.com/?Secret=hunter2&y=1",
	} {
		got := newHider(nil).value(text)
		if strings.Contains(got, "hunter2") || strings.Contains(got, "0123456789abc") || strings.Contains(got, key[4:20]) || !strings.Contains(got, mark) {
			t.Errorf("%s: %s", text, got)
		}
	}
	for _, text := range []string{
		"Example Studio", "https://example.com/?page_id=3&lang=en#top", "https://my-very-long-name-of-a-shop-2024.example.com/members/area/callback/",
		"https://[::1]:8443/auth/", "a@b.example: x://", "東京写真館", "Café 100% & Söhne", "50%zz %4", "instagram_business_manage_comments",
	} {
		if got := newHider([]string{"ab", "", "x1"}).value(text); got != text {
			t.Errorf("%s: %s", text, got)
		}
	}
	if got := newHider([]string{"abc"}).value("abc abcd (ABC)"); got != "… abcd (…)" {
		t.Errorf("a short secret: %s", got)
	}
}

func TestTheTextOfAnAttackIsHarmless(t *testing.T) {
	for _, odd := range []string{
		"a\nb\r\n\n1. FORGED SECTION", "\x1b[2J\x1b]0;title\x07", "\u202eevil\u2066", strings.Repeat("x", 10_000), strings.Repeat("long name ", 1000), strings.Repeat("写", 500),
		appSecret, "%" + appSecret, "\xff\xfe", "", " ", "\u2028\u2029\u0085", "%25%25%", "[" + strings.Repeat("]", 90), "\u034f\ufe0fa\u00adb",
	} {
		site := full()
		site.Name, site.Privacy, site.Start = odd, odd, "/"+odd
		site.RedirectURIs, site.Fields, site.StepUp = append(site.RedirectURIs, odd), []string{odd}, []string{odd}
		site.Secrets = []string{appSecret}
		text := Text(site, docs)
		for _, r := range text {
			if r != '\n' && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
				t.Errorf("%q: %U is in the text", odd, r)
			}
		}
		if strings.Contains(text, "\n1. FORGED") || strings.Contains(text, appSecret) || strings.Contains(text, "\xff") {
			t.Errorf("%q:\n%s", odd, text)
		}
		wantLines(t, text)
	}
	site := full()
	site.Name = "Shop " + appSecret
	if text := Text(site, docs); !strings.Contains(text, "Meta's App Review for Shop …\n") || !strings.Contains(text, mark+" stands where something") {
		t.Errorf("%s", text)
	}
}

func TestNamesAreCutByTheirWidth(t *testing.T) {
	for _, name := range []string{strings.Repeat("写", 500), strings.Repeat("a", 500), strings.Repeat("a ", 500), strings.Repeat("😀", 500)} {
		if got := short(name, longestName); width(got) > longestName || width(got) < longestName-2 || !strings.HasSuffix(got, mark) {
			t.Errorf("%d columns: %s", width(got), got)
		}
	}
}

func FuzzNoSecretIsPrinted(f *testing.F) {
	f.Add("name", "https://example.com/privacy")
	f.Add(appSecret, "%30"+appSecret[1:])
	f.Fuzz(func(t *testing.T, name, address string) {
		site := full()
		site.Name, site.Privacy, site.Secrets = name+sessionSecret+address, address+strings.ToUpper(appSecret)+name, []string{sessionSecret, appSecret}
		text := Text(site, docs)
		wantLines(t, text)
		if strings.Contains(text, "battery/staple") || strings.Contains(text, strings.ToUpper(appSecret)) {
			t.Errorf("%q %q", name, address)
		}
	})
}
