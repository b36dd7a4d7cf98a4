package instagram_test

import (
	"math"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
)

// A second reading of the rules about Instagram's answers, for the fuzz targets: written from
// the facts about the API and from the promises T4, T5 and T6, with nothing of the client's.
//
// One tolerance: JSON parsers differ about duplicate members and about names in another case.
// For such an answer the targets only check that the result contains nothing else.

// reply is an answer of Instagram.
type reply struct {
	status int
	body   string
	header http.Header // beside that of JSON
}

// verdict is what an error says.
type verdict struct {
	status         int
	kind           instagram.Kind
	code, subcode  int
	transient      bool
	kinds, message string // the texts of an error in a known shape, as they came
	trace          string
	isJSON         bool
	known          bool // the shape is known
}

// number reads a code: an integer, or the same as text.
func (v value) number() int {
	raw := v.raw
	if v.kind == 's' {
		raw = strings.Trim(strings.Trim(raw, `"`), " \t\r\n")
	}
	if v.kind != 's' && v.kind != 'n' || !regexp.MustCompile(`^(0|-?[1-9][0-9]*|-0)$`).MatchString(raw) {
		return 0
	}
	n, err := strconv.Atoi(raw)
	if err != nil {
		return 0
	}
	return n
}

// word is a member that is text, "" for anything else.
func (v *value) word(name string) string {
	found, _ := v.get(name)
	if found.kind != 's' {
		return ""
	}
	return found.text
}

var (
	errorMembers = []string{"error", "error_type", "code", "error_message", "error_description", "message", "status"}
	graphMembers = []string{"message", "type", "code", "error_subcode", "is_transient", "fbtrace_id"}
)

// readError reads an answer for an error. isError is false where it is an answer to what was
// asked; clear is false where a member that matters is in doubt.
func readError(r reply) (e verdict, isError, clear bool) {
	e.status, e.kind = r.status, instagram.BadAnswer
	if r.status < 200 || r.status >= 300 && r.status < 400 {
		return e, true, true // nothing of it is read [T2]
	}
	if len(r.body) > 64<<10 {
		return e, true, true // [T4]
	}
	v, ok := parseJSON(r.body)
	if e.isJSON = ok; !ok || v.kind != 'o' {
		return e, true, true
	}
	clear = v.clear(errorMembers...)
	code, _ := v.get("code")
	below500 := func() {
		if r.status < 500 {
			e.kind = instagram.Refused
		}
	}
	switch graph, _ := v.get("error"); {
	case graph.kind == 'o':
		clear = clear && graph.clear(graphMembers...)
		e.known = true
		inner, _ := graph.get("code")
		subcode, _ := graph.get("error_subcode")
		transient, _ := graph.get("is_transient")
		e.code, e.subcode, e.transient = inner.number(), subcode.number(), transient.raw == "true"
		e.kinds, e.message, e.trace = graph.word("type"), graph.word("message"), graph.word("fbtrace_id")
		// A server that fails says little: only what is no failure of its own counts.
		if below500(); !slices.Contains([]int{0, 1, 2, 102, 190}, e.code) && e.code > 2 {
			e.kind = instagram.Refused
		}
	case v.word("error_type") != "" || v.word("error_message") != "":
		e.known, e.code, e.kinds, e.message = true, code.number(), v.word("error_type"), v.word("error_message")
		below500()
	case graph.kind == 's' && graph.text != "":
		e.known, e.code, e.kinds, e.message = true, code.number(), graph.text, v.word("error_description")
		below500()
	default:
		return e, r.status != http.StatusOK || v.word("status") == "fail", clear
	}
	return e, true, clear
}

// The meaning of codes, by the table of the facts.
func (e *verdict) rateLimited(status int) bool {
	return slices.Contains([]int{4, 17, 32, 341, 613}, e.code) || e.ofAccount() || status == http.StatusTooManyRequests
}

// ofAccount reports whether a limit is one of an app and an account.
func (e *verdict) ofAccount() bool { return e.code >= 80000 && e.code <= 80014 || e.subcode == 2446079 }

