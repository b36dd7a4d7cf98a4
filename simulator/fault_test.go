package simulator_test

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

// node asks for the user node and returns the answer with its body unread.
func (i *instagram) node(ctx context.Context, token string) (*http.Response, error) {
	i.t.Helper()
	query := url.Values{"fields": {"username"}, "access_token": {token}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, i.url+"/me?"+query.Encode(), nil)
	if err != nil {
		i.t.Fatal(err)
	}
	return i.http.Do(request)
}

const jayNode = `{"username":"jayposiris","id":"25025320793187218"}` + "\n"

func TestFaultsThatAreAnAnswerOfTheirOwn(t *testing.T) {
	i := start(t, nil)
	token := i.token("jayposiris", authorization())
	for name, row := range map[string]struct {
		fault  simulator.Fault
		status int
		kind   string
		body   string // a part of it
		header http.Header
	}{
		"status 500":  {simulator.Fault{Kind: simulator.Status500}, 500, "application/json; charset=utf-8", `"is_transient":true,"code":2,`, nil},
		"status 502":  {simulator.Fault{Kind: simulator.Status502}, 502, "text/html; charset=utf-8", "Bad gateway", nil},
		"status 503":  {simulator.Fault{Kind: simulator.Status503}, 503, "text/html; charset=utf-8", "Service unavailable", http.Header{"Retry-After": {"30"}}},
		"HTML":        {simulator.Fault{Kind: simulator.HTML}, 200, "text/html; charset=utf-8", "<!DOCTYPE html>", nil},
		"truncated":   {simulator.Fault{Kind: simulator.Truncated}, 200, "application/json; charset=utf-8", jayNode[:len(jayNode)/2], nil},
		"wrong types": {simulator.Fault{Kind: simulator.WrongTypes}, 200, "application/json; charset=utf-8", `"id":true,"username":[1]`, nil},
		"redirect":    {simulator.Fault{Kind: simulator.Redirect}, 307, "", "", nil},
		"redirect elsewhere": {simulator.Fault{Kind: simulator.Redirect, Status: 302, Header: http.Header{"Location": {"https://evil.test/"}}},
			302, "", "", http.Header{"Location": {"https://evil.test/"}}},
		"rate limit": {simulator.Fault{Kind: simulator.RateLimit}, 400, "application/json; charset=utf-8", `"code":4`, http.Header{
			"X-App-Usage":               {`{"call_volume":100,"cpu_time":25}`},
			"X-Business-Use-Case-Usage": {`{"17841405793187218":[{"type":"instagram","call_count":100,"total_cputime":25,"total_time":31,"estimated_time_to_regain_access":5}]}`},
		}},
		"rate limit of an account": {simulator.Fault{Kind: simulator.RateLimitBusiness}, 400, "application/json; charset=utf-8", `"code":80002,"error_subcode":2446079,`, http.Header{
			"X-App-Usage":               nil,
			"X-Business-Use-Case-Usage": {`{"17841405793187218":[{"type":"instagram","call_count":100,"total_cputime":25,"total_time":31,"estimated_time_to_regain_access":5}]}`},
		}},
		"rate limit of an account with a status": {simulator.Fault{Kind: simulator.RateLimitBusiness, Status: 403}, 403, "application/json; charset=utf-8", `"code":80002`, nil},
		"rate limit with a status":               {simulator.Fault{Kind: simulator.RateLimit, Status: 429}, 429, "application/json; charset=utf-8", `"code":4`, nil},
		"an answer":                              {simulator.Fault{Kind: simulator.Answer, Body: "{}"}, 200, "application/json", "{}", nil},
		"another answer": {simulator.Fault{Kind: simulator.Answer, Status: 418, ContentType: "text/javascript", Header: http.Header{"X-Test": {"a", "b"}}},
			418, "text/javascript", "", http.Header{"X-Test": {"a", "b"}}},
		"no such kind": {simulator.Fault{Kind: "tired"}, 501, "text/plain; charset=utf-8", "tired", nil},
	} {
		t.Run(name, func(t *testing.T) {
			i.Misbehave(simulator.UserNode, row.fault)
			got := i.get("/me", url.Values{"fields": {"username"}, "access_token": {token}})
			if got.StatusCode != row.status || got.Header.Get("Content-Type") != row.kind || !strings.Contains(got.body, row.body) {
				t.Errorf("answer = %s, %s, %q", got.Status, got.Header.Get("Content-Type"), got.body)
			}
			for header, want := range row.header {
				if values := got.Header[header]; strings.Join(values, "|") != strings.Join(want, "|") {
					t.Errorf("%s = %q, want %q", header, values, want)
				}
			}
			if row.fault.Kind == simulator.Truncated && got.body != row.body {
				t.Errorf("body = %q, want %q", got.body, row.body)
			}
			i.Misbehave(simulator.UserNode, simulator.Fault{})
			wantBody(t, i.get("/me", url.Values{"fields": {"username"}, "access_token": {token}}), 200, jayNode)
		})
	}
}

