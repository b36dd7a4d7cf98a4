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

// Client is an instrumented client of Instagram: it counts, times and traces each call. Where
// Caddy's tracing directive is on, the spans are part of the request's trace. Instagram gets
// no trace headers.
type Client struct {
	Client    *instagram.Client
	Telemetry *Recorder
}

// Exchange is instagram.Client.Exchange, instrumented.
func (p *Client) Exchange(ctx context.Context, redirectURI, code string) (instagram.Token, error) {
	return watch(ctx, p, instagram.TokenEndpoint, func(ctx context.Context) (instagram.Token, error) {
		return p.Client.Exchange(ctx, redirectURI, code)
	})
}

// User is instagram.Client.User, instrumented.
func (p *Client) User(ctx context.Context, t instagram.Token) (instagram.User, error) {
	return watch(ctx, p, instagram.UserEndpoint, func(ctx context.Context) (instagram.User, error) { return p.Client.User(ctx, t) })
}

// Recheck is instagram.Client.Recheck, instrumented.
func (p *Client) Recheck(ctx context.Context, t instagram.Token, known instagram.User) (instagram.User, error) {
	return watch(ctx, p, instagram.UserEndpoint, func(ctx context.Context) (instagram.User, error) { return p.Client.Recheck(ctx, t, known) })
}

// LongLived is instagram.Client.LongLived, instrumented.
func (p *Client) LongLived(ctx context.Context, short instagram.Token) (instagram.Token, error) {
	return watch(ctx, p, instagram.LongLivedEndpoint, func(ctx context.Context) (instagram.Token, error) { return p.Client.LongLived(ctx, short) })
}

// Refresh is instagram.Client.Refresh, instrumented.
func (p *Client) Refresh(ctx context.Context, long instagram.Token) (instagram.Token, error) {
	return watch(ctx, p, instagram.RefreshEndpoint, func(ctx context.Context) (instagram.Token, error) { return p.Client.Refresh(ctx, long) })
}

// Picture is instagram.Client.Picture, instrumented.
func (p *Client) Picture(ctx context.Context, t instagram.Token, appScopedID string) (instagram.Picture, error) {
	return watch(ctx, p, instagram.UserEndpoint, func(ctx context.Context) (instagram.Picture, error) { return p.Client.Picture(ctx, t, appScopedID) })
}

// FetchPicture is instagram.Client.FetchPicture, instrumented.
func (p *Client) FetchPicture(ctx context.Context, address string) (instagram.Image, error) {
	return watch(ctx, p, instagram.PictureEndpoint, func(ctx context.Context) (instagram.Image, error) { return p.Client.FetchPicture(ctx, address) })
}

// watch makes and records one call. Retries of the client are part of it.
func watch[T any](ctx context.Context, p *Client, endpoint instagram.Endpoint, call func(context.Context) (T, error)) (answer T, err error) {
	name := endpointNames[endpoint]
	tracer := trace.SpanFromContext(ctx).TracerProvider().Tracer(TracerName) // does nothing without a trace
	ctx, span := tracer.Start(ctx, "instagram "+name, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attribute.String("instagram.endpoint", name)))
	p.Telemetry.metrics.inFlight.Inc()
	began, result := time.Now(), instagram.BadAnswer.String() // stays so after a panic
	defer func() {
		p.Telemetry.metrics.inFlight.Dec()
		metricSeconds.WithLabelValues(p.Telemetry.app, name).Observe(time.Since(began).Seconds())
		metricCalls.WithLabelValues(p.Telemetry.app, name, result).Inc()
		describe(span, result, err)
		span.End()
	}()
	answer, err = call(ctx)
	result = resultOf(ctx, err)
	return answer, err
}

// resultOf returns the label for the result of a call.
func resultOf(ctx context.Context, err error) string {
	failure, ok := errors.AsType[*instagram.Error](err)
	switch {
	case err == nil:
		return ResultOK
	case errors.Is(ctx.Err(), context.Canceled):
		return ResultCancelled
	case !ok:
		return instagram.BadAnswer.String() // unreachable: the client has no other errors
	case failure.AppState() != instagram.AppFine:
		return failure.AppState().String()
	case failure.RateLimited():
		return resultRateLimited
	}
	return failure.Kind.String()
}

// TracerName is the name of this module in traces.
const TracerName = "github.com/caddy-instagram/caddy-instagram-auth"

// describe records the result of a call in its span. It uses fixed words only: an address may
// hold a token, and a text of Instagram anything. [P1]
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
