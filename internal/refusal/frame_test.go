package refusal

import (
	"strings"
	"testing"
)

func TestAPageInAFrameLeadsOutOfIt(t *testing.T) {
	for _, l := range languages {
		page := written(Reply{Code: LoginRequired, Wants: Page, LoginURL: "/in", Look: Look{Language: l, Framed: true}})
		if body := page.Body.String(); l.Framed == "" || !strings.Contains(body, l.Framed) || !strings.Contains(body, `href="/in" target="_top"`) {
			t.Errorf("%s: %s", l.tag, body)
		}
		if csp := page.Header().Get("Content-Security-Policy"); !strings.HasSuffix(csp, "; base-uri 'none'; frame-ancestors 'self'") || strings.Contains(csp, "ancestors 'none'") {
			t.Errorf("%s: policy %s", l.tag, csp)
		}
		if body := written(Reply{Code: LoginRequired, Wants: Page, LoginURL: "/in", Look: Look{Language: l}}).Body.String(); strings.Contains(body, "_top") || strings.Contains(body, l.Framed) {
			t.Errorf("%s, in a window: %s", l.tag, body)
		}
	}
}

func TestATemplateThatDoesNotKnowOfFramesIsNotShownInThem(t *testing.T) {
	for text, own := range map[string]bool{`<p>Club</p><a href="{{.LinkURL}}">{{.Link}}</a>`: false, `<p>Club</p><a href="{{.LinkURL}}" target="{{.Target}}">{{.Link}}</a>`: true} {
		templates, err := NewPages(PagesConfig{Folder: folder(t, map[string]string{"error.html": text}), Report: func(err error) { t.Error(err) }})
		if err != nil {
			t.Fatal(err)
		}
		page := written(Reply{Code: SessionEnded, Wants: Page, PageURL: "/form", Look: Look{Pages: templates, Framed: true}})
		if body := page.Body.String(); strings.Contains(body, "Club") != own || !strings.Contains(body, `target="_top"`) {
			t.Errorf("%s: %s", text, body)
		}
		if csp := page.Header().Get("Content-Security-Policy"); !strings.HasSuffix(csp, "frame-ancestors 'self'") {
			t.Errorf("policy %s", csp)
		}
	}
}

// The links of the layout lead out, and that of the page does not.
func TestALayoutDoesNotVouchForThePageInIt(t *testing.T) {
	site := siteOf(t, SiteConfig{Name: "Club", Help: "/help"})
	pages, err := NewPages(PagesConfig{Site: site, Folder: folder(t, map[string]string{"error.html": `{{template "top" .}}OLD<a href="{{.LinkURL}}">{{.Link}}</a>{{template "bottom" .}}`})})
	if err != nil {
		t.Fatal(err)
	}
	reply := Reply{Code: SessionEnded, Wants: Page, PageURL: "/form", Look: Look{Pages: pages, HomeOpen: true, Framed: true}}
	body := written(reply).Body.String()
	if strings.Contains(body, "OLD") || strings.Count(body, `target="_top"`) != 3 {
		t.Error(body)
	}
	if reply.Look.Framed = false; !strings.Contains(written(reply).Body.String(), "OLD") {
		t.Error("the operator's page is not shown in a window")
	}
}

func TestAFormIsAnsweredWithALinkAndNeverSentAgain(t *testing.T) {
	for _, l := range languages {
		for _, code := range []Code{SessionEnded, CrossSitePost} {
			body := written(Reply{Code: code, Wants: Page, LoginURL: "/in", PageURL: "/form?x=1", Look: Look{Language: l}}).Body.String()
			if !strings.Contains(body, l.Refusals[code].Text) || !strings.Contains(body, `<a class="button" href="/form?x=1">`+l.Refusals[code].Link) || strings.Contains(body, "<form") || strings.Contains(body, "/in") {
				t.Errorf("%s, %s: %s", l.tag, code, body)
			}
		}
	}
}
