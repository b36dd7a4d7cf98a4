package e2e

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

// axeRun checks a page by the rules of WCAG 2.2, A and AA, and what axe calls best
// practice. It answers with its findings, one a line.
const axeRun = `axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}).then(
	result => result.violations.map(v => v.id + ": " + v.help + " " + v.nodes.map(n => n.html).join(" ")).join("\n") + (result.passes.length < 5 ? "hardly anything was checked" : ""))`

// pagesOfOurs are all pages that people can see, by name.
func pagesOfOurs(look refusal.Look) map[string]func(http.ResponseWriter) {
	day := time.Date(2026, time.November, 25, 0, 0, 0, 0, time.UTC)
	deletion := func(p refusal.DeletionPage) func(http.ResponseWriter) {
		p.Day, p.Code, p.Look = day, strings.Repeat("aaaqlnx3kk5gya", 3), look
		return func(w http.ResponseWriter) { p.Write(w, false) }
	}
	elsewhere := &refusal.Elsewhere{Address: "https://example.com/private/album?x=1", OpenURL: "instagram://extbrowser/?url=x"}
	all := map[string]func(http.ResponseWriter){
		"sign-in-in-an-app": func(w http.ResponseWriter) {
			refusal.SignInPage{LoginURL: "/login", ProfessionalOnly: true, Elsewhere: elsewhere, Look: look}.Write(w, false)
		},
		"sign-in": func(w http.ResponseWriter) {
			refusal.SignInPage{
				LoginURL: "/login", ProfessionalOnly: true, Look: look, SeesMore: true,
				Scopes: []string{"instagram_business_basic"}, StepUp: []string{"instagram_business_content_publish"},
			}.Write(w, false)
		},
		"sign-out": func(w http.ResponseWriter) {
			refusal.SignOutPage{Action: "/logout", SignedIn: true, Username: "a.rather_long.name.of_30_letter", Look: look}.Write(w, false)
		},
		"signed-out":         func(w http.ResponseWriter) { refusal.SignOutPage{Action: "/logout", Look: look}.Write(w, false) },
		"deletion-done":      deletion(refusal.DeletionPage{State: refusal.DeletionDone}),
		"deletion-requested": deletion(refusal.DeletionPage{State: refusal.DeletionPending}),
		"deletion-unknown":   deletion(refusal.DeletionPage{}),
	}
	account := refusal.AccountPage{
		Username: "a.rather_long.name.of_30_letter", UserID: "17841405793187218", Since: day, Until: day.AddDate(0, 0, 7), Idle: 12 * time.Hour,
		Granted: []string{"instagram_business_basic", "instagram_business_manage_comments"}, Acting: []string{"instagram_business_manage_comments"},
		LogoutURL: "/logout", AnotherURL: "/login", AppsURL: "https://instagram.test/apps", Look: look,
	}
	all["account"] = func(w http.ResponseWriter) { account.Write(w, false) }
	all["account-unknown"] = func(w http.ResponseWriter) {
		unknown := account
		unknown.Granted, unknown.Idle, unknown.NoToken = nil, 0, true
		unknown.PictureURL, unknown.PictureSources = "/picture", []string{"'self'"}
		unknown.Write(w, false)
	}
	all["frame"] = func(w http.ResponseWriter) {
		framed := look
		framed.Framed = true
		refusal.Reply{Code: refusal.LoginRequired, Wants: refusal.Page, LoginURL: "/login", Look: framed}.Write(w)
	}
	for _, code := range refusal.Codes() {
		reply := refusal.Reply{Code: code, Wants: refusal.Page, LoginURL: "/login", LogoutURL: "/logout", RequestID: "0b6d9f0e-5c3a-4f5e-9a53-5a0f6f0f7a11", Look: look}
		if code == refusal.MissingPermission {
			reply.Missing = []string{"instagram_business_manage_comments", "instagram_business_manage_insights"}
		}
		if code == refusal.OtherBrowser {
			reply.Elsewhere = elsewhere
		}
		all["refusal-"+string(code)] = func(w http.ResponseWriter) { reply.Write(w) }
	}
	return all
}

// sitePages are pages of a site with a long name and a colour that is hard to read on.
func sitePages(t *testing.T) *refusal.Pages {
	t.Helper()
	site, err := refusal.ParseSite(refusal.SiteConfig{
		Name: "The Otter Appreciation Society of Donaudampfschifffahrtsgesell", Logo: "/logo.svg", Accent: "#ffd400",
		Privacy: "/privacy", Terms: "/terms", Help: "/help",
	})
	if err != nil {
		t.Fatal(err)
	}
	pages, err := refusal.NewPages(refusal.PagesConfig{Site: site})
	if err != nil {
		t.Fatal(err)
	}
	return pages
}

