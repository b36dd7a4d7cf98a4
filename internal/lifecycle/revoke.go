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

// What a block reads from the revocation list, and writes to it.

// Lists is the pool of revocation lists by app ID. All blocks of an app share one, also while one
// configuration replaces another. Its values are of type SharedList.
var Lists = caddy.NewUsagePool()

// SharedList is a value of Lists: a revocation list with the blocks that share it.
type SharedList struct {
	*revocation.List
	// Privacies are the log settings of the blocks, for log lines that no block writes.
	Privacies *telemetry.Privacies
	// Blocks are the running blocks of the app, for the state of a rotation of secrets.
	Blocks *rotation.Running
}

// Destruct implements caddy.Destructor.
func (s SharedList) Destruct() error {
	s.Close()
	return nil
}

// Revoked reports whether a session must be treated as revoked. With on_storage_failure deny that
// includes a session older than the storage, because its revocation may be lost. Its owner signs in
// again, and the new session is younger. [N12]
func (l *Sessions) Revoked(s *session.Session) bool {
	return l.KnownRevoked(s) || l.MaxStaleness != 0 && l.olderThanStorage(s)
}

// KnownRevoked reports whether the revocation list has a session.
func (l *Sessions) KnownRevoked(s *session.Session) bool { return l.List.Ended(l.subject(s)) }

// olderThanStorage reports whether a session is older than the storage of the revocation list, and
// logs it: the storage that could have known of its revocation is gone.
func (l *Sessions) olderThanStorage(s *session.Session) bool {
	if !l.List.Foreign(s.Began.UnixMilli()) {
		return false
	}
	l.List.ReportForeign()
	return true
}

// subject returns the keys of a session in the revocation list.
func (l *Sessions) subject(s *session.Session) revocation.Subject {
	return revocation.Subject{
		Session: revocation.Key(s.Keys.Session), User: revocation.Key(s.Keys.User), AppScoped: revocation.Key(s.Keys.AppScoped),
		AtBlock: revocation.Key(s.Keys.User).At(l.Block), Began: s.Began.UnixMilli(),
	}
}

// awaitList waits for a revocation list that this node has not read yet, if the request has a valid
// session cookie. After a timeout it sets RevocationUnknown, and a request that needs a session is
// answered with 503. A request with a forged cookie does not wait. [N12, D4]
func (l *Sessions) awaitList(v *request.State) (known bool) {
	if !l.Cookies.OpenInto(&v.Session, &v.Found, nil) {
		return false
	}
	if known = l.List.Await(v.R.Context()); !known {
		v.Standing = request.RevocationUnknown
	}
	return known
}

// Stale reports whether the revocation list is older than MaxStaleness. It never is if that is 0.
func (l *Sessions) Stale(ctx context.Context) bool {
	if l.MaxStaleness == 0 {
		return false
	}
	l.List.Await(ctx)
	return l.List.Stale(l.MaxStaleness)
}

// keysOf returns the keys of an account in the revocation list. The key of a session is not set.
func (l *Sessions) keysOf(who *session.Identity) revocation.Subject {
	user := revocation.UserKey(l.App, who.UserID)
	keys := revocation.Subject{User: user, AppScoped: user, AtBlock: user.At(l.Block)}
	if who.AppScopedID != "" {
		keys.AppScoped = revocation.UserKey(l.App, who.AppScopedID)
	}
	return keys
}

// HasKey reports whether a key of session.Keys.User is that of an account.
func (l *Sessions) HasKey(who *session.Identity, key uint64) bool {
	return l.keysOf(who).User == revocation.Key(key)
}

// NewSession returns a new session that began after all revocations of the account. It has no
// cookie yet: see Create.
func (l *Sessions) NewSession(who session.Identity, token session.Token) session.Session {
	s := session.Session{Identity: who, Token: token, ID: session.NewID()}
	keys := l.keysOf(&who)
	s.Keys = session.Keys{Session: uint64(revocation.SessionKey(s.ID)), User: uint64(keys.User), AppScoped: uint64(keys.AppScoped)}
	s.Began = time.UnixMilli(l.List.Begin(keys.User, keys.AppScoped, keys.AtBlock))
	return s
}

// Revoke revokes a session on every node. An error means that the storage does not have the
// revocation yet. It takes effect on this node even then.
func (l *Sessions) Revoke(ctx context.Context, s *session.Session) error {
	l.forget(func(key uint64, _ session.Session) bool { return key == s.Keys.Session })
	return l.List.EndSession(ctx, l.subject(s), s.Expires)
}

// RevokeLater revokes a session on this node now, and writes to the storage in the background.
func (l *Sessions) RevokeLater(s *session.Session) {
	l.forget(func(key uint64, _ session.Session) bool { return key == s.Keys.Session })
	l.List.EndSessionLater(l.subject(s), s.Expires)
}

// Replace revokes the session that a browser had before a new sign-in. The caller calls done when
// the answer with the new cookie is about to be sent. The open connections of the old session end a
// second after that: pages in other tabs ask at once why, and with the old cookie they would learn
// that the visitor is signed out. They do end, because others may have the old cookie. [S10]
//
// Nothing else that revokes a session waits: no new cookie follows a sign-out, and an operator who
// revokes or denies wants an end now.
func (l *Sessions) Replace(old *session.Session) (done func()) {
	done = l.Memory.Open.Replacing(old)
	l.RevokeLater(old) // tells the open connections, before it writes to a disk that may be slow
	return done
}

// RevokeUser revokes all sessions of an account, at all blocks of the app. It fails as Revoke does.
func (l *Sessions) RevokeUser(ctx context.Context, s *session.Session) error {
	l.ForgetUser(s.UserID)
	subject := l.subject(s)
	return l.List.EndUser(ctx, subject.User, subject.AppScoped, subject.AtBlock)
}

// reportNotStored logs that the storage does not have a revocation yet.
func (l *Sessions) reportNotStored(err error, field zap.Field) {
	l.Telemetry.Notify(telemetry.NoticeRevokedHereOnly, err, field)
}

// forget drops the refreshed data of the matching sessions. [P5]
func (l *Sessions) forget(match func(key uint64, s session.Session) bool) {
	l.Memory.Tokens.Drop(match)
	l.Memory.Profiles.Drop(match)
	l.OnForget(match)
}

// ForgetUser drops the refreshed data of an account. id is its user ID or its app-scoped ID.
func (l *Sessions) ForgetUser(id string) {
	l.forget(func(_ uint64, s session.Session) bool { return s.UserID == id || s.AppScopedID == id })
}

// SessionField returns the log field of a session: the hash that `caddy instagram-auth revoke`
// takes, never the ID itself. [P1]
func SessionField(s *session.Session) zap.Field {
	return zap.Stringer("session", revocation.Key(s.Keys.Session))
}
