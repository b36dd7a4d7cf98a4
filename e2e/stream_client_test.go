package e2e

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"golang.org/x/net/http2"
)

// Clients of websockets and event streams over each version of HTTP. They read and write
// frames themselves, so that a test can have one that does not answer, or does not read.

// httpVersion is 1, 2 or 3.
type httpVersion int

func (v httpVersion) String() string { return [...]string{1: "HTTP/1.1", 2: "HTTP/2", 3: "HTTP/3"}[v] }

// streamVersions are all versions that Caddy speaks.
var streamVersions = []httpVersion{1, 2, 3}

// withoutCheck trusts the certificate that Caddy has made for the test.
func withoutCheck(protocols ...string) *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, ServerName: "example.test", NextProtos: protocols}
}

// line2 and line3 are one connection each, on which any number of requests go at once.
type (
	line2 struct{ *http2.ClientConn }
	line3 struct{ *http3.ClientConn }
)

// roundTripper is a connection to a node.
type roundTripper interface {
	RoundTrip(*http.Request) (*http.Response, error)
}

// dialLine opens a connection. Over HTTP/1.1 each request gets one of its own.
func dialLine(t *testing.T, version httpVersion, address string) roundTripper {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	switch version {
	case 2:
		connection, err := (&tls.Dialer{Config: withoutCheck("h2")}).DialContext(ctx, "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = connection.Close() })
		//lint:ignore SA1019 http.Transport refuses the header :protocol of an extended CONNECT
		line, err := new(http2.Transport).NewClientConn(connection)
		if err != nil {
			t.Fatal(err)
		}
		return line2{line}
	case 3:
		connection, err := quic.DialAddr(ctx, address, withoutCheck(http3.NextProtoH3), &quic.Config{KeepAlivePeriod: 5 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		transport := new(http3.Transport)
		t.Cleanup(func() { _ = connection.CloseWithError(0, ""); _ = transport.Close() })
		return line3{transport.NewClientConn(connection)}
	default:
		transport := &http.Transport{
			TLSClientConfig: withoutCheck("http/1.1"), DisableKeepAlives: true,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "tcp", address)
			},
		}
		t.Cleanup(transport.CloseIdleConnections)
		return transport
	}
}

// newStreamRequest makes a request as a browser's script does. It ends with the test.
func newStreamRequest(t *testing.T, method, path, cookies string) *http.Request {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, "https://example.test"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range byOwnScript {
		request.Header.Set(name, value)
	}
	request.Header.Set("Cookie", cookies)
	return request
}

// answerOf sends a request and waits a while for the head of the answer.
func answerOf(line roundTripper, request *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(request.Context())
	late := time.AfterFunc(20*time.Second, cancel)
	defer late.Stop()
	return line.RoundTrip(request.WithContext(ctx))
}

// openStream asks for a page that goes on and on, and returns its answer.
func openStream(t *testing.T, line roundTripper, path, cookies string) *http.Response {
	t.Helper()
	answer, err := answerOf(line, newStreamRequest(t, http.MethodGet, path, cookies))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	t.Cleanup(func() { _ = answer.Body.Close() })
	return answer
}

// websocketWire is a websocket after its handshake.
type websocketWire struct {
	io.Reader
	io.Writer
	hangUp func()
}

// openWebsocket does the handshake of RFC 6455, over HTTP/1.1, or of RFC 8441 and RFC 9220.
func openWebsocket(t *testing.T, version httpVersion, line roundTripper, path, cookies string) *websocketWire {
	t.Helper()
	method := http.MethodGet
	if version > 1 {
		method = http.MethodConnect
	}
	request := newStreamRequest(t, method, path, cookies)
	request.Header.Set("Sec-Websocket-Version", "13")
	key := make([]byte, 16)
	_, _ = rand.Read(key)
	var toServer *io.PipeWriter
	if version == 1 {
		request.Header.Set("Sec-Websocket-Key", base64.StdEncoding.EncodeToString(key))
		request.Header.Set("Connection", "Upgrade")
		request.Header.Set("Upgrade", "websocket")
	} else {
		request.Body, toServer = pipe()
		if version == 2 {
			request.Header[":protocol"] = []string{"websocket"}
		} else {
			request.Proto = "websocket"
		}
	}
	answer, err := answerOf(line, request)
	if err != nil {
		t.Fatalf("a websocket over %s: %v", version, err)
	}
	if want := map[bool]int{true: http.StatusSwitchingProtocols, false: http.StatusOK}[version == 1]; answer.StatusCode != want {
		t.Fatalf("a websocket over %s was answered %s, want %d", version, answer.Status, want)
	}
	hangUp := sync.OnceFunc(func() {
		if toServer != nil {
			_ = toServer.CloseWithError(errors.New("the client hangs up"))
		}
		_ = answer.Body.Close()
	})
	t.Cleanup(hangUp)
	w := &websocketWire{Reader: bufio.NewReader(answer.Body), Writer: toServer, hangUp: hangUp}
	if version == 1 {
		w.Writer = answer.Body.(io.Writer)
	}
	return w
}

func pipe() (io.ReadCloser, *io.PipeWriter) {
	reader, writer := io.Pipe()
	return reader, writer
}

// The kinds of frames that a test needs.
const (
	textFrame  = 1
	closeFrame = 8
	pingFrame  = 9
	pongFrame  = 10
)

// send writes a frame, masked as those of clients are.
func (w *websocketWire) send(kind byte, payload []byte) error {
	if len(payload) > 125 {
		return errors.New("the test has no frames as long as that")
	}
	var mask [4]byte
	_, _ = rand.Read(mask[:])
	frame := append([]byte{0x80 | kind, 0x80 | byte(len(payload))}, mask[:]...)
	for i, b := range payload {
		frame = append(frame, b^mask[i%4])
	}
	_, err := w.Write(frame)
	return err
}

// next reads a frame. What breaks the protocol is an error: a mask, a reserved bit, or a
// kind of frame that the sites of these tests do not send.
func (w *websocketWire) next() (kind byte, payload []byte, err error) {
	var head [2]byte
	if _, err := io.ReadFull(w, head[:]); err != nil {
		return 0, nil, err
	}
	kind = head[0] & 15
	length := uint64(head[1] & 127)
	if head[0]&0x70 != 0 || head[1]&0x80 != 0 || !bytes.Contains([]byte{textFrame, 2, closeFrame, pingFrame, pongFrame}, []byte{kind}) {
		return 0, nil, fmt.Errorf("%w: it begins with % x", errBrokenFrame, head)
	}
	if further := map[uint64]int{126: 2, 127: 8}[length]; further != 0 {
		long := make([]byte, further)
		_, err = io.ReadFull(w, long)
		length = 0
		for _, b := range long {
			length = length<<8 | uint64(b)
		}
	}
	if err != nil || length > 1<<24 {
		return 0, nil, fmt.Errorf("a frame of %d bytes, %w", length, err)
	}
	payload = make([]byte, length)
	_, err = io.ReadFull(w, payload)
	return kind, payload, err
}

var errBrokenFrame = errors.New("a frame that is none")
