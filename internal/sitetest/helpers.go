package sitetest

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

// lookAlikes returns spellings that some server takes for the header.
func lookAlikes(name string) (all []string) {
	for _, separator := range []string{"-", "_", ".", "~", "!", "'", "*", "+", "|", "^", "`", "#", "$", "%", "&"} {
		spelled := strings.ReplaceAll(name, "-", separator)
		all = append(all, spelled, strings.ToLower(spelled), strings.ToUpper(spelled), strings.Replace(name, "-", separator, 1))
	}
	return all
}

func Query(t *testing.T, address string) url.Values {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatalf("parsing %q: %v", address, err)
	}
	return u.Query()
}

func Somebody() session.Identity {
	return session.Identity{UserID: UserID, AppScopedID: AppScopedID, Username: Username}
}

// forwarded returns a request as the proxy passes it on.
func Forwarded(address string, request *http.Request) *http.Request {
	request.Header.Set("X-Forwarded-For", address)
	return request
}

func asText(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

const LogoutPath = "/instagram_auth/logout"

// setBody makes a form of a request.
func SetBody(request *http.Request, body string) {
	request.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(body)), nil }
	request.Body, _ = request.GetBody()
	request.ContentLength = int64(len(body))
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
}

// startLine is a line of the log.
type StartLine struct{ Level, Logger, Msg, Remedy, More string }

// saidAtEachLoad matches what a block says of its secrets, whatever the routes are.
var SaidAtEachLoad = regexp.MustCompile("^(?:session keys are derived|secrets loaded|keys are being changed)")

// eventually waits for a condition.
func Eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(15 * time.Second); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never came to this: %s", what)
		}
	}
}

const TokenHeader = "X-Instagram-Access-Token"

// sessions counts those that olderCookie has made.
var sessions atomic.Uint64

func (l StartLine) String() string {
	text := strings.ToUpper(l.Level) + ": " + l.Msg
	if l.Remedy != "" {
		text += " | " + l.Remedy
	}
	return text
}
