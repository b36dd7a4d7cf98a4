package instagram_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
)

// echoed is what a server can repeat of a request in one word.
func echoed(r *http.Request) string {
	return r.URL.RawQuery + strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
}

func TestT2_T6_ARedirectThatCannotBeReadIsStillARedirectAndToldWithoutItsAddress(t *testing.T) {
	for _, location := range []string{"https://x/%zz?QUERY", "", "%?QUERY", "http://[::1?QUERY", ":QUERY", "https://x/?QUERY"} {
		for _, status := range []int{300, 301, 302, 303, 304, 305, 307, 308, 399} {
			var asked atomic.Int32
			client := serve(t, func(w http.ResponseWriter, r *http.Request) {
				asked.Add(1)
				_, _ = io.Copy(io.Discard, r.Body)
				// As it came, which is what the echo of an attacker or a bad proxy does.
				w.Header()["Location"] = []string{strings.Replace(location, "QUERY", echoed(r), 1)}
				w.WriteHeader(status)
			})
			_, err := client.User(t.Context(), instagram.Token{AccessToken: token})
			failure := wantKind(t, err, instagram.BadAnswer)
			if failure.Status != status || !strings.Contains(err.Error(), "redirect") || asked.Load() != 1 {
				t.Errorf("%d to %q: %v after %d calls", status, location, err, asked.Load())
			}
			_, err = client.Exchange(t.Context(), redirectURI, "code")
			wantKind(t, err, instagram.BadAnswer)
			if asked.Load() != 2 {
				t.Errorf("%d to %q: %d calls for a code", status, location, asked.Load()-1)
			}
		}
	}
}

func TestT6_AnAnswerThatIsNoHTTPIsNotQuoted(t *testing.T) {
	for name, answer := range map[string]string{
		"echo":           "QUERY\r\n\r\n",
		"status":         "HTTP/1.1 QUERY\r\n\r\n",
		"version":        "HTTP/QUERY 200 OK\r\n\r\n",
		"header":         "HTTP/1.1 200 OK\r\nQUERY\r\n\r\n",
		"content length": "HTTP/1.1 200 OK\r\nContent-Length: QUERY\r\n\r\n",
		"encoding":       "HTTP/1.1 200 OK\r\nTransfer-Encoding: QUERY\r\n\r\n",
		"chunk":          "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nQUERY\r\n",
		"switch":         "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: QUERY\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			client := serve(t, func(w http.ResponseWriter, r *http.Request) {
				connection, buffered := hijack(t, w)
				fmt.Fprint(buffered, strings.ReplaceAll(answer, "QUERY", echoed(r)))
				_ = buffered.Flush()
				if name != "switch" {
					_ = connection.Close()
				}
			}, func(c *instagram.Config) { c.Timeout = 5 * time.Second })
			started := time.Now()
			_, err := client.User(t.Context(), instagram.Token{AccessToken: token})
			if err == nil || strings.Contains(err.Error(), token) || strings.Contains(fmt.Sprintf("%+v", err), token) {
				t.Errorf("error = %v", err)
			}
			if time.Since(started) > 4*time.Second {
				t.Error("it was waited for")
			}
		})
	}
}

// hijack takes over the connection of a request until the end of the test.
func hijack(t *testing.T, w http.ResponseWriter) (net.Conn, *bufio.ReadWriter) {
	connection, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		t.Error(err)
		panic(http.ErrAbortHandler)
	}
	t.Cleanup(func() { _ = connection.Close() })
	return connection, buffered
}

func TestT1_OldVersionsOfTLSAreNotOffered(t *testing.T) {
	offers := make(chan []uint16, 1)
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		offers <- hello.SupportedVersions
		return nil, nil
	}}
	server.StartTLS()
	defer server.Close()
	c := config(instagram.InstagramLogin)
	c.Endpoints.Token = server.URL
	client, err := instagram.New(c)
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.Exchange(t.Context(), redirectURI, "code")
	wantKind(t, err, instagram.Unreachable)
	if offered := <-offers; !slices.Contains(offered, tls.VersionTLS12) || slices.Contains(offered, tls.VersionTLS11) || slices.Contains(offered, tls.VersionTLS10) {
		t.Errorf("versions %x are offered", offered)
	}
}

func TestT4_AUserNodeThatWasTooSlowIsNotAskedAgain(t *testing.T) {
	var asked atomic.Int32
	client := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		<-r.Context().Done()
	}, func(c *instagram.Config) { c.Timeout = 200 * time.Millisecond })
	_, err := client.User(t.Context(), instagram.Token{AccessToken: token})
	wantKind(t, err, instagram.TimedOut)
	if n := asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// roundTrip is a transport that is a function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestC4_TheTransportCannotSendACodeAgain(t *testing.T) {
	for _, api := range []instagram.API{instagram.InstagramLogin, instagram.BasicDisplay} {
		c := config(api)
		sent := 0
		c.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
			sent++
			if r.GetBody != nil {
				t.Errorf("%s: the transport has the means to send the code a second time", api)
			}
			_, hasDeadline := r.Context().Deadline()
			if body, err := io.ReadAll(r.Body); err != nil || !strings.Contains(string(body), "the-code") || !hasDeadline {
				t.Errorf("%s: body %q, %v; deadline %v", api, body, err, hasDeadline)
			}
			return nil, io.EOF
		})
		client, err := instagram.New(c)
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.Exchange(t.Context(), redirectURI, "the-code")
		wantKind(t, err, instagram.Unreachable)
		if sent != 1 {
			t.Errorf("%s: sent %d times", api, sent)
		}
	}
}

func TestC4_AKeptConnectionThatDiesCostsTheCodeAndSendsItOnce(t *testing.T) {
	var codes atomic.Int32
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if strings.Contains(string(body), "code=second") {
			codes.Add(1)
			panic(http.ErrAbortHandler) // no byte of an answer
		}
		answer(200, `{"access_token":"x","user_id":1}`)(w, r)
	})
	if _, err := client.Exchange(t.Context(), redirectURI, "first"); err != nil {
		t.Fatal(err)
	}
	_, err := client.Exchange(t.Context(), redirectURI, "second")
	wantKind(t, err, instagram.Unreachable)
	if n := codes.Load(); n != 1 {
		t.Errorf("the code came %d times", n)
	}
}

func TestT4_ACancelledVisitorIsNoTimeout(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	client := serve(t, answer(200, `{}`))
	_, err := client.User(ctx, instagram.Token{AccessToken: token})
	wantKind(t, err, instagram.Unreachable)
}
