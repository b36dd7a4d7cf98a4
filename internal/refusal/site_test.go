package refusal

import (
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"
)

func siteOf(t *testing.T, c SiteConfig) Site {
	t.Helper()
	site, err := ParseSite(c)
	if err != nil {
		t.Fatal(err)
	}
	return site
}

func pagesOf(t *testing.T, c SiteConfig) *Pages {
	t.Helper()
	pages, err := NewPages(PagesConfig{Site: siteOf(t, c)})
	if err != nil {
		t.Fatal(err)
	}
	return pages
}

func TestAPageSaysWhoseItIs(t *testing.T) {
	look := Look{Pages: pagesOf(t, SiteConfig{Name: "Otter & Co", Logo: "/logo.svg", Privacy: "/privacy", Terms: "https://example.net/terms?x=1", Help: "mailto:help@example.com"}), Host: "example.com"}
	w := written(Reply{Code: Cancelled, Wants: Page, LoginURL: "/in", RequestID: "d0a1b2c3-9999", Look: look})
	page := w.Body.String()
	for _, part := range []string{
		"<bdi>Otter &amp; Co</bdi>", " · Otter &amp; Co</title>", `<img src="/logo.svg" alt="" `, `<a href="/privacy">Privacy</a>`,
		`<a href="https://example.net/terms?x=1">Terms</a>`, `<a href="mailto:help@example.com">Help</a>`, "Reference <bdi>d0a1b2c3</bdi><br>",
	} {
		if !strings.Contains(page, part) {
			t.Errorf("%s is not on the page\n%s", part, page)
		}
	}
	if strings.Contains(page, "9999") {
		t.Error("the whole ID is on the page")
	}
	if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "; img-src 'self'; form-action") {
		t.Errorf("policy %s", csp)
	}
}

func TestE3_ALogoOfAnotherHostIsAllOfItThatAPageLoads(t *testing.T) {
	for logo, source := range map[string]string{
		"https://cdn.example/a;b,c.png?v=1": "https://cdn.example/a%3Bb%2Cc.png", "https://BÜCHER.example:8443/l.png": "https://xn--bcher-kva.example:8443/l.png",
	} {
		csp := written(Reply{Code: Cancelled, Wants: Page, Look: Look{Pages: pagesOf(t, SiteConfig{Logo: logo})}}).Header().Get("Content-Security-Policy")
		if !strings.Contains(csp, "; img-src "+source+"; form-action 'self'") {
			t.Errorf("%s: %s", logo, csp)
		}
	}
}

