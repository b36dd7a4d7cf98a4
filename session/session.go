package session

import (
	"crypto/rand"
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
	ID [32]byte
	// Issued is when the login was finished, Expires when the session ends
	// whatever happens. Both in whole seconds.
	Issued, Expires time.Time
}

var errIdentityTooLong = errors.New("identity does not fit into the session cookie")

// Create makes a session for a visitor who has just proven who they are and
// returns it with the Set-Cookie line that hands it over. Fields that no longer
// fit into the cookie are left out of both and named in dropped.
func (c *Cookies) Create(who Identity) (s Session, setCookie string, dropped []string, err error) {
	now := c.now().Truncate(time.Second)
	s = Session{Identity: who, Issued: now, Expires: now.Add(c.lifetime)}
	rand.Read(s.ID[:])
	s.Fields, dropped = fitting(c.room(), s)
	plaintext := appendSession(nil, s)
	if len(plaintext) > c.room() {
		return Session{}, "", nil, errIdentityTooLong
	}
	value, err := c.session.seal(plaintext, c.sessionAD)
	if err != nil {
		return Session{}, "", nil, err
	}
	return s, c.set(c.name, value, c.lifetime), dropped, nil
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
// future) is one and the same: no session. [S2]
func (c *Cookies) Open(f *Found) (Session, bool) {
	for _, value := range f.sessions[:f.sessionCount] {
		plaintext, err := c.session.open(value, c.sessionAD)
		if err != nil {
			continue
		}
		if s, ok := readSession(plaintext); ok && c.alive(&s) {
			return s, true
		}
	}
	return Session{}, false
}

func readSession(plaintext string) (s Session, ok bool) {
	r := reader{rest: plaintext}
	copy(s.ID[:], r.take(len(s.ID)))
	s.Issued, s.Expires = r.time(), r.time()
	s.UserID, s.AppScopedID, s.Username = r.string(), r.string(), r.string()
	for r.rest != "" && !r.broken {
		s.Fields = append(s.Fields, Field{r.string(), r.string()})
	}
	return s, r.done()
}

// alive checks the lifetime here and does not leave it to the browser. [S7]
func (c *Cookies) alive(s *Session) bool {
	now := c.now()
	return now.Before(s.Expires) && !s.Issued.After(now.Add(clockSkew))
}

// End returns the Set-Cookie line that deletes the session cookie.
func (c *Cookies) End() string { return c.expire(c.name) }
