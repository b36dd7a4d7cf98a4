package revocation

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"path"
	"strconv"
	"strings"
	"time"
)

// Key stands for a session or a person: the first eight bytes of a hash. Among a
// million entries a session meets a foreign one by chance once in 10^13.
type Key uint64

// SessionKey returns the key of a session.
func SessionKey(id [32]byte) Key { return keyOf("session", string(id[:])) }

// UserKey returns the key of a person, by any ID that Instagram has for them.
func UserKey(app, userID string) Key { return keyOf("user", app, userID) }

// BlockKey returns the key of a block, by what names it on every node.
func BlockKey(parts ...string) Key { return keyOf(append([]string{"block"}, parts...)...) }

// At returns the key of a person at one block. It is cheap, because each request needs it.
func (k Key) At(block Key) Key { return max(k^block, 1) }

// keyOf hashes its parts, each with its length in front. 0 means a free slot, so that no key is 0.
func keyOf(parts ...string) Key {
	var all []byte
	for _, part := range parts {
		all = binary.BigEndian.AppendUint32(all, uint32(len(part)))
		all = append(all, part...)
	}
	sum := sha256.Sum256(all)
	return max(Key(binary.BigEndian.Uint64(sum[:])), 1)
}

// String returns the key as the 16 hex digits that logs show and operators type.
func (k Key) String() string { return fmt.Sprintf("%016x", uint64(k)) }

// ParseKey reads what String wrote.
func ParseKey(text string) (Key, error) {
	k, err := strconv.ParseUint(text, 16, 64)
	if err != nil || len(text) != 16 || k == 0 {
		return 0, fmt.Errorf("%.40q is not a session: write the 16 hex digits that the log shows", text)
	}
	return Key(k), nil
}

// kind says what an entry ends.
type kind byte

const (
	oneSession kind = iota + 1
	oneUser
	everyone
)

// entry is one revocation: the sessions with this key that began before a moment
// have ended. It is needed until none of them would be alive anyway.
type entry struct {
	kind    kind
	key     Key
	before  int64 // in Unix milliseconds
	expires int64 // in Unix seconds
}

// lasting returns an entry that is kept as long as any session that it ends may live. A
// single session says how long that is. A person's sessions may be from nodes with other
// lifetimes, and a lifetime may be made longer again, so that only the longest lifetime
// that the options allow is long enough.
func (e entry) lasting() entry {
	if e.kind != oneSession {
		e.expires = max(e.expires, e.before/1000+int64(MaxLifetime/time.Second))
	}
	return e
}

// always is the moment before which every session began.
const always = math.MaxInt64

const entrySize = 1 + 8 + 8 + 8

// An entry is written to the storage as a *name*: sealed, in base32, with nothing in
// the file behind it. A poll is then one listing, however many entries there are, and
// a reader of the storage learns nothing about anybody. [F3]
//
// base32 in lower case, because some storages know no case.
var nameEncoding = base32.HexEncoding.WithPadding(base32.NoPadding)

// Sealer seals and opens with associated data that is bound to the result.
type Sealer interface {
	Seal(plaintext, ad []byte) ([]byte, error)
	Open(sealed, ad []byte) ([]byte, error)
	// ID tells sealers apart that seal with different secrets.
	ID() string
}

// name returns the key under which an entry is stored in a bucket. The entry is bound
// to the bucket: moved elsewhere, it does not open. [F3]
func (e entry) name(bucket string, s Sealer) (string, error) {
	sealed, err := s.Seal(e.appendTo(make([]byte, 0, entrySize)), []byte(bucket))
	if err != nil {
		return "", err
	}
	return path.Join(bucket, encodeName(sealed)), nil
}

// appendTo appends the entry as readEntry reads it.
func (e entry) appendTo(plaintext []byte) []byte {
	plaintext = append(plaintext, byte(e.kind))
	plaintext = binary.BigEndian.AppendUint64(plaintext, uint64(e.key))
	plaintext = binary.BigEndian.AppendUint64(plaintext, uint64(e.before))
	return binary.BigEndian.AppendUint64(plaintext, uint64(e.expires))
}

func encodeName(sealed []byte) string { return strings.ToLower(nameEncoding.EncodeToString(sealed)) }

// shortestName is what no name of an entry is shorter than. A file storage gives a file
// a shorter one while it is being written, and that is nothing to complain of.
const shortestName = 2 * entrySize

// readName returns the entry that a name holds, and which sealer opened it. ok is false
// for everything that was not sealed by one of the sealers for this very bucket.
func readName(bucket, name string, sealers []Sealer) (e entry, sealer int, ok bool) {
	if len(name) > 256 {
		return e, 0, false
	}
	sealed, err := nameEncoding.DecodeString(strings.ToUpper(name))
	// Only one spelling of a name is ours. base32 passes over line breaks and over
	// the unused bits of the last character.
	if err != nil || name != encodeName(sealed) {
		return e, 0, false
	}
	for i, s := range sealers {
		if plaintext, err := s.Open(sealed, []byte(bucket)); err == nil {
			e, ok = readEntry(plaintext)
			return e, i, ok
		}
	}
	return e, 0, false
}

func readEntry(b []byte) (e entry, ok bool) {
	if len(b) != entrySize {
		return e, false // of a newer version
	}
	e = entry{
		kind: kind(b[0]), key: Key(binary.BigEndian.Uint64(b[1:])),
		before: int64(binary.BigEndian.Uint64(b[9:])), expires: int64(binary.BigEndian.Uint64(b[17:])),
	}
	known := e.kind == oneSession || e.kind == oneUser || e.kind == everyone
	return e, known && (e.key != 0) == (e.kind != everyone)
}

// Buckets are the minutes in which entries were written: new entries are in the last few of them.

// root returns the storage prefix of an app, whose ID is hashed. [F4]
func root(app string) string {
	sum := sha256.Sum256([]byte(app))
	return "instagram_auth/" + hex.EncodeToString(sum[:8]) + "/ended"
}

const minuteDigits = 10

func bucketOf(root string, minute int64) string {
	return fmt.Sprintf("%s/%0*d", root, minuteDigits, minute)
}

func minuteOf(t time.Time) int64 { return t.Unix() / 60 }

// splitKey takes a storage key below root apart. name is empty for a bucket itself.
func splitKey(root, key string) (minute int64, bucket, name string, ok bool) {
	rest, below := strings.CutPrefix(key, root+"/")
	digits, name, _ := strings.Cut(rest, "/")
	minute, err := strconv.ParseInt(digits, 10, 64)
	if !below || err != nil || len(digits) != minuteDigits || digits[0] == '-' || digits[0] == '+' || strings.Contains(name, "/") {
		return 0, "", "", false
	}
	return minute, root + "/" + digits, name, true
}
