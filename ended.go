package instagramauth

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

// The list of ended sessions: what this handler asks it and tells it.

// lists keeps one list for each app, by its ID, for all handlers of the app and while
// one configuration replaces another.
var lists = caddy.NewUsagePool()

// endedSessions is a list in the pool.
type endedSessions struct {
	*revocation.List
	// privacies are those of the handlers, for what the log tells beside them.
	privacies *telemetry.Privacies
	blocks    *rotation.Running
}

// Destruct implements caddy.Destructor.
func (e endedSessions) Destruct() error {
	e.Close()
	return nil
}

// joinList makes this handler a member of its app's list.
func (h *Handler) joinList(ctx caddy.Context, storage revocation.Storage) error {
	app := h.settings.appID
	shared, _, err := lists.LoadOrNew(app, func() (caddy.Destructor, error) {
		return endedSessions{revocation.New(app, h.now), new(telemetry.Privacies), new(rotation.Running)}, nil
	})
	if err != nil {
		return err
	}
	ended := shared.(endedSessions)
	h.list = ended.List
	hide, forget := ended.privacies.Join(&h.telemetry.Privacy), ended.blocks.Join(h.settings.paths.Redirects[0].URI, h.rotation)
	leave := h.list.Join(revocation.Member{
		Storage: storage, Sealer: h.settings.vault, Logger: ctx.Slogger().With(telemetry.LabelApp, app),
		Interval: h.settings.syncInterval, Lifetime: h.settings.lifetime, Strict: h.settings.maxStaleness != 0,
	})
	h.leaveList = func() { leave(); hide(); forget() }
	return nil
}

// quitList gives the list back. The handler keeps its pointer to it: requests that
// began before a reload may still be on their way.
func (h *Handler) quitList() error {
	if h.leaveList == nil {
		return nil
	}
	// The last one to give it back closes it, which still needs a member.
	_, err := lists.Delete(h.settings.appID)
	h.leaveList()
	h.leaveList = nil
	return err
}

// ended reports whether a session ended before its time, or may have: with
// on_storage_failure deny, a session that is older than the storage is no session. Its
// owner signs in again, and the new session is younger. [N12]
func (h *Handler) ended(s *session.Session) bool {
	return h.revoked(s) || h.settings.maxStaleness != 0 && h.foreign(s)
}

// revoked reports whether a session is known to have ended before its time.
func (h *Handler) revoked(s *session.Session) bool { return h.list.Ended(h.subject(s)) }

// foreign reports whether a session is older than the storage of ended sessions, and tells
// the operator: the storage that knew of its end is not there.
func (h *Handler) foreign(s *session.Session) bool {
	if !h.list.Foreign(s.Began.UnixMilli()) {
		return false
	}
	h.list.ReportForeign()
	return true
}

// subject returns a session as the list knows it.
func (h *Handler) subject(s *session.Session) revocation.Subject {
	return revocation.Subject{
		Session: revocation.Key(s.Keys.Session), User: revocation.Key(s.Keys.User), AppScoped: revocation.Key(s.Keys.AppScoped),
		AtBlock: revocation.Key(s.Keys.User).At(h.settings.block), Began: s.Began.UnixMilli(),
	}
}

// awaitList waits for a list that this node has not read yet, where the request carries a
// session of ours. If the list takes long, the session may have ended or not: the standing is
// revocationUnknown, and the answer is 503 wherever a session is needed. Junk waits for nothing. [N12, D4]
func (h *Handler) awaitList(v *request.State) (known bool) {
	if !h.settings.cookies.OpenInto(&v.Session, &v.Found, nil) {
		return false
	}
	if known = h.list.Await(v.R.Context()); !known {
		v.Standing = request.RevocationUnknown
	}
	return known
}

// outdated reports whether the list is too old to be trusted by an operator who wants
// that to matter.
func (h *Handler) outdated(ctx context.Context) bool {
	if h.settings.maxStaleness == 0 {
		return false
	}
	h.list.Await(ctx)
	return h.list.Stale(h.settings.maxStaleness)
}

// keysOf returns the keys that the list has for a person's sessions at this block.
func (h *Handler) keysOf(who *session.Identity) revocation.Subject {
	user := revocation.UserKey(h.settings.appID, who.UserID)
	of := revocation.Subject{User: user, AppScoped: user, AtBlock: user.At(h.settings.block)}
	if who.AppScopedID != "" {
		of.AppScoped = revocation.UserKey(h.settings.appID, who.AppScopedID)
	}
	return of
}

// newSession returns what a session of a person begins with.
func (h *Handler) newSession(who session.Identity, token session.Token) session.Session {
	s := session.Session{Identity: who, Token: token, ID: session.NewID()}
	of := h.keysOf(&who)
	s.Keys = session.Keys{Session: uint64(revocation.SessionKey(s.ID)), User: uint64(of.User), AppScoped: uint64(of.AppScoped)}
	s.Began = time.UnixMilli(h.list.Begin(of.User, of.AppScoped, of.AtBlock))
	return s
}

// end ends a session on every node. It has ended on this one even if an error says
// that the storage does not know yet.
func (h *Handler) end(ctx context.Context, s *session.Session) error {
	h.forget(func(key uint64, _ session.Session) bool { return key == s.Keys.Session })
	return h.list.EndSession(ctx, h.subject(s), s.Expires)
}

// endQuietly is end where nobody waits for the storage.
func (h *Handler) endQuietly(s *session.Session) {
	h.forget(func(key uint64, _ session.Session) bool { return key == s.Keys.Session })
	h.list.EndSessionLater(h.subject(s), s.Expires)
}

// endEverywhere ends all sessions of a person.
func (h *Handler) endEverywhere(ctx context.Context, s *session.Session) error {
	h.forgetPerson(s.UserID)
	of := h.subject(s)
	return h.list.EndUser(ctx, of.User, of.AppScoped, of.AtBlock)
}

// reportEndedHereAlone tells the operator that the storage does not know of an end yet.
func (h *Handler) reportEndedHereAlone(err error, about zap.Field) {
	h.telemetry.Notify(telemetry.NoticeEndedHereAlone, err, about)
}

// forget drops what Instagram has said about sessions that match. [P5]
func (h *Handler) forget(match func(key uint64, s session.Session) bool) {
	h.limits.tokens.Drop(match)
	h.limits.profiles.Drop(match)
	h.limits.pictures.Drop(func(p portrait) bool { return match(p.asker.Keys.Session, p.asker) })
}

// forgetPerson drops what Instagram has said about a person, by either of their IDs.
func (h *Handler) forgetPerson(id string) {
	h.forget(func(_ uint64, s session.Session) bool { return s.UserID == id || s.AppScopedID == id })
}

// sessionField names a session in a log: the hash that the operator's commands take,
// never the ID itself. [P1]
func sessionField(s *session.Session) zap.Field {
	return zap.Stringer("session", revocation.Key(s.Keys.Session))
}
