package refusal

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The table as it is promised, word for word.
var promised = map[Code]struct {
	status int
	text   string
}{
	LoginRequired:       {401, "Please sign in."},
	SessionEnded:        {401, "Your session has ended. What you sent was not saved."},
	TooOld:              {401, "This needs a recent sign-in. What you sent was not saved."},
	OtherAccount:        {403, "This is another Instagram account than the one that was signed in here."},
	CrossSitePost:       {401, "You came from another site. What it sent was not passed on, because your browser did not say who you are."},
	OtherBrowser:        {400, "The sign-in began in another browser, or took too long."},
	LoginExpired:        {400, "This sign-in is no longer valid. Please start again."},
	BadRequest:          {400, "The request could not be understood."},
	BadHost:             {421, "You cannot sign in at this address of the site."},
	CallbackMoved:       {400, "A redirect took the sign-in to another address."},
	Cancelled:           {403, "The sign-in was cancelled."},
	ProviderRefused:     {400, "Instagram did not accept the sign-in. Please start again."},
	Method:              {405, "This address cannot be used like this."},
	TooEarly:            {425, "Please try again."},
	TooMany:             {429, "Too many attempts. Please wait a moment."},
	CookiesBlocked:      {400, "Your browser did not keep our cookie."},
	BadProfile:          {502, "Instagram sent an answer we could not use."},
	ProviderError:       {502, "Instagram could not complete the sign-in."},
	ProviderTimeout:     {504, "Instagram did not answer in time."},
	ProviderUnreachable: {503, "Instagram cannot be reached right now."},
	NoAccess:            {403, "This account has no access here."},
	MissingPermission:   {403, "This needs a permission of your Instagram account that you have not given."},
	CrossSite:           {403, "Please use the sign-out page."},
	BadSignature:        {400, "The signature is not valid."},
	TooLarge:            {413, "The request is too large."},
	BadType:             {415, "The request is of a type that is not accepted here."},
	AppBlocked:          {503, "Nobody can sign in here at the moment."},
	AppNotOpen:          {403, "Instagram does not let this site read your account."},
	PrivateAccount:      {403, "Instagram tells us nothing about a private account."},
	StoreUnavailable:    {503, "Please try again in a moment."},
	SignedOutHere:       {503, "You are signed out in this browser."},
	NoPicture:           {404, "There is no picture here."},
	NoToken:             {404, "This needs a new sign-in with Instagram."},
	NoAccountPage:       {404, "This site keeps its own sessions. Its account page is not here."},
	Internal:            {500, "Something went wrong."},
}

func written(r Reply) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r.Write(w)
	return w
}

func TestE1_TheTableIsAsPromised(t *testing.T) {
	if len(statuses) != len(promised) {
		t.Errorf("%d rows, want %d", len(statuses), len(promised))
	}
	for code, want := range promised {
		if code.Status() != want.status || code.Text() != want.text {
			t.Errorf("%s: %d %q", code, code.Status(), code.Text())
		}
		page := written(Reply{Code: code, Wants: Page, RequestID: "r-1", LoginURL: "/login"})
		if page.Code != want.status || !strings.Contains(page.Body.String(), "<h1>"+strings.ReplaceAll(english.Refusals[code].Title, "{site}", "this site")+"</h1>") || !strings.Contains(page.Body.String(), "r-1") {
			t.Errorf("%s: page %d\n%s", code, page.Code, page.Body)
		}
		object := written(Reply{Code: code, Wants: JSON, RequestID: "r-1", LoginURL: "/login"})
		var got map[string]string
		if err := json.Unmarshal(object.Body.Bytes(), &got); err != nil || got["error"] != string(code) || got["message"] != want.text || got["request_id"] != "r-1" || got["login_url"] != "/login" {
			t.Errorf("%s: JSON %s, %v", code, object.Body, err)
		}
		if hint := object.Header().Get("Retry-After"); (hint != "") != (want.status == 429 || want.status == 503) {
			t.Errorf("%s: Retry-After %q", code, hint)
		}
	}
}

func TestE1_WhatIsMissingIsSaidInWordsAndByName(t *testing.T) {
	reply := Reply{Code: MissingPermission, Missing: []string{"user_media", "of_tomorrow"}, LoginURL: "/login"}
	reply.Wants = Page
	if page := written(reply).Body.String(); !strings.Contains(page, "<li>See your photos and videos</li>\n<li>of_tomorrow</li>") || !strings.Contains(page, `href="/login"`) {
		t.Errorf("page:\n%s", page)
	}
	reply.Wants = JSON
	if object := written(reply).Body.String(); !strings.Contains(object, `"missing":["user_media","of_tomorrow"]`) {
		t.Errorf("JSON: %s", object)
	}
}

