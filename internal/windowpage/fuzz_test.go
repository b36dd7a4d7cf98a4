package windowpage_test

import (
	"html"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/windowpage"
)

// FuzzWindow has the window answer anything. What the probe makes of a page is judged by a
// second reading of the rules, which goes through the page letter by letter.
func FuzzWindow(f *testing.F) {
	for _, body := range []string{
		"", "<html>", "<p>Invalid Request: Request parameters are invalid: Invalid platform app</p>", "Sorry, this page isn&rsquo;t&nbsp;available.",
		"<script>Invalid scope</script>x", "<script>Invalid scope", "<SCRIPT a='>'>x</script\n>Session Invalid", "<!-- Invalid scope --!>a", "<!-->Session Invalid", "<!--->b<!x>", "<?x><%x>",
		"<a b='x>'>Session <b>Inv</b>alid</a>", "<p title=Session Invalid", "Invalid<br>scope<br/>", "<p>Session</p>Invalid", "</>Session Invalid</ x>", "<1>", "a<", "a</", "</script>x",
		"<noscript>Invalid scope</noscript><template>Session Invalid</templat></template>", "&lt;p&gt;Invalid scope&#x27;", "<a =b =c='x' d = e / f>g", "<a/b/>Invalid\u00a0redirect\u200b_uri", "\xff<\xffInvalid scope\xff",
		`<form method=post>example.test<button value=allow>`, `<form method="POST" action="/oauth/authorize?state=` + probeState + `">EXAMPLE.test<button>Allow</form>`,
		`<form method=post action=x><input type=hidden name=state value=` + probeState + `><input type=submit value=allow>example.test`, `<form method=post><input type=password><button>allow</button>example.test`,
		"<title>&lt;p>Session Invalid</title>", "<textarea><b>Invalid scope</textarea>x", "<xmp>&#x49;nvalid scope", "<plaintext>Invalid scope</plaintext>", "<template><p>Invalid scope<template></template>Session Invalid</template>Invalid response_type",
		`{"error_message":"Invalid scope"}`, `{"error":{"code":4}}`, `{`,
	} {
		f.Add(200, "", body)
		f.Add(400, "", body)
	}
	for _, location := range []string{
		"", redirectURI + "?code=x&state=" + probeState + "#_", redirectURI + "?error=access_denied", "/accounts/login/?next=x", "//elsewhere.test", "https://%zz", "/oauth/authorize/third_party/error/?message=Invalid+scope", "?message=%zz&message=%00",
	} {
		f.Add(302, location, "")
	}
	f.Add(101, "", "x")
	f.Add(500, "", "Invalid scope")
	f.Fuzz(func(t *testing.T, status int, location, body string) {
		if status < 100 || status > 599 {
			return
		}
		answer := answers(t, status, location, body)
		v := windowpage.Judge(answer, redirectURI)
		for _, failure := range []*instagram.Error{v.Err, v.Perhaps, windowpage.Copied(body), windowpage.Copied(location)} {
			wantHarmless(t, body, failure)
		}
		if outcomes := []bool{v.Accepted, v.Err != nil, v.Shows != ""}; slices.Index(outcomes, true) < 0 || slices.Index(outcomes[slices.Index(outcomes, true)+1:], true) >= 0 {
			t.Fatalf("%q: %+v", body, v)
		}
		query, back := windowpage.SentBack(answer, redirectURI)
		if back && !(status >= 300 && status < 400 && strings.Contains(location, query)) {
			t.Errorf("%d %q is sent back with %q", status, location, query)
		}
		refused := v.Err != nil && v.Err.Kind == instagram.Refused
		switch {
		case status >= 300 && status < 400:
			if v.Accepted || refused && !strings.Contains(location, "error") {
				t.Errorf("%q: %+v", location, v)
			}
		case status < 200 || status >= 500:
			if v.Accepted || refused && !strings.HasPrefix(strings.TrimSpace(body), "{") {
				t.Errorf("status %d: %+v", status, v)
			}
		case strings.HasPrefix(strings.TrimSpace(body), "{"): // an answer, which has a target of its own
		case regexp.MustCompile(`(?i)<script[^>]*>(?s:.*)<!--`).MatchString(body): // a script in a script, for the library alone
		default:
			second := read(body)
			if want := second.refuses(); refused != want {
				t.Errorf("%q: refused %v, the second reading %v, which is %q", body, refused, want, second.text)
			}
			if want := status == 200 && !second.refuses() && second.consents(); v.Accepted != want {
				t.Errorf("%q: accepted %v, the second reading %v: %+v", body, v.Accepted, want, second)
			}
		}
	})
}

