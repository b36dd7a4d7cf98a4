package e2e

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
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
	all := map[string]func(http.ResponseWriter){
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
	axe, err := os.ReadFile("axe/node_modules/axe-core/axe.min.js")
	if err != nil {
		t.Fatalf("%v: run npm ci in e2e/axe", err)
	}
	show := make(map[string]func(http.ResponseWriter))
	pages := sitePages(t)
	for _, tag := range []string{"en", "de", "ar", "ja"} {
		language := refusal.LanguageOf(tag)
		if language == nil {
			continue // has no file yet
		}
		for name, write := range pagesOfOurs(refusal.Look{Language: language, Pages: pages, HomeOpen: true}) {
			show["/"+tag+"/"+name] = write
		}
	}
	for name, write := range pagesOfOurs(refusal.Look{Host: "example.com"}) {
		show["/bare/"+name] = write
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if write := show[r.URL.Path]; write != nil {
			write(always200{w})
		}
	}))
	defer server.Close()
	tab := newBrowser(t, "")
	for path := range show {
		run(t, tab, chromedp.Navigate(server.URL+path), chromedp.EmulateViewport(320, 720))
		_ = ask(t, tab, chromedp.Evaluate[int](string(axe)+"; 0"))
		for _, scheme := range []string{"light", "dark"} {
			run(t, tab, colours(scheme))
			if findings := ask(t, tab, chromedp.Evaluate[string](axeRun, chromedp.EvalAwaitPromise)); findings != "" {
				t.Errorf("%s, %s:\n%s", path, scheme, findings)
			}
		}
		shoot(t, tab, "page"+strings.ReplaceAll(path, "/", "-"))
	}
	if len(show) < 50 {
		t.Errorf("%d pages", len(show))
	}
	wantFinding(t, tab, string(axe))
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