func TestE1_HeadersOfSingleRows(t *testing.T) {
	if got := written(Reply{Code: Method, Allow: "GET"}).Header().Get("Allow"); got != "GET" {
		t.Errorf("Allow = %q", got)
	}
	if got := written(Reply{Code: LoginRequired}).Header().Get("Www-Authenticate"); got != "Instagram" {
		t.Errorf("WWW-Authenticate = %q", got)
	}
	for wait, want := range map[time.Duration]string{0: "1", time.Millisecond: "1", 1500 * time.Millisecond: "2", time.Minute: "60"} {
		if got := written(Reply{Code: TooMany, RetryAfter: wait}).Header().Get("Retry-After"); got != want {
			t.Errorf("after %v: Retry-After = %q, want %q", wait, got, want)
		}
	}
	if body := written(Reply{Code: Internal, Wants: Page, Head: true}).Body.Len(); body != 0 {
		t.Errorf("HEAD has a body of %d bytes", body)
	}
}

// Each refusal has the way on that helps, or none.
func TestE1_TheWayOnLeadsWhereItSays(t *testing.T) {
	const back = `<a href="/">Back to example.com</a>`
	look := Look{Host: "example.com"}
	for code, want := range map[Code]string{
		LoginExpired: `<a class="button" href="/in">Sign in again</a>`, NoAccess: `<a class="button" href="/in">Use another account</a>`, CrossSite: `<a class="button" href="/out">Open the sign-out page</a>`,
		BadSignature: back, TooLarge: back, BadType: back, StoreUnavailable: `<a class="button" href="">Try again</a>`,
	} {
		page := written(Reply{Code: code, Wants: Page, LoginURL: "/in", LogoutURL: "/out", Look: look}).Body.String()
		if links := regexp.MustCompile(`<a .*?</a>`).FindAllString(page, -1); strings.Join(links, "") != want {
			t.Errorf("%s: links %q, want %q", code, links, want)
		}
		if page := written(Reply{Code: code, Wants: Page, Look: look}).Body.String(); code != StoreUnavailable && (strings.Count(page, "<a ") != 1 || !strings.Contains(page, back)) {
			t.Errorf("%s: without an address, not just the way back\n%s", code, page)
		}
	}
	if page := written(Reply{Code: CrossSite, Wants: Page, LoginURL: "/in"}).Body.String(); strings.Contains(page, "/in") {
		t.Errorf("the sign-out page is the sign-in\n%s", page)
	}
	if object := written(Reply{Code: CrossSite, Wants: JSON, LogoutURL: "/out"}).Body.String(); strings.Contains(object, "/out") || strings.Contains(object, "login_url") {
		t.Errorf("JSON has the sign-out page: %s", object)
	}
}

func TestTheHintAboutAccountsIsForThoseItHolds(t *testing.T) {
	for anyAccount, want := range map[bool]bool{false: true, true: false} {
		page := written(Reply{Code: ProviderRefused, Wants: Page, AnyAccount: anyAccount}).Body.String()
		if got := strings.Contains(page, "professional accounts"); got != want {
			t.Errorf("any account %v: hint %v", anyAccount, got)
		}
	}
}

func TestE2_AddressesCannotBreakOutOfThePage(t *testing.T) {
	for _, address := range []string{`/x"><script>alert(1)</script>`, `javascript:alert(1)`, `/x' onclick='y`, "/x\n<b>"} {
		for _, page := range []string{
			written(Reply{Code: LoginExpired, Wants: Page, LoginURL: address, RequestID: `"><b>`}).Body.String(),
			shown(SignInPage{LoginURL: address}).Body.String(),
			written(Reply{Code: CrossSite, Wants: Page, LogoutURL: address}).Body.String(),
			shown(SignOutPage{Action: address, SignedIn: true, Username: address}).Body.String(),
			shown(SignOutPage{LoginURL: address}).Body.String(), shown(SignedOutPage{LoginURL: address}).Body.String(),
			shown(DeletionPage{State: DeletionDone, Code: address}).Body.String(),
		} {
			if strings.Contains(page, "<script") || strings.Contains(page, "<b>") || strings.Contains(page, `="javascript:`) || regexp.MustCompile(`<[^>]* onclick`).MatchString(page) {
				t.Errorf("%q breaks out:\n%s", address, page)
			}
		}
	}
}

// shown writes one of the pages that are no refusals.
func shown(p interface {
	Write(http.ResponseWriter, bool)
}) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	p.Write(w, false)
	return w
}

