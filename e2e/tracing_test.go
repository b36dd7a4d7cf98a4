package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// startWatched runs a site with tracing and a simulated Instagram. between stands between
// the two, if it is not nil: it is given the address of the simulator and returns its own.
func startWatched(t *testing.T, options string, between func(simulator string) string, env []string) (origin, admin string) {
	t.Helper()
	port, instagram := freePort(t), freePort(t)
	origin, admin = "http://localhost:"+port, "127.0.0.1:"+freePort(t)
	endpoints := "localhost:" + instagram
	if between != nil {
		endpoints = between(endpoints)
	}
	startCaddy(t, fmt.Sprintf(`{
		admin %s
		auto_https off
		metrics
	}
	%s {
		tracing
		instagram_auth {
			app_id %s
			app_secret %s
			redirect_uri %s/auth/
			endpoints http://%s
			%s
		}
		respond hello
	}
	http://localhost:%s {
		instagram_simulator {
			app_id %s
			app_secret %s
			redirect_uri %s/auth/
			auto_allow %s
		}
	}`, admin, origin, appID, appSecret, origin, endpoints, options, instagram, appID, appSecret, origin, username),
		env, "127.0.0.1:"+port, "127.0.0.1:"+instagram, admin)
	return origin, admin
}

// signInOnce takes a login to its end and returns a browser that is signed in.
func signInOnce(t *testing.T, origin string) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := newClient(t)
	client.Jar, client.CheckRedirect = jar, nil
	if page := getPage(t, client, origin+"/"); page != "hello" {
		t.Fatalf("after signing in: %s", page)
	}
	return client
}

func getPage(t *testing.T, client *http.Client, address string) string {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", "text/html")
	request.Header.Set("Baggage", "visitor=1")
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	return body(t, answer)
}