func TestE2_WhatIsWrongAboutASiteIsRefused(t *testing.T) {
	long := strings.Repeat("ä", maxSiteName)
	siteOf(t, SiteConfig{Name: long})
	for _, name := range []string{
		"Joe’s “Café” – 100 % 🦦 नमस्ते", "\u06a9\u062a\u0627\u0628\u200c\u0647\u0627", // books in Persian, whose two parts do not join
		"\u0915\u094d\u200d\u0937", "\u0915\u094d\u200c\u0937", "\u0d28\u0d4d\u200d", "\u0dc1\u0dca\u200d\u0dbb\u0dd3", // Devanagari, Malayalam, Sinhala
		"\U0001f469\u200d\U0001f4bb", "\U0001f469\U0001f3fd\u200d\U0001f680", "I \u2764\ufe0f cats", "\u2764\ufe0f\u200d\U0001f525", "\U0001f3f3\ufe0f\u200d\U0001f308",
		"\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466", "\u26f9\U0001f3fd\u200d\u2642\ufe0f", "\U0001f642\u200d\u2194\ufe0f", "Route 6\ufe0f\u20e3", "#\ufe0f\u20e3",
		"\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f pub", "\u203c\ufe0f", "\u2122\ufe0f", "\u845b\U000e0100", "\u1820\u180b", "\u231a\ufe0e",
	} {
		siteOf(t, SiteConfig{Name: name})
	}
	for option, values := range map[string][]string{
		"name": {long + "x", "a\u202eb", "a\u200bb", "a\nb", "a\x00b", " a", "a ", "a\u00a0b", "\ufeffa", "a\u3164b", "{env.NAME}", "a\xffb", "a\u2066b", "a\u00adb", "a\u200db", "a\u200cb", "\u200da",
			"\u06a9\u200c", "\u06a9\u200c\u200c\u0647", "\u06a9\u200c a", "\u0915\u094d\u200d\u200d\u0937", "\U0001f469\u200d", "\U0001f469\u200d\u200d\U0001f4bb", "\U0001f469\u200c\U0001f4bb", "a\ufe0f", "6\ufe0f",
			"\u2764\ufe0f\ufe0f", "\u2764\ufe0f\ufe0e", "\u2764\u034f", "\U0001f3f4\U000e0067", "\U0001f3f4\U000e007f", "\U0001f3f4" + strings.Repeat("\U000e0067", 20) + "\U000e007f", "a\U000e0067\U000e007f", "a\U000e0100", "\u845b\U000e0100\U000e0101", "\u06a9\u200b\u0647", "\u0915\u200e",
		},
		"logo":    {"logo.png", "//evil.example/x", "/\\evil.example", "http://example.com/x", "javascript:alert(1)", "data:image/png,x", "https://", "https://a b/x", "https://u:p@example.com/x", "/a b", "/a\nb", "https://ex;ample.com/x", "https://example.com,x/y", "mailto:a@b.example", "https:example.com", "{env.LOGO}", "https://exa'mple.com/"},
		"privacy": {"privacy", "ftp://example.com", "mailto:a@b.example", "\t/x"},
		"terms":   {"?x", "#x"},
		"help":    {"mailto:", "mailto:a", "mailto:a@b@c", "tel:123", "mailto://a@b.example"},
		"accent":  {"red", "#12", "#12345", "#1234567", "#ggg", "##123", "rgb(0,0,0)", "#123;}"},
	} {
		for _, value := range values {
			c := SiteConfig{}
			*map[string]*string{"name": &c.Name, "logo": &c.Logo, "privacy": &c.Privacy, "terms": &c.Terms, "help": &c.Help, "accent": &c.Accent}[option] = value
			_, err := ParseSite(c)
			if wrong, ok := errors.AsType[*SiteError](err); !ok || wrong.Option != option || !strings.ContainsAny(wrong.Problem, ";") {
				t.Errorf("%s %q: %v", option, value, err)
			}
		}
	}
}

func TestAHostIsShownInUnicodeOnlyIfItCannotBeMistaken(t *testing.T) {
	for host, want := range map[string]string{
		"example.com": "example.com", "EXAMPLE.com:8443": "example.com", "example.com.": "example.com", "[::1]:8080": "::1", "127.0.0.1:80": "127.0.0.1", "localhost": "localhost",
		"xn--bcher-kva.example": "bücher.example", "xn--80ak6aa92e.com": "xn--80ak6aa92e.com", // Cyrillic letters that read "apple"
		"xn--e1afmkfd.example": "пример.example", "xn--fsq.example": "例.example", "xn--mgbh0fb.example": "مثال.example",
		"xn--pple-43d.example": "xn--pple-43d.example", // a Cyrillic а and Latin letters
		"xn--a-0hc.example":    "xn--a-0hc.example", "xn--.example": "xn--.example", "xn--zzzzzzzzzzzz99.example": "xn--zzzzzzzzzzzz99.example",
		"<b>": "", "a b": "", "a\"b": "", "": "", "ex\u202eample.com": "", strings.Repeat("a.", 200): "", "a@b": "", "fe80::1%eth0": "",
	} {
		if got := ShownHost(host); got != want {
			t.Errorf("%q: %q, want %q", host, got, want)
		}
	}
}

