package revocation

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"path"
	"slices"
	"strconv"
	"time"
)

// A line of a snapshot is sealed, in base64. Where blocks of one app have secrets of their own, it
// has the same sealed for each of them, with commas between, and opens with any.
//
// What is sealed is the kind of the line, when it was written, and up to linefulOf entries. Each
// line is bound to the app: one of another app, or a name from the storage, does not open. [F3, F7]

const (
	// linefulOf is how many entries a line has at the most, and fewer with many secrets: see
	// perLine. A line that is damaged takes them along.
	linefulOf = 32

	// maxWritten is the length of the longest line that is written. A date and the line's end fit
	// into the longest that is read.
	maxWritten = maxLine - len("99999999999,\n")

	// sealing is what sealing adds to a line, in bytes, or a little more.
	sealing = 48

	// keepUnopened is how long a line is kept that does not open, and maxUnopened how many bytes of
	// such lines.
	keepUnopened = 7 * 24 * time.Hour
	maxUnopened  = 16 << 20

	lineHeader = 1 + 8
	recordSize = entrySize + 1
)

// lineKind says what a line is. A line of any other kind is one of a newer version.
type lineKind byte

const (
	someEntries lineKind = iota + 1
	// goodLook says that everything was known at that moment: the storage had been read.
	goodLook
)

// record is an entry of a snapshot. A queued one is not in the storage yet.
type record struct {
	entry
	queued bool
}

var lineEncoding = base64.RawURLEncoding.Strict()

// snapshotData is what lines are bound to.
func snapshotData(root string) []byte { return []byte("snapshot of " + path.Dir(root)) }

// lineSealer seals lines for all sealers.
type lineSealer struct {
	sealers []Sealer
	data    []byte
	now     int64 // in Unix seconds
}

// appendLines appends the lines of some records.
func (s *lineSealer) appendLines(lines []byte, records []record) (_ []byte, err error) {
	for some := range slices.Chunk(records, s.perLine()) {
		if lines, err = s.appendLine(lines, someEntries, some); err != nil {
			return lines, err
		}
	}
	return lines, nil
}

// perLine returns how many entries a line has at the most: with the same sealed for each of many
// secrets, it must not become longer than what is read.
func (s *lineSealer) perLine() int {
	each := lineEncoding.DecodedLen(maxWritten/max(1, len(s.sealers)) - len(","))
	return min(max(1, (each-lineHeader-sealing)/recordSize), linefulOf)
}

// sizeOf returns how long so many entries are together, in bytes.
func (s *lineSealer) sizeOf(entries int) int64 {
	per := s.perLine()
	one := lineEncoding.EncodedLen(lineHeader+sealing+per*recordSize) + len(",")
	return int64(entries/per+1) * int64(one) * int64(len(s.sealers))
}

func (s *lineSealer) appendLine(lines []byte, kind lineKind, records []record) ([]byte, error) {
	plaintext := make([]byte, 0, lineHeader+len(records)*recordSize)
	plaintext = binary.BigEndian.AppendUint64(append(plaintext, byte(kind)), uint64(s.now))
	for _, r := range records {
		plaintext = r.appendTo(plaintext)
		if r.queued {
			plaintext = append(plaintext, 1)
		} else {
			plaintext = append(plaintext, 0)
		}
	}
	length := 0
	for _, sealer := range s.sealers {
		sealed, err := sealer.Seal(plaintext, s.data)
		if err != nil {
			return lines, err
		}
		further := lineEncoding.EncodedLen(len(sealed))
		switch {
		case length == 0:
		case length+len(",")+further > maxWritten: // the rest of hundreds of secrets
			lines, length = append(lines, '\n'), 0
		default:
			lines, length = append(lines, ','), length+len(",")
		}
		lines, length = lineEncoding.AppendEncode(lines, sealed), length+further
	}
	return append(lines, '\n'), nil
}

// readLine returns what a line says. ok is false for everything that was not sealed by one of the
// sealers for the snapshot of this app.
func readLine(line []byte, sealers []Sealer, data []byte) (kind lineKind, written int64, records []record, ok bool) {
	for len(line) > 0 {
		var one []byte
		one, line, _ = bytes.Cut(line, []byte{','})
		sealed, err := lineEncoding.AppendDecode(nil, one)
		if err != nil {
			continue
		}
		for _, s := range sealers {
			if plaintext, err := s.Open(sealed, data); err == nil {
				return readPlainLine(plaintext)
			}
		}
	}
	return 0, 0, nil, false
}

func readPlainLine(b []byte) (kind lineKind, written int64, records []record, ok bool) {
	if len(b) < lineHeader || (len(b)-lineHeader)%recordSize != 0 {
		return 0, 0, nil, false
	}
	kind, written = lineKind(b[0]), int64(binary.BigEndian.Uint64(b[1:]))
	if kind != someEntries && kind != goodLook {
		return 0, 0, nil, false
	}
	for some := range slices.Chunk(b[lineHeader:], recordSize) {
		e, ok := readEntry(some[:entrySize])
		if !ok {
			return 0, 0, nil, false
		}
		records = append(records, record{e, some[entrySize] != 0})
	}
	return kind, written, records, true
}

// A line that does not open may have another secret: that of another process, or the right one
// while this one is a mistake. So it is kept for a while, with a date in front of it, which stands
// where the line of another secret could.

// datedLine returns a line that does not open as it is kept until its time is over: with the date
// of the first time. ok is false for one that cannot have been sealed, or whose time is over.
func datedLine(line []byte, now time.Time) (dated []byte, ok bool) {
	since, rest := now.Unix(), line
	if at, behind, ok := dateOf(line); ok {
		since, rest = min(at, since), behind
	}
	if now.Unix()-since > int64(keepUnopened/time.Second) || len(rest) < lineEncoding.EncodedLen(lineHeader) {
		return nil, false
	}
	if slices.ContainsFunc(rest, func(c byte) bool { return bytes.IndexByte(lineAlphabet, c) < 0 }) {
		return nil, false
	}
	return append(append(strconv.AppendInt(nil, since, 10), ','), rest...), true
}

// lineAlphabet is what a line consists of.
var lineAlphabet = []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_,")

// dateOf returns the date in front of a line, and what is behind it. ok is false without a date.
func dateOf(line []byte) (at int64, behind []byte, ok bool) {
	date, behind, ok := bytes.Cut(line, []byte{','})
	if !ok || len(date) > len("99999999999") {
		return 0, nil, false
	}
	at, err := strconv.ParseInt(string(date), 10, 64)
	return at, behind, err == nil
}
