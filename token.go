package instagramauth

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/headerguard"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/identity"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/option"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/telemetry"
)

// The access token after the login: whether it is kept, who gets it, and which
// permissions go with it.

const (
	shortestRevalidate = time.Minute
)

// resolveToken checks the options about the token and what it is kept for.
func (h *Handler) resolveToken(s *settings, _ option.Resolver) error {
	s.longLived = h.Token.LongLived
	s.keepToken = h.Token.LongLived || h.Token.ForwardAs != ""
	s.revalidate = time.Duration(h.Revalidate)
	switch {
	case s.revalidate != 0 && !s.longLived:
		return option.Errorf("revalidate", "needs token long_lived: a short-lived token is of no use after an hour")
	case s.revalidate != 0 && s.handoff:
		return option.Errorf("revalidate", "is for sessions of this handler; with after_login handoff the site keeps its own")
	case s.handoff && s.keepToken && h.Token.ForwardAs == "":
		return option.Errorf("token", "with after_login handoff a token goes to the site or nowhere; add forward_as")
	case s.revalidate != 0 && (s.revalidate < shortestRevalidate || s.revalidate > instagram.LongLifetime):
		return option.Errorf("revalidate", "write a duration between 1m and 60d")
	case s.revalidate >= cmp.Or(time.Duration(h.Session.Lifetime), defaultLifetime):
		return option.Errorf("revalidate", "is longer than a session lasts, and so would never happen")
	}
	s.required = instagram.PermissionsOf(h.RequireScope...)
	return h.resolveForward(s)
}

// resolveForward checks the name of the header that carries the token.
func (h *Handler) resolveForward(s *settings) error {
	if h.Token.ForwardAs == "" {
		return nil
	}
	if strings.EqualFold(h.Token.ForwardAs, identity.HeaderOff) {
		return option.Errorf("token forward_as", "leave the option out to keep the token from the site")
	}
	if _, err := headerguard.New(h.Token.ForwardAs); err != nil {
		return option.Errorf("token forward_as", "%v", err)
	}
	s.forwardAs = http.CanonicalHeaderKey(h.Token.ForwardAs)
	return nil
}

// sessionToken returns a token as the session keeps it.
func (h *Handler) sessionToken(t instagram.Token, longLived bool) session.Token {
	now := h.now().Truncate(time.Second)
	return session.Token{Access: t.AccessToken, LongLived: longLived, Issued: now, Expires: now.Add(t.Lifetime)}
}

// lacking returns the required permissions that a person has not granted.
func (s *settings) lacking(who *session.Identity) instagram.Permissions {
	return s.required.Without(instagram.Permissions(who.Permissions))
}

// identityOf returns who a user node says that somebody is.
func identityOf(user instagram.User) session.Identity {
	who := session.Identity{
		UserID: user.ID, AppScopedID: user.AppScopedID, Username: user.Username, Permissions: uint16(user.Permissions),
	}
	for _, f := range user.Fields {
		who.Fields = append(who.Fields, session.Field(f))
	}
	return who
}

// warnLeftOut tells the operator what the site will not get to see: fields, and the token.
func (h *Handler) warnLeftOut(s *session.Session, dropped []string) {
	dropped = append(dropped, h.settings.identity.WithoutRoom(&s.Identity)...)
	if len(dropped) > 0 {
		h.telemetry.NotifySampled(telemetry.NoticeFieldsLeftOut, "", nil, sessionField(s), zap.Strings("fields", dropped))
	}
}

// lacks is the refusal of who has not granted all that is required. It offers to ask again.
func (h *Handler) lacks(missing instagram.Permissions, returnTo string) refusal.Reply {
	return refusal.Reply{Code: refusal.MissingPermission, Missing: missing.Names(), LoginURL: h.settings.paths.LoginURL(returnTo)}
}

// stepUp reads the permissions that a link of the site's asks for beside those of every
// login. Only what is configured can be asked for. [A2]
func (h *Handler) stepUp(scope []string) (more []string, err error) {
	if len(scope) > 1 {
		return nil, errors.New("scope is given more than once")
	}
	for _, name := range strings.FieldsFunc(strings.Join(scope, ""), func(r rune) bool { return r == ',' || r == ' ' }) {
		switch {
		case slices.Contains(more, name):
		case slices.Contains(h.StepUp, name):
			more = append(more, name)
		case !h.settings.client.Asks(name):
			return nil, fmt.Errorf("scope %+q is neither in scope nor in step_up", name[:min(len(name), 64)])
		}
	}
	return more, nil
}
