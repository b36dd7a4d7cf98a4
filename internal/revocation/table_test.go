package revocation

import (
	"crypto/rand"
	"encoding/binary"
	"maps"
	"math/big"
	"sync"
	"sync/atomic"
	"testing"
)

func TestATableHoldsWhatAPlainMapHolds(t *testing.T) {
	steps := 60_000
	if raceEnabled {
		steps = 20_000
	}
	type held struct{ before, expires int64 }
	table, plain := newTable(smallestTable), make(map[Key]held)
	var known []Key
	now := int64(1000)
	for range steps {
		e := entry{oneUser, randomKey(), 1 + randomBelow(1<<40), now + 1 + randomBelow(3000)}
		if len(known) > 0 && randomBelow(3) == 0 {
			e.key = known[randomBelow(int64(len(known)))] // to be joined
		}
		if table.full() {
			table = table.rebuilt(now, 0)
			maps.DeleteFunc(plain, func(_ Key, h held) bool { return h.expires <= now })
		}
		old, isKnown := plain[e.key]
		if isNew := table.add(e); isNew != (e.before > old.before || e.expires > old.expires) {
			t.Fatalf("%s: new = %v for %d after %d", e.key, isNew, e.before, old.before)
		}
		if !isKnown {
			known = append(known, e.key)
		}
		plain[e.key] = held{max(old.before, e.before), max(old.expires, e.expires)}
		if got := table.before(e.key); got != plain[e.key].before {
			t.Fatalf("%s is joined to %d, want %d", e.key, got, plain[e.key].before)
		}
		if randomBelow(1000) == 0 {
			now += randomBelow(500)
		}
	}
	live := 0
	for key, want := range plain {
		if got := table.before(key); got != want.before {
			t.Fatalf("%s: %d, want %d", key, got, want.before)
		}
		if want.expires > now {
			live++
		}
	}
	if got := table.live(now); got != live || table.used != len(plain) {
		t.Errorf("%d of %d live, want %d of %d", got, table.used, live, len(plain))
	}
	for range steps {
		if key := randomKey(); plain[key].before == 0 && table.before(key) != 0 {
			t.Fatalf("%s was never added", key)
		}
	}
}

func TestD5_AnEntryIsNeverMoreThan64Bytes(t *testing.T) {
	const entries, size = 100_000, 24
	keys := randomKeys(entries)
	table, worst, growths := newTable(smallestTable), 0.0, 0
	perEntry := func() float64 { return float64(len(table.slots)*size) / float64(table.used) }
	for _, key := range keys {
		if table.full() {
			table = table.rebuilt(0, 0)
			growths++
			if b := perEntry(); b > worst {
				worst = b
			}
			if b := perEntry(); b > 64 {
				t.Errorf("after growing at %d entries: %.1f bytes an entry", table.used, b)
			}
		}
		table.add(entry{oneSession, key, always, 1000})
	}
	if b := perEntry(); b > 64 || table.used != entries {
		t.Errorf("%d entries of %.1f bytes", table.used, b)
	}
	t.Logf("%d entries: %.1f bytes each, at most %.1f after one of %d growths", entries, perEntry(), worst, growths)
	// Neither when any part of them has expired.
	parts := []int{7000, 24_577, 49_153, 65_537, 99_999}
	if raceEnabled {
		parts = parts[:1]
	}
	for _, live := range parts {
		part := newTable(2 * entries)
		for i, key := range keys {
			part.add(entry{oneSession, key, always, int64(min(1, live/(i+1)))})
		}
		table = part.rebuilt(0, 0)
		if b := perEntry(); b > 64 || table.used != live {
			t.Errorf("%d of %d live: %d entries of %.1f bytes", live, entries, table.used, b)
		}
		if table.full() || float64(table.used)*1.4*16 > 9*float64(len(table.slots)) {
			t.Errorf("%d of %d live: no room in %d slots", live, entries, len(table.slots))
		}
	}
}

func TestATableHasAPlaceForEveryKey(t *testing.T) {
	for what, keys := range map[string][]Key{
		"the lowest":  {1, 2, 3, 4, 5, 6, 7, 8, 9},
		"the highest": {1<<64 - 1, 1<<64 - 2, 1<<64 - 3, 1<<64 - 4, 1<<64 - 5}, // go on at the first slot
	} {
		table := newTable(smallestTable)
		for i, key := range keys {
			table.add(entry{oneSession, key, int64(i + 1), 1})
		}
		for i, key := range keys {
			if got := table.before(key); got != int64(i+1) {
				t.Errorf("%s: %s is %d", what, key, got)
			}
		}
		if table.used != len(keys) || table.before(0) != 0 {
			t.Errorf("%s: used = %d, before(0) = %d", what, table.used, table.before(0))
		}
	}
}

