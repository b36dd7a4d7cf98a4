package lifecycle

import (
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/request"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

// ReasonSignedOut tells a program why a request without a valid session is signed out. It returns
// "" if a page of another site asks, so that the answer to it never depends on the
// cookies. [S2, P4]
//
// It decrypts the cookies again, which only refused requests pay for.
func (l *Sessions) ReasonSignedOut(v *request.State) refusal.Reason {
	if v.IsForeign(l.Paths) {
		return ""
	}
	if v.Standing == request.SignedIn {
		return refusal.ReasonTooOld // the session counts, but not here
	}
	if l.Handoff {
		return refusal.ReasonNoSession // the site keeps the sessions, and no cookie counts
	}
	var s session.Session
	switch l.Cookies.Diagnose(&s, &v.Found, l.isRevoked) {
	case session.NoCookie:
		return refusal.ReasonNoSession
	case session.Unreadable:
		return refusal.ReasonUnreadable
	case session.Expired:
		return refusal.ReasonExpired
	case session.Idle:
		return refusal.ReasonIdle
	case session.Ended:
		if l.List.EndedAlone(l.subject(&s)) && l.Allowed(&s.Identity) && l.MissingPermissions(&s.Identity) == 0 {
			return refusal.ReasonSignedOut
		}
		return refusal.ReasonRevoked
	}
	return "" // the session was revoked after this request had found it valid, and counts again
}
