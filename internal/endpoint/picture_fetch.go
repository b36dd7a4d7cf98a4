package endpoint

import (
	"cmp"
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/lifecycle"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/limit"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/picture"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/provider"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/renewal"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/request"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/revocation"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/telemetry"
)

// Pictures are cached. However many requests come in, one call is made for an account, and few run
// at a time. [D3]

const (
	maxPictures           = 10_000
	pictureMemory         = 32 << 20 // bytes of all pictures together [D5]
	maxConcurrentPictures = 8        // below the limit of all calls, so that logins always find a place
	pictureTimeout        = 20 * time.Second

	// KeepPicture is how long a picture, or its absence, is cached; KeepFailure the same for a
	// failure, unless Retry-After is longer.
	KeepPicture = 10 * time.Minute
	KeepFailure = 30 * time.Second
	// MinKeepPicture is for an address that seems to have expired. Instagram would not have sent
	// it, so the local clock is wrong.
	MinKeepPicture = time.Minute
)

var (
	errNoToken = errors.New("the session has no valid access token")
	// ErrPictureFailed is the error of a fetch that panicked.
	ErrPictureFailed = errors.New("looking up a picture failed")
)

// pictureWait is the error if Instagram is not called at the moment.
type pictureWait struct {
	reason     string
	retryAfter time.Duration
}

func (w *pictureWait) Error() string { return w.reason }

// pictures is the cache of pictures of an instance, with the limits of its calls.
type pictures struct {
	*picture.Cache[pictureResult]
	places  *limit.Gate
	backoff *renewal.Group[struct{}] // after failures that concern every account
}

func newPictures(now func() time.Time) *pictures {
	return &pictures{
		Cache:   picture.New[pictureResult](maxPictures, pictureMemory, now),
		places:  limit.NewGate(maxConcurrentPictures, provider.CallQueue),
		backoff: renewal.New[struct{}](1, 1, 0, now),
	}
}

// pictureResult is the cached answer to a request for an account's picture.
type pictureResult struct {
	// owner is the session that fetched the picture, reduced to what identifies it.
	owner session.Session

	Address string // "" if there is no picture
	image   instagram.Image
	Err     error
}

// newPictureResult returns an empty result for the account of a session.
func newPictureResult(s *session.Session) pictureResult {
	return pictureResult{owner: session.Session{
		Identity: session.Identity{UserID: s.UserID, AppScopedID: s.AppScopedID}, ID: s.ID, Keys: s.Keys, Began: s.Began,
	}}
}

// size returns the approximate memory of a result in bytes.
func (p *pictureResult) size() int { return 512 + len(p.Address) + len(p.image.Content) }

// FindPicture returns the picture of the signed-in account, and until when it is cached. It waits
// for Instagram if the cache has none. The error is in the result.
func (e *Endpoints) FindPicture(v *request.State) (found pictureResult, until time.Time) {
	s, known := &v.Session, e.Memory.pictures
	if s.Token.Access == "" || !e.Now().Before(s.Token.Expires) {
		return pictureResult{Err: errNoToken}, until
	}
	if found, until, ok := known.Kept(tokenKey(s)); ok {
		return found, until
	}
	call, mine := known.Join(e.pictureKey(s))
	if mine {
		e.fetchInBackground(v)
	}
	found, until, err := call.Wait(v.R.Context())
	found.Err = cmp.Or(err, found.Err)
	return found, until
}

// pictureKey returns the cache key of an account's picture or of its address. A reload can change
// the mode, so the two have different keys.
func (e *Endpoints) pictureKey(s *session.Session) string {
	if e.PictureMode == PictureProxy {
		return "picture " + s.UserID
	}
	return "address " + s.UserID
}

// tokenKey returns the cache key for a token that Instagram rejects. Another session of the same
// account may have a valid one.
func tokenKey(s *session.Session) string { return "token " + revocation.Key(s.Keys.Session).String() }

