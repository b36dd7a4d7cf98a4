package revocation

import (
	"context"
	"slices"
)

// The last end of a person's sessions says all that the ones before it said. Those are
// deleted: by the node that wrote them as soon as it writes the next one, and by any node
// after it has listed everything. [N14]

// maxLast is for how many people a node remembers what it wrote last: 2 MB. What it has
// forgotten is found among everything.
const maxLast = 10_000

// place is where an entry stands: its name, in the storage of a member, sealed by that
// member's sealer.
type place struct {
	member *Member
	name   string
	sealer string // its ID at that time: its secret may have changed since
}

// covers reports whether whoever can read the other place can read this one, too.
func (p place) covers(other place) bool {
	return p.sealer == other.sealer && sameStorage(p.member, other.member)
}

// written is an end of a person's sessions, or of everybody's, and where it stands.
type written struct {
	before int64
	places []place
}

// supersede deletes what an entry that has just been written makes superfluous. That may
// be the entry itself, if a later end was written meanwhile. What a clock wrote that was
// ahead then takes nothing's place: nobody believes it yet. Nobody is told of a deletion
// that fails: there will be others.
func (l *List) supersede(ctx context.Context, e entry, places []place) {
	if e.kind == oneSession {
		return
	}
	latest := written{e.before, places}
	l.mu.Lock()
	old := l.last[e.id()]
	if old.before > latest.before {
		old, latest = latest, old
	}
	l.remember(e.id(), latest)
	l.mu.Unlock()
	if l.ahead(entry{kind: e.kind, before: latest.before}) {
		return
	}
	ctx = context.WithoutCancel(ctx)
	for _, p := range old.places {
		if slices.ContainsFunc(latest.places, func(by place) bool { return by.covers(p) && by.name != p.name }) {
			l.delete(ctx, p.member, p.name)
		}
	}
}

// remember is for holders of the lock.
func (l *List) remember(id entryID, latest written) {
	if l.last == nil {
		l.last = make(map[entryID]written)
	}
	if _, known := l.last[id]; !known && len(l.last) >= maxLast {
		for some := range l.last {
			delete(l.last, some)
			break
		}
	}
	l.last[id] = latest
}

// found is an entry that stands in the storage.
type found struct {
	entry
	key    int // its place among the keys of a listing
	sealer int // that opened it
}

// superseded returns which keys of a listing hold an end of a person's sessions that a
// later one in the same listing covers. The later one must be believed, and readable for
// whoever could read the older one.
func (l *List) superseded(all []found) map[int]bool {
	type reader struct {
		id     entryID
		sealer int
	}
	latest := make(map[reader]int64)
	older := func(f found) bool { return f.kind != oneSession && f.before < l.endOf(f.id()) }
	for _, f := range all {
		if older(f) {
			latest[reader{f.id(), f.sealer}] = 0
		}
	}
	if len(latest) == 0 {
		return nil
	}
	for _, f := range all {
		r := reader{f.id(), f.sealer}
		if before, asked := latest[r]; asked && l.believable(f.entry) {
			latest[r] = max(before, f.before)
		}
	}
	keys := make(map[int]bool)
	for _, f := range all {
		if older(f) && f.before < latest[reader{f.id(), f.sealer}] {
			keys[f.key] = true
		}
	}
	return keys
}

// endOf returns the moment before which the sessions that an ID stands for have ended, as
// far as this node knows.
func (l *List) endOf(id entryID) int64 {
	if id.kind == everyone {
		return l.everyone.Load()
	}
	return l.table.Load().before(id.key)
}