// collector is where traces are sent to.
type collector struct {
	mu    sync.Mutex
	spans []*otlp.Span
	ours  []byte // as they came, of instagram_auth alone
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	content, err := io.ReadAll(r.Body)
	var traces otlp.TracesData // has the form of the request
	if err == nil {
		err = proto.Unmarshal(content, &traces)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range traces.ResourceSpans {
		for _, scope := range resource.ScopeSpans {
			c.spans = append(c.spans, scope.Spans...)
			if strings.Contains(scope.Scope.GetName(), "instagram") {
				raw, _ := proto.Marshal(scope)
				c.ours = append(c.ours, raw...)
			}
		}
	}
}

// find waits for a span, for a while.
func (c *collector) find(t *testing.T, what string, is func(*otlp.Span) bool) *otlp.Span {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		c.mu.Lock()
		at := slices.IndexFunc(c.spans, is)
		c.mu.Unlock()
		if at >= 0 {
			return c.spans[at]
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	t.Fatalf("there is no span of %s in %v", what, c.spans)
	return nil
}

func (c *collector) named(t *testing.T, name string) *otlp.Span {
	t.Helper()
	return c.find(t, name, func(s *otlp.Span) bool { return s.Name == name })
}

func (c *collector) byID(t *testing.T, id []byte) *otlp.Span {
	t.Helper()
	return c.find(t, fmt.Sprintf("ID %x", id), func(s *otlp.Span) bool { return bytes.Equal(s.SpanId, id) })
}

// attributes returns those of a span as text.
func attributes(s *otlp.Span) map[string]string {
	all := make(map[string]string)
	for _, a := range s.Attributes {
		all[a.Key] = a.Value.GetStringValue()
		if n := a.Value.GetIntValue(); n != 0 {
			all[a.Key] = fmt.Sprint(n)
		}
	}
	return all
}

// wire is between a site and Instagram. It remembers what the site sends, and lets the
// exchange for a long-lived token fail once.
type wire struct {
	mu       sync.Mutex
	requests []*http.Request
	secrets  []string
	failed   bool
	proxy    http.Handler
}

func (w *wire) ServeHTTP(answer http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/oauth/authorize" { // by the browser
		w.proxy.ServeHTTP(answer, r)
		return
	}
	content, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(content))
	form, _ := url.ParseQuery(string(content))
	w.mu.Lock()
	w.requests = append(w.requests, r.Clone(r.Context()))
	w.secrets = append(w.secrets, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
	for _, name := range []string{"code", "client_secret", "access_token"} {
		w.secrets = append(w.secrets, form.Get(name), r.URL.Query().Get(name))
	}
	fail := r.URL.Path == "/access_token" && !w.failed
	w.failed = w.failed || fail
	w.mu.Unlock()
	if fail {
		answer.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.proxy.ServeHTTP(answer, r)
}

func TestCallsToInstagramAreSpansOfTheRequest(t *testing.T) {
	traces, between := new(collector), new(wire)
	address := serve(t, traces)
	origin, _ := startWatched(t, "token {\n long_lived\n}", func(simulator string) string {
		between.proxy = &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "http", Host: simulator}) }}
		return serve(t, between)
	}, []string{
		"OTEL_TRACES_EXPORTER=otlp", "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf", "OTEL_EXPORTER_OTLP_ENDPOINT=http://" + address, "OTEL_BSP_SCHEDULE_DELAY=50",
		"OTEL_PROPAGATORS=tracecontext,baggage,b3",
	})
	client := signInOnce(t, origin)
	for name, want := range map[string]map[string]string{
		"instagram token":      {"instagram.endpoint": "token", "instagram.result": "ok", "http.response.status_code": "200"},
		"instagram user_node":  {"instagram.endpoint": "user_node", "instagram.result": "ok", "http.response.status_code": "200"},
		"instagram long_lived": {"instagram.endpoint": "long_lived", "instagram.result": "bad_answer", "http.response.status_code": "500", "error.type": "bad_answer"},
	} {
		span := traces.named(t, name)
		request := traces.byID(t, span.ParentSpanId)
		if span.Kind != otlp.Span_SPAN_KIND_CLIENT || request.Kind != otlp.Span_SPAN_KIND_SERVER || !bytes.Equal(span.TraceId, request.TraceId) {
			t.Errorf("%v is not a client span of %v", span, request)
		}
		if got := attributes(span); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s has %v, want %v", name, got, want)
		}
		if failed := span.Status.GetCode() == otlp.Status_STATUS_CODE_ERROR; failed != (want["error.type"] != "") {
			t.Errorf("%s: status %v", name, span.Status)
		}
	}
	// Caddy asks for the long-lived token again in the background, some time after the failure.
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(200 * time.Millisecond) {
		getPage(t, client, origin+"/")
		between.mu.Lock()
		done := slices.ContainsFunc(between.requests[3:], func(r *http.Request) bool { return r.URL.Path == "/access_token" })
		between.mu.Unlock()
		if done {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("Instagram was not asked again")
		}
	}
	refresh := traces.named(t, "instagram_auth refresh token")
	call := traces.find(t, "its call", func(s *otlp.Span) bool { return bytes.Equal(s.ParentSpanId, refresh.SpanId) })
	if call.Name != "instagram long_lived" || len(refresh.ParentSpanId) != 0 || len(refresh.Links) != 1 {
		t.Fatalf("refresh %v, call %v", refresh, call)
	}
	if asked := traces.byID(t, refresh.Links[0].SpanId); asked.Kind != otlp.Span_SPAN_KIND_SERVER || bytes.Equal(asked.TraceId, refresh.TraceId) {
		t.Errorf("the refresh %v is linked to %v", refresh, asked)
	}
	wantNothingSecret(t, traces, between)
}

// wantNothingSecret looks for secrets in spans, and for traces of the site at Instagram.
func wantNothingSecret(t *testing.T, traces *collector, between *wire) {
	t.Helper()
	between.mu.Lock()
	defer between.mu.Unlock()
	traces.mu.Lock()
	defer traces.mu.Unlock()
	looked := 0
	for _, secret := range between.secrets {
		if secret == "" {
			continue
		}
		looked++
		if bytes.Contains(traces.ours, []byte(secret)) {
			t.Errorf("%s is in a span", secret)
		}
	}
	if looked < 5 || len(traces.ours) == 0 {
		t.Errorf("looked for %d secrets in %d bytes", looked, len(traces.ours))
	}
	for _, request := range between.requests {
		for _, name := range []string{"Traceparent", "Tracestate", "Baggage", "B3", "X-B3-Traceid"} {
			if request.Header.Get(name) != "" {
				t.Errorf("Instagram was sent %s: %s", name, request.Header.Get(name))
			}
		}
	}
}
