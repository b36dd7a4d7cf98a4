package instagram

import (
	"cmp"
	"html"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// The page of the authorization window, read as a person sees it. Most errors of a request are
// shown there and nowhere else.

// refusals are the known error sentences of the window, in lower case. A page may show several:
// the first one in this list counts, and those that name a parameter come first.
var refusals = []string{
	"invalid platform app", "invalid client_id", "invalid client id",
	"invalid redirect_uri", "invalid scrubbed redirect_uri", "redirect uri does not match registered redirect uri",
	"invalid response_type", "invalid scope", "no valid scopes requested", "insufficient developer role",
	"session invalid", "sorry, this page isn't available",
}

const (
	maxPage = 1 << 20 // bytes; pages of www.instagram.com have several hundred KB
	// maxBefore is how many bytes of a line are kept in front of a known sentence, so that both
	// fit into maxMessage.
	maxBefore = 100
)

// refusalIn returns the first known sentence of a text and the line that contains it. Both are
// empty if there is none.
func refusalIn(text string) (sentence, line string) {
	// Lowering ASCII alone keeps all positions.
	low := asciiLower(text)
	for _, sentence := range refusals {
		at := strings.Index(low, sentence)
		if at < 0 {
			continue
		}
		start := strings.LastIndexByte(text[:at], '\n') + 1
		if at-start > maxBefore {
			start = at
		}
		line, _, _ := strings.Cut(text[at+len(sentence):], "\n")
		return sentence, text[start:at+len(sentence)] + line
	}
	return "", ""
}

func asciiLower(text string) string {
	lower := []byte(text)
	for i, b := range lower {
		if 'A' <= b && b <= 'Z' {
			lower[i] = b + 'a' - 'A'
		}
	}
	return string(lower)
}

// WindowError reads what a person copied from the window: its words, or the address of its
// error page. It returns nil if that contains no known error.
func WindowError(copied string) *Error {
	copied = strings.TrimSpace(copied)
	failure := &Error{Kind: Refused, Endpoint: WindowEndpoint}
	if u, err := url.Parse(copied); err == nil && u.Host != "" {
		failure.Message = cut(errorPage(u))
	} else if answer := readRefusal(*failure, copied); answer != nil {
		return answer
	} else {
		_, words := refusalIn(readPage(copied).shown)
		if !strings.Contains(copied, "<") { // copied as text, whose lines are those that were seen
			_, line := refusalIn(plain(copied))
			words = cmp.Or(line, words)
		}
		failure.Message = cut(words)
	}
	if failure.Message == "" {
		return nil
	}
	return failure
}

// readRefusal reads a JSON error, which is how the window of BasicDisplay refuses. It returns nil
// for anything else.
func readRefusal(failure Error, body string, secrets ...string) *Error {
	if !strings.HasPrefix(strings.TrimSpace(body), "{") {
		return nil
	}
	failure.Kind = BadAnswer
	_ = failure.read([]byte(body), secrets...)
	if failure.Kind != Refused && failure.Status < 500 {
		return nil
	}
	return &failure
}

// Denial reads the query of a callback without a code. It returns nil if the query has no error.
// Names such as invalid_scope become words, because the remedies are found by words.
func Denial(query url.Values) *Error {
	if !query.Has("error") && !query.Has("error_code") && !query.Has("error_message") {
		return nil
	}
	failure := &Error{Kind: Refused, Endpoint: WindowEndpoint}
	failure.Code, _ = strconv.Atoi(query.Get("error_code")) // Facebook's style; otherwise 0
	var words []string
	for _, name := range []string{"error", "error_reason", "error_description", "error_message"} {
		text := plain(query.Get(name))
		if name == "error" || name == "error_reason" {
			text = strings.ReplaceAll(text, "_", " ")
		}
		if text != "" {
			words = append(words, text)
		}
	}
	failure.Message = cut(strings.Join(words, ": "))
	return failure
}

// errorPage returns the message in the address of the window's error page. It is empty for other
// addresses. Seen live: /oauth/authorize/third_party/error/?message=..., in the language of the
// person.
func errorPage(u *url.URL) string {
	if !strings.Contains(u.Path, "/authorize/") || !strings.Contains(u.Path, "/error") {
		return ""
	}
	query := u.Query()
	for _, name := range []string{"message", "error_message", "error_description"} {
		if words := plain(query.Get(name)); words != "" {
			return words
		}
	}
	return ""
}

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

// rawText are the elements whose content is not visible and contains no tags.
var rawText = []string{"script", "style", "noscript", "template", "iframe", "noembed", "noframes"}

// inline are the elements that do not separate words.
var inline = []string{"a", "abbr", "b", "bdi", "bdo", "cite", "code", "em", "font", "i", "kbd", "mark", "q", "s", "samp", "small", "span", "strong", "sub", "sup", "tt", "u", "var", "wbr"}

// readPage parses a page as a browser does, as far as the text and the forms need it. It accepts
// any text: a text without tags is visible as it is.
func readPage(body string) page {
	var p page
	var shown, hidden strings.Builder
	inForm, inButton := false, false
	for rest := body; rest != ""; {
		text, markup := cutAt(rest, strings.IndexByte(rest, '<'))
		shown.WriteString(oneSpace(html.UnescapeString(text)))
		if inButton && isAllow(text) {
			p.forms[len(p.forms)-1].allow = true
		}
		if markup == "" {
			break
		}
		var tag tag
		if tag, rest = readTag(markup); tag.name == "" {
			shown.WriteString(tag.text)
			continue
		}
		switch {
		case tag.name == "br":
			shown.WriteByte(' ')
		case !slices.Contains(inline, tag.name):
			shown.WriteByte('\n')
		}
		switch {
		case tag.end:
			inForm = inForm && tag.name != "form"
			inButton = inButton && inForm && tag.name != "button"
		case slices.Contains(rawText, tag.name):
			text, rest = cutAt(rest, endOf(rest, tag.name))
			hidden.WriteString(text + "\n")
		case tag.name == "form":
			inForm = true
			p.forms = append(p.forms, form{method: asciiLower(tag.attributes["method"]), action: strings.TrimSpace(tag.attributes["action"]), hidden: make(map[string]string)})
		case tag.name == "input" || tag.name == "button":
			inButton = p.field(tag, inForm)
		}
	}
	p.shown, p.hidden = plain(shown.String()), plain(unescaped.Replace(hidden.String()))
	return p
}

// field adds a field to the page. It reports whether the text that follows is a button's.
func (p *page) field(t tag, inForm bool) (button bool) {
	kind := asciiLower(t.attributes["type"])
	p.login = p.login || t.name == "input" && kind == "password"
	if !inForm {
		return false
	}
	f := &p.forms[len(p.forms)-1]
	switch {
	case t.name == "input" && kind == "hidden":
		f.hidden[t.attributes["name"]] = t.attributes["value"]
	case t.name == "input" && kind == "submit", t.name == "button":
		f.allow = f.allow || isAllow(t.attributes["value"])
		return t.name == "button"
	}
	return false
}

func isAllow(text string) bool { return asciiLower(strings.TrimSpace(text)) == "allow" }

// cutAt cuts a text before a position. If the position is negative, nothing comes after it.
func cutAt(text string, at int) (before, from string) {
	if at < 0 {
		return text, ""
	}
	return text[:at], text[at:]
}

// endOf returns the position of the end tag of an element, or a negative number.
func endOf(text, name string) int {
	for at := 0; ; {
		next := strings.Index(text[at:], "</")
		if next < 0 {
			return next
		}
		at += next + len("</")
		after := text[at:]
		if len(after) > len(name) && asciiLower(after[:len(name)]) == name && strings.ContainsRune(" \t\n\f\r/>", rune(after[len(name)])) {
			return at - len("</")
		}
	}
}

// tag is a tag or, without a name, other markup.
type tag struct {
	name       string // in lower case
	end        bool
	attributes map[string]string // by name in lower case; of two with one name, the first
	text       string            // a < that is not markup
}

// readTag reads the markup that begins with a <, and returns what comes after it. Markup that is
// not closed extends to the end of the page, as in a browser.
func readTag(markup string) (t tag, rest string) {
	switch after := markup[1:]; {
	case strings.HasPrefix(after, "!--"):
		return t, behindComment(after[len("!--"):])
	case strings.HasPrefix(after, "/") && isLetter(after[1:]):
		t.end, markup = true, after[1:]
	case isLetter(after):
		markup = after
	case after != "" && strings.ContainsRune("!?/", rune(after[0])):
		if after == "/" {
			t.text = "</"
		}
		_, rest, _ = strings.Cut(after, ">")
		return t, rest
	default:
		t.text = "<"
		return t, after
	}
	size := strings.IndexAny(markup, " \t\n\f\r/>")
	if size < 0 {
		return tag{}, ""
	}
	t.name, t.attributes = asciiLower(markup[:size]), make(map[string]string)
	for rest = markup[size:]; ; {
		rest = strings.TrimLeft(rest, " \t\n\f\r/")
		if rest == "" {
			return tag{}, ""
		}
		if rest[0] == '>' {
			return t, rest[1:]
		}
		var name, value string
		name, value, rest = readAttribute(rest)
		if _, twice := t.attributes[name]; !twice {
			t.attributes[name] = value
		}
	}
}

// behindComment returns what comes after a comment.
func behindComment(comment string) string {
	for _, empty := range []string{">", "->"} {
		if strings.HasPrefix(comment, empty) {
			return comment[len(empty):]
		}
	}
	for {
		at := strings.Index(comment, "--")
		if at < 0 {
			return ""
		}
		for _, end := range []string{"-->", "--!>"} {
			if strings.HasPrefix(comment[at:], end) {
				return comment[at+len(end):]
			}
		}
		comment = comment[at+1:]
	}
}

func isLetter(text string) bool {
	return text != "" && ('a' <= text[0]|0x20 && text[0]|0x20 <= 'z')
}

// readAttribute reads the attribute at the beginning of a text that is not empty. A = at the very
// beginning belongs to the name.
func readAttribute(text string) (name, value, rest string) {
	size := strings.IndexAny(text[1:], "= \t\n\f\r/>")
	if size < 0 {
		return "", "", ""
	}
	name, rest = asciiLower(text[:1+size]), text[1+size:]
	value, equals := strings.CutPrefix(strings.TrimLeft(rest, " \t\n\f\r"), "=")
	if !equals {
		return name, "", rest
	}
	value = strings.TrimLeft(value, " \t\n\f\r")
	for _, quote := range []string{`"`, `'`} {
		if quoted, ok := strings.CutPrefix(value, quote); ok {
			value, rest, _ = strings.Cut(quoted, quote)
			return name, html.UnescapeString(value), rest
		}
	}
	value, rest = cutAt(value, strings.IndexAny(value, " \t\n\f\r>"))
	return name, html.UnescapeString(value), rest
}

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
