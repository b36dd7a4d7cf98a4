package refusal

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// folder holds an operator's templates, by file and text.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func load(t *testing.T, files map[string]string) *Pages {
	t.Helper()
	templates, err := NewPages(PagesConfig{Folder: folder(t, files), Report: func(err error) { t.Errorf("reported: %v", err) }})
	if err != nil {
		t.Fatal(err)
	}
	return templates
}

func TestAnOperatorsTemplateTakesThePlaceOfTheBuiltInOne(t *testing.T) {
	look := Look{Pages: load(t, map[string]string{
		"error.html": `<h2 class="{{.Code}}">{{.Status}} {{.Title}}</h2>{{.Text}}{{with .Link}}<a href="{{$.LinkURL}}">{{.}}</a>{{end}}`,
		"logo.png":   "not a template",
	})}
	look.Pages.site.Name = "Otter Club"
	page := written(Reply{Code: Cancelled, Wants: Page, LoginURL: "/in", Look: look}).Body.String()
	if page != `<h2 class="cancelled">403 Sign-in cancelled</h2>Otter Club has learned nothing new about you.<a href="/in">Sign in again</a>` {
		t.Errorf("page = %s", page)
	}
	if page := shown(SignOutPage{Action: "/out", SignedIn: true, Look: look}).Body.String(); !strings.Contains(page, `<form method="post" action="/out">`) {
		t.Errorf("what has no template of its own is not the built-in page:\n%s", page)
	}
}

func TestALayoutIsOfAllPages(t *testing.T) {
	look := Look{Pages: load(t, map[string]string{"layout.html": `{{define "top"}}<html lang="{{.Language}}"><title>{{.Title}}</title><header>Our shop</header>{{end}}{{define "bottom"}}</html>{{end}}`})}
	for name, page := range map[string]string{
		"error": written(Reply{Code: Cancelled, Wants: Page, Look: look}).Body.String(), "sign-in": shown(SignInPage{LoginURL: "/l", Look: look}).Body.String(),
		"sign-out": shown(SignOutPage{Action: "/o", Look: look}).Body.String(), "signed out": shown(SignedOutPage{LoginURL: "/l", Look: look}).Body.String(), "deletion": shown(DeletionPage{State: DeletionDone, Day: deletedOn, Code: "abc", Look: look}).Body.String(),
	} {
		if !strings.Contains(page, "<header>Our shop</header>") {
			t.Errorf("%s:\n%s", name, page)
		}
	}
}

func TestE3_AnOperatorsPagesLoadFilesOfTheSiteAndTheirOwnStyles(t *testing.T) {
	const sheet = "h1 { color: teal }"
	look := Look{Pages: load(t, map[string]string{"error.html": "<style>" + sheet + "</style><link rel=stylesheet href=/own.css><h1>{{.Title}}</h1>{{.LinkURL}}"})}
	w := written(Reply{Code: Cancelled, Wants: Page, LoginURL: "/in", Look: look})
	csp := w.Header().Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'; style-src 'self' ", "'" + hashOf(sheet) + "'", "'" + hashOf(style) + "'", "; img-src 'self' data:; font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"} {
		if !strings.Contains(csp, part) {
			t.Errorf("%q is not in %s", part, csp)
		}
	}
	if strings.Contains(csp, "script") || strings.Contains(csp, "unsafe") {
		t.Errorf("the policy is too wide: %s", csp)
	}
	for header, want := range map[string]string{"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"} {
		if w.Header().Get(header) != want {
			t.Errorf("%s = %q", header, w.Header().Get(header))
		}
	}
}

func TestE2_WhatAnOperatorsTemplateIsGivenIsEscaped(t *testing.T) {
	look := Look{Pages: load(t, map[string]string{
		"sign_out.html": `<form action="{{.SignOut.Action}}"><p title={{.SignOut.Username}}>{{.SignOut.Username}} {{.Text}}</p></form>`,
	})}
	page := shown(SignOutPage{Action: `/x"><script>`, SignedIn: true, Username: `jay><b onclick=x> {http.request.uri} {{.Style}}`, Look: look}).Body.String()
	if strings.Contains(page, "<b") || strings.Contains(page, "<script") || !strings.Contains(page, "{http.request.uri}") || !strings.Contains(page, "{{.Style}}") {
		t.Errorf("page = %s", page)
	}
}

