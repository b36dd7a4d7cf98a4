package stream

import (
	"io"
	"net/http"
	"reflect"
	"sync"
	"time"
)

// againAfter is the time until another try to end a write over HTTP/3.
const againAfter = 10 * time.Millisecond

// requestCancelled is H3_REQUEST_CANCELLED. [RFC 9114, 8.1]
const requestCancelled = 0x10c

// endHTTP3 ends a request over HTTP/3. A deadline alone does not: it is not sent to the client, it
// wakes up no handler that waits for something else, and Caddy puts it off before each part that it
// reads or writes. The caller holds c.mu.
func (c *Conn) endHTTP3() {
	if c.cancel != nil {
		c.cancel()
	}
	if body, ok := c.lever.(io.Closer); ok {
		_ = body.Close() // of the server's body; nothing undoes that
	}
	if !c.silence() {
		time.AfterFunc(againAfter, c.endWrites)
	}
}

// endWrites ends a write that began just before the end of the connection.
func (c *Conn) endWrites() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hasLeft() {
		return
	}
	_ = c.controller().SetWriteDeadline(past)
	if !c.silence() {
		time.AfterFunc(againAfter, c.endWrites)
	}
}

// silence makes sure that nothing more is sent over HTTP/3, and resets the stream of a response
// that has begun: the handler may not notice the end before its next output. It reports false while
// something is being sent. The caller holds c.mu.
func (c *Conn) silence() bool {
	if socket := c.socket(); socket != nil {
		return socket.tryDrop()
	}
	if c.flow.Load()&^flags != 0 {
		return false
	}
	resetStream(c.serverWriter())
	return true
}

// resets guards the streams: of nested blocks, each one may want to reset the same.
var resets sync.Mutex

// resetStream resets the stream of an HTTP/3 response of quic-go, if its headers have been sent:
// before that, the handler may be changing them at this moment. Nobody else must use w meanwhile.
// Without the names that it needs, it does nothing, and the stream ends with the handler.
//
// It uses reflection because quic-go promises no stable API, and its version is Caddy's choice.
func resetStream(w http.ResponseWriter) {
	resets.Lock()
	defer resets.Unlock()
	value := reflect.ValueOf(w)
	sent := reflect.Indirect(value)
	if sent.Kind() != reflect.Struct {
		return
	}
	if sent = sent.FieldByName("headerWritten"); sent.Kind() != reflect.Bool || !sent.Bool() {
		return
	}
	take := value.MethodByName("HTTPStream")
	if !take.IsValid() || take.Type().NumIn() != 0 || take.Type().NumOut() != 1 {
		return
	}
	// The stream is ours once it is taken. So look at what it can do before that.
	cancel, ok := take.Type().Out(0).MethodByName("CancelWrite")
	if !ok || cancel.Type.NumIn() != 2 || cancel.Type.In(1).Kind() != reflect.Uint64 {
		return
	}
	code := reflect.New(cancel.Type.In(1)).Elem()
	code.SetUint(requestCancelled)
	cancel.Func.Call([]reflect.Value{take.Call(nil)[0], code})
}