// Every colour, and what is written on it, in light and in dark.
func TestE3_AnyAccentCanBeRead(t *testing.T) {
	n := new(big.Int)
	for i := range 4096 {
		hex := fmt.Sprintf("#%03x", n.SetInt64(int64(i)))
		c, ok := parseColour(hex)
		if !ok {
			t.Fatal(hex)
		}
		if ratio := c.contrast(textOn(c)); ratio < 4.5 {
			t.Errorf("%s: text with %.2f", hex, ratio)
		}
		for _, paper := range []colour{paperLight, paperDark} {
			if ratio := edgeOn(c, paper).contrast(paper); ratio < minShape {
				t.Errorf("%s on %s: edge with %.2f", hex, paper, ratio)
			}
		}
	}
	for text, want := range map[string]string{"#73b": "#7733bb", "7A3BB8": "#7a3bb8"} {
		if c, ok := parseColour(text); !ok || c.String() != want {
			t.Errorf("%s: %s", text, c)
		}
	}
	if page := written(Reply{Code: Cancelled, Wants: Page, Look: Look{Pages: pagesOf(t, SiteConfig{Accent: "#ffd400"})}}); !strings.Contains(page.Body.String(), "--accent: #ffd400; --on-accent: #000000;") ||
		strings.Contains(page.Header().Get("Content-Security-Policy"), hashOf(style)) {
		t.Errorf("the accent is not on the page\n%s", page.Body)
	}
}

func TestTheSignInPageClaimsNothingThatThePermissionsContradict(t *testing.T) {
	const (
		harmless = "We cannot post, message or follow for you."
		asks     = "Instagram will ask you to allow Otter Club to:"
		later    = "Otter Club may ask for more later:"
	)
	look := Look{Pages: pagesOf(t, SiteConfig{Name: "Otter Club"})}
	for name, c := range map[string]struct {
		page      SignInPage
		has, lack []string
	}{
		"the default":           {SignInPage{Scopes: []string{"instagram_business_basic"}}, []string{harmless, "We see your username and account ID."}, []string{asks, later, "<li>"}},
		"the former API":        {SignInPage{Scopes: []string{"user_profile", "user_media"}}, []string{harmless}, []string{asks, "business and creator"}},
		"figures":               {SignInPage{Scopes: []string{"instagram_business_basic", "instagram_business_manage_insights"}}, []string{harmless, asks, "<li>See figures about"}, []string{later}},
		"fields or a token":     {SignInPage{Scopes: []string{"instagram_business_basic"}, SeesMore: true}, []string{harmless, asks, "<li>See your profile, photos and videos</li>"}, []string{later}},
		"publishing":            {SignInPage{Scopes: []string{"instagram_business_basic", "instagram_business_content_publish"}}, []string{asks, "<li>Publish photos"}, []string{harmless}},
		"publishing, later":     {SignInPage{Scopes: []string{"instagram_business_basic"}, StepUp: []string{"instagram_business_content_publish"}}, []string{later, "<li>Publish photos"}, []string{harmless, asks}},
		"comments, later":       {SignInPage{Scopes: []string{"instagram_business_basic"}, StepUp: []string{"instagram_business_manage_comments"}}, []string{later}, []string{harmless}},
		"messages":              {SignInPage{Scopes: []string{"instagram_business_manage_messages"}}, []string{asks}, []string{harmless}},
		"a permission of 2030":  {SignInPage{Scopes: []string{"instagram_business_fly"}}, []string{asks, "<li>instagram_business_fly</li>"}, []string{harmless}},
		"professional accounts": {SignInPage{ProfessionalOnly: true}, []string{"Works with business and creator accounts.", "for free"}, nil},
	} {
		c.page.LoginURL, c.page.Look = "/in", look
		page := shown(c.page).Body.String()
		for _, text := range append(c.has, "<h1>Sign in to continue to Otter Club</h1>", "<title>Sign in to continue to Otter Club</title>") {
			if !strings.Contains(page, text) {
				t.Errorf("%s: %q is not on the page\n%s", name, text, page)
			}
		}
		for _, text := range c.lack {
			if strings.Contains(page, text) {
				t.Errorf("%s: %q is on the page", name, text)
			}
		}
	}
}

