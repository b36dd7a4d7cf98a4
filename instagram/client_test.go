package instagram_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
)

// serve runs an Instagram that answers as handler does and returns a client of it.
func serve(t *testing.T, handler http.HandlerFunc, changes ...func(*instagram.Config)) *instagram.Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	c := config(instagram.InstagramLogin)
	c.Endpoints = instagram.Endpoints{Authorize: server.URL + "/oauth/authorize", Token: server.URL + "/oauth/access_token", Graph: server.URL}
	for _, change := range changes {
		change(&c)
	}
	client, err := instagram.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	return client
}

// answer is an Instagram that always says the same.
func answer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func basicDisplay(c *instagram.Config) { c.API = instagram.BasicDisplay }

func TestT1_TheTokenRequestIsAPostWithItsFieldsInTheBody(t *testing.T) {
	fields := []string{"client_id=" + appID, "client_secret=" + appSecret, "grant_type=authorization_code", "redirect_uri=" + redirectURI, "code=the code"}
	for api, read := range map[instagram.API]func(*http.Request) []string{
		instagram.InstagramLogin: func(r *http.Request) []string {
			body, _ := io.ReadAll(r.Body)
			if got, want := string(body), "client_id="+appID+"&client_secret="+appSecret+"&grant_type=authorization_code&redirect_uri=https%3A%2F%2Fexample.test%2Fauth%2F&code=the+code"; got != want {
				t.Errorf("body = %q, want %q", got, want)
			}
			if got := r.Header.Get("Content-Type"); got != "application/x-www-form-urlencoded" {
				t.Errorf("content type = %q", got)
			}
			return fields
		},
		instagram.BasicDisplay: func(r *http.Request) (got []string) {
			reader, err := r.MultipartReader()
			if err != nil {
				t.Error(err)
				return nil
			}
			for part, err := reader.NextPart(); err == nil; part, err = reader.NextPart() {
				got = append(got, formField(part))
			}
			return got
		},
	} {
		client := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodPost || r.URL.RawQuery != "" || r.Header.Get("Authorization") != "" {
				t.Errorf("%s: %s %s", api, r.Method, r.URL)
			}
			if got := read(r); !reflect.DeepEqual(got, fields) {
				t.Errorf("%s: fields = %q", api, got)
			}
			answer(200, `{"access_token":"x","user_id":1}`)(w, r)
		}, func(c *instagram.Config) { c.API = api })
		if _, err := client.Exchange(t.Context(), redirectURI, "the code"); err != nil {
			t.Errorf("%s: %v", api, err)
		}
	}
}

func formField(part *multipart.Part) string {
	value, _ := io.ReadAll(part)
	return part.FormName() + "=" + string(value)
}

func TestT1_AnUnknownCertificateIsUnreachable(t *testing.T) {
	var asked atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	c := config(instagram.InstagramLogin)
	c.Endpoints = instagram.Endpoints{Token: server.URL, Graph: server.URL}
	client, err := instagram.New(c)
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.Exchange(t.Context(), redirectURI, "code")
	wantKind(t, err, instagram.Unreachable)
	_, err = client.User(t.Context(), instagram.Token{AccessToken: token})
	wantKind(t, err, instagram.Unreachable)
	if asked.Load() != 0 {
		t.Error("the server got a request")
	}
}

// wantKind fails the test unless an error is the client's own, of this kind, with
// nothing secret in its text.
func wantKind(t *testing.T, err error, kind instagram.Kind) *instagram.Error {
	t.Helper()
	failure, ok := errors.AsType[*instagram.Error](err)
	if !ok || failure.Kind != kind {
		t.Fatalf("error = %#v (%v), want kind %d", err, err, kind)
	}
	for _, secret := range []string{token, appSecret, "access_token=", "http://", "https://"} {
		if strings.Contains(err.Error(), secret) || strings.Contains(fmt.Sprintf("%+v %v", failure.Err, failure.Remedy()), secret) {
			t.Errorf("%q tells %q", err, secret)
		}
	}
	if strings.ContainsAny(err.Error(), "\r\n") || len(err.Error()) > 1500 {
		t.Errorf("%q is no line", err)
	}
	return failure
}

func TestT2_NoRedirectIsFollowed(t *testing.T) {
	var followed atomic.Int32
	second := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed.Add(1) }))
	defer second.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		client := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, second.URL+"/", status) })
		_, err := client.Exchange(t.Context(), redirectURI, "code")
		wantKind(t, err, instagram.BadAnswer)
		_, err = client.User(t.Context(), instagram.Token{AccessToken: token})
		wantKind(t, err, instagram.BadAnswer)
	}
	if n := followed.Load(); n != 0 {
		t.Errorf("%d redirects were followed", n)
	}
}

