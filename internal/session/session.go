package session

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// maxCookie is the longest session cookie, name and value: a site's own cookies must still fit into
// the headers. maxTokenCookie is that of one with an access token. [S8]
const (
	maxCookie      = 512
	maxTokenCookie = 1024
)

// Identity is who a visitor is. IDs are decimal text.
type Identity struct {
	// UserID is the stable ID of the person's account.
	UserID string
	// AppScopedID is the person's ID for this app alone. It may equal UserID.
	AppScopedID string
	// Username is the account's name. It can change, and change owner.
	Username string
	// Permissions is a set of what the person has granted. It is opaque here.
	Permissions uint16
	// Fields are further fields of the profile, in the order configured.
	Fields []Field
}

// Field is a field of the profile and its value as text.
type Field struct{ Name, Value string }

// Session is a signed-in visitor.
type Session struct {
	Identity
	// ID is random and new at every login. [S10]
	ID [IDSize]byte
	// Keys are what a list of revoked sessions knows the session and its person by.
	// They are made at login and sealed, because hashing costs more than opening.
	Keys Keys
	// Token is the person's access token, if the session keeps it.
	Token Token
	// Checked is when Instagram was last asked who the person is. In whole seconds.
	Checked time.Time
	// Issued is when the login was finished, Expires when the session ends
	// whatever happens. Both in whole seconds.
	Issued, Expires time.Time
	// Seen is when the session was used last, to the tenth of the idle limit.
	Seen time.Time
	// Began is when the session began as far as a list of ended ones is concerned:
	// when it was issued, or later, see Create. In milliseconds, so that a session that
	// a visitor begins at once after another one is a different one.
	Began time.Time
}

// End returns when a session ends whatever happens, where sessions last for lifetime
// now: Expires is what was promised when it began.
func (s *Session) End(lifetime time.Duration) time.Time {
	if end := s.Issued.Add(lifetime); end.Before(s.Expires) {
		return end
	}
	return s.Expires
}

// Token is an access token of Instagram's. Its text stays out of whatever prints it.
type Token struct {
	Access    string
	LongLived bool
	// Issued is when it was received, Expires when it expires. Both in whole seconds.
	Issued, Expires time.Time
}

// String leaves the token out.
func (t Token) String() string {
	return fmt.Sprintf("access token (%d characters) until %s", len(t.Access), t.Expires.UTC().Format(time.RFC3339))
}

// GoString leaves the token out for the verb %#v.
func (t Token) GoString() string { return t.String() }

// MarshalText leaves the token out of JSON, which some loggers make of whatever they get.
func (t Token) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// LogValue leaves the token out of structured logs.
func (t Token) LogValue() slog.Value { return slog.StringValue(t.String()) }

// IDSize is the size of a session's ID, in bytes. [S1]
const IDSize = 32

// Keys are opaque here.
type Keys struct{ Session, User, AppScoped uint64 }

// IsUserID reports whether a text can be an ID of a user at Instagram.
func IsUserID(s string) bool {
	return s != "" && len(s) <= 32 && !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}

// NewID returns an ID for a new session.
func NewID() (id [IDSize]byte) {
	rand.Read(id[:]) // never fails: crypto/rand ends the program instead
	return id
}

var errIdentityTooLong = errors.New("identity does not fit into the session cookie")

// DroppedToken stands among the names of what was dropped for the access token.
const DroppedToken = "access_token"

// Create makes the session of a visitor who has just proven who they are and
// returns it with the Set-Cookie line that hands it over. The caller says who they
// are, and may set ID, Keys, Token, and a moment from which the session counts; an ID and
// the present are the default. What no longer fits into the cookie is left out of both
// and named in dropped: fields first, then the token.
func (c *Cookies) Create(s Session) (created Session, setCookie string, dropped []string, err error) {
	now := c.now().Truncate(time.Second)
	s.Issued, s.Expires, s.Seen, s.Checked = now, now.Add(c.lifetime), now, now
	if s.Began.Before(now) {
		s.Began = c.now().Truncate(time.Millisecond)
	}
	if s.ID == ([IDSize]byte{}) {
		s.ID = NewID()
	}
	setCookie, dropped, err = c.handOver(&s, now)
	if err != nil {
		return Session{}, "", nil, err
	}
	return s, setCookie, dropped, nil
}

