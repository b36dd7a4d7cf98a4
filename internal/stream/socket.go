package stream

import (
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"sync"
)

// ErrEnded is the error of a connection that was ended.
var ErrEnded = errors.New("the session of this connection has ended")

// farewell is how a websocket ends, 0 for not yet.
type farewell uint8

const (
	sessionEnded farewell = iota + 1
	signInTooOld
	blockGone
	storageFailed
)

// farewells are the close codes and reasons. With 1008, asking again with the same session is of no
// use. [RFC 6455, 7.4.1, and the registry of IANA]
var farewells = [...]struct {
	code uint16
	text string
}{
	sessionEnded:  {1008, "session_ended"},
	signInTooOld:  {1008, "too_old"}, // for this page; the session goes on
	blockGone:     {1001, ""},
	storageFailed: {1013, ""},
}

// farewellFor returns how a websocket ends for a reason.
func farewellFor(reason Reason) farewell {
	switch reason {
	case TooOld:
		return signInTooOld
	case Removed:
		return blockGone
	case Unknown:
		return storageFailed
	}
	return sessionEnded
}

// frame returns the close frame.
func (f farewell) frame() []byte {
	code, text := farewells[f].code, farewells[f].text
	frame := []byte{0x80 | opClose, byte(2 + len(text))}
	return append(binary.BigEndian.AppendUint16(frame, code), text...)
}

// Socket passes on what the site sends on a websocket. It keeps track of frames, so that a close
// frame can be sent between two of them.
type Socket struct {
	mu      sync.Mutex
	under   io.Writer // an http.ResponseWriter or a network connection
	frames  frames
	started bool     // the handshake was sent
	done    bool     // nothing more is sent
	goodbye farewell // the close frame that is due
}

// start says that the handshake is over: what follows are frames. After drop it says nothing, and
// the response is cut off.
func (s *Socket) start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done {
		return
	}
	s.started = true
	if s.goodbye != 0 && s.frames.between() {
		_ = s.sendGoodbye()
	}
}

// hasStarted reports whether the site has accepted the websocket.
func (s *Socket) hasStarted() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.started
}

// Write passes bytes of the site on. Once a close frame is due, it sends the rest of the frame that
// is under way, and the close frame. All else is dropped, and counts as written: an error would
// make the site close the connection before the client has answered.
func (s *Socket) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done {
		return len(p), nil
	}
	s.started = true
	if s.goodbye == 0 {
		n, err := s.under.Write(p)
		s.frames.skip(p[:n])
		return n, err
	}
	if s.frames.between() { // it was due before the handshake
		return len(p), s.sendGoodbye()
	}
	end := s.frames.finish(p)
	if n, err := s.under.Write(p[:end]); err != nil {
		return n, err
	}
	if s.frames.between() {
		return len(p), s.sendGoodbye()
	}
	return len(p), nil
}

// Flush flushes what was written.
func (s *Socket) Flush() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done {
		return nil
	}
	return s.flush()
}

func (s *Socket) flush() error {
	if w, ok := s.under.(http.ResponseWriter); ok {
		return http.NewResponseController(w).Flush()
	}
	return nil
}

// sayGoodbye sends a close frame as soon as no frame is under way, unless the response has ended.
func (s *Socket) sayGoodbye(code farewell) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done {
		return
	}
	s.goodbye = code
	if s.started && s.frames.between() {
		_ = s.sendGoodbye()
	}
}

// sendGoodbye sends the close frame, unless the site has sent one.
func (s *Socket) sendGoodbye() error {
	s.done = true
	if s.frames.closed {
		return nil
	}
	if _, err := s.under.Write(s.goodbye.frame()); err != nil {
		return err
	}
	return s.flush()
}

// drop says that the response has ended: its writer belongs to nobody after that. It waits for a
// goodbye that is being sent.
func (s *Socket) drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done = true
}

// tryDrop is drop unless something is being sent. It reports whether that has succeeded.
func (s *Socket) tryDrop() bool {
	if !s.mu.TryLock() {
		return false
	}
	defer s.mu.Unlock()
	s.done = true
	return true
}

// opClose is the opcode of a close frame.
const opClose = 8

// frames follows the frames in one direction of a websocket. [RFC 6455, 5.2]
type frames struct {
	left   uint64   // of the payload and its mask
	head   [10]byte // opcode and length
	have   uint8    // how much of head was seen; 0 between two frames
	closed bool     // a close frame has begun
}

func (f *frames) between() bool { return f.have == 0 }

// skip follows bytes that were sent.
func (f *frames) skip(p []byte) {
	for len(p) > 0 {
		p = p[f.finish(p):]
	}
}

// finish follows bytes up to the end of the frame that is under way or begins with them, and
// returns how many these are.
func (f *frames) finish(p []byte) (n int) {
	for n < len(p) {
		if f.left == 0 {
			f.head[f.have] = p[n]
			f.have++
			n++
			if f.have < f.headLength() {
				continue
			}
			f.closed = f.closed || f.head[0]&0x0f == opClose
			f.left = f.payload()
		}
		step := min(f.left, uint64(len(p)-n))
		n += int(step)
		if f.left -= step; f.left == 0 {
			f.have = 0
			return n
		}
	}
	return n
}

// headLength returns the length of the head as far as its first bytes tell.
func (f *frames) headLength() uint8 {
	if f.have < 2 {
		return 2
	}
	switch f.head[1] & 0x7f {
	case 126:
		return 4
	case 127:
		return 10
	}
	return 2
}

// payload returns the length of what follows the head.
func (f *frames) payload() (length uint64) {
	switch length = uint64(f.head[1] & 0x7f); length {
	case 126:
		length = uint64(binary.BigEndian.Uint16(f.head[2:]))
	case 127:
		length = binary.BigEndian.Uint64(f.head[2:])
	}
	if f.head[1]&0x80 != 0 {
		length += 4 // the mask
	}
	return length
}