func TestT2_AClientThatFollowsARedirectIsSeen(t *testing.T) {
	i := start(t, nil)
	i.Misbehave(simulator.Token, simulator.Fault{Kind: simulator.Redirect})
	if got := i.post("/oauth/access_token", exchange("AQ")); got.StatusCode != http.StatusTemporaryRedirect || i.Calls(simulator.Redirected) != 0 {
		t.Fatalf("answer = %s, %d calls elsewhere", got.Status, i.Calls(simulator.Redirected))
	}
	i.http.CheckRedirect = nil
	i.post("/oauth/access_token", exchange("AQ"))
	requests := i.Requests(simulator.Redirected)
	if len(requests) != 1 || !strings.Contains(requests[0].Body, appSecret) {
		t.Errorf("requests elsewhere = %+v", requests)
	}
}

func TestADelayComesBeforeTheAnswer(t *testing.T) {
	i := start(t, nil)
	token := i.token("jayposiris", authorization())
	for _, kind := range []simulator.FaultKind{simulator.Delay, simulator.Truncated} {
		i.Misbehave(simulator.UserNode, simulator.Fault{Kind: kind, Delay: 60 * time.Millisecond})
		begin := time.Now()
		if _, err := i.node(t.Context(), token); err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(begin); waited < 60*time.Millisecond {
			t.Errorf("%s: answered after %v", kind, waited)
		}
	}
}

func TestAnAnswerThatIsDelayedOrHangsEndsWhenTheClientLeaves(t *testing.T) {
	for _, fault := range []simulator.Fault{{Kind: simulator.Hang}, {Kind: simulator.Delay, Delay: time.Hour}} {
		t.Run(string(fault.Kind), func(t *testing.T) {
			s, err := simulator.New(usual())
			if err != nil {
				t.Fatal(err)
			}
			s.Misbehave(simulator.UserNode, fault)
			ended := make(chan any, 1)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer func() { ended <- recover(); panic(http.ErrAbortHandler) }()
				s.ServeHTTP(w, r)
			}))
			defer server.Close()
			i := &instagram{t: t, url: server.URL, http: server.Client()}
			ctx, leave := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer leave()
			if _, err := i.node(ctx, "x"); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error = %v", err)
			}
			if got := <-ended; got != http.ErrAbortHandler {
				t.Errorf("the handler ended with %v", got)
			}
		})
	}
}

func TestCloseEndsEveryAnswerThatTakesLong(t *testing.T) {
	for _, fault := range []simulator.Fault{
		{Kind: simulator.Hang}, {Kind: simulator.Delay, Delay: time.Hour}, {Kind: simulator.Huge}, {Kind: simulator.OneBytePerSecond},
	} {
		t.Run(string(fault.Kind), func(t *testing.T) {
			i := start(t, nil)
			token := i.token("jayposiris", authorization())
			i.Misbehave(simulator.UserNode, fault)
			result := make(chan error, 1)
			go func() {
				response, err := i.node(context.Background(), token)
				if err == nil {
					_, err = io.Copy(io.Discard, response.Body)
				}
				result <- err
			}()
			for i.Calls(simulator.UserNode) == 0 {
				time.Sleep(time.Millisecond) // until the request has arrived
			}
			i.Close()
			i.Close() // twice is once
			if err := <-result; err == nil {
				t.Error("the answer ended as if it were complete")
			}
		})
	}
}

func TestAResetIsAReset(t *testing.T) {
	i := start(t, nil)
	i.Misbehave(simulator.UserNode, simulator.Fault{Kind: simulator.Reset})
	if _, err := i.node(t.Context(), "x"); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("error = %v, want a reset", err)
	}
}

func TestAResetOfAnHTTP2StreamLeavesTheClientWithoutAnAnswer(t *testing.T) {
	s, err := simulator.New(usual())
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(s)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	s.Misbehave(simulator.UserNode, simulator.Fault{Kind: simulator.Reset})
	if response, err := server.Client().Get(server.URL + "/me"); err == nil {
		t.Errorf("answer = %s", response.Status)
	}
	// Over TLS and HTTP/1 it is the connection below that is reset.
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: server.Client().Transport.(*http.Transport).TLSClientConfig}}
	t.Cleanup(client.CloseIdleConnections)
	if response, err := client.Get(server.URL + "/me"); err == nil {
		t.Errorf("answer = %s", response.Status)
	}
}