func TestE3_EveryPageIsForEverybody(t *testing.T) {
	axe := readAxe(t)
	pages := sitePages(t)
	looks := map[string]refusal.Look{"bare": {Host: "example.com"}}
	for _, tag := range []string{"en", "de", "ar", "ja"} {
		language := refusal.LanguageOf(tag)
		if language == nil {
			t.Fatalf("there is no file for %s", tag)
		}
		looks[tag] = refusal.Look{Language: language, Pages: pages, HomeOpen: true}
	}
	for tag, look := range looks {
		t.Run(tag, func(t *testing.T) {
			t.Parallel()
			show := pagesOfOurs(look)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if write := show[strings.TrimPrefix(r.URL.Path, "/")]; write != nil {
					write(always200{w})
				}
			}))
			defer server.Close()
			schemes := []string{"light"}
			if tag == "en" || tag == "bare" { // other languages have the same colours
				schemes = append(schemes, "dark")
			}
			tab := newBrowser(t, "")
			for name := range show {
				run(t, tab, chromedp.Navigate(server.URL+"/"+name))
				wantNoFinding(t, tab, axe, tag+"-"+name, schemes)
			}
			if len(show) < 40 {
				t.Errorf("%d pages", len(show))
			}
		})
	}
}

func TestE3_ThePagesOfTheSimulatorAreForEverybody(t *testing.T) {
	axe := readAxe(t)
	site := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer site.Close()
	instagram := simulateInstagram(t, site.URL+"/")
	window := instagram + "/oauth/authorize?" + url.Values{
		"client_id": {appID}, "redirect_uri": {site.URL + "/"}, "response_type": {"code"}, "scope": {"instagram_business_basic"},
	}.Encode()
	tab := newBrowser(t, "")
	for _, page := range []struct{ name, address, press, element string }{
		{"accounts", instagram + "/accounts/manage_access/", "", "#sign-in"},
		{"window", window, "", "#allow"},
		{"", "", "#allow", "html:not(:has(#allow))"},
		{"connected", instagram + "/accounts/manage_access/", "", "#remove"},
		{"removed", "", "#remove", "#deauthorize"},
	} {
		if page.press != "" {
			click(t, tab, page.press)
		}
		if page.address != "" {
			run(t, tab, chromedp.Navigate(page.address))
		}
		see(t, tab, page.element)
		if page.name != "" {
			wantNoFinding(t, tab, axe, "simulator-"+page.name, []string{"light", "dark"})
		}
	}
	wantFinding(t, tab, axe)
}

// readAxe returns the checker as a script.
func readAxe(t *testing.T) string {
	t.Helper()
	axe, err := os.ReadFile("axe/node_modules/axe-core/axe.min.js")
	if err != nil {
		t.Fatalf("%v: run npm ci in e2e/axe", err)
	}
	return string(axe)
}

// wantNoFinding fails the test if the checker finds something on the page of a tab, or if the page
// is wider than a small phone.
func wantNoFinding(t *testing.T, tab context.Context, axe, name string, schemes []string) {
	t.Helper()
	run(t, tab, chromedp.EmulateViewport(320, 720))
	_ = ask(t, tab, chromedp.Evaluate[int](axe+"; 0"))
	for _, scheme := range schemes {
		run(t, tab, colours(scheme))
		if findings := ask(t, tab, chromedp.Evaluate[string](axeRun, chromedp.EvalAwaitPromise)); findings != "" {
			t.Errorf("%s, %s:\n%s", name, scheme, findings)
		}
	}
	if ask(t, tab, chromedp.Evaluate[bool]("document.documentElement.scrollWidth > innerWidth")) {
		t.Errorf("%s is wider than the window", name)
	}
	if os.Getenv("SCREENSHOTS") != "" {
		shoot(t, tab, "page-"+name)
	}
}

// simulateInstagram runs a simulated Instagram with one person and one app.
func simulateInstagram(t *testing.T, redirectURI string) (address string) {
	t.Helper()
	sim, err := simulator.New(simulator.Config{
		App:   simulator.App{ID: appID, Secret: appSecret, RedirectURIs: []string{redirectURI}, Live: true},
		Users: []simulator.User{{ID: userID, Username: username, AccountType: "business"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sim)
	t.Cleanup(func() { sim.Close(); server.Close() })
	return server.URL
}

// always200 leaves the status out: a browser tries some of them again by itself.
type always200 struct{ http.ResponseWriter }

func (always200) WriteHeader(int) {}

// wantFinding shows the checker a page with a fault: it must find it.
func wantFinding(t *testing.T, tab context.Context, axe string) {
	t.Helper()
	run(t, tab, chromedp.Navigate("data:text/html,<html lang=en><title>x</title><main><h1>x</h1><img src=x><p style='color:%23999'>pale</p></main>"))
	_ = ask(t, tab, chromedp.Evaluate[int](axe+"; 0"))
	findings := ask(t, tab, chromedp.Evaluate[string](axeRun, chromedp.EvalAwaitPromise))
	for _, id := range []string{"image-alt: ", "color-contrast: "} {
		if !strings.Contains(findings, id) {
			t.Error(fmt.Sprint("the checker does not find ", id, findings))
		}
	}
}
