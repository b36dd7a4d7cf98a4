package refusal

import (
	"html"
	"strings"
	"testing"
)

func TestAPageOffersTheUsualBrowserInEachLanguage(t *testing.T) {
	for _, l := range languages {
		look := Look{Language: l}
		with := &Elsewhere{Address: "https://example.test/a?b&c", OpenURL: "intent://example.test/a?b&c#Intent;scheme=https;end"}
		without := &Elsewhere{Address: "https://example.test/"}
		const link, address = `<a class="button second" href="intent://example.test/a?b&amp;c#Intent;scheme=https;end" target="_top">`, `<bdi class="address" dir="ltr">https://example.test/a?b&amp;c</bdi>`
		for name, page := range map[string]string{
			"sign-in": shown(SignInPage{LoginURL: "/l", Elsewhere: with, Look: look}).Body.String(),
			"refusal": written(Reply{Code: OtherBrowser, Wants: Page, LoginURL: "/l", Elsewhere: with, Look: look}).Body.String(),
		} {
			if !strings.Contains(page, link+html.EscapeString(l.Labels.OpenElsewhere)+"</a>") || !strings.Contains(page, html.EscapeString(l.Labels.OrCopyAddress)+" "+address) || !strings.Contains(page, `href="/l"`) {
				t.Errorf("%s, %s:\n%s", l.tag, name, page)
			}
			if strings.Contains(page, html.EscapeString(l.InApp)) != (name == "sign-in") {
				t.Errorf("%s, %s: the note\n%s", l.tag, name, page)
			}
		}
		page := written(Reply{Code: OtherBrowser, Wants: Page, LoginURL: "/l", Elsewhere: without, Look: look}).Body.String()
		if strings.Contains(page, "second\"") || !strings.Contains(page, html.EscapeString(l.Labels.CopyAddress)+` <bdi class="address" dir="ltr">https://example.test/</bdi>`) {
			t.Errorf("%s, without a way that is known:\n%s", l.tag, page)
		}
		if page := written(Reply{Code: OtherBrowser, Wants: Page, LoginURL: "/l", Look: look}).Body.String(); strings.Contains(page, "address\"") {
			t.Errorf("%s, in the usual browser:\n%s", l.tag, page)
		}
	}
}

func TestATemplateCanUseTheOffer(t *testing.T) {
	for text, ok := range map[string]bool{
		`{{with .Elsewhere}}<a href="{{.OpenURL}}">{{.Label}}</a> {{.Copy}} {{.Address}}{{end}}<a href="{{.LinkURL}}">{{.Link}}</a>`: true,
		`{{.Elsewhere.Address}}<a href="{{.LinkURL}}">{{.Link}}</a>`:                                                                 false, // it is not always there
	} {
		pages, err := NewPages(PagesConfig{Folder: folder(t, map[string]string{"error.html": text}), Report: func(err error) { t.Error(err) }})
		if (err == nil) != ok {
			t.Fatalf("%s: %v", text, err)
		}
		if !ok {
			continue
		}
		page := written(Reply{Code: OtherBrowser, Wants: Page, LoginURL: "/l", Elsewhere: &Elsewhere{Address: "https://example.test/", OpenURL: "x-safari-https://example.test/"}, Look: Look{Pages: pages}}).Body.String()
		if !strings.Contains(page, `<a href="x-safari-https://example.test/">Open in your browser</a>`) {
			t.Error(page)
		}
	}
}
