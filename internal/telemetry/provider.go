package telemetry

import (
	"context"
	"errors"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
)

// Client is the client with each of its calls counted, timed and traced. Calls of a
// request appear in the request's trace where Caddy's tracing directive is on; nothing of
// the trace is sent to Instagram.
type Client struct {
	Client    *instagram.Client
	Telemetry *Recorder
}

// Exchange is the client's.
func (p *Client) Exchange(ctx context.Context, redirectURI, code string) (instagram.Token, error) {
	return watch(ctx, p, instagram.TokenEndpoint, func(ctx context.Context) (instagram.Token, error) {
		return p.Client.Exchange(ctx, redirectURI, code)
	})
}

// User is the client's.
func (p *Client) User(ctx context.Context, t instagram.Token) (instagram.User, error) {
	return watch(ctx, p, instagram.UserEndpoint, func(ctx context.Context) (instagram.User, error) { return p.Client.User(ctx, t) })
}

// Recheck is the client's.
func (p *Client) Recheck(ctx context.Context, t instagram.Token, known instagram.User) (instagram.User, error) {
	return watch(ctx, p, instagram.UserEndpoint, func(ctx context.Context) (instagram.User, error) { return p.Client.Recheck(ctx, t, known) })
}

// LongLived is the client's.
func (p *Client) LongLived(ctx context.Context, short instagram.Token) (instagram.Token, error) {
	return watch(ctx, p, instagram.LongLivedEndpoint, func(ctx context.Context) (instagram.Token, error) { return p.Client.LongLived(ctx, short) })
}

// Refresh is the client's.
func (p *Client) Refresh(ctx context.Context, long instagram.Token) (instagram.Token, error) {
	return watch(ctx, p, instagram.RefreshEndpoint, func(ctx context.Context) (instagram.Token, error) { return p.Client.Refresh(ctx, long) })
}

// Picture is the client's.
func (p *Client) Picture(ctx context.Context, t instagram.Token, appScopedID string) (instagram.Picture, error) {
	return watch(ctx, p, instagram.UserEndpoint, func(ctx context.Context) (instagram.Picture, error) { return p.Client.Picture(ctx, t, appScopedID) })
}

// FetchPicture is the client's.
func (p *Client) FetchPicture(ctx context.Context, address string) (instagram.Image, error) {
	return watch(ctx, p, instagram.PictureEndpoint, func(ctx context.Context) (instagram.Image, error) { return p.Client.FetchPicture(ctx, address) })
}

// watch makes a call. What the client repeats within one counts as part of it.
func watch[T any](ctx context.Context, p *Client, endpoint instagram.Endpoint, call func(context.Context) (T, error)) (answer T, err error) {
	name := endpointNames[endpoint]
	ctx, span := tracerOf(ctx).Start(ctx, "instagram "+name, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attribute.String("instagram.endpoint", name)))
	p.Telemetry.metrics.inFlight.Inc()
	began, result := time.Now(), instagram.BadAnswer.String() // a panic counts as that
	defer func() {
		p.Telemetry.metrics.inFlight.Dec()
		p.Telemetry.metrics.seconds(name).Observe(time.Since(began).Seconds())
		p.Telemetry.metrics.call(name, result).Inc()
		describe(span, result, err)
		span.End()
	}()
	answer, err = call(ctx)
	result = resultOf(ctx, err)
	return answer, err
}

// resultOf names what came of a call.
func resultOf(ctx context.Context, err error) string {
	failure, ok := errors.AsType[*instagram.Error](err)
	switch {
	case err == nil:
		return ResultOK
	case errors.Is(ctx.Err(), context.Canceled):
		return ResultCancelled
	case !ok:
		return instagram.BadAnswer.String() // does not happen: the client has no other errors
	case failure.AppState() != instagram.AppFine:
		return failure.AppState().String()
	case failure.RateLimited():
		return resultRateLimited
	}
	return failure.Kind.String()
}

// TracerName names this module in traces.
const TracerName = "github.com/caddy-instagram/caddy-instagram-auth"

// tracerOf returns a tracer of the trace that a context is part of; where it is part of
// none, one that does nothing.
func tracerOf(ctx context.Context) trace.Tracer {
	return trace.SpanFromContext(ctx).TracerProvider().Tracer(TracerName)
}

// describe says in a span what came of a call, in words of ours: no address, which may
// have a token in it, and no text of Instagram's. [P1]
func describe(span trace.Span, result string, err error) {
	if !span.IsRecording() {
		return
	}
	status := http.StatusOK
	if failure, ok := errors.AsType[*instagram.Error](err); ok {
		status = failure.Status
	}
	span.SetAttributes(attribute.String("instagram.result", result))
	if status != 0 {
		span.SetAttributes(attribute.Int("http.response.status_code", status))
	}
	if err != nil {
		span.SetAttributes(attribute.String("error.type", result))
		span.SetStatus(codes.Error, "")
	}
}
