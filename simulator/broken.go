package simulator

// The answers of faults that are more than a status and a text.

import (
	"bytes"
	"compress/gzip"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// hang keeps the request until the client leaves or the simulator is closed, and
// then drops the connection: an empty 200 would be an answer.
func (s *Simulator) hang(r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-s.closed:
	}
	panic(http.ErrAbortHandler)
}

// reset ends the connection with a TCP reset, or as roughly as the connection allows.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		// HTTP/2 has no connection to take over; net/http resets the stream instead.
		panic(http.ErrAbortHandler)
	}
	if inner, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = inner.NetConn()
	}
	// Without lingering, the kernel throws away what was not sent, and sends RST instead of FIN.
	if tcp, ok := conn.(interface{ SetLinger(int) error }); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// captured is an answer that was not sent.
type captured struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (c *captured) Header() http.Header         { return c.header }
func (c *captured) WriteHeader(status int)      { c.status = status }
func (c *captured) Write(p []byte) (int, error) { return c.body.Write(p) }

// capture lets the honest handler answer into memory.
func capture(handle http.HandlerFunc, r *http.Request) *captured {
	c := &captured{header: make(http.Header), status: http.StatusOK}
	handle(c, r)
	return c
}

// maul sends an honest answer badly.
func (s *Simulator) maul(kind FaultKind, honest *captured, w http.ResponseWriter, r *http.Request) {
	// Headers are those of the honest answer: a client finds out by the body alone.
	for name, values := range honest.header {
		w.Header()[name] = values
	}
	body := honest.body.Bytes()
	half := body[:len(body)/2]
	switch kind {
	case Truncated:
		w.WriteHeader(honest.status)
		_, _ = w.Write(half)
	case CutOff:
		// The length of the whole promises more than comes.
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(honest.status)
		_, _ = w.Write(half)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	case OneBytePerSecond:
		w.WriteHeader(honest.status)
		s.drip(w, r, body)
	}
}

func (s *Simulator) drip(w http.ResponseWriter, r *http.Request, body []byte) {
	flush := http.NewResponseController(w).Flush
	for i := range body {
		if i > 0 && !s.pause(r, time.Second) {
			panic(http.ErrAbortHandler)
		}
		if _, err := w.Write(body[i : i+1]); err != nil || flush() != nil {
			return
		}
	}
}

// unending are the two ends of a JSON string that takes long to read.
const (
	unendingHead = `{"access_token":"`
	unendingTail = `","user_id":17841405793187218}`
	bombSize     = 32 << 20 // bytes after decompression, 500 times what a client should read
)

// writeEndless sends JSON until the client has had enough or Close. [T4]
func (s *Simulator) writeEndless(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, err := io.WriteString(w, unendingHead)
	chunk := bytes.Repeat([]byte("A"), 32<<10)
	for err == nil {
		select {
		case <-s.closed:
			panic(http.ErrAbortHandler)
		default:
			// A client that leaves makes the next write fail.
			_, err = w.Write(chunk)
		}
	}
}

// writeBomb sends well-formed JSON that is a thousand times as large as it looks,
// whether or not the client asked for compression. [T4]
func writeBomb(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Content-Encoding", "gzip")
	z := gzip.NewWriter(w)
	_, err := io.WriteString(z, unendingHead)
	chunk := bytes.Repeat([]byte("A"), 1<<20)
	for sent := 0; sent < bombSize && err == nil; sent += len(chunk) {
		_, err = z.Write(chunk)
	}
	if err == nil {
		_, _ = io.WriteString(z, unendingTail)
		_ = z.Close()
	}
}

// writeWrongTypes sends the members of all answers with values that none of them has.
func writeWrongTypes(w http.ResponseWriter) {
	writeJSON(w, http.StatusOK, object{
		{"access_token", int64(17841405793187218)}, {"user_id", object{{"id", "17841405793187218"}}}, {"permissions", 3.5},
		{"id", true}, {"username", []int{1}}, {"account_type", nil}, {"media_count", "many"}, {"data", "none"},
	})
}

// writeHTML sends a page as proxies write it.
func writeHTML(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, "<!DOCTYPE html>\n<html><head><title>"+text+"</title></head><body><h1>"+text+"</h1></body></html>\n")
}
