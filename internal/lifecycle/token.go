package lifecycle

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/telemetry"
)

// sessionToken returns a token of the client in the form that a session stores.
func (l *Sessions) sessionToken(t instagram.Token, longLived bool) session.Token {
	now := l.Now().Truncate(time.Second)
	return session.Token{Access: t.AccessToken, LongLived: longLived, Issued: now, Expires: now.Add(t.Lifetime)}
}

// MissingPermissions returns the required permissions that an account has not granted.
func (l *Sessions) MissingPermissions(who *session.Identity) instagram.Permissions {
	return l.Required.Without(instagram.Permissions(who.Permissions))
}

// IdentityOf returns the identity in a user node.
func IdentityOf(user instagram.User) session.Identity {
	who := session.Identity{
		UserID: user.ID, AppScopedID: user.AppScopedID, Username: user.Username, Permissions: uint16(user.Permissions),
	}
	for _, f := range user.Fields {
		who.Fields = append(who.Fields, session.Field(f))
	}
	return who
}

// warnDropped logs the fields that fit neither the cookie nor the headers, and a token that does
// not fit the cookie.
func (l *Sessions) warnDropped(s *session.Session, dropped []string) {
	dropped = append(dropped, l.Identity.TooLong(&s.Identity)...)
	if len(dropped) > 0 {
		l.Telemetry.NotifySampled(telemetry.NoticeFieldsLeftOut, "", nil, SessionField(s), zap.Strings("fields", dropped))
	}
}

// ExchangeTimeout bounds the exchange for a long-lived token during a login, which succeeds without
// it.
const ExchangeTimeout = 3 * time.Second

// TokenForSession returns the token of a new session: a long-lived one if LongLived is set, and no
// token unless KeepToken is set. If the exchange fails, the session keeps the short-lived token,
// and a refresh tries again. It updates who.Permissions if Instagram lists them.
func (l *Sessions) TokenForSession(
	ctx context.Context, from telemetry.Requester, short instagram.Token, who *session.Identity,
) session.Token {
	if !l.KeepToken {
		return session.Token{}
	}
	if l.LongLived && !l.Memory.Tokens.Paused() {
		ctx, cancel := context.WithTimeout(ctx, ExchangeTimeout)
		defer cancel()
		long, err := l.Provider.LongLived(ctx, short)
		if err == nil {
			if long.Permissions != 0 {
				who.Permissions = uint16(long.Permissions)
			}
			return l.sessionToken(long, true)
		}
		l.Provider.NoteAppState(err, l.Telemetry.RequesterFields(from)...)
		if failure, ok := errors.AsType[*instagram.Error](err); ok && !failure.OfOnePerson() {
			l.Memory.Tokens.Pause(failure.RetryAfter)
		}
		l.Telemetry.NotifySampled(telemetry.NoticeShortToken, "", err, l.Telemetry.Privacy.User(who.UserID))
	}
	return l.sessionToken(short, false)
}