func TestE3_ATemplateThatIsNoGoodIsRefusedWithFileAndLine(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		words string
	}{
		"broken":                {map[string]string{"error.html": "<p>\n{{.Title"}, "error.html:2"},
		"a field that is none":  {map[string]string{"error.html": "{{.LinkURL}}\n\n{{.Titel}}"}, "error.html:3"},
		"a typo":                {map[string]string{"erorr.html": "x"}, "erorr.html is not one of account.html, data_deletion.html, error.html, layout.html, sign_in.html, sign_out.html, signed_out.html"},
		"none":                  {map[string]string{"readme.txt": "x"}, "has none of"},
		"a script":              {map[string]string{"error.html": "{{.LinkURL}}<SCRIPT>1</SCRIPT>"}, "error.html has a script"},
		"no way on":             {map[string]string{"sign_in.html": "<h1>{{.Title}}</h1>"}, "sign_in.html does not use {{.LinkURL}}"},
		"no way back in":        {map[string]string{"signed_out.html": "<h1>{{.Title}}</h1>"}, "signed_out.html does not use {{.LinkURL}}"},
		"no form":               {map[string]string{"sign_out.html": "<h1>{{.Title}}</h1>"}, "sign_out.html does not use {{.SignOut.Action}}"},
		"no code":               {map[string]string{"data_deletion.html": "<h1>{{.Title}}</h1>"}, "data_deletion.html does not use {{.Confirmation}}"},
		"a refusal without it":  {map[string]string{"error.html": `{{.LinkURL}}{{index .Missing 0}}`}, "error.html:1"},
		"a page without a user": {map[string]string{"data_deletion.html": `{{.Confirmation}}{{.SignOut.Username}}`}, "data_deletion.html:1"},
		"no way out":            {map[string]string{"account.html": "<h1>{{.Title}}</h1>"}, "account.html does not use {{.Account.LogoutURL}}"},
		"only with permissions": {map[string]string{"account.html": "{{.Account.LogoutURL}}{{index .Account.Granted 0}}"}, "account.html:1"},
		"large":                 {map[string]string{"error.html": strings.Repeat("x", maxTemplate+1)}, "error.html is larger than 256 KB"},
		"ambiguous":             {map[string]string{"error.html": `{{.LinkURL}}<a href="{{if .Link}}/x?{{else}}"{{end}}>`}, "error.html"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NewPages(PagesConfig{Folder: folder(t, c.files), Report: nil})
			if err == nil || !strings.Contains(err.Error(), c.words) {
				t.Errorf("%v, want %q", err, c.words)
			}
		})
	}
	if _, err := NewPages(PagesConfig{Folder: filepath.Join(t.TempDir(), "missing"), Report: nil}); err == nil {
		t.Error("a folder that is not there is no error")
	}
	const uses = "{{.LinkURL}}"
	load(t, map[string]string{"error.html": uses + strings.Repeat("x", maxTemplate-len(uses))}) // just small enough
}

// What the samples do not bring up must not leave somebody before an empty page.
func TestAPageThatFailsIsShownAsTheBuiltInOne(t *testing.T) {
	var reported error
	dir := folder(t, map[string]string{"error.html": `{{.LinkURL}}{{if eq .Status 502}}{{index .Missing 7}}{{end}}`})
	templates, err := NewPages(PagesConfig{Folder: dir, Report: func(err error) { reported = err }})
	if err != nil {
		t.Fatal(err)
	}
	look := Look{Pages: templates}
	want := written(Reply{Code: BadProfile, Wants: Page})
	got := written(Reply{Code: BadProfile, Wants: Page, Look: look})
	if got.Body.String() != want.Body.String() || got.Header().Get("Content-Security-Policy") != want.Header().Get("Content-Security-Policy") {
		t.Errorf("page = %s", got.Body)
	}
	if reported == nil || !strings.Contains(reported.Error(), "error.html:1") {
		t.Errorf("reported: %v", reported)
	}
}

func TestTheBuiltInTemplatesAreAStart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "pages")
	written1, err := WriteFiles(dir)
	if err != nil || len(written1) != len(Files()) {
		t.Fatalf("%q, %v", written1, err)
	}
	templates, err := NewPages(PagesConfig{Folder: dir, Report: func(err error) { t.Error(err) }})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range samples(builtInPages.style) {
		own, err := templates.execute(s.file, s.view)
		if err != nil || !bytes.Equal(own, renderBuiltIn(s.file, s.view)) {
			t.Errorf("%s differs, %v", s.file, err)
		}
	}
	if again, err := WriteFiles(dir); err == nil || len(again) != 0 {
		t.Errorf("files were replaced: %q", again)
	}
}

