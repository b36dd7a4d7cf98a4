package instagramauth

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/request"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/telemetry"
)

// What Instagram says against somebody: that a permission was withdrawn, or a username that
// the lists shut out. An older cookie says something else, and a visitor can keep it. So the
// session ends, on every node and whatever cookie of it is sent, and a new login finds out
// how things stand. That is in the list of ended sessions: no memory has to last for it.

// aboutLogin names a login where others name an errand.
const aboutLogin = "login"

// saidAgainst is the error of an errand whose answer speaks against a session.
type saidAgainst struct {
	// lost are permissions that the session had.
	lost instagram.Permissions
	// shutOut says that this handler's own rules no longer let the person in.
	shutOut bool
}

func (*saidAgainst) Error() string { return "instagram says less of a visitor than their session does" }

// against returns a *saidAgainst if what is known of a session now speaks against it. A
// permission that this handler does not require counts all the same: the site is told of
// it, and another node may require it.
func (h *Handler) against(newer, old *session.Session) error {
	lost := instagram.Permissions(old.Permissions).Without(instagram.Permissions(newer.Permissions))
	shutOut := lost&h.settings.required != 0 || !h.settings.admits(&newer.Identity) && h.settings.admits(&old.Identity)
	if lost == 0 && !shutOut {
		return nil
	}
	return &saidAgainst{lost, shutOut}
}

// endAgainst ends the session that Instagram has spoken against. Whom this handler no
// longer lets in has no other session either: cookies of those say what this one said.
func (h *Handler) endAgainst(ctx context.Context, s *session.Session, about string, said *saidAgainst) time.Duration {
	if h.ended(s) {
		return patience // and a newer session may have begun since
	}
	fields := []zap.Field{zap.String("about", about), h.telemetry.Privacy.User(s.UserID), sessionField(s)}
	if said.lost != 0 {
		fields = append(fields, zap.Strings("withdrawn", said.lost.Names()))
	}
	end := h.end
	if said.shutOut {
		end = h.endEverywhere
	}
	h.telemetry.Notify(telemetry.NoticeSaidAgainst, nil, fields...)
	if err := end(ctx, s); err != nil {
		h.reportEndedHereAlone(err, sessionField(s))
	}
	return patience
}

// endHere ends the sessions that somebody has at this block, in whatever browser, because
// Instagram has just said of them what keeps them out. Sessions at other blocks go on: those may
// have other rules.
func (h *Handler) endHere(ctx context.Context, who *session.Identity) {
	keys := h.keysOf(who)
	if err := h.list.EndUser(context.WithoutCancel(ctx), keys.AtBlock, keys.User, keys.AppScoped); err != nil {
		h.reportEndedHereAlone(err, h.telemetry.Privacy.User(who.UserID))
	}
}

// heedRefusal ends the session that somebody has brought along to a login which was refused
// for what Instagram says of them now, if their cookie says something else. Where the
// answer was silent about permissions, nothing was said against those that they had.
func (h *Handler) heedRefusal(v *request.State, end *loginEnd) {
	if end.refused.Code != refusal.NoAccess && end.refused.Code != refusal.MissingPermission {
		return
	}
	old, ok := h.settings.cookies.Open(&v.Found, nil) // endHere may have ended it
	if !ok || old.UserID != end.who.UserID {
		return
	}
	newer := old
	newer.Username = end.who.Username
	if !end.silent {
		newer.Permissions = end.who.Permissions
	}
	if said, against := errors.AsType[*saidAgainst](h.against(&newer, &old)); against {
		h.endAgainst(context.WithoutCancel(v.R.Context()), &old, aboutLogin, said)
		v.W.Header().Add("Set-Cookie", h.settings.cookies.End())
	}
}
