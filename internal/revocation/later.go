package revocation

import (
	"maps"
	"sync"
	"sync/atomic"
)

// What the local copy has may lie ahead: this clock is behind, as that of a board without a clock
// chip is after its start, or it was ahead when the entry was written. Nobody can tell which. So
// the node does not wait until somebody lists the storage again: [F7]
//
// It keeps such an entry until its time has come. Each request looks, because the clock may be set
// at any moment. If the clock is behind the copy's last line, the entry also ends at once what has
// begun by now. That is done once and not at each start: if the clock was ahead, it would sign
// everybody out again.

// laterEntries are the entries of the local copy whose time has not come.
type laterEntries struct {
	mu   sync.Mutex
	all  map[entry]bool
	next atomic.Int64 // the first moment before which one ends sessions, in Unix milliseconds; 0 for none
}

// keepForLater keeps an entry of the local copy that lies ahead.
func (l *List) keepForLater(e entry, c *recollection) {
	c.ahead++
	s := &l.later
	s.mu.Lock()
	if s.all == nil {
		s.all = make(map[entry]bool)
	}
	s.all[e] = true
	if next := s.next.Load(); next == 0 || e.before < next {
		s.next.Store(e.before)
	}
	s.mu.Unlock()
	latest := l.now().Add(clockSkew)
	if c.last <= latest.Unix() {
		return
	}
	byNow := entry{kind: e.kind, key: e.key, before: latest.UnixMilli()}.lasting()
	if l.note(byNow) {
		l.snapshot.learn(record{entry: byNow})
	}
}

// believeDue has the entries count whose time has come.
func (l *List) believeDue() {
	s := &l.later
	if next := s.next.Load(); next == 0 || next > l.aheadFrom() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	next := int64(0)
	for e := range s.all {
		switch {
		case !l.ahead(e):
			l.note(e)
			delete(s.all, e)
		case next == 0 || e.before < next:
			next = e.before
		}
	}
	s.next.Store(next) // last: until now, other requests wait for the lock
}

// entries returns those that wait.
func (s *laterEntries) entries() map[entry]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.all)
}