func TestT3_OnlyTheConfiguredHostsAreAsked(t *testing.T) {
	var dialed []string
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "<http://127.0.0.1:1/next>; rel=next")
		if strings.HasPrefix(r.URL.Path, "/oauth") {
			answer(200, `{"access_token":"x","user_id":1,"token_url":"http://127.0.0.1:1/"}`)(w, r)
			return
		}
		answer(200, `{"user_id":"1","username":"jay","profile_picture_url":"http://127.0.0.1:1/picture","paging":{"next":"http://127.0.0.1:1/next"}}`)(w, r)
	}, func(c *instagram.Config) {
		c.Fields = []string{"profile_picture_url"}
		c.Transport = &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			dialed = append(dialed, address)
			return new(net.Dialer).DialContext(ctx, network, address)
		}}
	})
	got, err := client.Exchange(t.Context(), redirectURI, "code")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.User(t.Context(), got); err != nil {
		t.Fatal(err)
	}
	for _, address := range dialed {
		if address != dialed[0] {
			t.Errorf("dialed %v", dialed)
		}
	}
}

func TestT4_WhatIsTooLongOrTooSlowIsCutOff(t *testing.T) {
	bomb := new(bytes.Buffer)
	packer := gzip.NewWriter(bomb)
	_, _ = packer.Write(bytes.Repeat([]byte(" "), 64<<20))
	_ = packer.Close()
	drip := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for r.Context().Err() == nil {
			_, _ = io.WriteString(w, " ")
			_ = http.NewResponseController(w).Flush()
			select {
			case <-r.Context().Done():
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
	for _, c := range []struct {
		name   string
		handle http.HandlerFunc
		kind   instagram.Kind
	}{
		{"endless body", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			for r.Context().Err() == nil {
				if _, err := w.Write(bytes.Repeat([]byte(" "), 1<<10)); err != nil {
					return
				}
			}
		}, instagram.BadAnswer},
		{"gzip bomb", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(bomb.Bytes())
		}, instagram.BadAnswer},
		{"headers of 32 KB", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Long", strings.Repeat("x", 32<<10))
			answer(200, `{}`)(w, r)
		}, instagram.Unreachable},
		{"one byte at a time", drip, instagram.TimedOut},
		{"silence", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, instagram.TimedOut},
		{"reset in the middle", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, `{"access`)
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, instagram.BadAnswer},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := serve(t, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body) // only then does the server notice a client that leaves
				c.handle(w, r)
			}, func(c *instagram.Config) { c.Timeout = 400 * time.Millisecond })
			before := runtime.NumGoroutine()
			_, err := client.Exchange(t.Context(), redirectURI, "code")
			wantKind(t, err, c.kind)
			_, err = client.User(t.Context(), instagram.Token{AccessToken: token})
			wantKind(t, err, c.kind)
			client.CloseIdleConnections()
			wantGoroutines(t, before+4) // the server keeps some for its connections
		})
	}
}

func wantGoroutines(t *testing.T, most int) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > most; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines are left, want %d", runtime.NumGoroutine(), most)
		}
	}
}

func TestT4_OnlyTheUserNodeIsAskedTwice(t *testing.T) {
	var token, user atomic.Int32
	broken := func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			token.Add(1)
		} else {
			user.Add(1)
		}
		panic(http.ErrAbortHandler)
	}
	client := serve(t, broken)
	_, err := client.Exchange(t.Context(), redirectURI, "code")
	wantKind(t, err, instagram.Unreachable)
	_, err = client.User(t.Context(), instagram.Token{AccessToken: "x"})
	wantKind(t, err, instagram.Unreachable)
	if token.Load() != 1 || user.Load() != 2 {
		t.Errorf("token endpoint asked %d times, user node %d times", token.Load(), user.Load())
	}
}

func TestT4_ACancelledVisitorEndsTheCall(t *testing.T) {
	started := make(chan struct{})
	client := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		close(started)
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-started; cancel() }()
	_, err := client.User(ctx, instagram.Token{AccessToken: "x"})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v", err)
	}
}

func TestT6_AnAppSecretThatHasChangedIsSentAndNeitherIsRepeated(t *testing.T) {
	const later = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
	var sent []string
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		sent = append(sent, r.FormValue("client_secret"))
		answer(http.StatusBadRequest, `{"error_message":"bad `+appSecret+` and `+later+`","code":400}`)(w, r)
	})
	for range 2 {
		_, err := client.Exchange(t.Context(), redirectURI, "code")
		client.SetAppSecret(later)
		_, second := client.LongLived(t.Context(), instagram.Token{AccessToken: "IGshort"})
		for _, err := range []error{err, second} {
			if err == nil || strings.Contains(err.Error(), appSecret) {
				t.Errorf("err = %v", err)
			}
		}
		if strings.Contains(second.Error(), later) {
			t.Errorf("err = %v", second)
		}
	}
	if want := []string{appSecret, later, later, later}; !slices.Equal(sent, want) {
		t.Errorf("sent %q, want %q", sent, want)
	}
}