// handOver returns the Set-Cookie line with a session, less what does not fit. The
// browser keeps it no longer than it is good for.
func (c *Cookies) handOver(s *Session, now time.Time) (setCookie string, dropped []string, err error) {
	if dropped, err = c.Fit(s); err != nil {
		return "", nil, err
	}
	value, err := c.keys().session.seal(appendSession(nil, *s), c.sessionAD)
	if err != nil {
		return "", nil, err
	}
	age := s.End(c.lifetime).Sub(now)
	if c.idle > 0 {
		age = min(age, c.idle)
	}
	return c.set(c.name, value, age), dropped, nil
}

// Renew hands a session over again where it has changed, or where there is an idle limit
// and the last note of its use is a tenth of that old or more. [S7] Otherwise there is no
// Set-Cookie line. What no longer fits is dropped as by Create.
func (c *Cookies) Renew(s *Session, changed bool) (setCookie string, dropped []string, err error) {
	if !changed && c.idle == 0 {
		return "", nil, nil
	}
	now := c.now().Truncate(time.Second)
	if !changed && now.Sub(s.Seen) < c.idle/10 {
		return "", nil, nil
	}
	s.Seen = now
	return c.handOver(s, now)
}

// room is how many bytes of plaintext fit into the session cookie.
func (c *Cookies) room() int {
	longest := maxCookie
	if c.tokens {
		longest = maxTokenCookie
	}
	return encoding.DecodedLen(longest-len(c.name)-len("=")) - overhead
}

// Fit drops from a session what its cookie has no room for, as Create does, and names it.
// Only an identity that does not fit at all is an error.
func (c *Cookies) Fit(s *Session) (dropped []string, err error) {
	fields, token := s.Fields, s.Token
	s.Fields, s.Token = nil, Token{}
	if len(appendSession(nil, *s)) > c.room() {
		return nil, errIdentityTooLong
	}
	if token.Access != "" {
		if s.Token = token; !c.tokens || len(appendSession(nil, *s)) > c.room() {
			s.Token, dropped = Token{}, []string{DroppedToken}
		}
	}
	room := c.room() - len(appendSession(nil, *s))
	for _, f := range fields {
		size := len(appendField(nil, f))
		if size > room {
			dropped = append(dropped, f.Name)
			continue
		}
		room -= size
		s.Fields = append(s.Fields, f)
	}
	return dropped, nil
}

// appendSession writes what readTimes and readTexts read.
func appendSession(b []byte, s Session) []byte {
	b = append(b, s.ID[:]...)
	b = appendTime(b, s.Issued)
	b = appendTime(b, s.Expires)
	b = appendTime(b, s.Seen)
	b = appendTime(b, s.Checked)
	b = binary.BigEndian.AppendUint64(b, uint64(s.Began.UnixMilli()))
	for _, key := range []uint64{s.Keys.Session, s.Keys.User, s.Keys.AppScoped} {
		b = binary.BigEndian.AppendUint64(b, key)
	}
	b = binary.BigEndian.AppendUint16(b, s.Permissions)
	b = appendToken(b, s.Token)
	b = appendString(b, s.UserID)
	b = appendString(b, s.AppScopedID)
	b = appendString(b, s.Username)
	for _, f := range s.Fields {
		b = appendField(b, f)
	}
	return b
}

// The kinds of token, as one byte in front.
const (
	kindNone = iota
	kindShort
	kindLong
)

func appendToken(b []byte, t Token) []byte {
	kind := byte(kindShort)
	switch {
	case t.Access == "":
		return append(b, kindNone)
	case t.LongLived:
		kind = kindLong
	}
	return appendString(appendTime(appendTime(append(b, kind), t.Issued), t.Expires), t.Access)
}

func appendField(b []byte, f Field) []byte {
	return appendString(appendString(b, f.Name), f.Value)
}

// Open returns the session that one of the found cookies carries. Whatever is wrong with a cookie
// (cut, forged, of another key or instance, expired, from the future, ended early) is one and the
// same: no session. [S2] ended, which may be nil, says which sessions ended before their time.
func (c *Cookies) Open(f *Found, ended func(*Session) bool) (Session, bool) {
	s := new(Session)
	ok := c.OpenInto(s, f, ended)
	return *s, ok
}

