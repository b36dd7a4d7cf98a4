package endpoint

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/answer"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/provider"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/request"
)

// The profile picture of the signed-in account. Its address is too long for the session cookie and
// for a header, and expires after days. So it is fetched when a page shows the picture.

// FieldPicture is the field of the user node that holds the address of the picture.
const FieldPicture = "profile_picture_url"

// browserKeepsPicture is the longest time that a browser may cache a picture.
const browserKeepsPicture = 5 * time.Minute

// PictureMode says how a request for a picture is answered.
type PictureMode int

const (
	PictureOff      PictureMode = iota // with 404
	PictureRedirect                    // with a redirect to Instagram's server
	PictureProxy                       // with the picture itself
)

// Picture answers with the profile picture of the signed-in account, for pages of this site. [P6]
func (e *Endpoints) Picture(v *request.State) error {
	if err := answer.Allow(v, http.MethodGet, http.MethodHead); err != nil {
		return err
	}
	if e.PictureMode == PictureOff {
		return answer.Refuse(refusal.Reply{Code: refusal.NoPicture, Wants: refusal.JSON})
	}
	if err := e.requireOwnVisitor(v); err != nil {
		return err
	}
	found, until := e.FindPicture(v)
	if e.Sessions.Revoked(&v.Session) {
		return e.requireLogin(v) // the session was revoked during the call
	}
	// The renewed cookie must not get lost: the result of a refresh is given out once.
	renewed := e.Sessions.SetRenewedCookie(v)
	left := until.Sub(e.Now())
	if found.Err != nil || found.Address == "" {
		reply := e.pictureRefusal(v, found.Err, left)
		reply.Wants = refusal.JSON // an <img> cannot show an HTML page
		return answer.Refuse(reply)
	}
	if renewed {
		left = 0 // never set a session cookie on a cacheable response
	}
	return &answer.Own{Give: func(w http.ResponseWriter, r *http.Request) error {
		e.showPicture(w, r, &found, left)
		return nil
	}}
}

// pictureRefusal returns the reply for a picture that cannot be shown. left is the time until it is
// fetched again.
func (e *Endpoints) pictureRefusal(v *request.State, err error, left time.Duration) refusal.Reply {
	failure, isAnswer := errors.AsType[*instagram.Error](err)
	switch {
	case err == nil:
		return refusal.Reply{Code: refusal.NoPicture}
	case errors.Is(err, errNoToken) || isAnswer && failure.InvalidToken():
		return refusal.Reply{Code: refusal.NoToken, LoginURL: e.Paths.LoginURL(v.ReturnFor(e.Paths))}
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

// showPicture answers with a picture or a redirect to it. Only the browser may cache the answer,
// not a shared cache.
func (e *Endpoints) showPicture(w http.ResponseWriter, r *http.Request, found *pictureResult, left time.Duration) {
	header := w.Header()
	refusal.SecurityHeaders(header)
	seconds := max(0, int(min(left, browserKeepsPicture)/time.Second))
	if seconds > 0 { // no-store otherwise
		header.Set("Cache-Control", "private, max-age="+strconv.Itoa(seconds))
	}
	header.Set("Vary", "Cookie")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	if e.PictureMode == PictureRedirect {
		header.Set("Location", found.Address)
		w.WriteHeader(http.StatusFound)
		return
	}
	header.Set("Content-Type", found.image.Type)
	header.Set("Content-Length", strconv.Itoa(len(found.image.Content)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(found.image.Content) // the visitor may have gone
	}
}
