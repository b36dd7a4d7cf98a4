package revocation

import (
	"math/bits"
	"sync/atomic"
)

// A table is the mirror that every request reads: open addressing over slots of which three
// eighths are used when it is made, and nine sixteenths when a larger one takes its place; fuller
// ones make readers search. Readers take no lock. One writer at a time adds entries; nothing is
// ever taken out of a table, so that no reader can miss an entry behind a gap.
type table struct {
	slots []slot
	used  int // by the writer alone
}

// slot is 24 bytes, which at three eighths is the 64 bytes an entry at the most. Its
// key is written last: who sees the key sees the rest. 0 is a free slot.
type slot struct {
	key             atomic.Uint64
	before, expires atomic.Int64
}

const smallestTable = 16

func newTable(slots int) *table { return &table{slots: make([]slot, slots)} }

// find returns the slot that holds a key, or the free one where it belongs.
func (t *table) find(key Key) *slot { return &t.slots[t.place(key)] }

// place returns the index of that slot.
func (t *table) place(key Key) uint64 {
	// Keys are the output of a hash and need no further one: the upper half of the
	// product is spread over the slots as evenly as they are over their 64 bits.
	i, _ := bits.Mul64(uint64(key), uint64(len(t.slots)))
	for ; ; i++ {
		if i == uint64(len(t.slots)) {
			i = 0
		}
		if held := t.slots[i].key.Load(); held == uint64(key) || held == 0 {
			return i
		}
	}
}

// index returns where a key is held, if it is.
func (t *table) index(key Key) (i uint64, held bool) {
	i = t.place(key)
	return i, t.slots[i].key.Load() == uint64(key)
}

// entry returns what a slot holds. What ended for good is a session, all else a person's.
func (s *slot) entry() (e entry, ok bool) {
	e = entry{oneUser, Key(s.key.Load()), s.before.Load(), s.expires.Load()}
	if e.before == always {
		e.kind = oneSession
	}
	return e, e.key != 0
}

// before returns the moment, in Unix milliseconds, before which sessions of a key have ended, or 0.
func (t *table) before(key Key) int64 {
	s := t.find(key)
	// The writer may have filled the free slot that find saw, with another key. And a
	// free slot can hold what its key is about to be written for.
	if held := s.key.Load(); held == 0 || held != uint64(key) {
		return 0
	}
	return s.before.Load()
}

// add adds an entry, or joins it with that of its key, and reports whether anything changed.
func (t *table) add(e entry) bool {
	s := t.find(e.key)
	changed := false
	if e.before > s.before.Load() {
		s.before.Store(e.before)
		changed = true
	}
	if e.expires > s.expires.Load() {
		s.expires.Store(e.expires)
		changed = true
	}
	if s.key.Load() == 0 {
		t.used++
		s.key.Store(uint64(e.key))
	}
	return changed
}

// full reports whether a further entry needs a larger table.
func (t *table) full() bool { return (t.used+1)*16 > len(t.slots)*9 }

// live returns how many entries have not expired.
func (t *table) live(now int64) (n int) {
	for i := range t.slots {
		if s := &t.slots[i]; s.key.Load() != 0 && s.expires.Load() > now {
			n++
		}
	}
	return n
}

// rebuilt returns a table with the entries that have not expired, with further ones to come, and
// with room for half as many again.
func (t *table) rebuilt(now int64, further int) *table {
	fresh := newTable(max(smallestTable, (t.live(now)+further)*8/3))
	for i := range t.slots {
		if s := &t.slots[i]; s.key.Load() != 0 && s.expires.Load() > now {
			fresh.add(entry{key: Key(s.key.Load()), before: s.before.Load(), expires: s.expires.Load()})
		}
	}
	return fresh
}
