package session

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"time"
)

// maxCookie is the longest session cookie, name and value together: all of ours
// must fit beside a site's own cookies into one request's header. [S8]
const maxCookie = 512

// Identity is who a visitor is. IDs are decimal text.
type Identity struct {
	// UserID is the stable ID of the person's account.
	UserID string
	// AppScopedID is the ID by which Instagram names the person to this app
	// alone. It may equal UserID.
	AppScopedID string
	// Username is the account's name. It can change, and change owner.
	Username string
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
	// Keys are what a list of ended sessions knows the session and its person by.
	// They are made at login and sealed, because hashing costs more than opening.
	Keys Keys
	// Issued is when the login was finished, Expires when the session ends
	// whatever happens. Both in whole seconds.
	Issued, Expires time.Time
	// Seen is when the session was used last, to the tenth of the idle limit.
	Seen time.Time
	// Began is when the session began as far as a list of ended ones is concerned:
	// when it was issued, or later, see Create. In milliseconds, so that who signs in
	// again at once is told apart.
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

// IDSize is the size of a session's ID, in bytes. [S1]
const IDSize = 32

// Keys are opaque here.
type Keys struct{ Session, User, AppScoped uint64 }

// NewID returns an ID for a new session.
func NewID() (id [IDSize]byte) {
	rand.Read(id[:]) // never fails: crypto/rand ends the program instead
	return id
}

var errIdentityTooLong = errors.New("identity does not fit into the session cookie")

// Create makes the session of a visitor who has just proven who they are and
// returns it with the Set-Cookie line that hands it over. The caller says who they
// are, and may set ID, Keys, and a moment from which the session counts; an ID and
// the present are the default. Fields that no longer fit into the cookie are left out
// of both and named in dropped.
func (c *Cookies) Create(s Session) (created Session, setCookie string, dropped []string, err error) {
	now := c.now().Truncate(time.Second)
	s.Issued, s.Expires, s.Seen = now, now.Add(c.lifetime), now
	if s.Began.Before(now) {
		s.Began = c.now().Truncate(time.Millisecond)
	}
	if s.ID == ([IDSize]byte{}) {
		s.ID = NewID()
	}
	s.Fields, dropped = fitting(c.room(), s)
	if len(appendSession(nil, s)) > c.room() {
		return Session{}, "", nil, errIdentityTooLong
	}
	line, err := c.handOver(s, now)
	if err != nil {
		return Session{}, "", nil, err
	}
	return s, line, dropped, nil
}

// handOver returns the Set-Cookie line with a session. The browser keeps it no longer
// than it is good for.
func (c *Cookies) handOver(s Session, now time.Time) (setCookie string, err error) {
	value, err := c.session.seal(appendSession(nil, s), c.sessionAD)
	if err != nil {
		return "", err
	}
	age := s.End(c.lifetime).Sub(now)
	if c.idle > 0 {
		age = min(age, c.idle)
	}
	return c.set(c.name, value, age), nil
}

// Renew notes that a session is in use where there is an idle limit, and returns the
// Set-Cookie line for it; none where the last note is less than a tenth of the limit
// old. [S7]
func (c *Cookies) Renew(s *Session) (setCookie string, err error) {
	if c.idle == 0 {
		return "", nil
	}
	now := c.now().Truncate(time.Second)
	if now.Sub(s.Seen) < c.idle/10 {
		return "", nil
	}
	s.Seen = now
	return c.handOver(*s, now)
}

// room is how many bytes of plaintext fit into the session cookie.
func (c *Cookies) room() int {
	return encoding.DecodedLen(maxCookie-len(c.name)-len("=")) - overhead
}

// fitting returns the fields that fit into room bytes beside the rest of the
// session, first come first served, and the names of the others.
func fitting(room int, s Session) (kept []Field, dropped []string) {
	fields := s.Fields
	s.Fields = nil
	room -= len(appendSession(nil, s))
	for _, f := range fields {
		size := len(appendField(nil, f))
		if size > room {
			dropped = append(dropped, f.Name)
			continue
		}
		room -= size
		kept = append(kept, f)
	}
	return kept, dropped
}

func appendSession(b []byte, s Session) []byte {
	b = append(b, s.ID[:]...)
	b = appendTime(b, s.Issued)
	b = appendTime(b, s.Expires)
	b = appendTime(b, s.Seen)
	b = binary.BigEndian.AppendUint64(b, uint64(s.Began.UnixMilli()))
	for _, key := range []uint64{s.Keys.Session, s.Keys.User, s.Keys.AppScoped} {
		b = binary.BigEndian.AppendUint64(b, key)
	}
	b = appendString(b, s.UserID)
	b = appendString(b, s.AppScopedID)
	b = appendString(b, s.Username)
	for _, f := range s.Fields {
		b = appendField(b, f)
	}
	return b
}

func appendField(b []byte, f Field) []byte {
	return appendString(appendString(b, f.Name), f.Value)
}

// Open returns the session that one of the found cookies carries. Whatever is
// wrong with a cookie (cut, forged, of another key or instance, expired, from the
// future, ended early) is one and the same: no session. [S2] ended, which may be nil,
// says which sessions ended before their time.
func (c *Cookies) Open(f *Found, ended func(*Session) bool) (Session, bool) {
	for _, value := range f.sessions[:f.sessionCount] {
		plaintext, err := c.session.open(value, c.sessionAD)
		if err != nil {
			continue
		}
		if s, ok := readSession(plaintext); ok && c.alive(&s) && (ended == nil || !ended(&s)) {
			return s, true
		}
	}
	return Session{}, false
}

func readSession(plaintext string) (s Session, ok bool) {
	r := reader{rest: plaintext}
	copy(s.ID[:], r.take(len(s.ID)))
	s.Issued, s.Expires, s.Seen = r.time(), r.time(), r.time()
	s.Began = time.UnixMilli(int64(r.number(8)))
	s.Keys = Keys{r.number(8), r.number(8), r.number(8)}
	s.UserID, s.AppScopedID, s.Username = r.string(), r.string(), r.string()
	for r.rest != "" && !r.broken {
		s.Fields = append(s.Fields, Field{r.string(), r.string()})
	}
	return s, r.done()
}

// alive checks the lifetimes here and does not leave them to the browser. A lifetime
// that has been made shorter counts for older sessions, too. [S7]
func (c *Cookies) alive(s *Session) bool {
	now := c.now()
	return now.Before(s.End(c.lifetime)) && !s.Issued.After(now.Add(clockSkew)) && (c.idle == 0 || now.Before(s.Seen.Add(c.idle)))
}

// Clear returns the Set-Cookie lines that delete everything of ours that a browser
// has, and the session cookie in any case. [L3]
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
