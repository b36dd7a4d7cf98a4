package revocation

import "time"

// A storage may lack what this node knows: another one has taken its place, it was emptied, or it
// was restored from a backup. Without help, the next node that starts would bring revoked sessions
// back. So a node that has listed everything writes again what is missing.

// A storage that loses entries or answers nonsense must not fill up. So a node writes an entry
// again only if it has seen the entry there since the last time, and at most maxHeals times
// within healEvery.
const (
	healEvery = 24 * time.Hour
	maxHeals  = 4
)

// healing is what a node knows of an entry that it has written again.
type healing struct {
	first time.Time
	times int
	shown bool // by a listing since
}

// beginLook has the ends remembered that come in while everything is listed: the listing
// need not show them. It reports whether any were still unwritten before.
func (l *List) beginLook() (unwritten bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.meanwhile = make(map[entryID]bool)
	for id := range l.queue.underWay {
		l.meanwhile[id] = true
	}
	for _, id := range l.queue.order {
		l.meanwhile[id] = true
	}
	return len(l.queue.order) > 0
}

// noteMeanwhile is for holders of the lock.
func (l *List) noteMeanwhile(id entryID) {
	if l.meanwhile != nil {
		l.meanwhile[id] = true
	}
}

// heal queues what the mirror holds and a listing lacks. done is false if there was more
// than the queue should hold at once; the next look carries on. Into a storage that a
// strict node takes for the wrong one, nothing is written.
func (l *List) heal(m *Member, all []found) (healed int, done bool) {
	if l.refused.Load() {
		return 0, true
	}
	missing := l.missing(all)
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	elsewhere := !sameStorage(l.state.member, m)
	l.state.tidyHealed(missing, now, elsewhere)
	defer func() {
		if healed > 0 {
			m.Logger.Info("the storage lacks revoked sessions that this node knows; writing them again", "count", healed)
			l.nudge()
		}
	}()
	for _, e := range missing {
		id := e.id()
		h, before := l.state.healed[id]
		if l.meanwhile[id] || l.queue.unwritten(id) || before && (!h.shown || h.times >= maxHeals) {
			continue
		}
		if len(l.queue.order) >= maxQueue/2 {
			return healed, false // the rest of the room is for sessions that end now
		}
		l.queue.add(e)
		l.snapshot.learn(record{e, true})
		if !before {
			h.first = now
		}
		l.state.healed[id] = healing{first: h.first, times: h.times + 1}
		healed++
	}
	return healed, true
}

// tidyHealed forgets what was written again long ago, or into another storage, and notes
// what is no longer missing. It is for holders of the list's lock.
func (s *syncState) tidyHealed(missing []entry, now time.Time, elsewhere bool) {
	if s.healed == nil || elsewhere {
		s.healed = make(map[entryID]healing)
	}
	if len(s.healed) == 0 {
		return
	}
	absent := make(map[entryID]bool, len(missing))
	for _, e := range missing {
		absent[e.id()] = true
	}
	for id, h := range s.healed {
		if now.Sub(h.first) >= healEvery {
			delete(s.healed, id)
		} else if !absent[id] {
			h.shown = true
			s.healed[id] = h
		}
	}
}

// missing returns the entries of the mirror that a listing does not have. A later end that
// nobody believes yet does not stand for the one that counts now.
func (l *List) missing(all []found) (absent []entry) {
	t := l.table.Load()
	seen := make([]bool, len(t.slots))
	last := int64(0) // end of everybody's sessions
	shows := func(f entry, before int64) bool {
		return f.before == before || f.before > before && !l.ahead(f)
	}
	for _, f := range all {
		if f.kind == everyone {
			if shows(f.entry, l.everyone.Load()) {
				last = max(last, f.before)
			}
		} else if i, held := t.index(f.entry.key); held && shows(f.entry, t.slots[i].before.Load()) {
			seen[i] = true
		}
	}
	now := l.now().Unix()
	for i := range t.slots {
		if e, ok := t.slots[i].entry(); ok && !seen[i] && e.expires > now {
			absent = append(absent, e)
		}
	}
	if before := l.everyone.Load(); before > last {
		if e := (entry{kind: everyone, before: before}).lasting(); e.expires > now {
			absent = append(absent, e)
		}
	}
	return absent
}
