package instagram

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// From inside, because the transport's dialer must be replaced for the fake clock.
func TestT4_AHandshakeThatNeverEndsIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport := newTransport()
		transport.Proxy = nil
		transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
			near, far := net.Pipe()
			go func() { _, _ = io.Copy(io.Discard, far) }() // listens, and says nothing
			return near, nil
		}
		client, err := New(Config{AppID: "1", AppSecret: "s", Timeout: time.Minute, Transport: transport})
		if err != nil {
			t.Fatal(err)
		}
		started := time.Now()
		_, err = client.Exchange(t.Context(), "https://example.test/auth/", "code")
		if failure, ok := errors.AsType[*Error](err); !ok || failure.Kind != TimedOut {
			t.Errorf("error = %v", err)
		}
		if took := time.Since(started); took != dialTime {
			t.Errorf("given up after %s", took)
		}
	})
}
