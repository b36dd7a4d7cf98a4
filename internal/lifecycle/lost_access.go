package lifecycle

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/telemetry"
)

// What Instagram says against somebody: that a permission was withdrawn, or a username that
// the lists shut out. An older cookie says something else, and a visitor can keep it. So the
// session ends, on every node and whatever cookie of it is sent, and a new login finds out
// how things stand. That is in the list of revoked sessions: no memory has to last for it.

// KindLogin names a login where others name an errand.
const KindLogin = "login"

// LostAccessError is the error of an errand whose answer speaks against a session.
type LostAccessError struct {
	// lost are permissions that the session had.
	lost instagram.Permissions
	// shutOut says that this handler's own rules no longer let the person in.
	notAllowed bool
}

func (*LostAccessError) Error() string {
	return "instagram withdrew a permission, or the new username is not allowed"
}

// CompareAccess returns a *saidAgainst if what is known of a session now speaks against it. A
// permission that this handler does not require counts all the same: the site is told of
// it, and another node may require it.
func (l *Sessions) CompareAccess(newer, old *session.Session) error {
	lost := instagram.Permissions(old.Permissions).Without(instagram.Permissions(newer.Permissions))
	notAllowed := lost&l.Required != 0 || !l.Allowed(&newer.Identity) && l.Allowed(&old.Identity)
	if lost == 0 && !notAllowed {
		return nil
	}
	return &LostAccessError{lost, notAllowed}
}

// RevokeLostAccess ends the session that Instagram has spoken against. Whom this handler no
// longer lets in has no other session either: cookies of those say what this one said.
func (l *Sessions) RevokeLostAccess(ctx context.Context, s *session.Session, kind string, lost *LostAccessError) time.Duration {
	if l.Revoked(s) {
		return RetryDelay // and a newer session may have begun since
	}
	fields := []zap.Field{zap.String("about", kind), l.Telemetry.Privacy.User(s.UserID), SessionField(s)}
	if lost.lost != 0 {
		fields = append(fields, zap.Strings("withdrawn", lost.lost.Names()))
	}
	revoke := l.Revoke
	if lost.notAllowed {
		revoke = l.RevokeUser
	}
	l.Telemetry.Notify(telemetry.NoticePermissionWithdrawn, nil, fields...)
	if err := revoke(ctx, s); err != nil {
		l.reportNotStored(err, SessionField(s))
	}
	return RetryDelay
}

// RevokeUserAtBlock ends the sessions that somebody has at this block, in whatever browser, because
// Instagram has just said of them what keeps them out. Sessions at other blocks go on: those may
// have other rules.
func (l *Sessions) RevokeUserAtBlock(ctx context.Context, who *session.Identity) {
	keys := l.keysOf(who)
	if err := l.List.EndUser(context.WithoutCancel(ctx), keys.AtBlock, keys.User, keys.AppScoped); err != nil {
		l.reportNotStored(err, l.Telemetry.Privacy.User(who.UserID))
	}
}
