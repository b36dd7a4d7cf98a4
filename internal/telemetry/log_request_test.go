package telemetry_test

import (
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
)

func init() {
	caddy.RegisterModule(new(requestLogger))
	httpcaddyfile.RegisterHandlerDirective("log_request", func(httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) { return new(requestLogger), nil })
	httpcaddyfile.RegisterDirectiveOrder("log_request", httpcaddyfile.Before, "tracing")
}

// requestLogger is a plugin that logs the whole request, in all ways that one thinks of, and
// panics with it where it is asked to.
type requestLogger struct{ log *zap.Logger }

func (*requestLogger) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.log_request", New: func() caddy.Module { return new(requestLogger) }}
}

func (l *requestLogger) Provision(ctx caddy.Context) error {
	l.log = ctx.Logger()
	return nil
}

func (l *requestLogger) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if r.URL.Path == "/panic" {
		panic("cannot serve " + r.RequestURI)
	}
	dump, err := httputil.DumpRequest(r, true)
	if err != nil {
		return err
	}
	failed := &url.Error{Op: "Get", URL: r.URL.String(), Err: http.ErrHandlerTimeout}
	l.log.Warn(fmt.Sprintf("request %+v", r.URL.Query()), zap.Error(fmt.Errorf("asking: %w", failed)), zap.Any("header", r.Header))
	l.log.With(zap.String("asked", r.RequestURI), zap.Any("query", r.URL.Query())).Named(r.URL.RawQuery).Error("again",
		zap.Any("url", r.URL), zap.ByteString("dump", dump), zap.Reflect("deep", map[string]any{"list": []any{r.Header, map[string]string{"at": r.URL.String()}}}),
		zap.Any("request", r), zap.Strings("parts", []string{r.URL.RawQuery, r.Referer()}), zap.Stack("stack"))
	l.log.Sugar().Debugf("%v\t%q\n%#v", r.URL, r.RequestURI, r.URL.Query())
	return next.ServeHTTP(w, r)
}
