package instagram

import (
	"errors"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// windowAnswer is a window of one answer.
type windowAnswer struct {
	status         int
	location, body string
}

func (a windowAnswer) RoundTrip(*http.Request) (*http.Response, error) {
	header := http.Header{"Content-Type": {"text/html"}}
	if a.location != "" {
		header.Set("Location", a.location)
	}
	return &http.Response{StatusCode: a.status, Header: header, Body: io.NopCloser(strings.NewReader(a.body))}, nil
}

const (
	fuzzState = "fuzzed-state-0123456789"
	fuzzBack  = "https://example.test/auth/"
)

func TestOtherHostsOfInstagramBelongToTheWindow(t *testing.T) {
	const path = "/oauth/authorize/third_party/error/?message=Invalid+scope"
	for host, same := range map[string]bool{
		"https://www.instagram.com": true, "https://instagram.com": true, "https://API.instagram.com": true, "": true, "//www.instagram.com": true,
		"http://www.instagram.com": false, "https://notinstagram.com": false, "https://www.instagram.com.elsewhere.test": false, "https://www.instagram.com:444": false,
	} {
		client, err := New(Config{AppID: "1", AppSecret: "s", Transport: windowAnswer{302, host + path, ""}})
		if err != nil {
			t.Fatal(err)
		}
		if window, err := client.ProbeWindow(t.Context(), fuzzBack, fuzzState); (err != nil) != same || err == nil && !strings.HasPrefix(window.Shows, "redirects to another site") {
			t.Errorf("%s: %+v, %v", host, window, err)
		}
	}
}

// FuzzWindow has the window answer anything. What the probe makes of a page is judged by a
// second reading of the rules, which goes through the page letter by letter.
func FuzzWindow(f *testing.F) {
	for _, body := range []string{
		"", "<html>", "<p>Invalid Request: Request parameters are invalid: Invalid platform app</p>", "Sorry, this page isn&rsquo;t&nbsp;available.",
		"<script>Invalid scope</script>x", "<script>Invalid scope", "<SCRIPT a='>'>x</script\n>Session Invalid", "<!-- Invalid scope --!>a", "<!-->Session Invalid", "<!--->b<!x>", "<?x><%x>",
		"<a b='x>'>Session <b>Inv</b>alid</a>", "<p title=Session Invalid", "Invalid<br>scope<br/>", "<p>Session</p>Invalid", "</>Session Invalid</ x>", "<1>", "a<", "a</", "</script>x",
		"<noscript>Invalid scope</noscript><template>Session Invalid</templat></template>", "&lt;p&gt;Invalid scope&#x27;", "<a =b =c='x' d = e / f>g", "<a/b/>Invalid\u00a0redirect\u200b_uri", "\xff<\xffInvalid scope\xff",
		`<form method=post>example.test<button value=allow>`, `<form method="POST" action="/oauth/authorize?state=` + fuzzState + `">EXAMPLE.test<button>Allow</form>`,
		`<form method=post action=x><input type=hidden name=state value=` + fuzzState + `><input type=submit value=allow>example.test`, `<form method=post><input type=password><button>allow</button>example.test`,
		`{"error_message":"Invalid scope"}`, `{"error":{"code":4}}`, `{`,
	} {
		f.Add(200, "", body)
		f.Add(400, "", body)
	}
	for _, location := range []string{
		"", fuzzBack + "?code=x&state=" + fuzzState + "#_", fuzzBack + "?error=access_denied", "/accounts/login/?next=x", "//elsewhere.test", "https://%zz", "/oauth/authorize/third_party/error/?message=Invalid+scope", "?message=%zz&message=%00",
	} {
		f.Add(302, location, "")
	}
	f.Add(101, "", "x")
	f.Add(500, "", "Invalid scope")
	f.Fuzz(func(t *testing.T, status int, location, body string) {
		if status < 100 || status > 599 {
			return
		}
		client, err := New(Config{AppID: "1", AppSecret: "s", Transport: windowAnswer{status, location, body}})
		if err != nil {
			t.Fatal(err)
		}
		window, err := client.ProbeWindow(t.Context(), fuzzBack, fuzzState)
		if err != nil {
			wantHarmless(t, body, err, fuzzState)
		}
		if one := window.Accepted; err != nil && (one || window.Shows != "") || err == nil && one != (window.Shows == "") {
			t.Fatalf("%q: both %+v and %v", body, window, err)
		}
		WindowError(body)
		WindowError(location)
		failure, _ := errors.AsType[*Error](err)
		refused := failure != nil && failure.Kind == Refused
		switch {
		case status >= 300 && status < 400:
			if window.Accepted && (!strings.HasPrefix(location, fuzzBack+"?") || !strings.Contains(location, "code=") || !strings.Contains(location, "state=")) || refused && !strings.Contains(location, "error") {
				t.Errorf("%q: %+v, %v", location, window, err)
			}
		case status < 200 || status >= 500:
			if window.Accepted || refused && !strings.HasPrefix(strings.TrimSpace(body), "{") {
				t.Errorf("status %d: %+v, %v", status, window, err)
			}
		case strings.HasPrefix(strings.TrimSpace(body), "{"): // an answer, which has a target of its own
		default:
			second := read(body)
			if want := second.refuses(); refused != want {
				t.Errorf("%q: refused %v, the second reading %v, which is %q", body, refused, want, second.text)
			}
			if want := status == 200 && !second.refuses() && second.consents(); window.Accepted != want {
				t.Errorf("%q: accepted %v, the second reading %v: %+v", body, window.Accepted, want, second)
			}
		}
	})
}

// secondReading is a page that is read letter by letter, by the states of the HTML standard.
type secondReading struct {
	text     string // shown, a line for each block
	password bool
	forms    []askingForm

	words        string // since the last markup
	inForm       bool
	inButton     bool
	name, raw    string // of the tag; of the element whose content is not shown
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

func read(body string) *secondReading {
	r := new(secondReading)
	state, quote, comment := inData, byte(0), ""
	for i := 0; i < len(body); i++ {
		c := body[i]
		blank := strings.IndexByte(" \t\n\f\r", c) >= 0
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		switch state {
		case inData:
			if c != '<' {
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
			case c == '!' || c == '?':
				state = inMarkup
			default:
				r.words, state = "<", inData
				r.flush()
				i-- // is text again, and may be another <
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
				state, i = inData, i-1
			}
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
	switch state {
	case tagOpen:
		r.words = "<"
	case endTagOpen:
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
	if r.inForm && r.inButton && strings.EqualFold(strings.TrimSpace(r.words), "allow") {
		r.forms[len(r.forms)-1].allow = true
	}
	r.text += strings.Map(func(c rune) rune {
		if unicode.IsSpace(c) {
			return ' '
		}
		return c
	}, html.UnescapeString(r.words))
	r.words = ""
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
	if r.ending {
		if name == "form" {
			r.inForm, r.inButton = false, false
		}
		if name == "button" {
			r.inButton = false
		}
		return inData
	}
	if regexp.MustCompile(`^(script|style|noscript|template|iframe|noembed|noframes)$`).MatchString(name) {
		r.raw = name
		return inRaw
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
		f.own = action == "" || f.post && to.Query().Get("state") == fuzzState
		r.forms, r.inForm = append(r.forms, f), true
	case "input":
		r.password = r.password || kind == "password"
		if r.inForm && kind == "hidden" && r.value("name") == "state" {
			r.forms[len(r.forms)-1].state = r.value("value") == fuzzState
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
	return inData
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