// OpenInto is Open with a session to write to, which saves what makes one. Without a
// session in the cookies, it is the zero one.
func (c *Cookies) OpenInto(s *Session, f *Found, ended func(*Session) bool) bool {
	if f.sessionCount == 0 {
		*s = Session{}
		return false
	}
	buf := scratches.Get().(*scratch)
	defer scratches.Put(buf)
	keys := c.keys().session
	for _, value := range f.sessions[:min(f.sessionCount, MaxTried)] {
		plaintext, err := keys.openInto(buf, value, c.sessionAD)
		if err != nil {
			continue
		}
		if readTimes(s, plaintext) && c.alive(s) && (ended == nil || !ended(s)) && readTexts(s, plaintext) {
			return true
		}
	}
	*s = Session{}
	return false
}

// Reads reports whether one of the found cookies carries the session with this ID, alive or not.
func (c *Cookies) Reads(f *Found, id [IDSize]byte) bool {
	buf := scratches.Get().(*scratch)
	defer scratches.Put(buf)
	keys := c.keys().session
	for _, value := range f.sessions[:min(f.sessionCount, MaxTried)] {
		plaintext, err := keys.openInto(buf, value, c.sessionAD)
		if err == nil && len(plaintext) >= IDSize && [IDSize]byte(plaintext[:IDSize]) == id {
			return true
		}
	}
	return false
}

// fixedSize is the part at fixed places: ID, five times, three keys, permissions.
const fixedSize = IDSize + 5*8 + 3*8 + 2

// readTimes reads in place what decides whether a session is alive: a dead one is not copied.
func readTimes(s *Session, plaintext []byte) bool {
	if len(plaintext) < fixedSize {
		return false
	}
	copy(s.ID[:], plaintext)
	number := func(i int) int64 { return int64(binary.BigEndian.Uint64(plaintext[IDSize+8*i:])) }
	s.Issued, s.Expires, s.Seen, s.Checked = time.Unix(number(0), 0), time.Unix(number(1), 0), time.Unix(number(2), 0), time.Unix(number(3), 0)
	s.Began = time.UnixMilli(number(4))
	s.Keys = Keys{uint64(number(5)), uint64(number(6)), uint64(number(7))}
	return true
}

// readTexts reads the rest. All texts are parts of the one string that is copied here.
func readTexts(s *Session, plaintext []byte) bool {
	s.Permissions = binary.BigEndian.Uint16(plaintext[fixedSize-2:])
	r := reader{rest: string(plaintext[fixedSize:])}
	s.Token = readToken(&r)
	s.UserID, s.AppScopedID, s.Username = r.string(), r.string(), r.string()
	s.Fields = nil
	for r.rest != "" && !r.broken {
		s.Fields = append(s.Fields, Field{r.string(), r.string()})
	}
	return r.done()
}

func readToken(r *reader) (t Token) {
	switch r.number(1) {
	case kindNone:
		return Token{}
	case kindShort:
	case kindLong:
		t.LongLived = true
	default:
		r.broken = true
	}
	t.Issued, t.Expires, t.Access = r.time(), r.time(), r.string()
	// Every session has one spelling alone. [S3]
	r.broken = r.broken || t.Access == ""
	return t
}

// alive checks the lifetimes here and does not leave them to the browser. A lifetime
// that has been made shorter counts for older sessions, too. [S7]
func (c *Cookies) alive(s *Session) bool {
	now := c.now()
	return now.Before(s.End(c.lifetime)) && !s.Issued.After(now.Add(clockSkew)) && (c.idle == 0 || now.Before(s.Seen.Add(c.idle)))
}

// Clear returns the Set-Cookie lines that delete all cookies of the handler that a
// browser has, and the session cookie in any case. [L3]
func (c *Cookies) Clear(f *Found) []string {
	lines := []string{c.End()}
	if f.Marked() {
		lines = append(lines, c.Unmark())
	}
	for _, l := range f.logins {
		lines = append(lines, c.expire(c.loginPrefix+l.tag))
	}
	return lines
}

// End returns the Set-Cookie line that deletes the session cookie.
func (c *Cookies) End() string { return c.expire(c.name) }
