package lifecycle

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/telemetry"
)

// Instagram reports that a permission was withdrawn, or a username that allow and deny exclude. A
// visitor can keep an older cookie that says otherwise. So the session is revoked on every node,
// and a new login reads the present state.

// KindLogin is the log value for a login, where a refresh logs its own kind.
const KindLogin = "login"

// LostAccessError is the error of a refresh that found a withdrawn permission, or a username that
// is not allowed.
type LostAccessError struct {
	// lost are the withdrawn permissions.
	lost instagram.Permissions
	// notAllowed says that this block no longer admits the account.
	notAllowed bool
}

func (*LostAccessError) Error() string {
	return "Instagram withdrew a permission, or the new username is not allowed"
}

// CompareAccess returns a *LostAccessError if newer lacks a permission of old, or if its username
// is no longer allowed, and nil otherwise. A permission that this block does not require counts
// too: the site sees it, and another block may require it.
func (l *Sessions) CompareAccess(newer, old *session.Session) error {
	lost := instagram.Permissions(old.Permissions).Without(instagram.Permissions(newer.Permissions))
	notAllowed := lost&l.Required != 0 || !l.Allowed(&newer.Identity) && l.Allowed(&old.Identity)
	if lost == 0 && !notAllowed {
		return nil
	}
	return &LostAccessError{lost, notAllowed}
}

// RevokeLostAccess revokes a session that has lost access, and returns RetryDelay. If this block no
// longer admits the account, it revokes all sessions of the account, whose cookies hold the same
// outdated data. kind names the call that found out, for the log.
func (l *Sessions) RevokeLostAccess(ctx context.Context, s *session.Session, kind string, lost *LostAccessError) time.Duration {
	if l.Revoked(s) {
		return RetryDelay // do not revoke a newer session of the account
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

// RevokeUserAtBlock revokes the sessions of an account at this block, in all browsers. Sessions at
// other blocks stay valid, because those may have other rules.
func (l *Sessions) RevokeUserAtBlock(ctx context.Context, who *session.Identity) {
	keys := l.keysOf(who)
	if err := l.List.EndUser(context.WithoutCancel(ctx), keys.AtBlock, keys.User, keys.AppScoped); err != nil {
		l.reportNotStored(err, l.Telemetry.Privacy.User(who.UserID))
	}
}