// wantHarmless fails the test if an error tells the state, or more of Instagram's words than a line
// has room for. [T6]
func wantHarmless(t *testing.T, body string, failure *instagram.Error) {
	t.Helper()
	if failure == nil {
		return
	}
	text := failure.Error()
	if len(failure.Message) > 200 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
		t.Errorf("%q gives %q", body, text)
	}
	if failure.Status != 0 && strings.Contains(text, probeState[:8]) {
		t.Errorf("%q: %q tells the state", body, text)
	}
}

// secondReading is a page that is read letter by letter, by the states of the HTML standard.
type secondReading struct {
	text     string // shown, a line for each block
	password bool
	forms    []askingForm

	words        string // since the last markup
	inForm       bool
	inButton     bool
	name, raw    string // of the tag; of the element whose content is text
	templates    int    // open ones
	ending       bool
	attributes   [][2]string
	attribute    [2]string
	hasAttribute bool
}

type askingForm struct{ post, own, state, allow bool }

type pageState int

const (
	inData pageState = iota
	tagOpen
	endTagOpen
	inTagName
	beforeName
	inName
	afterName
	beforeValue
	inValue // until a blank or >
	inQuoted
	inMarkup // a comment by mistake
	inComment
	inRaw
)

// startsMarkup matches what makes markup of a < in front of it.
var startsMarkup = regexp.MustCompile(`^[A-Za-z/!?]`)

func read(body string) *secondReading {
	r := new(secondReading)
	state, quote, comment := inData, byte(0), ""
	for i := 0; i < len(body); i++ {
		c := body[i]
		blank := strings.IndexByte(" \t\n\f\r", c) >= 0
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		switch state {
		case inData:
			if next := body[i+1:]; c != '<' || next == "" || !startsMarkup.MatchString(next) {
				r.words += string([]byte{c})
				continue
			}
			r.flush()
			state, r.name, r.ending, r.attributes, r.hasAttribute = tagOpen, "", false, nil, false
		case tagOpen:
			switch {
			case letter:
				state, r.name = inTagName, string([]byte{c})
			case c == '/':
				state = endTagOpen
			case c == '!' && strings.HasPrefix(body[i+1:], "--"):
				state, comment = inComment, ""
				i += 2
			default:
				state = inMarkup
			}
		case endTagOpen:
			switch {
			case letter:
				state, r.name, r.ending = inTagName, string([]byte{c}), true
			case c == '>':
				state = inData
			default:
				state = inMarkup
			}
		case inMarkup:
			if c == '>' {
				state = inData
			}
		case inComment:
			comment += string([]byte{c})
			if comment == ">" || comment == "->" || strings.HasSuffix(comment, "-->") || strings.HasSuffix(comment, "--!>") {
				state = inData
			}
		case inRaw:
			if end := "</" + r.raw; c == '<' && len(body)-i > len(end) && strings.EqualFold(body[i:i+len(end)], end) && strings.IndexByte(" \t\n\f\r/>", body[i+len(end)]) >= 0 {
				r.flush()
				r.raw, state, i = "", inData, i-1
				continue
			}
			r.words += string([]byte{c})
		case inTagName:
			switch {
			case blank || c == '/':
				state = beforeName
			case c == '>':
				state = r.emit()
			default:
				r.name += string([]byte{c})
			}
		case beforeName, afterName:
			switch {
			case blank:
			case c == '>':
				r.keep()
				state = r.emit()
			case c == '/':
				r.keep()
				state = beforeName
			case c == '=' && state == afterName:
				state = beforeValue
			default:
				r.keep()
				r.attribute, r.hasAttribute, state = [2]string{string([]byte{c})}, true, inName
			}
		case inName:
			if blank || c == '/' || c == '>' || c == '=' {
				state, i = afterName, i-1
				continue
			}
			r.attribute[0] += string([]byte{c})
		case beforeValue:
			switch {
			case blank:
			case c == '"' || c == '\'':
				state, quote = inQuoted, c
			case c == '>':
				r.keep()
				state = r.emit()
			default:
				state, i = inValue, i-1
			}
		case inQuoted:
			if c == quote {
				r.keep()
				state = beforeName
				continue
			}
			r.attribute[1] += string([]byte{c})
		case inValue:
			if blank || c == '>' {
				r.keep()
				state, i = beforeName, i-1
				continue
			}
			r.attribute[1] += string([]byte{c})
		}
	}
	if state == endTagOpen {
		r.words = "</"
	}
	r.flush()
	return r
}