func TestARefusalSaysWhoAndHowLong(t *testing.T) {
	look := Look{Pages: pagesOf(t, SiteConfig{Name: "Otter Club"})}
	for text, reply := range map[string]Reply{
		"@jay.otter_9 is not on the list of Otter Club.":                         {Code: NoAccess, User: "jay.otter_9", NotListed: true},
		"@jay.otter_9 has no access to Otter Club.":                              {Code: NoAccess, User: "jay.otter_9"},
		"This account has no access to Otter Club.":                              {Code: NoAccess},
		"Wait 5 seconds, then reload this page.":                                 {Code: TooMany, RetryAfter: 5 * time.Second},
		"Please try again in 60 minutes.":                                        {Code: TooMany, RetryAfter: time.Hour},
		"Please try again in 5 seconds.":                                         {Code: StoreUnavailable, RetryAfter: 4100 * time.Millisecond},
		"Please try again in 4 minutes.":                                         {Code: StoreUnavailable, RetryAfter: 4 * time.Minute},
		"Instagram cannot be reached right now. Please try again in 10 seconds.": {Code: ProviderUnreachable, RetryAfter: 10 * time.Second},
		"Nobody can sign in here at the moment. Please try again in 20 minutes.": {Code: AppBlocked, RetryAfter: 19*time.Minute + time.Second},
		"Please try again.</p>":                                                  {Code: Internal},
	} {
		reply.Wants, reply.Look, reply.LoginURL = Page, look, "/in"
		if page := written(reply).Body.String(); !strings.Contains(page, "<p>"+text) || strings.Contains(page, "{") && strings.Contains(between(page, "<body>", "</body>"), "{") {
			t.Errorf("%q is not on the page\n%s", text, page)
		}
		reply.Wants = JSON
		if object := written(reply).Body.String(); strings.Contains(object, "otter") {
			t.Errorf("a program is told who: %s", object)
		}
	}
}

// Placeholders in a value are text.
func TestE2_AValueIsNoText(t *testing.T) {
	look := Look{Pages: pagesOf(t, SiteConfig{Name: "{user} <b>&"})}
	page := written(Reply{Code: NoAccess, Wants: Page, User: "{site}", NotListed: true, Look: look}).Body.String()
	if !strings.Contains(page, "<p>@{site} is not on the list of {user} &lt;b&gt;&amp;.</p>") {
		t.Error(page)
	}
}

func TestNamesOfTheOtherDirectionAreKeptApart(t *testing.T) {
	look := Look{Pages: pagesOf(t, SiteConfig{Name: "نادي"})}
	if page := written(Reply{Code: NoAccess, Wants: Page, User: "jay", NotListed: true, Look: look}).Body.String(); !strings.Contains(page, "@jay is not on the list of \u2068نادي\u2069.") {
		t.Error(page)
	}
	// The sign belongs to the name, wherever the text goes.
	arabic := &Language{tag: "ar", words: words{Direction: "rtl"}}
	if got := arabic.filler(facts{site: "Club", user: "jay"}).Replace("x @{user} y {site}"); got != "x \u2068@jay\u2069 y \u2068Club\u2069" {
		t.Errorf("%q", got)
	}
}

func TestTheListsOfPermissionsStandAboveWhoCanSignIn(t *testing.T) {
	page := shown(SignInPage{
		LoginURL: "/in", ProfessionalOnly: true, Scopes: []string{"instagram_business_basic", "instagram_business_manage_comments"},
		StepUp: []string{"instagram_business_content_publish"},
	}).Body.String()
	last := -1
	for _, part := range []string{"<h1>", "We see your", "allow this site to:", "may ask for more later:", "Publish photos", "Works with business", `class="button"`} {
		at := strings.Index(page, part)
		if at <= last || strings.Count(page, part) != 1 {
			t.Errorf("%q stands at %d, after %d\n%s", part, at, last, page)
		}
		last = at
	}
}

func TestTheMessageSaysWhereANameHasACharacterThatCannotBeSeen(t *testing.T) {
	for name, want := range map[string]string{
		"Caf\u200b\u00e9":        `name: has a character that cannot be seen (U+200B) after "Caf"; delete it there`,
		"\ufeffOtter":            `name: has a character that cannot be seen (U+FEFF) at its beginning; delete it there`,
		"The Otter Club\u200d s": `name: has a character that cannot be seen (U+200D) after "ter Club"; delete it there`,
		"Otter\u00a0Club":        `name: has a space of another kind (U+00A0) after "Otter"; write an ordinary space`,
	} {
		if _, err := ParseSite(SiteConfig{Name: name}); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", name, err, want)
		}
	}
}