// says reports whether words are among those that are kept of a message.
func (e *verdict) says(words string, kept string) bool {
	return strings.Contains(strings.ToLower(kept), words)
}

func (e *verdict) appState(kept string) instagram.AppState {
	switch {
	case e.kind != instagram.Refused:
	case e.says("api access blocked", kept), e.says("api access deactivated", kept):
		return instagram.AppRestricted
	case e.says("unsupported request - method type", kept):
		return instagram.AppWithoutAccess
	}
	return instagram.AppFine
}

// temporary reports whether asking later makes sense. kept is what the error has kept of
// Instagram's words.
func (e *verdict) temporary(status int, kept string) bool {
	switch {
	case e.transient || e.rateLimited(status), e.isJSON && !e.known && e.says("wait a few minutes", kept):
		return true
	case e.kind == instagram.Refused:
		return slices.Contains([]int{1, 2, 368}, e.code)
	}
	return status >= 500
}

func (e *verdict) invalidToken() bool {
	return e.kind == instagram.Refused && !e.transient && (e.code == 190 || e.code == 102)
}

// ofOnePerson reports whether an error says nothing about calls for others.
func (e *verdict) ofOnePerson(status int, kept string) bool {
	switch {
	case e.kind == instagram.BadProfile:
		return true
	case e.kind != instagram.Refused || e.appState(kept) == instagram.AppRestricted:
		return false
	case slices.Contains([]int{17, 32, 368}, e.code) || e.ofAccount():
		return true
	}
	return !e.temporary(status, kept)
}

func (e *verdict) lacksPermission(kept string) bool {
	among := e.code == 3 || e.code == 10 || e.code >= 200 && e.code <= 299
	return e.kind == instagram.Refused && among && e.appState(kept) == instagram.AppFine
}

// retryAfter reads the headers that say when to come back. clear is false where one of them
// is in doubt: it has a date, or members of the wrong type or twice.
func (r reply) retryAfter() (wait time.Duration, clear bool) {
	const day = 24 * time.Hour
	after := r.header.Get("Retry-After")
	if n, err := strconv.Atoi(after); err == nil && n > 0 {
		return time.Duration(min(n, 86400)) * time.Second, true
	}
	if _, err := http.ParseTime(after); err == nil {
		return 0, false
	}
	clear = true
	minutes := func(v value) {
		m, once := v.get("estimated_time_to_regain_access")
		clear = clear && once && (v.kind == 'o' || v.kind == '0') && (m.kind == '0' || regexp.MustCompile(`^-?[0-9]{1,9}$`).MatchString(m.raw))
		wait = max(wait, time.Duration(min(m.number(), 1440))*time.Minute)
	}
	if v, ok := parseJSON(r.header.Get("X-App-Usage")); ok {
		if minutes(v); wait > 0 {
			return wait, clear
		}
	}
	if v, ok := parseJSON(r.header.Get("X-Business-Use-Case-Usage")); ok {
		names := make(map[string]bool)
		for _, m := range v.members {
			clear = clear && m.value.kind == 'a' && !names[m.name]
			names[m.name] = true
			for _, item := range m.value.items {
				minutes(item)
			}
		}
	}
	return min(wait, day), clear
}

// unwrap returns the object that an answer is about: it stands there as it is, or is the one
// element of data.
func unwrap(body string) (v value, clear, ok bool) {
	if v, ok = parseJSON(body); !ok || v.kind != 'o' {
		return v, true, false
	}
	if len(v.all("data")) == 0 {
		return v, true, true
	}
	data, once := v.get("data")
	if data.kind != 'a' || len(data.items) != 1 || data.items[0].kind != 'o' {
		return v, once, false
	}
	return data.items[0], once, true
}

var (
	idRule       = regexp.MustCompile(`^[0-9]{1,32}$`)
	tokenRule    = regexp.MustCompile(`^[!-~]+$`)
	usernameRule = regexp.MustCompile(`^[A-Za-z0-9._]{1,30}$`)
)

