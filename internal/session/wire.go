package session

import (
	"encoding/binary"
	"time"
)

// Everything that is sealed is a sequence of fixed-width numbers and of strings
// with their length in front. No field can grow into its neighbour, and what is
// left over at the end makes the whole unreadable. [S3]

func appendString(b []byte, s string) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(s)))
	return append(b, s...)
}

func appendTime(b []byte, t time.Time) []byte {
	return binary.BigEndian.AppendUint64(b, uint64(t.Unix()))
}

// A reader takes a plaintext apart. After the first missing byte it is broken
// and stays so; callers ask once, at the end.
type reader struct {
	rest   string
	broken bool
}

func (r *reader) take(n int) string {
	if r.broken || n > len(r.rest) {
		r.broken = true
		return ""
	}
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}

func (r *reader) number(width int) (n uint64) {
	for _, b := range []byte(r.take(width)) {
		n = n<<8 | uint64(b)
	}
	return n
}

func (r *reader) string() string  { return r.take(int(r.number(2))) }
func (r *reader) time() time.Time { return time.Unix(int64(r.number(8)), 0) }

// done reports whether everything was there and nothing is left over.
func (r *reader) done() bool { return !r.broken && r.rest == "" }
