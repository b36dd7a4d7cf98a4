package instagramauth

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/address"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/answer"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/option"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/provider"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/request"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/telemetry"
)

// The visitor's own profile picture, for the pages of this site. Its address is too long
// for the session cookie and for a header, and runs out after days, so Instagram is asked
// for it when a page wants to show it.

// fieldPicture is the field of the user node with the picture's address.
const fieldPicture = "profile_picture_url"

// browserKeepsPicture is how long a browser may show a picture without asking again.
const browserKeepsPicture = 5 * time.Minute

// pictureMode is how a picture is answered.
type pictureMode int

const (
	pictureOff pictureMode = iota
	pictureRedirect
	pictureProxy
)

// resolvePicture decides how the picture is answered: not at all where no access token is
// kept that Instagram could be asked with.
func (h *Handler) resolvePicture(s *settings, _ option.Resolver) error {
	modes := map[string]pictureMode{"": pictureRedirect, "off": pictureOff, "redirect": pictureRedirect, "proxy": pictureProxy}
	mode, known := modes[h.Picture]
	switch wanted := h.wantsPicture(); {
	case !known:
		return option.Errorf("picture", "%q is not one of redirect, proxy, off", h.Picture)
	case wanted && s.api == instagram.BasicDisplay:
		return option.Errorf("picture", "is for instagram_login: basic_display has no profile pictures")
	case wanted && s.handoff:
		return option.Errorf("picture", "is for sessions of this handler; with after_login handoff the site keeps its own")
	case s.keepToken && !s.handoff && s.api == instagram.InstagramLogin:
		s.picture = mode
	}
	return nil
}

// wantsPicture reports whether the operator asks for the picture, and does not only get it
// by default.
func (h *Handler) wantsPicture() bool { return h.Picture == "redirect" || h.Picture == "proxy" }

// warnPicture tells the operator, once at load, what of the picture cannot work.
func (h *Handler) warnPicture() {
	listed := slices.Contains(h.Fields, fieldPicture) && !h.settings.handoff
	path := zap.String("path", h.settings.paths.Of(address.Picture))
	if listed {
		h.telemetry.Notify(telemetry.NoticeLongPicture, nil, path)
	}
	if (listed || h.wantsPicture()) && !h.settings.keepToken {
		h.telemetry.Notify(telemetry.NoticePictureToken, nil, path)
	}
}

// picture answers with the visitor's own profile picture, for the pages of this site. [P6]
func (h *Handler) picture(v *request.State) error {
	if err := answer.Allow(v, http.MethodGet, http.MethodHead); err != nil {
		return err
	}
	if h.settings.picture == pictureOff {
		return answer.Refuse(refusal.Reply{Code: refusal.NoPicture, Wants: refusal.JSON})
	}
	if err := h.ownVisitor(v); err != nil {
		return err
	}
	found, until := h.findPicture(v)
	if h.ended(&v.Session) {
		return h.requireLogin(v) // while Instagram was asked
	}
	// What is new of the session must not get lost here: it is handed out once.
	renewed := h.renewedCookie(v)
	if renewed != "" {
		v.W.Header().Add("Set-Cookie", renewed)
	}
	left := until.Sub(h.now())
	if found.err != nil || found.address == "" {
		reply := h.pictureRefusal(v, found.err, left)
		reply.Wants = refusal.JSON // also for an image, which a page would be no use to
		return answer.Refuse(reply)
	}
	if renewed != "" {
		left = 0
	}
	return &answer.Own{Give: func(w http.ResponseWriter, r *http.Request) error {
		h.showPicture(w, r, &found, left)
		return nil
	}}
}

// pictureRefusal says why there is no picture to show.
func (h *Handler) pictureRefusal(v *request.State, err error, left time.Duration) refusal.Reply {
	failure, isAnswer := errors.AsType[*instagram.Error](err)
	switch {
	case err == nil:
		return refusal.Reply{Code: refusal.NoPicture}
	case errors.Is(err, errNoToken) || isAnswer && failure.InvalidToken():
		return refusal.Reply{Code: refusal.NoToken, LoginURL: h.settings.paths.LoginURL(v.ReturnFor(h.settings.paths))}
	case isAnswer && failure.Kind == instagram.Refused && !failure.Temporary() && failure.AppState() == instagram.AppFine:
		return refusal.Reply{Code: refusal.NoPicture}
	}
	reply := provider.ReplyTo(err)
	if wait, ok := errors.AsType[*pictureWait](err); ok {
		reply = refusal.Reply{Code: refusal.ProviderUnreachable, RetryAfter: wait.retryAfter}
	}
	reply.RetryAfter = max(reply.RetryAfter, left)
	return reply
}

// showPicture answers with a picture, or with a redirect to it. A browser may keep either
// for a while, and nobody else may.
func (h *Handler) showPicture(w http.ResponseWriter, r *http.Request, found *portrait, left time.Duration) {
	header := w.Header()
	refusal.SecurityHeaders(header)
	seconds := max(0, int(min(left, browserKeepsPicture)/time.Second))
	if seconds > 0 { // no-store otherwise
		header.Set("Cache-Control", "private, max-age="+strconv.Itoa(seconds))
	}
	header.Set("Vary", "Cookie")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	if h.settings.picture == pictureRedirect {
		header.Set("Location", found.address)
		w.WriteHeader(http.StatusFound)
		return
	}
	header.Set("Content-Type", found.image.Type)
	header.Set("Content-Length", strconv.Itoa(len(found.image.Content)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(found.image.Content) // a visitor who has gone is no news
	}
}