func TestF1_ReadersWithoutALockNeverMissAnEntryAndNeverSeeAnother(t *testing.T) {
	rounds, entries := 30, 3000
	if raceEnabled {
		rounds = 6
	}
	present, absent := make([]Key, entries), make([]Key, 64)
	for i := range present {
		present[i] = randomKey()
	}
	for i := range absent {
		absent[i] = randomKey()
	}
	for range rounds {
		l := &List{queue: newQueue(), now: (&clock{}).now}
		l.table.Store(newTable(smallestTable))
		var written atomic.Int64
		var readers sync.WaitGroup
		for range 2 {
			readers.Go(func() {
				for done := 0; done < entries; {
					done = int(written.Load())
					for i := max(0, done-20); i < done; i++ {
						if !l.Ended(Subject{Session: present[i]}) {
							t.Errorf("entry %d of %d is missed", i, done)
							return
						}
					}
					for _, key := range absent {
						if l.Ended(Subject{Session: key}) || l.Begin(key, key, 0) == always {
							t.Errorf("%s is seen and was never added", key)
							return
						}
					}
				}
			})
		}
		for i, key := range present {
			l.note(entry{oneSession, key, always, always})
			written.Store(int64(i + 1))
		}
		readers.Wait()
	}
}

func TestF1_AReaderDoesNotTakeASlotThatIsBeingFilledForItsOwn(t *testing.T) {
	// What a writer has done in the middle of add: the key is still missing.
	table := newTable(smallestTable)
	for i := range table.slots {
		table.slots[i].before.Store(always)
	}
	if got := table.before(0); got != 0 {
		t.Errorf("no key is ended before %d", got)
	}
}

func TestF1_AnEntryStaysUntilADayAfterItsEnd(t *testing.T) {
	c := &clock{}
	l := &List{queue: newQueue(), now: c.now}
	l.table.Store(newTable(smallestTable))
	end := c.now().Unix() + 3600
	short, long := newKey(), newKey()
	for range 2 {
		l.note(entry{oneSession, short, always, end})
	}
	l.note(entry{oneSession, long, always, end + 10*int64(grace.Seconds())})
	fill := func() {
		for range 1000 {
			l.note(entry{oneSession, newKey(), always, end})
		}
	}
	fill()
	c.move(3600e9 + grace - 2e9)
	fill() // rebuilds the table more than once
	l.compact()
	if !l.Ended(Subject{Session: short}) {
		t.Error("forgotten within the day of grace")
	}
	used := l.table.Load().used
	c.move(4e9)
	l.compact()
	if l.Ended(Subject{Session: short}) || !l.Ended(Subject{Session: long}) {
		t.Error("kept too long, or too short")
	}
	if now := l.table.Load(); now.used != 1 || len(now.slots) != smallestTable {
		t.Errorf("%d of %d entries are left in %d slots", now.used, used, len(now.slots))
	}
	before := l.table.Load()
	if l.compact(); l.table.Load() != before {
		t.Error("a table without anything expired is made anew")
	}
}

func TestD5_ExpiredEntriesMakeRoomForNewOnes(t *testing.T) {
	c := &clock{}
	l := &List{queue: newQueue(), now: c.now}
	l.table.Store(newTable(smallestTable))
	for range 50 {
		for range 1000 {
			l.note(entry{oneSession, newKey(), always, c.now().Unix() + 1})
		}
		c.move(grace + 2e9)
	}
	if n := len(l.table.Load().slots); n > 4*1000 {
		t.Errorf("%d slots for 1,000 live entries", n)
	}
}

func randomKey() Key { return randomKeys(1)[0] }

func randomKeys(n int) []Key {
	keys, b := make([]Key, n), make([]byte, 8*n)
	rand.Read(b)
	for i := range keys {
		keys[i] = max(Key(binary.BigEndian.Uint64(b[8*i:])), 1)
	}
	return keys
}

func randomBelow(n int64) int64 {
	r, err := rand.Int(rand.Reader, big.NewInt(n))
	if err != nil {
		panic(err)
	}
	return r.Int64()
}
