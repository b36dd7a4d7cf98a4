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

// AboutLogin names a login where others name an errand.
const AboutLogin = "login"

// SaidAgainst is the error of an errand whose answer speaks against a session.
type SaidAgainst struct {
	// lost are permissions that the session had.
	lost instagram.Permissions
	// shutOut says that this handler's own rules no longer let the person in.
	shutOut bool
}

func (*SaidAgainst) Error() string {
	return "instagram withdrew a permission, or the new username is not allowed"
}

// Against returns a *saidAgainst if what is known of a session now speaks against it. A
// permission that this handler does not require counts all the same: the site is told of
// it, and another node may require it.
func (l *Sessions) Against(newer, old *session.Session) error {
	lost := instagram.Permissions(old.Permissions).Without(instagram.Permissions(newer.Permissions))
	shutOut := lost&l.Required != 0 || !l.Admits(&newer.Identity) && l.Admits(&old.Identity)
	if lost == 0 && !shutOut {
		return nil
	}
	return &SaidAgainst{lost, shutOut}
}

// EndAgainst ends the session that Instagram has spoken against. Whom this handler no
// longer lets in has no other session either: cookies of those say what this one said.
func (l *Sessions) EndAgainst(ctx context.Context, s *session.Session, about string, said *SaidAgainst) time.Duration {
	if l.Ended(s) {
		return Patience // and a newer session may have begun since
	}
	fields := []zap.Field{zap.String("about", about), l.Telemetry.Privacy.User(s.UserID), SessionField(s)}
	if said.lost != 0 {
		fields = append(fields, zap.Strings("withdrawn", said.lost.Names()))
	}
	end := l.End
	if said.shutOut {
		end = l.EndEverywhere
	}
	l.Telemetry.Notify(telemetry.NoticePermissionWithdrawn, nil, fields...)
	if err := end(ctx, s); err != nil {
		l.reportEndedHereAlone(err, SessionField(s))
	}
	return Patience
}

// EndHere ends the sessions that somebody has at this block, in whatever browser, because
// Instagram has just said of them what keeps them out. Sessions at other blocks go on: those may
// have other rules.
func (l *Sessions) EndHere(ctx context.Context, who *session.Identity) {
	keys := l.keysOf(who)
	if err := l.List.EndUser(context.WithoutCancel(ctx), keys.AtBlock, keys.User, keys.AppScoped); err != nil {
		l.reportEndedHereAlone(err, l.Telemetry.Privacy.User(who.UserID))
	}
}
