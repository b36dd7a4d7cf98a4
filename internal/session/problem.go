package session

import "time"

// Problem is what is wrong with the session cookies of a request.
type Problem uint8

// The problems.
const (
	NoProblem  Problem = iota // one of the cookies carries a session that counts
	NoCookie                  // the request has no session cookie
	Unreadable                // none opens: forged, cut, of another key or instance, or from the future
	Expired                   // the session has reached its end
	Idle                      // the session was not used for longer than the idle limit
	Ended                     // the session ended before its time
)

// Diagnose finds out why Open returns no session; ended is as for Open. With Expired, Idle and
// Ended, it writes to s the session that the answer is about: of several, the one whose login was
// finished last. It opens each cookie as Open does, so that a cookie that does not open costs as
// much as one that does. [Z1]
func (c *Cookies) Diagnose(s *Session, f *Found, ended func(*Session) bool) Problem {
	if !f.sessionSent {
		return NoCookie
	}
	buf := scratches.Get().(*scratch)
	defer scratches.Put(buf)
	keys, problem := c.keys().session, Unreadable
	for _, value := range f.sessions[:min(f.sessionCount, MaxTried)] {
		plaintext, err := keys.openInto(buf, value, c.sessionAD)
		if err != nil {
			continue
		}
		var found Session
		if !readTimes(&found, plaintext) || !readTexts(&found, plaintext) {
			continue
		}
		next := c.problemOf(&found, ended)
		if next == NoProblem {
			return NoProblem
		}
		if next != Unreadable && (problem == Unreadable || found.Issued.After(s.Issued)) {
			*s, problem = found, next
		}
	}
	return problem
}

// problemOf returns what is wrong with a session that has opened. That it ended early counts for
// more than that it was idle, because it is still so when the idle limit is changed.
func (c *Cookies) problemOf(s *Session, ended func(*Session) bool) Problem {
	now := c.now()
	switch {
	case !now.Before(s.End(c.lifetime)):
		return Expired
	case s.Issued.After(now.Add(clockSkew)):
		return Unreadable
	case ended != nil && ended(s):
		return Ended
	case !c.alive(s):
		return Idle
	}
	return NoProblem
}

// IdleUntil returns when a session ends if it is not used any more, and the zero time without an
// idle limit. It is never later than the session's end.
func (c *Cookies) IdleUntil(s *Session) time.Time {
	if c.idle == 0 {
		return time.Time{}
	}
	until := s.Seen.Add(c.idle)
	if end := s.End(c.lifetime); end.Before(until) {
		return end
	}
	return until
}