// keep takes an attribute in, of two with a name the first.
func (r *secondReading) keep() {
	if r.hasAttribute {
		r.attributes = append(r.attributes, r.attribute)
	}
	r.hasAttribute = false
}

func (r *secondReading) value(name string) string {
	for _, a := range r.attributes {
		if strings.EqualFold(a[0], name) {
			return html.UnescapeString(a[1])
		}
	}
	return ""
}

func (r *secondReading) flush() {
	text := r.words
	r.words = ""
	switch r.raw {
	case "", "title", "textarea":
		text = html.UnescapeString(text)
	case "xmp", "plaintext":
	default:
		return
	}
	if r.templates > 0 {
		return
	}
	if r.inForm && r.inButton && strings.EqualFold(strings.TrimSpace(text), "allow") {
		r.forms[len(r.forms)-1].allow = true
	}
	r.text += strings.Map(func(c rune) rune {
		if unicode.IsSpace(c) {
			return ' '
		}
		return c
	}, text)
}

// emit takes a tag in, and says how to go on.
func (r *secondReading) emit() pageState {
	name := strings.ToLower(r.name)
	switch {
	case name == "br":
		r.text += " "
	case !regexp.MustCompile(`^(a|abbr|b|bd[io]|cite|code|em|font|i|kbd|mark|q|s|samp|small|span|strong|su[bp]|tt|u|var|wbr)$`).MatchString(name):
		r.text += "\n"
	}
	if name == "template" {
		if !r.ending {
			r.templates++
		} else if r.templates > 0 {
			r.templates--
		}
		return inData
	}
	next := inData
	if !r.ending && regexp.MustCompile(`^(script|style|noscript|iframe|noembed|noframes|title|textarea|xmp|plaintext)$`).MatchString(name) {
		r.raw, next = name, inRaw
	}
	if r.templates > 0 {
		return next
	}
	if r.ending {
		if name == "form" {
			r.inForm, r.inButton = false, false
		}
		if name == "button" {
			r.inButton = false
		}
		return inData
	}
	kind, allow := strings.ToLower(r.value("type")), strings.EqualFold(strings.TrimSpace(r.value("value")), "allow")
	switch name {
	case "form":
		action := strings.TrimSpace(r.value("action"))
		to, err := url.Parse("https://www.instagram.com/oauth/authorize")
		if err == nil {
			to, err = to.Parse(action)
		}
		f := askingForm{post: strings.EqualFold(r.value("method"), "post") && err == nil && to.Host == "www.instagram.com"}
		f.own = action == "" || f.post && to.Query().Get("state") == probeState
		r.forms, r.inForm = append(r.forms, f), true
	case "input":
		r.password = r.password || kind == "password"
		if r.inForm && kind == "hidden" && r.value("name") == "state" {
			r.forms[len(r.forms)-1].state = r.value("value") == probeState
		}
		if r.inForm && kind == "submit" && allow {
			r.forms[len(r.forms)-1].allow = true
		}
		r.inButton = false
	case "button":
		r.inButton = r.inForm
		if r.inForm && allow {
			r.forms[len(r.forms)-1].allow = true
		}
	}
	return next
}

// lines are those that a person sees, spelled plainly and in lower case.
func (r *secondReading) lines() (lines []string) {
	text := strings.NewReplacer("\u00ad", "", "\u200b", "", "\u200c", "", "\u200d", "", "\u2060", "", "\ufeff", "",
		"\u2018", "'", "\u2019", "'", "\u02bc", "'", "\u2032", "'", "\u00b4", "'", "`", "'").Replace(r.text)
	for line := range strings.SplitSeq(text, "\n") {
		lines = append(lines, strings.ToLower(strings.Join(strings.Fields(line), " ")))
	}
	return lines
}

func (r *secondReading) refuses() bool {
	known := regexp.MustCompile(`invalid (platform app|client[_ ]id|(scrubbed )?redirect_uri|response_type|scope)|redirect uri does not match registered redirect uri|no valid scopes requested|insufficient developer role|session invalid|sorry, this page isn't available`)
	return slices.ContainsFunc(r.lines(), known.MatchString)
}

func (r *secondReading) consents() bool {
	named := slices.ContainsFunc(r.lines(), func(line string) bool { return strings.Contains(line, "example.test") })
	return named && !r.password && slices.ContainsFunc(r.forms, func(f askingForm) bool { return f.post && f.allow && (f.own || f.state) })
}
