package instagram

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// What an answer says where it is not the one that was asked for.

var (
	errBroken       = errors.New("answer is broken JSON or has members of the wrong type")
	errUnknownShape = errors.New("answer is JSON of an unknown shape")
)

// graphError is the error object of the graph.
type graphError struct {
	Message   text `json:"message"`
	Type      text `json:"type"`
	Code      code `json:"code"`
	Subcode   code `json:"error_subcode"`
	Transient flag `json:"is_transient"`
	TraceID   text `json:"fbtrace_id"`
}

// errorAnswer is every known shape of an error. No member of the wrong type spoils the
// others: what Instagram says must get into the log.
type errorAnswer struct {
	// That of the authorization endpoints.
	ErrorType    text `json:"error_type"`
	Code         code `json:"code"`
	ErrorMessage text `json:"error_message"`
	// That of the graph, or the text of RFC 6749, section 5.2.
	Error       json.RawMessage `json:"error"`
	Description text            `json:"error_description"`
	// That of instagram.com itself.
	Message text `json:"message"`
	Status  text `json:"status"`
}

// read completes e from an answer and returns it, or nil if the answer has no
// error. An error object counts, whatever the status is.
func (e *Error) read(body []byte, secrets ...string) error {
	var answer errorAnswer
	if unmarshalObject(body, &answer) != nil {
		if e.Err = errUnknownShape; !json.Valid(body) {
			e.Err = errBroken
		}
		e.Message = excerpt(e.Status, body, secrets)
		return e
	}
	safe := func(t text) string { return cut(without(html.UnescapeString(string(t)), secrets)) }
	var graph graphError
	var word text
	switch {
	case unmarshalObject(answer.Error, &graph) == nil:
		e.Code, e.Subcode, e.Transient = int(graph.Code), int(graph.Subcode), bool(graph.Transient)
		e.Type, e.Message, e.TraceID = safe(graph.Type), safe(graph.Message), safe(graph.TraceID)
		// A server that fails says nothing about a token. Any other code counts.
		if e.Status < 500 || e.Code > codeService && e.Code != codeNotAccepted && e.Code != codeSessionKey {
			e.Kind = Refused
		}
	case answer.ErrorType != "" || answer.ErrorMessage != "":
		e.Code, e.Type, e.Message = int(answer.Code), safe(answer.ErrorType), safe(answer.ErrorMessage)
		e.refusedBelow500()
	case json.Unmarshal(answer.Error, &word) == nil && word != "":
		e.Code, e.Type, e.Message = int(answer.Code), safe(word), safe(answer.Description)
		e.refusedBelow500()
	case e.Status == http.StatusOK && answer.Status != "fail":
		return nil
	case answer.Message != "":
		e.Err, e.Message = errUnknownShape, Masked(string(answer.Message), secrets...)
	default:
		e.Err, e.Message = errUnknownShape, excerpt(e.Status, body, secrets)
	}
	return e
}

func (e *Error) refusedBelow500() {
	if e.Status < 500 {
		e.Kind = Refused
	}
}

// excerpt is the beginning of an answer of an unknown shape, for the log. JSON that is no error
// describes a person, whom the log names only if the operator wants that. Of such JSON, the excerpt
// has only the names of the members. [P2]
func excerpt(status int, body []byte, secrets []string) string {
	trimmed := bytes.TrimSpace(body)
	if bytes.Count(body, []byte{0}) > len(body)/4 { // UTF-16, in which no secret would be found
		return fmt.Sprintf("%d bytes that are not text", len(body))
	}
	var profile struct{ Username any }
	isProfile := json.Unmarshal(trimmed, &profile) == nil && profile.Username != nil
	looksLikeJSON := json.Valid(trimmed) || bytes.HasPrefix(trimmed, []byte("{")) || bytes.HasPrefix(trimmed, []byte("["))
	if isProfile || status < 300 && looksLikeJSON {
		return membersOf(trimmed, secrets)
	}
	return Masked(withoutEscapes(pageText(body)), secrets...)
}

// membersOf lists the names of the members of an object.
func membersOf(body []byte, secrets []string) string {
	var object map[string]json.RawMessage
	if unmarshalNode(body, &object) != nil {
		return "JSON that is not an object, or is cut off"
	}
	var names []string
	for _, name := range slices.Sorted(maps.Keys(object)) {
		quoted := strconv.QuoteToASCII(Masked(name, secrets...))
		names = append(names, strings.Trim(quoted, `"`))
	}
	return cut("an object with the members " + strings.Join(names, ", "))
}

// Masked returns the printable characters of a text, at most 200 bytes, without these secrets
// and without words that may be secrets: an unknown answer can have a token anywhere.
func Masked(text string, secrets ...string) string {
	return cut(longWord.ReplaceAllStringFunc(without(printable(text), secrets), func(word string) string {
		if slices.Contains(knownWords, word) {
			return word
		}
		return "***"
	}))
}

// longWord matches what is too long for a word that people read, as codes and tokens are.
var longWord = regexp.MustCompile(`[A-Za-z0-9_\-+/=%.|~\\]{20,}`)

// knownWords are words of the API that are as long.
var knownWords = slices.Concat(permissionNames, families[InstagramLogin].fields)

// jsonEscape matches how JSON can write a character.
var jsonEscape = regexp.MustCompile(`\\u[0-9a-fA-F]{4}|\\/`)

// withoutEscapes undoes JSON and HTML escapes, so that no secret hides behind them.
func withoutEscapes(s string) string {
	s = jsonEscape.ReplaceAllStringFunc(s, func(escape string) string {
		if escape == `\/` {
			return "/"
		}
		r, err := strconv.ParseUint(escape[2:], 16, 32)
		if err != nil {
			return escape
		}
		return string(rune(r))
	})
	return html.UnescapeString(s)
}

var (
	hiddenParts = regexp.MustCompile(`(?is)<(script|style|noscript|template|svg|head)\b.*?</(script|style|noscript|template|svg|head)\s*>|<!--.*?-->|<(script|style)\b.*\z`)
	tags        = regexp.MustCompile(`(?s)<[/!?a-zA-Z][^>]*>`)
	titles      = regexp.MustCompile(`(?is)<title\b[^>]*>(.*?)</title\s*>`)
)

// pageText returns the visible text of a page, title first. Anything else stays as it is.
func pageText(body []byte) string {
	page := string(body)
	if !strings.HasPrefix(strings.TrimSpace(page), "<") {
		return page
	}
	visible := tags.ReplaceAllString(hiddenParts.ReplaceAllString(page, " "), " ")
	if title := titles.FindStringSubmatch(page); title != nil && !strings.Contains(visible, title[1]) {
		visible = title[1] + " " + visible
	}
	return html.UnescapeString(visible)
}

// printable keeps the printable characters of a text, and one space between its words.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r <= ' ' || r == '\u00a0':
			return ' '
		case r == 0x7f || r == '\ufffd':
			return -1
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}
