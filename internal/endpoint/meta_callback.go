package endpoint

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/address"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/answer"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/request"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/revocation"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/telemetry"
)

// Meta calls back when an account removes the app or asks for the deletion of its data.

// metaCallback is one kind of Meta's callbacks. Its value is what the site reads in the event
// header of a callback that is passed on.
type metaCallback string

const (
	deauthorized    metaCallback = "deauthorize"
	deletionRequest metaCallback = "data_deletion"
)

// event returns the name of the event for a callback.
func (r metaCallback) event() string {
	if r == deauthorized {
		return telemetry.EventDeauthorized
	}
	return telemetry.EventDataDeletion
}

// Deauthorize answers Meta's callback for an account that has removed the app, and revokes its
// sessions.
func (e *Endpoints) Deauthorize(v *request.State) error {
	if err := answer.Allow(v, http.MethodPost); err != nil {
		return err
	}
	signed, err := e.verifyCallback(v, deauthorized)
	if err != nil {
		return err
	}
	return e.deliver(v, &delivery{deauthorized, signed}, e.PassDeauthorize)
}

// DataDeletion answers Meta's callback for an account that asks for the deletion of its data: it
// revokes the sessions and returns a confirmation code. GET with such a code shows the state of the
// deletion.
func (e *Endpoints) DataDeletion(v *request.State) error {
	if v.R.Method == http.MethodGet || v.R.Method == http.MethodHead {
		return e.showDeletion(v)
	}
	if err := answer.Allow(v, http.MethodPost, http.MethodGet, http.MethodHead); err != nil {
		return err
	}
	signed, err := e.verifyCallback(v, deletionRequest)
	if err != nil {
		return err
	}
	return e.deliver(v, &delivery{deletionRequest, signed}, e.PassDataDeletion)
}

// verifyCallback reads and verifies a callback, and revokes the sessions of its account. [K1, K2,
// K3, K5]
func (e *Endpoints) verifyCallback(v *request.State, kind metaCallback) (signed instagram.SignedRequest, err error) {
	refuse := func(reply refusal.Reply, cause error) (instagram.SignedRequest, error) {
		return instagram.SignedRequest{}, refuseCallback(kind, reply, cause)
	}
	// Meta's servers do not send these headers. [N15]
	if v.R.Header.Get("Origin") != "" || v.R.Header.Get("Sec-Fetch-Site") != "" {
		return refuse(refusal.Reply{Code: refusal.BadRequest}, ErrBrowser)
	}
	text, code := ReadSignedRequest(v)
	if code != "" {
		return refuse(refusal.Reply{Code: code}, nil)
	}
	signed, err = instagram.ParseSignedRequest(text, e.Rotation.CallbackSecrets(), e.Now())
	switch {
	case errors.Is(err, instagram.ErrSignedContent):
		return refuse(refusal.Reply{Code: refusal.BadRequest}, errUnknownContent)
	case err != nil:
		return instagram.SignedRequest{}, e.refuseForged(v, kind)
	case e.Now().Sub(signed.IssuedAt) > revocation.KeepDeliveries: // a replay could not be recognized
		return refuse(refusal.Reply{Code: refusal.BadRequest}, ErrTooOld)
	}
	// Meta closes the connection soon. The callback must be processed all the same.
	ctx := context.WithoutCancel(v.R.Context())
	who := session.Identity{UserID: signed.UserID} // Meta sends the app-scoped ID, and no other
	e.Sessions.ForgetUser(who.UserID)
	if err := e.Sessions.List.EndUserBefore(ctx, revocation.UserKey(e.App, signed.UserID), signed.IssuedAt); err != nil {
		e.Telemetry.Notify(telemetry.NoticeUserRevokedHereOnly, err, e.Telemetry.UserFields(telemetry.RequesterOf(v.R), &who)...)
		return refuse(refusal.Reply{Code: refusal.StoreUnavailable, RetryAfter: time.Minute}, nil)
	}
	e.Telemetry.Notify(telemetry.NoticeRevokedByInstagram, nil, e.Telemetry.UserFields(telemetry.RequesterOf(v.R), &who, zap.String("callback", string(kind)))...)
	return signed, nil
}

// ReadSignedRequest returns the signed request in the body of a callback, or the code of a refusal.
// The body stays readable for the site. [K5]
func ReadSignedRequest(v *request.State) (signed string, code refusal.Code) {
	if kind, _, err := mime.ParseMediaType(v.R.Header.Get("Content-Type")); err != nil || kind != "application/x-www-form-urlencoded" {
		return "", refusal.BadType
	}
	body, err := io.ReadAll(http.MaxBytesReader(v.W, v.R.Body, request.MaxForm))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return "", refusal.TooLarge
	}
	form, malformed := url.ParseQuery(string(body))
	if err != nil || malformed != nil || len(form["signed_request"]) != 1 {
		return "", refusal.BadRequest
	}
	v.UnlimitBody() // the time limit does not apply to the site
	v.R.Body, v.R.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return form.Get("signed_request"), ""
}

// confirmDeletion answers Meta with a confirmation code and the address of a page that shows the
// state of the deletion. The address is on a configured host, whatever host the request names. [K4]
func (e *Endpoints) confirmDeletion(v *request.State, state session.DeletionState) error {
	own, ok := e.Paths.RedirectFor(v.R.Host)
	if !ok {
		own = e.Paths.Redirects[0]
	}
	code := e.Codes.New(state, e.Now())
	return answer.JSON(struct {
		URL  string `json:"url"`
		Code string `json:"confirmation_code"`
	}{own.Origin + e.Paths.Of(address.DataDeletion) + "?code=" + code, code})
}

// deletionPages maps the state in a confirmation code to that of the page.
var deletionPages = map[session.DeletionState]refusal.DeletionState{
	session.DeletionPending: refusal.DeletionPending, session.DeletedByAll: refusal.DeletionDone, session.DeletedBySignIn: refusal.DeletionOfSignIn,
}

// showDeletion answers with the page for a confirmation code.
func (e *Endpoints) showDeletion(v *request.State) error {
	query, err := url.ParseQuery(v.OriginalURL.RawQuery)
	page := refusal.DeletionPage{State: refusal.DeletionUnknown}
	if code := query.Get("code"); err == nil {
		if confirmed, ok := e.Codes.Read(code); ok {
			page = refusal.DeletionPage{State: deletionPages[confirmed.State], Day: confirmed.Day, Code: code}
		}
	}
	page.Look = e.Answers.Look(v)
	return answer.Page(page)
}
