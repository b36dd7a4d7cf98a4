package endpoint

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/answer"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/identity"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/limit"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/request"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/revocation"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/telemetry"
)

// A verified callback from Meta is processed once, on whichever node it arrives. [N11]

// delivery is a verified callback, to be answered by this handler or by the site.
type delivery struct {
	kind   metaCallback
	signed instagram.SignedRequest
}

var (
	// ErrBrowser is the cause of a refusal of a callback that a browser sent.
	ErrBrowser = telemetry.NewCause("a browser sent the callback, not Meta's servers",
		"a page of another site made a visitor's browser send this: there is nothing to change")
	// ErrForgeries is the cause of a refusal after too many unsigned callbacks of one client.
	ErrForgeries = telemetry.NewCause("too many callbacks from this client are not signed by Meta",
		"somebody who does not know app_secret keeps calling: there is nothing to change, or block the address")
	// ErrTooOld is the cause of a refusal of a callback that is older than seven days.
	ErrTooOld = telemetry.NewOperatorCause("the callback is older than seven days",
		"check the clock of this machine; if it is right, somebody replays an old callback: there is nothing to change")
	// ErrMisdirected is the cause of a refusal of a callback replayed on another path.
	ErrMisdirected = telemetry.NewOperatorCause("the callback was sent to another path before",
		"somebody replays a callback from Meta on another path: find out where callbacks can be read, such as a log of request bodies or a proxy")
	errUnknownContent = telemetry.NewOperatorCause("Meta signed the callback, but this version does not know its content",
		"look for a newer version, or report it to this project")
	errUnderWay = telemetry.NewCause("the same callback is being answered by another request",
		"nothing to change: Meta tries again")
	errNoSite = errors.New("no later handler answered")
	errSite   = errors.New("the site did not accept")
)

// The outcomes of a delivery.
const (
	leftToSite = iota // the site will delete the data later
	doneByAll         // also by the site
	doneHere          // the site was not called
)

// deletionStates are the outcomes as a confirmation code holds them.
var deletionStates = [...]session.DeletionState{leftToSite: session.DeletionPending, doneByAll: session.DeletedByAll, doneHere: session.DeletedBySignIn}

// refuseCallback returns the refusal of a callback. cause may be nil.
func refuseCallback(kind metaCallback, reply refusal.Reply, cause error) error {
	reply.Wants = refusal.JSON
	return &answer.Refusal{Reply: reply, Callback: string(kind), Cause: cause}
}

// refuseForged refuses a callback without a valid signature. Only those are rate-limited: Meta's
// real callbacks share a few IPs and must never be dropped.
func (e *Endpoints) refuseForged(v *request.State, kind metaCallback) error {
	if ok, wait := e.Memory.forgeries.Allow(limit.ClientOf(telemetry.ClientIP(v.R)).Key()); !ok {
		e.Telemetry.CountLimited(telemetry.LimitForged)
		return refuseCallback(kind, refusal.Reply{Code: refusal.TooMany, RetryAfter: wait}, ErrForgeries)
	}
	return refuseCallback(kind, refusal.Reply{Code: refusal.BadSignature}, nil)
}

// deliveryRecord returns the keys of a delivery in the revocation list.
func (e *Endpoints) deliveryRecord(d *delivery) revocation.Delivery {
	other := deauthorized
	if d.kind == deauthorized {
		other = deletionRequest
	}
	of := func(path metaCallback, what string) []string {
		return e.Marks.Of(string(path), what, d.signed.UserID, strconv.FormatInt(d.signed.IssuedAt.Unix(), 10))
	}
	return revocation.Delivery{
		IssuedAt: d.signed.IssuedAt,
		Arrived:  of(d.kind, "arrived"), ElsewhereArrived: of(other, "arrived"),
		Outcomes: [][]string{leftToSite: of(d.kind, "left to the site"), doneByAll: of(d.kind, "done"), doneHere: of(d.kind, "done here")},
	}
}