func TestAnAnswerThatIsCutOffBreaksInItsMiddle(t *testing.T) {
	i := start(t, nil)
	token := i.token("jayposiris", authorization())
	i.Misbehave(simulator.UserNode, simulator.Fault{Kind: simulator.CutOff})
	response, err := i.node(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if string(body) != jayNode[:len(jayNode)/2] || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("body = %q, %v", body, err)
	}
}

func TestT4_AHugeAnswerGoesOnUntilTheClientHasHadEnough(t *testing.T) {
	i := start(t, nil)
	i.Misbehave(simulator.UserNode, simulator.Fault{Kind: simulator.Huge})
	response, err := i.node(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if n, err := io.CopyN(io.Discard, response.Body, 8<<20); err != nil {
		t.Errorf("ended after %d bytes: %v", n, err)
	}
}

func TestT4_AGzipBombIsSmallOnTheWireAndUnpacksToAnObject(t *testing.T) {
	i := start(t, nil)
	i.Misbehave(simulator.UserNode, simulator.Fault{Kind: simulator.GzipBomb})
	request, err := http.NewRequest(http.MethodGet, i.url+"/me", nil)
	if err == nil {
		request.Header.Set("Accept-Encoding", "identity") // so that nothing unpacks it on the way
	}
	got := i.do(request, err)
	if got.Header.Get("Content-Encoding") != "gzip" || len(got.body) > 1<<20 {
		t.Fatalf("%d bytes of %q", len(got.body), got.Header.Get("Content-Encoding"))
	}
	z, err := gzip.NewReader(strings.NewReader(got.body))
	if err != nil {
		t.Fatal(err)
	}
	head := make([]byte, 16)
	if _, err := io.ReadFull(z, head); err != nil || string(head) != `{"access_token":` {
		t.Fatalf("begins with %q, %v", head, err)
	}
	if n, err := io.Copy(io.Discard, z); err != nil || n < 32<<20 {
		t.Errorf("unpacks to %d bytes, %v", n, err)
	}
}

func TestT4_OneBytePerSecond(t *testing.T) {
	i := start(t, nil)
	token := i.token("jayposiris", authorization())
	i.Misbehave(simulator.UserNode, simulator.Fault{Kind: simulator.OneBytePerSecond})
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	response, err := i.node(ctx, token)
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	two := make([]byte, 2)
	if _, err := io.ReadFull(response.Body, two); err != nil || string(two) != jayNode[:2] {
		t.Fatalf("began with %q, %v", two, err)
	}
	if took := time.Since(begin); took < 800*time.Millisecond {
		t.Errorf("two bytes took %v", took)
	}
}

func TestAFaultCanEndByItself(t *testing.T) {
	i := start(t, nil)
	token := i.token("jayposiris", authorization())
	i.Misbehave(simulator.UserNode, simulator.Fault{Kind: simulator.Status500, Times: 2})
	for n, want := range []int{500, 500, 200, 200} {
		if got := i.get("/me", url.Values{"access_token": {token}}); got.StatusCode != want {
			t.Errorf("request %d = %s, want %d", n+1, got.Status, want)
		}
	}
}

func TestAFaultOfOneEndpointLeavesTheOthersAlone(t *testing.T) {
	i := start(t, nil)
	i.Misbehave(simulator.Window, simulator.Fault{Kind: simulator.Status502})
	i.Misbehave(simulator.Media, simulator.Fault{Kind: simulator.HTML})
	if got := i.get("/oauth/authorize", authorization()); got.StatusCode != http.StatusBadGateway {
		t.Errorf("window = %s", got.Status)
	}
	wantBody(t, i.post("/oauth/access_token", exchange("AQ")), http.StatusBadRequest, oauthError("Invalid authorization code"))
}

func TestATruncatedTokenAnswerHasUsedTheCodeUp(t *testing.T) {
	i := start(t, nil)
	code := i.code("jayposiris", authorization())
	i.Misbehave(simulator.Token, simulator.Fault{Kind: simulator.Truncated, Times: 1})
	if got := i.post("/oauth/access_token", exchange(code)); got.StatusCode != http.StatusOK || json.Valid([]byte(got.body)) {
		t.Errorf("answer = %s %q", got.Status, got.body)
	}
	wantBody(t, i.post("/oauth/access_token", exchange(code)), http.StatusBadRequest, oauthError("Invalid authorization code"))
}
