package stream

import (
	"bytes"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// The writer of a response that has ended panics when it is used, and nothing recovers from that
// outside of the handler.
func TestL5_AGoodbyeAfterTheResponseIsNotSent(t *testing.T) {
	var got bytes.Buffer
	s := &Socket{under: &got, started: true}
	s.drop()
	s.sayGoodbye(farewellFor(Revoked))
	if got.Len() != 0 {
		t.Errorf("sent %x", got.Bytes())
	}
	recorder := httptest.NewRecorder()
	s = &Socket{under: recorder, started: true}
	s.drop()
	if err := s.Flush(); err != nil || recorder.Flushed {
		t.Errorf("flushed: %v, %v", recorder.Flushed, err)
	}
}

// jammed is the response writer of a server whose client reads nothing. Caddy puts a deadline off
// before each write, so that only one that has passed ends a write.
type jammed struct {
	*server
	writing sync.Once
	begun   chan struct{}
}

func (j *jammed) Write([]byte) (int, error) {
	j.writing.Do(func() { close(j.begun) })
	for !j.past.Load() {
		time.Sleep(time.Millisecond)
	}
	return 0, ErrEnded
}

func TestL5_AGoodbyeThatHangsHoldsTheHandlerOnlyForASecond(t *testing.T) {
	for _, major := range []int{2, 3} {
		e := newEnv(t)
		j := &jammed{server: &server{ResponseRecorder: httptest.NewRecorder()}, begun: make(chan struct{})}
		c, _ := e.extendedOn(j, major, "websocket", nil)
		c.NoteStatus(200, j.Header())
		e.block.answer(Revoked)
		e.Sweep()
		<-j.begun
		left := make(chan struct{})
		go func() { c.Leave(); close(left) }()
		select {
		case <-left:
		case <-time.After(10 * closeWait):
			t.Fatalf("HTTP/%d: the handler is held for more than %s", major, 10*closeWait)
		}
	}
}