func TestE3_HeadersAndPageAreClosed(t *testing.T) {
	for name, w := range map[string]*httptest.ResponseRecorder{
		"page": written(Reply{Code: LoginExpired, Wants: Page, LoginURL: "/l"}), "JSON": written(Reply{Code: LoginExpired, Wants: JSON}), "sign-in": shown(SignInPage{LoginURL: "/l", ProfessionalOnly: true}),
		"sign-out": shown(SignOutPage{Action: "/out", SignedIn: true, Username: "jayposiris"}), "not signed in": shown(SignOutPage{Action: "/out", LoginURL: "/l"}), "signed out": shown(SignedOutPage{LoginURL: "/l"}), "no access": written(Reply{Code: NoAccess, Wants: Page, LoginURL: "/l"}),
		"deleted": shown(DeletionPage{State: DeletionDone, Day: deletedOn, Code: "abc"}), "pending": shown(DeletionPage{State: DeletionPending, Day: deletedOn, Code: "abc"}), "unknown": shown(DeletionPage{}),
	} {
		body := w.Body.String()
		hash := sha256.Sum256([]byte(style))
		for header, want := range map[string]string{
			"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff", "Cross-Origin-Opener-Policy": "same-origin", "Content-Length": strconv.Itoa(len(body)),
			"Content-Security-Policy": "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) + "'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
		} {
			if header == "Referrer-Policy" && (name == "sign-out" || name == "not signed in") {
				want = "same-origin" // its form must say where it comes from
			}
			if got := w.Header().Get(header); got != want {
				t.Errorf("%s: %s = %q, want %q", name, header, got, want)
			}
		}
		if name == "JSON" {
			continue
		}
		if w.Header().Get("Content-Type") != "text/html; charset=utf-8" {
			t.Errorf("%s: content type %q", name, w.Header().Get("Content-Type"))
		}
		// The browser hashes what stands between the tags.
		_, inside, _ := strings.Cut(body, "<style>")
		inside, _, _ = strings.Cut(inside, "</style>")
		if inside != style {
			t.Errorf("%s: the style on the page is not the one that is allowed", name)
		}
		for _, forbidden := range []string{"<script", "http:", "https:", "//", "<img", "<link", "@import", "url(", " on"} {
			if strings.Contains(regexp.MustCompile(`(?s)<style>.*</style>|<p.*?</p>`).ReplaceAllString(body, ""), forbidden) && forbidden != " on" {
				t.Errorf("%s has %q", name, forbidden)
			}
		}
		for _, needed := range []string{`<html lang="en" dir="ltr">`, "<main>", "<h1>", `name="viewport"`, "<title>"} {
			if strings.Count(body, needed) != 1 {
				t.Errorf("%s has %s %d times", name, needed, strings.Count(body, needed))
			}
		}
	}
	if w := shown(SignInPage{LoginURL: "/l"}); w.Code != http.StatusUnauthorized || strings.Contains(w.Body.String(), "professional") {
		t.Errorf("sign-in page for any account: %d\n%s", w.Code, w.Body)
	}
}

func TestE3_ColoursHaveContrast(t *testing.T) {
	blocks := regexp.MustCompile(`:root \{[^}]*\}`).FindAllString(style, -1)
	if len(blocks) != 2 {
		t.Fatalf("%d colour schemes", len(blocks))
	}
	for i, block := range blocks {
		colours := make(map[string]float64)
		for _, m := range regexp.MustCompile(`--([a-z-]+): #([0-9a-f]{6})`).FindAllStringSubmatch(block, -1) {
			colours[m[1]] = luminance(t, m[2])
		}
		for _, pair := range [][2]string{{"ink", "paper"}, {"quiet", "paper"}, {"on-accent", "accent"}} {
			a, b := colours[pair[0]], colours[pair[1]]
			if ratio := (math.Max(a, b) + .05) / (math.Min(a, b) + .05); ratio < 4.5 {
				t.Errorf("scheme %d: %s on %s has contrast %.1f", i, pair[0], pair[1], ratio)
			}
		}
	}
}

// luminance is that of WCAG 2.
func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	var r, g, b int
	if _, err := fmt.Sscanf(hex, "%02x%02x%02x", &r, &g, &b); err != nil {
		t.Fatal(err)
	}
	linear := func(c int) float64 {
		v := float64(c) / 255
		if v <= .04045 {
			return v / 12.92
		}
		return math.Pow((v+.055)/1.055, 2.4)
	}
	return .2126*linear(r) + .7152*linear(g) + .0722*linear(b)
}
