package lifecycle

import (
	"context"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/request"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/revocation"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/rotation"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/telemetry"
)

// The list of revoked sessions: what this handler asks it and tells it.

// Lists keeps one list for each app, by its ID, for all handlers of the app and while
// one configuration replaces another.
var Lists = caddy.NewUsagePool()

// SharedList is a list in the pool.
type SharedList struct {
	*revocation.List
	// Privacies are those of the handlers, for what the log tells beside them.
	Privacies *telemetry.Privacies
	Blocks    *rotation.Running
}

// Destruct implements caddy.Destructor.
func (e SharedList) Destruct() error {
	e.Close()
	return nil
}

// Revoked reports whether a session ended before its time, or may have: with
// on_storage_failure deny, a session that is older than the storage is no session. Its
// owner signs in again, and the new session is younger. [N12]
func (l *Sessions) Revoked(s *session.Session) bool {
	return l.KnownRevoked(s) || l.MaxStaleness != 0 && l.olderThanStorage(s)
}

// KnownRevoked reports whether a session is known to have ended before its time.
func (l *Sessions) KnownRevoked(s *session.Session) bool { return l.List.Ended(l.subject(s)) }

// olderThanStorage reports whether a session is older than the storage of revoked sessions, and tells
// the operator: the storage that knew of its end is not there.
func (l *Sessions) olderThanStorage(s *session.Session) bool {
	if !l.List.Foreign(s.Began.UnixMilli()) {
		return false
	}
	l.List.ReportForeign()
	return true
}

// subject returns a session as the list knows it.
func (l *Sessions) subject(s *session.Session) revocation.Subject {
	return revocation.Subject{
		Session: revocation.Key(s.Keys.Session), User: revocation.Key(s.Keys.User), AppScoped: revocation.Key(s.Keys.AppScoped),
		AtBlock: revocation.Key(s.Keys.User).At(l.Block), Began: s.Began.UnixMilli(),
	}
}

// awaitList waits for a list that this node has not read yet, where the request carries a
// session of ours. If the list takes long, the session may have ended or not: the standing is
// revocationUnknown, and the answer is 503 wherever a session is needed. Junk waits for nothing. [N12, D4]
func (l *Sessions) awaitList(v *request.State) (known bool) {
	if !l.Cookies.OpenInto(&v.Session, &v.Found, nil) {
		return false
	}
	if known = l.List.Await(v.R.Context()); !known {
		v.Standing = request.RevocationUnknown
	}
	return known
}

// Stale reports whether the list is too old to be trusted by an operator who wants
// that to matter.
func (l *Sessions) Stale(ctx context.Context) bool {
	if l.MaxStaleness == 0 {
		return false
	}
	l.List.Await(ctx)
	return l.List.Stale(l.MaxStaleness)
}

// keysOf returns the keys that the list has for a person's sessions at this block.
func (l *Sessions) keysOf(who *session.Identity) revocation.Subject {
	user := revocation.UserKey(l.App, who.UserID)
	keys := revocation.Subject{User: user, AppScoped: user, AtBlock: user.At(l.Block)}
	if who.AppScopedID != "" {
		keys.AppScoped = revocation.UserKey(l.App, who.AppScopedID)
	}
	return keys
}

// NewSession returns what a session of a person begins with.
func (l *Sessions) NewSession(who session.Identity, token session.Token) session.Session {
	s := session.Session{Identity: who, Token: token, ID: session.NewID()}
	keys := l.keysOf(&who)
	s.Keys = session.Keys{Session: uint64(revocation.SessionKey(s.ID)), User: uint64(keys.User), AppScoped: uint64(keys.AppScoped)}
	s.Began = time.UnixMilli(l.List.Begin(keys.User, keys.AppScoped, keys.AtBlock))
	return s
}

// Revoke ends a session on every node. It has ended on this one even if an error says
// that the storage does not know yet.
func (l *Sessions) Revoke(ctx context.Context, s *session.Session) error {
	l.forget(func(key uint64, _ session.Session) bool { return key == s.Keys.Session })
	return l.List.EndSession(ctx, l.subject(s), s.Expires)
}

// RevokeLater is end where nobody waits for the storage.
func (l *Sessions) RevokeLater(s *session.Session) {
	l.forget(func(key uint64, _ session.Session) bool { return key == s.Keys.Session })
	l.List.EndSessionLater(l.subject(s), s.Expires)
}

// RevokeUser ends all sessions of a person.
func (l *Sessions) RevokeUser(ctx context.Context, s *session.Session) error {
	l.ForgetUser(s.UserID)
	subject := l.subject(s)
	return l.List.EndUser(ctx, subject.User, subject.AppScoped, subject.AtBlock)
}

// reportNotStored tells the operator that the storage does not know of an end yet.
func (l *Sessions) reportNotStored(err error, field zap.Field) {
	l.Telemetry.Notify(telemetry.NoticeRevokedHereOnly, err, field)
}

// forget drops what Instagram has said about sessions that match. [P5]
func (l *Sessions) forget(match func(key uint64, s session.Session) bool) {
	l.Memory.Tokens.Drop(match)
	l.Memory.Profiles.Drop(match)
	l.OnForget(match)
}

// ForgetUser drops what Instagram has said about a person, by either of their IDs.
func (l *Sessions) ForgetUser(id string) {
	l.forget(func(_ uint64, s session.Session) bool { return s.UserID == id || s.AppScopedID == id })
}

// SessionField names a session in a log: the hash that the operator's commands take,
// never the ID itself. [P1]
func SessionField(s *session.Session) zap.Field {
	return zap.Stringer("session", revocation.Key(s.Keys.Session))
}