// id reads an ID: digits, as a number or as text. It is never a float, so that 1e3 is none.
func (v value) id() (id string, ok bool) {
	switch v.kind {
	case '0':
		return "", true
	case 's', 'n':
		id = strings.TrimSuffix(strings.TrimPrefix(v.raw, `"`), `"`)
		return id, idRule.MatchString(id)
	}
	return "", false
}

// permissions reads a list, or a text with commas.
func (v value) permissions() (p instagram.Permissions, ok bool) {
	switch v.kind {
	case '0':
		return 0, true
	case 's':
		var names []string
		for name := range strings.SplitSeq(v.text, ",") {
			names = append(names, strings.TrimSpace(name))
		}
		return instagram.PermissionsOf(names...), true
	case 'a':
		var names []string
		for _, item := range v.items {
			if item.kind != 's' && item.kind != '0' {
				return 0, false
			}
			names = append(names, item.text)
		}
		return instagram.PermissionsOf(names...), true
	}
	return 0, false
}

// lifetime reads seconds, otherwise where they say nothing. Nothing lasts longer than 90 days.
func (v value) lifetime(otherwise time.Duration) time.Duration {
	raw := v.raw
	if v.kind == 's' {
		raw = strings.Trim(raw, `"`)
		if inner, ok := parseJSON(raw); !ok || inner.kind != 'n' {
			return otherwise
		}
		raw = strings.Trim(raw, " \t\r\n")
	} else if v.kind != 'n' {
		return otherwise
	}
	n, err := strconv.ParseFloat(raw, 64)
	if err != nil || n < 1 {
		return otherwise
	}
	return min(time.Duration(math.Floor(min(n, 1e7)))*time.Second, 90*24*time.Hour)
}

// readToken reads a token answer.
func readToken(body string, otherwise time.Duration) (t instagram.Token, ok, clear bool) {
	v, clear, ok := unwrap(body)
	if !ok {
		return t, false, clear
	}
	clear = clear && v.clear("access_token", "user_id", "permissions", "expires_in")
	access, _ := v.get("access_token")
	user, _ := v.get("user_id")
	granted, _ := v.get("permissions")
	expires, _ := v.get("expires_in")
	var okID, okPermissions bool
	t.AccessToken = access.text
	t.UserID, okID = user.id()
	t.Permissions, okPermissions = granted.permissions()
	t.Lifetime = expires.lifetime(otherwise)
	return t, access.kind == 's' && tokenRule.MatchString(t.AccessToken) && len(t.AccessToken) <= 4096 && okID && okPermissions, clear
}

// asking is what a node was asked with.
type asking struct {
	api    instagram.API
	token  instagram.Token
	fields []string
}

// base is the permission of the node itself.
var base = map[instagram.API]instagram.Permissions{
	instagram.InstagramLogin: instagram.PermissionsOf("instagram_business_basic"), instagram.BasicDisplay: instagram.PermissionsOf("user_profile"),
}

// readNode reads a user node: who it is about, whatever the token answer says.
func readNode(a asking, body string) (u instagram.User, private, ok, clear bool) {
	v, clear, ok := unwrap(body)
	if !ok {
		return u, false, false, clear
	}
	clear = clear && v.clear(append([]string{"id", "user_id", "username", "media_count"}, a.fields...)...)
	own, _ := v.get("id")
	account, _ := v.get("user_id")
	name, _ := v.get("username")
	appScoped, okOwn := own.id()
	id, okAccount := account.id()
	if !okOwn || !okAccount || name.kind != 's' && name.kind != '0' {
		return u, false, false, clear
	}
	if a.api == instagram.BasicDisplay {
		id = appScoped // the family has one ID alone
	}
	if a.api == instagram.InstagramLogin && len(v.members) == 1 && appScoped != "" {
		return u, true, false, clear
	}
	u = instagram.User{ID: id, AppScopedID: appScoped, Username: name.text, Permissions: a.token.Permissions}
	if u.Permissions == 0 {
		u.Permissions = base[a.api]
		if count, _ := v.get("media_count"); a.api == instagram.BasicDisplay && count.scalar() {
			u.Permissions |= instagram.PermissionsOf("user_media")
		}
	}
	for _, field := range a.fields {
		if found, _ := v.get(field); found.scalar() {
			text := found.raw
			if found.kind == 's' {
				text = found.text
			}
			if field == "account_type" {
				text = strings.ToUpper(text)
			}
			u.Fields = append(u.Fields, instagram.Field{Name: field, Value: text})
		}
	}
	return u, false, (id != "" || appScoped != "") && usernameRule.MatchString(name.text), clear
}

