package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

func newReader(r io.Reader) *bufio.Reader { return bufio.NewReader(r) }

// echo is a websocket service that says first who it thinks is there.
func echo(w http.ResponseWriter, r *http.Request) {
	connection, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return
	}
	defer connection.CloseNow()
	ctx, cancel := context.WithTimeout(r.Context(), 20*time.Second)
	defer cancel()
	greeting := fmt.Sprintf("%s|%s|%s", r.Header.Get("X-Instagram-User-Id"), r.Header.Get("X-Instagram-Username"), r.Header.Get("Cookie"))
	if connection.Write(ctx, websocket.MessageText, []byte(greeting)) != nil {
		return
	}
	for {
		kind, message, err := connection.Read(ctx)
		if err != nil || connection.Write(ctx, kind, message) != nil {
			return
		}
	}
}

func TestH1_AWebsocketCarriesTheRightIdentity(t *testing.T) {
	upstream := serve(t, http.HandlerFunc(echo))
	port := freePort(t)
	startCaddy(t, fmt.Sprintf(`{
		admin off
		auto_https off
	}
	http://:%s {
		instagram_auth /private* {
			app_id %s
			app_secret %s
			redirect_uri https://example.test/auth/
		}
		reverse_proxy %s
	}`, port, appID, appSecret, upstream), nil, "127.0.0.1:"+port)
	forged := http.Header{"X-Instagram-User-Id": {"1"}, "X_instagram_username": {"admin"}, "Connection": {"X-Instagram-User-Id"}}
	for _, c := range []struct{ name, path, cookie, want string }{
		{"signed in", "/private/chat", "a=1; " + sessionFor(t), userID + "|" + username + "|a=1"},
		{"anonymous on a public path", "/chat", "a=1", "||a=1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			header := forged.Clone()
			header.Set("Cookie", c.cookie)
			connection, _, err := websocket.Dial(ctx, "ws://127.0.0.1:"+port+c.path, &websocket.DialOptions{HTTPHeader: header, Host: "example.test"})
			if err != nil {
				t.Fatal(err)
			}
			defer connection.CloseNow()
			if _, greeting, err := connection.Read(ctx); err != nil || string(greeting) != c.want {
				t.Errorf("greeted as %q, %v; want %q", greeting, err, c.want)
			}
			long := strings.Repeat("x", 20_000)
			if err := connection.Write(ctx, websocket.MessageText, []byte(long)); err != nil {
				t.Fatal(err)
			}
			if _, back, err := connection.Read(ctx); err != nil || string(back) != long {
				t.Errorf("echo of %d bytes, %v", len(back), err)
			}
		})
	}
	t.Run("without a session a protected websocket is refused", func(t *testing.T) {
		_, answer, err := websocket.Dial(t.Context(), "ws://127.0.0.1:"+port+"/private/chat", &websocket.DialOptions{Host: "example.test"})
		if err == nil || answer == nil || answer.StatusCode != http.StatusUnauthorized || answer.Header.Get("Set-Cookie") != "" {
			t.Errorf("answered %v, %v", answer, err)
		}
	})
}
