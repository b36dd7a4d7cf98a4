package answer_test

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

func TestPagesSpeakTheVisitorsLanguage(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Matcher: "/private*", Options: "login_page"})
	for path, want := range map[string]string{
		"/private":                             "Wir sehen deinen Benutzernamen und deine Konto-ID.",
		"/instagram_auth/logout":               "Du bist nicht angemeldet.",
		sitetest.Callback + "?code=x":          "Diese Anmeldung ist nicht mehr gültig.",
		"/instagram_auth/data_deletion?code=x": "Zu diesem Code gibt es keinen Antrag auf Löschung.",
	} {
		answer := s.NewBrowser().Asked(t, path, "de-CH, en;q=0.5")
		if !strings.Contains(answer.Body, want) || !strings.Contains(answer.Body, `<html lang="de" dir="ltr">`) {
			t.Errorf("%s: %d\n%s", path, answer.StatusCode, answer.Body)
		}
		if !strings.Contains(strings.Join(answer.Header.Values("Vary"), ","), "Accept-Language") {
			t.Errorf("%s: Vary = %q", path, answer.Header.Values("Vary"))
		}
		if answer := s.NewBrowser().Asked(t, path, "sv"); !strings.Contains(answer.Body, `<html lang="en" dir="ltr">`) {
			t.Errorf("%s for somebody whose language we do not have:\n%s", path, answer.Body)
		}
	}
}

func TestOneLanguageForEverybody(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Options: "login_page\nlanguage tr"})
	answer := s.NewBrowser().Asked(t, "/private", "de")
	if !strings.Contains(answer.Body, `<html lang="tr" dir="ltr">`) || strings.Contains(strings.Join(answer.Header.Values("Vary"), ","), "Accept-Language") {
		t.Errorf("%q\n%s", answer.Header.Values("Vary"), answer.Body)
	}
}

func TestAnOperatorsPagesAreShown(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pages")
	out, err := sitetest.RunCaddy(t, nil, io.Discard, "pages", dir)
	if err != nil || !strings.Contains(out, filepath.Join(dir, "sign_out.html")+"\n") {
		t.Fatalf("%v\n%s", err, out)
	}
	if _, err := sitetest.RunCaddy(t, nil, io.Discard, "pages", dir); err == nil {
		t.Error("the command replaces files")
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("sign_out.html", `<form method="post" action="{{.SignOut.Action}}"><h1>Our shop: {{.SignOut.Username}}</h1></form>`)
	write("error.html", `<h1>Our shop</h1>{{.LinkURL}}{{if eq .Code "login_expired"}}{{index .Missing 7}}{{end}}`)
	options := "pages " + dir
	s := sitetest.Start(t, sitetest.Config{Matcher: "/private*", Options: options})
	b := s.NewBrowser()
	b.SignIn("/private")
	if answer := b.Get("/instagram_auth/logout"); !strings.Contains(answer.Body, "<h1>Our shop: "+sitetest.Username+"</h1>") ||
		!strings.Contains(answer.Header.Get("Content-Security-Policy"), "img-src 'self'") {
		t.Errorf("%s\n%s", answer.Header.Get("Content-Security-Policy"), answer.Body)
	}
	if answer := s.NewBrowser().Get(sitetest.Callback + "?error=access_denied&state=x"); !strings.Contains(answer.Body, "<h1>Our shop</h1>") {
		t.Errorf("%d\n%s", answer.StatusCode, answer.Body)
	}
	// One that fails is no blank page, and the operator is told.
	if answer := s.NewBrowser().Get(sitetest.Callback + "?code=x&state=" + strings.Repeat("x", session.StateLength)); answer.StatusCode != http.StatusBadRequest || !strings.Contains(answer.Body, "This sign-in is no longer valid.") {
		t.Errorf("%d\n%s", answer.StatusCode, answer.Body)
	}
	if lines := s.Logged("a page template failed"); len(lines) != 1 || lines[0]["remedy"] == "" || !strings.Contains(lines[0]["error"].(string), "error.html:1") {
		t.Errorf("log: %v", lines)
	}
	write("erorr.html", "a typo")
	err = sitetest.Validate(strings.Replace(sitetest.BlockOpening, "auth/\n", "auth/\n"+options+"\n", 1)+"}\n}\n", func(map[string]any) { t.Setenv("INSTAGRAM_APP_SECRET", sitetest.AppSecret) })
	if err == nil || !strings.Contains(err.Error(), "pages: "+filepath.Join(dir, "erorr.html")+" is not one of") {
		t.Errorf("a folder with a typo: %v", err)
	}
}