func (v value) scalar() bool { return v.kind == 's' || v.kind == 'n' || v.kind == 'b' }

// readUser reads the user node of a sign-in: nobody without the ID that people are known by,
// and only the person that the token answer names.
func readUser(a asking, body string) (u instagram.User, private, ok, clear bool) {
	u, private, ok, clear = readNode(a, body)
	switch known := a.token.UserID; {
	case !ok:
	case u.ID == "":
		ok = false
	case known == "" || known == u.ID || known == u.AppScopedID:
	case a.api == instagram.InstagramLogin && u.AppScopedID == "":
		u.AppScopedID = known
	default:
		ok = false
	}
	return u, private, ok, clear
}

// readAgain reads the node of somebody who is known. Their IDs stay what they are.
func readAgain(a asking, body string, known instagram.User) (u instagram.User, private, ok, clear bool) {
	u, private, ok, clear = readNode(a, body)
	account := u.ID
	if a.api == instagram.BasicDisplay {
		account = ""
	}
	switch {
	case !ok:
	case account != "":
		// A session of an older version has the app-scoped ID in the place of the account's.
		ok = account == known.ID || known.ID == known.AppScopedID && u.AppScopedID == known.ID
	default:
		ok = u.AppScopedID != "" && u.AppScopedID == known.AppScopedID
	}
	u.ID, u.AppScopedID = known.ID, known.AppScopedID
	return u, private, ok, clear
}

// tries is the second reading of what is tried again.
type tries struct {
	replies []reply
	places  string // where the token stood: h for the header, q for the query
	query   bool   // the header is known not to be read
	header  bool   // the header is known to be read
	failed  bool   // the last answer is an error
}

// next takes the next answer.
func (s *tries) next(place string) (e verdict, isError bool) {
	r := s.replies[min(len(s.places), len(s.replies)-1)]
	s.places += place
	e, isError, _ = readError(r)
	s.failed = isError
	return e, isError
}

// unread reports whether Instagram says that it got no token.
func (e *verdict) unread() bool {
	kept := e.message[:min(len(e.message), 200)]
	about := e.code == 104 || e.code == 2500 && e.says("access token", kept)
	return e.kind == instagram.Refused && about && e.appState(kept) == instagram.AppFine
}

// fieldRule matches the words about a field that a node does not have.
var fieldRule = regexp.MustCompile(`nonexisting field \([a-z_]{1,64}\)`)

// doubtful reports whether a refusal may come of a token that was not read, as opposed to one
// that was read and is bad.
func (e *verdict) doubtful() bool {
	kept := e.message[:min(len(e.message), 200)]
	switch {
	case e.kind != instagram.Refused || e.temporary(e.status, kept) || e.appState(kept) != instagram.AppFine:
		return false
	case e.code == 190 || e.code == 102:
		return e.subcode == 0 && !e.says("expired", kept)
	}
	return e.code == 100 && !fieldRule.MatchString(kept) && !e.says("client secret", kept)
}

// ask is one question, with the token in one place and perhaps in the other.
func (s *tries) ask() (e verdict, isError bool) {
	if s.query {
		return s.next("q")
	}
	e, isError = s.next("h")
	if !isError {
		s.header = true
		return e, false
	}
	if !e.unread() && (s.header || !e.doubtful()) {
		return e, true
	}
	first := e
	if e, isError = s.next("q"); !isError || first.unread() && e.kind == instagram.Refused && !e.unread() {
		s.query = true
	}
	return e, isError
}

// user asks for a user node, without the optional fields where they spoil it.
func (s *tries) user(withFields bool) {
	e, isError := s.ask()
	if isError && withFields && e.kind == instagram.Refused && (e.code == 100 || e.lacksPermission(e.message[:min(len(e.message), 200)])) {
		s.ask()
	}
}