// deliver answers a callback, or passes it to the site, which may have data to delete.
func (e *Endpoints) deliver(v *request.State, d *delivery, pass bool) error {
	if !pass {
		return e.deliverWith(v, d, func() (int, error) { return doneHere, nil })
	}
	v.Outcome = telemetry.OutcomePassedOn
	v.Deliver = func(next func(http.ResponseWriter) error) error { return e.deliverToSite(v, d, next) }
	identity.Pass(v, string(d.kind), d.signed.UserID, d.signed.IssuedAt)
	return nil
}

// deliverToSite lets the site answer a callback. If the site deletes the data, this handler sends
// Meta the confirmation; status 202 says that the site will delete it later. An unsuccessful
// response goes to Meta as it is, and Meta or the account can try again.
func (e *Endpoints) deliverToSite(v *request.State, d *delivery, next func(http.ResponseWriter) error) error {
	recorder := &deletionRecorder{w: v.W, header: make(http.Header), through: d.kind == deauthorized}
	var failure error
	err := e.deliverWith(v, d, func() (outcome int, err error) {
		failure = next(recorder)
		switch {
		case failure != nil || recorder.passed && !recorder.success():
			return 0, errSite
		case recorder.status == 0:
			return 0, errNoSite
		case recorder.status == http.StatusAccepted:
			return leftToSite, nil
		}
		return doneByAll, nil
	})
	if failure != nil {
		return failure
	}
	return err
}

// deliverWith runs work once for a callback, on whichever node, and returns the answer. It returns
// nil if work has answered.
func (e *Endpoints) deliverWith(v *request.State, d *delivery, work func() (outcome int, err error)) error {
	// Meta closes the connection soon. The callback must be processed all the same.
	ctx := context.WithoutCancel(v.R.Context())
	result, outcome, err := e.Sessions.List.Deliver(ctx, e.deliveryRecord(d), func() (outcome int, err error) {
		if outcome, err = work(); err == nil {
			e.Telemetry.Emit(telemetry.RequesterOf(v.R), d.kind.event(), &session.Identity{UserID: d.signed.UserID}, map[string]any{"issued_at": d.signed.IssuedAt.Unix()})
		}
		return outcome, err
	})
	switch {
	case errors.Is(err, errSite):
		return nil // the site has answered, or the caller returns its error
	case errors.Is(err, errNoSite):
		e.Telemetry.Notify(telemetry.NoticeCallbackUnanswered, nil, e.Telemetry.RequestFields(v.R, zap.String("callback", string(d.kind)))...)
		return answer.Refuse(refusal.Reply{Code: refusal.Internal, Wants: refusal.JSON})
	case err != nil:
		e.Telemetry.Notify(telemetry.NoticeCallbackDeferred, err, e.Telemetry.RequestFields(v.R, zap.String("callback", string(d.kind)))...)
		return answer.Refuse(refusal.Reply{Code: refusal.StoreUnavailable, RetryAfter: time.Minute, Wants: refusal.JSON})
	case result == revocation.Misdirected:
		return refuseCallback(d.kind, refusal.Reply{Code: refusal.BadRequest}, ErrMisdirected)
	case result == revocation.UnderWay:
		return refuseCallback(d.kind, refusal.Reply{Code: refusal.StoreUnavailable, RetryAfter: time.Minute}, errUnderWay)
	}
	return e.answerCallback(v, d, result, outcome)
}

// answerCallback answers a callback that has been processed, now or before.
func (e *Endpoints) answerCallback(v *request.State, d *delivery, result revocation.Result, outcome int) error {
	switch {
	case d.kind == deletionRequest:
		return e.confirmDeletion(v, deletionStates[outcome])
	case result == revocation.DeliveredBefore || !e.PassDeauthorize:
		return answer.JSON(struct{}{})
	}
	return nil // the site has answered
}
