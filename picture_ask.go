package instagramauth

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/limit"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/picture"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/provider"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/renewal"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/request"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/revocation"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/telemetry"
)

// How Instagram is asked for a picture: once for a person in a while, however many requests
// come in, and a few calls at a time. [D3]

const (
	rememberPictures = 10_000
	pictureMemory    = 32 << 20 // bytes of all pictures together [D5]
	picturesAtATime  = 8        // of callsAtATime, so that logins always find a place
	pictureTimeout   = 20 * time.Second

	// keepPicture is how long a picture, or that there is none, is taken for current, and
	// keepFailure the same for a failure, unless Instagram asks to wait for longer.
	keepPicture = 10 * time.Minute
	keepFailure = 30 * time.Second
	// leastPicture is for an address that says that it has run out: by a wrong clock here,
	// or Instagram would not have sent it.
	leastPicture = time.Minute
)

var (
	errNoToken       = errors.New("the session has no access token that is still good")
	errPictureFailed = errors.New("finding out about a picture failed")
)

// pictureWait is the error where Instagram is not asked at the moment.
type pictureWait struct {
	reason     string
	retryAfter time.Duration
}

func (w *pictureWait) Error() string { return w.reason }

// pictures is what an instance knows of its visitors' pictures.
type pictures struct {
	*picture.Cache[portrait]
	places *limit.Gate
	rest   *renewal.Group[struct{}] // after failures that concern everybody
}

func newPictures(now func() time.Time) *pictures {
	return &pictures{
		Cache:  picture.New[portrait](rememberPictures, pictureMemory, now),
		places: limit.NewGate(picturesAtATime, provider.CallQueue),
		rest:   renewal.New[struct{}](1, 1, 0, now),
	}
}

// portrait is what Instagram has said about somebody's picture.
type portrait struct {
	// asker is the session that it was asked with, without its token and all else that
	// does not tell whose it is.
	asker session.Session

	address string // "" if there is no picture
	image   instagram.Image
	err     error
}

// portraitFor returns a portrait of somebody of whom nothing is known yet.
func portraitFor(s *session.Session) portrait {
	return portrait{asker: session.Session{
		Identity: session.Identity{UserID: s.UserID, AppScopedID: s.AppScopedID}, ID: s.ID, Keys: s.Keys, Began: s.Began,
	}}
}

// size is how much memory it takes, roughly.
func (p *portrait) size() int { return 512 + len(p.address) + len(p.image.Content) }

// findPicture returns the picture of a visitor, and until when that is taken for current.
// It waits for Instagram if that is not known already.
func (h *Handler) findPicture(v *request.State) (found portrait, until time.Time) {
	s, known := &v.Session, h.limits.pictures
	if s.Token.Access == "" || !h.now().Before(s.Token.Expires) {
		return portrait{err: errNoToken}, until
	}
	if found, until, ok := known.Kept(tokenKey(s)); ok {
		return found, until
	}
	call, mine := known.Join(h.pictureKey(s))
	if mine {
		h.askInBackground(v)
	}
	found, until, err := call.Wait(v.R.Context())
	if err != nil {
		found.err = err
	}
	return found, until
}

// pictureKey is where the picture of a person is kept: with the picture itself, or with its
// address alone. A reload can change which of the two is wanted.
func (h *Handler) pictureKey(s *session.Session) string {
	if h.settings.picture == pictureProxy {
		return "picture " + s.UserID
	}
	return "address " + s.UserID
}

// tokenKey is where it is kept that Instagram does not accept the token of a session.
// Another session of the same person may have one that it accepts.
func tokenKey(s *session.Session) string { return "token " + revocation.Key(s.Keys.Session).String() }

// askInBackground asks for a visitor's picture. Neither a visitor who leaves nor a reload
// ends the call, because others may wait for it. It has a time limit of its own.
func (h *Handler) askInBackground(v *request.State) {
	s, span := v.Session, trace.SpanFromContext(v.R.Context())
	go func() {
		ctx, cancel := context.WithTimeout(trace.ContextWithSpan(context.Background(), span), pictureTimeout)
		defer cancel()
		found, keep := h.askForPicture(ctx, &s)
		h.limits.pictures.End(h.pictureKey(&s), found, found.size(), keep)
		if h.ended(&s) {
			h.limits.pictures.Drop(func(p portrait) bool { return p.asker.ID == s.ID })
		}
	}()
}

// askForPicture asks Instagram and returns for how long that answers the question. After a
// panic it is taken for a failure.
func (h *Handler) askForPicture(ctx context.Context, s *session.Session) (found portrait, keep time.Duration) {
	found, keep = portraitFor(s), keepFailure
	found.err = errPictureFailed
	defer func() {
		if cause := recover(); cause != nil {
			h.telemetry.NotifyPanic(cause)
		}
	}()
	if found.err = h.askWithinLimits(ctx, s, &found, &keep); found.err == nil {
		h.limits.pictures.rest.Resume()
		return found, keep
	}
	told := telemetry.NoticePictureFailed
	if failure, ok := errors.AsType[*instagram.Error](found.err); ok && failure.InvalidToken() {
		told.Action, told.Remedy = telemetry.NoAction, "" // the visitor has removed the app, for example
	}
	h.telemetry.NotifySampled(told, "", found.err, h.telemetry.Privacy.User(s.UserID), sessionField(s))
	return found, h.waitAfter(s, found.err)
}

// askWithinLimits asks for a picture if there is a place for one more call.
func (h *Handler) askWithinLimits(ctx context.Context, s *session.Session, found *portrait, keep *time.Duration) error {
	if wait := h.limits.pictures.rest.PausedFor(); wait > 0 {
		return &pictureWait{"instagram is left alone after failures", wait}
	}
	for _, gate := range []*limit.Gate{h.limits.pictures.places, h.provider.Gate} {
		leave, ok := gate.Enter(ctx)
		if !ok {
			return &pictureWait{"too many calls wait for instagram", provider.CallQueue}
		}
		defer leave()
	}
	return h.download(ctx, s, found, keep)
}

// download asks for the address of a picture and, for pictureProxy, for the picture.
func (h *Handler) download(ctx context.Context, s *session.Session, found *portrait, keep *time.Duration) error {
	at, err := h.provider.Picture(ctx, instagramToken(s), s.AppScopedID)
	if err != nil {
		h.provider.NoteAppState(err)
		return err
	}
	h.provider.NoteSuccess()
	found.address, *keep = at.Address, keepPicture
	if !at.Expires.IsZero() {
		*keep = max(min(keepPicture, at.Expires.Sub(h.now())), leastPicture)
	}
	if at.Address != "" && h.settings.picture == pictureProxy {
		found.image, err = h.provider.FetchPicture(ctx, at.Address)
	}
	return err
}

// waitAfter returns how long Instagram is not asked again about somebody after a failure,
// and has all pictures wait if it concerns everybody. No session ends because of one: that
// is for what checks tokens.
func (h *Handler) waitAfter(s *session.Session, err error) time.Duration {
	failure, ok := errors.AsType[*instagram.Error](err)
	_, waits := errors.AsType[*pictureWait](err)
	switch {
	case waits:
		return 0
	case !ok:
		return keepFailure
	case failure.InvalidToken():
		refused := portraitFor(s)
		refused.err = err
		h.limits.pictures.Keep(tokenKey(s), refused, refused.size(), keepPicture)
		return 0
	case !failure.OfOnePerson():
		h.limits.pictures.rest.Pause(failure.RetryAfter)
	}
	return max(keepFailure, failure.RetryAfter)
}
