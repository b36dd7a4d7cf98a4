package revocation

import "time"

// A storage may lack what this node knows: another one has taken its place, it was
// emptied, or it was restored from a backup. Without help, the next node that starts would
// bring ended sessions back. So a node that has listed everything writes again what is
// missing.

// healEvery is how often the same entry is written again. A storage that loses what it is
// told, or answers nonsense, must not be written full.
const healEvery = 24 * time.Hour

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
	for id, at := range l.state.healed {
		if elsewhere || now.Sub(at) >= healEvery {
			delete(l.state.healed, id)
		}
	}
	if l.state.healed == nil {
		l.state.healed = make(map[entryID]time.Time)
	}
	defer func() {
		l.meanwhile = nil
		if healed > 0 {
			m.Logger.Info("the storage lacks ended sessions that this node knows; they are written again", "count", healed)
			l.nudge()
		}
	}()
	for _, e := range missing {
		id := e.id()
		if l.meanwhile[id] || l.queue.unwritten(id) || !l.state.healed[id].IsZero() {
			continue
		}
		if len(l.queue.order) >= maxQueue/2 {
			return healed, false // the rest of the room is for sessions that end now
		}
		l.queue.add(e)
		l.state.healed[id] = now
		healed++
	}
	return healed, true
}

// missing returns the entries of the mirror that a listing does not have. A later end that
// nobody believes yet does not stand for the one that counts now.
func (l *List) missing(all []found) (lacking []entry) {
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
			lacking = append(lacking, e)
		}
	}
	if before := l.everyone.Load(); before > last {
		if e := (entry{kind: everyone, before: before}).lasting(); e.expires > now {
			lacking = append(lacking, e)
		}
	}
	return lacking
}
