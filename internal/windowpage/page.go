// Package windowpage judges what the authorization window answers: whether it accepts a request,
// refuses it, or shows something that proves nothing. Most errors of a request are shown on the
// window's page and nowhere else, so it reads that page as a person sees it.
package windowpage

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/net/html"
)

// page is what a browser makes of a page.
type page struct {
	shown  string // the visible text, one line for each block
	hidden string // the text of scripts and other hidden elements
	forms  []form
	login  bool // the page has a password field
}

// form is what shows whether a form asks for consent.
type form struct {
	method, action string
	hidden         map[string]string // the hidden fields
	allow          bool              // there is a button "allow"
}

// rawText are the elements whose content is text that nobody sees.
var rawText = []string{"script", "style", "noscript", "iframe", "noembed", "noframes"}

// inline are the elements that do not separate words.
var inline = []string{
	"a", "abbr", "b", "bdi", "bdo", "cite", "code", "em", "font", "i", "kbd", "mark", "q", "s", "samp", "small", "span",
	"strong", "sub", "sup", "tt", "u", "var", "wbr",
}

// reader reads a page tag by tag: building a tree of many open elements takes minutes.
type reader struct {
	page
	shownText, hiddenText, titleText strings.Builder

	raw              string // the open element of rawText
	inTitle          bool
	templates        int // open ones, whose content nobody sees
	inForm, inButton bool
}

// readPage accepts any text: a text without tags is visible as it is.
func readPage(body string) page {
	var r reader
	for tokens := html.NewTokenizer(strings.NewReader(body)); ; {
		switch tokens.Next() {
		case html.ErrorToken: // the end: a tag that is not closed extends to it, as in a browser
			// The title comes last: it repeats the page's words, with the name of the website
			// behind them.
			r.shown = plain(r.shownText.String() + "\n" + r.titleText.String())
			r.hidden = plain(unescaped.Replace(r.hiddenText.String()))
			return r.page
		case html.TextToken:
			r.text(string(tokens.Text()))
		case html.StartTagToken, html.SelfClosingTagToken:
			r.tag(tokens.Token(), false)
		case html.EndTagToken:
			r.tag(tokens.Token(), true)
		}
	}
}

func (r *reader) text(text string) {
	if r.raw != "" || r.templates > 0 {
		r.hiddenText.WriteString(text + "\n")
		return
	}
	if r.inTitle {
		r.titleText.WriteString(oneSpace(text) + "\n")
	} else {
		r.shownText.WriteString(oneSpace(text))
	}
	if r.inButton && isAllow(text) {
		r.forms[len(r.forms)-1].allow = true
	}
}

func (r *reader) tag(t html.Token, end bool) {
	r.raw, r.inTitle = "", !end && t.Data == "title"
	switch {
	case t.Data == "br":
		r.shownText.WriteByte(' ')
	case !slices.Contains(inline, t.Data):
		r.shownText.WriteByte('\n')
	}
	switch {
	case t.Data == "template" && end:
		r.templates = max(0, r.templates-1)
	case t.Data == "template":
		r.templates++
	case !end && slices.Contains(rawText, t.Data):
		r.raw = t.Data
	case r.templates > 0:
	case end:
		r.inForm = r.inForm && t.Data != "form"
		r.inButton = r.inButton && r.inForm && t.Data != "button"
	case t.Data == "form":
		r.inForm = true
		r.forms = append(r.forms, form{
			method: strings.ToLower(attribute(t, "method")), action: strings.TrimSpace(attribute(t, "action")),
			hidden: make(map[string]string),
		})
	case t.Data == "input" || t.Data == "button":
		r.inButton = r.field(t)
	}
}

// field adds a field to the page. It reports whether the text that follows is a button's.
func (r *reader) field(t html.Token) (button bool) {
	kind := strings.ToLower(attribute(t, "type"))
	r.login = r.login || t.Data == "input" && kind == "password"
	if !r.inForm {
		return false
	}
	f := &r.forms[len(r.forms)-1]
	switch {
	case t.Data == "input" && kind == "hidden":
		f.hidden[attribute(t, "name")] = attribute(t, "value")
	case t.Data == "input" && kind == "submit", t.Data == "button":
		f.allow = f.allow || isAllow(attribute(t, "value"))
		return t.Data == "button"
	}
	return false
}

// attribute returns the value of an attribute: of two with one name, the first.
func attribute(t html.Token, name string) string {
	for _, a := range t.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func isAllow(text string) bool { return strings.EqualFold(strings.TrimSpace(text), "allow") }

// unescaped undoes how scripts write apostrophes.
var unescaped = strings.NewReplacer(`\u2019`, "'", `\u0027`, "'", `\'`, "'")

func oneSpace(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		return r
	}, text)
}

// plain normalizes a text: plain apostrophes, no characters without width, and between words one
// space or, where a line ends, one line break.
func plain(text string) string {
	var b strings.Builder
	between := ""
	for _, r := range text {
		switch {
		case r == '\n':
			between = "\n"
		case unicode.IsSpace(r):
			if between == "" {
				between = " "
			}
		case strings.ContainsRune("\u00ad\u200b\u200c\u200d\u2060\ufeff", r):
		default:
			if b.Len() > 0 {
				b.WriteString(between)
			}
			between = ""
			if strings.ContainsRune("\u2018\u2019\u02bc\u2032\u00b4`", r) {
				r = '\''
			}
			b.WriteRune(r)
		}
	}
	return b.String()
}