// Files as they were written before there was a site, with every name and field of that time.
var oldTemplates = map[string]string{
	"layout.html": `{{define "top" -}}<html lang="{{.Language}}"><title>{{.Title}}</title><style>{{.Style}}</style><h1>{{.Title}}</h1><p>{{.Text}}</p>{{if .Hint}}<p class="hint">{{.Hint}}</p>{{end}}{{end}}` +
		`{{define "way on"}}{{if .Link}}<a href="{{.LinkURL}}"{{with .Target}} target="{{.}}"{{end}}>{{.Link}}</a>{{end}}{{end}}` +
		`{{define "bottom"}}{{if .RequestID}}<p class="id">{{.Labels.Request}} <span>{{.RequestID}}</span></p>{{end}}</html>{{end}}`,
	"error.html":         `{{template "top" .}}{{.Page}} {{.Code}} {{.Status}}{{range .Missing}}<li>{{.}}</li>{{end}}{{template "way on" .}}{{template "bottom" .}}`,
	"sign_in.html":       `{{template "top" .}}{{.Page}}{{template "way on" .}}{{template "bottom" .}}`,
	"signed_out.html":    `{{template "top" .}}{{.Page}}{{template "way on" .}}{{template "bottom" .}}`,
	"sign_out.html":      `{{template "top" .}}{{with .SignOut}}{{.SignedIn}} {{.Username}}<form method="post" action="{{.Action}}"><input type="checkbox" name="everywhere" value="1">{{$.Labels.Everywhere}}<button>{{$.Labels.SignOut}}</button></form>{{end}}{{template "bottom" .}}`,
	"data_deletion.html": `{{template "top" .}}{{if .Confirmation}}{{.Labels.Confirmation}} <span>{{.Confirmation}}</span>{{end}}{{template "bottom" .}}`,
}

func TestTemplatesOfBeforeRenderAsBefore(t *testing.T) {
	for _, only := range [][]string{{"layout.html"}, {"error.html"}, {"sign_in.html", "sign_out.html"}, nil} {
		files := make(map[string]string)
		for name, text := range oldTemplates {
			if only == nil || slices.Contains(only, name) {
				files[name] = text
			}
		}
		look := Look{Pages: load(t, files), Host: "example.com", HomeOpen: true}
		if look.Pages.LeavesOutSite() {
			t.Errorf("%q: a site that is not configured is missed", only)
		}
		refused := written(Reply{Code: MissingPermission, Wants: Page, Missing: []string{"user_media"}, LoginURL: "/in", RequestID: "d0a1b2c3-9999", Look: look}).Body.String()
		signIn := shown(SignInPage{LoginURL: "/in", ProfessionalOnly: true, Scopes: []string{"user_media"}, StepUp: []string{"instagram_business_content_publish"}, Look: look}).Body.String()
		signOut := shown(SignOutPage{Action: "/out", SignedIn: true, Username: "jay", Look: look}).Body.String()
		for _, page := range []string{refused, signIn, signOut} {
			if strings.Count(page, "<html") != 1 || strings.Count(page, "</html>") != 1 || strings.Count(page, "<h1>") != 1 || strings.Contains(page, "{site}") {
				t.Errorf("%q: %s", only, page)
			}
		}
		if only != nil {
			continue
		}
		for page, parts := range map[string][]string{
			refused: {`<html lang="en">`, "<title>A permission is missing</title>", "error missing_permission 403<li>See your photos and videos</li>", `<a href="/in">Continue to Instagram</a>`, `Request <span>d0a1b2c3-9999</span>`},
			signIn:  {"sign_in<a href=\"/in\">Sign in with Instagram</a>", "<p>We see your username and account ID.</p>", `<p class="hint">Works with business and creator accounts.`},
			signOut: {`true jay<form method="post" action="/out">`, "Also sign out on all other devices<button>Sign out</button>"},
		} {
			for _, part := range parts {
				if !strings.Contains(page, part) {
					t.Errorf("%q is not in\n%s", part, page)
				}
			}
		}
	}
	old, err := NewPages(PagesConfig{Site: siteOf(t, SiteConfig{Name: "Club"}), Folder: folder(t, oldTemplates)})
	if err != nil || !old.LeavesOutSite() {
		t.Errorf("templates that leave out the site are not told: %v", err)
	}
	if some, err := NewPages(PagesConfig{Site: siteOf(t, SiteConfig{Name: "Club"}), Folder: folder(t, map[string]string{"error.html": oldTemplates["error.html"]})}); err != nil || some.LeavesOutSite() {
		t.Errorf("the built-in layout shows the site: %v", err)
	}
}