// fetchInBackground fetches a picture. The call does not end with the request or with a reload,
// because other requests may wait for it. It has a time limit of its own.
func (e *Endpoints) fetchInBackground(v *request.State) {
	s, span := v.Session, trace.SpanFromContext(v.R.Context())
	go func() {
		ctx, cancel := context.WithTimeout(trace.ContextWithSpan(context.Background(), span), pictureTimeout)
		defer cancel()
		found, keep := e.fetchPicture(ctx, &s)
		e.Memory.pictures.End(e.pictureKey(&s), found, found.size(), keep)
		if e.Sessions.Revoked(&s) {
			e.Memory.pictures.Drop(func(p pictureResult) bool { return p.owner.ID == s.ID })
		}
	}()
}

// fetchPicture fetches a picture, and returns how long the result is cached. A panic is a failure.
func (e *Endpoints) fetchPicture(ctx context.Context, s *session.Session) (found pictureResult, keep time.Duration) {
	found, keep = newPictureResult(s), KeepFailure
	found.Err = ErrPictureFailed
	defer func() {
		if cause := recover(); cause != nil {
			e.Telemetry.NotifyPanic(cause)
		}
	}()
	if found.Err = e.fetchWithinLimits(ctx, s, &found, &keep); found.Err == nil {
		e.Memory.pictures.backoff.Resume()
		return found, keep
	}
	notice := telemetry.NoticePictureFailed
	if failure, ok := errors.AsType[*instagram.Error](found.Err); ok && failure.InvalidToken() {
		notice.Action, notice.Remedy = telemetry.NoAction, "" // the account has removed the app, for example
	}
	e.Telemetry.NotifySampled(notice, "", found.Err, e.Telemetry.Privacy.User(s.UserID), lifecycle.SessionField(s))
	return found, e.handleFailure(s, found.Err)
}

// fetchWithinLimits fetches a picture if the limits allow one more call.
func (e *Endpoints) fetchWithinLimits(ctx context.Context, s *session.Session, found *pictureResult, keep *time.Duration) error {
	if wait := e.Memory.pictures.backoff.PausedFor(); wait > 0 {
		return &pictureWait{"calls to Instagram are paused after failures", wait}
	}
	for _, gate := range []*limit.Gate{e.Memory.pictures.places, e.Provider.Gate} {
		leave, ok := gate.Enter(ctx)
		if !ok {
			return &pictureWait{"too many calls are waiting for Instagram", provider.CallQueue}
		}
		defer leave()
	}
	return e.download(ctx, s, found, keep)
}

// download fetches the address of a picture and, for PictureProxy, the picture.
func (e *Endpoints) download(ctx context.Context, s *session.Session, found *pictureResult, keep *time.Duration) error {
	at, err := e.Provider.Picture(ctx, lifecycle.InstagramToken(s), s.AppScopedID)
	if err != nil {
		e.Provider.NoteAppState(err)
		return err
	}
	e.Provider.NoteSuccess()
	found.Address, *keep = at.Address, KeepPicture
	if !at.Expires.IsZero() {
		*keep = max(min(KeepPicture, at.Expires.Sub(e.Now())), MinKeepPicture)
	}
	if at.Address != "" && e.PictureMode == PictureProxy {
		found.image, err = e.Provider.FetchPicture(ctx, at.Address)
	}
	return err
}

// handleFailure returns how long a failure is cached, and pauses all pictures if it concerns every
// account. It revokes no session: the refreshes do that.
func (e *Endpoints) handleFailure(s *session.Session, err error) time.Duration {
	failure, ok := errors.AsType[*instagram.Error](err)
	_, waits := errors.AsType[*pictureWait](err)
	switch {
	case waits:
		return 0
	case !ok:
		return KeepFailure
	case failure.InvalidToken():
		refused := newPictureResult(s)
		refused.Err = err
		e.Memory.pictures.Keep(tokenKey(s), refused, refused.size(), KeepPicture)
		return 0
	case !failure.OfOnePerson():
		e.Memory.pictures.backoff.Pause(failure.RetryAfter)
	}
	return max(KeepFailure, failure.RetryAfter)
}
