package revocation

import (
	"context"
	"slices"
)

// The last end of a person's sessions covers the earlier ones. The node that wrote those deletes
// them at the next one, and any node deletes them after a full look. [N14]

// maxLast is for how many people a node remembers its last write: 2 MB. Full looks find the rest.
const maxLast = 10_000

// place is where an entry stands: its name in a member's storage, and what sealed it.
type place struct {
	member *Member
	name   string
	sealer string // its ID at that time: its secret may have changed since
}

// covers reports whether every node that can read the other place can read this one, too.
func (p place) covers(other place) bool {
	return p.sealer == other.sealer && sameStorage(p.member, other.member)
}

// written is an end of a person's sessions, or of everybody's, and where it stands.
type written struct {
	before int64
	places []place
}

// supersede deletes what an entry just written makes superfluous: perhaps the entry itself, if a
// later end was written meanwhile. An entry of a clock that was ahead supersedes nothing: it is not
// believed yet. A deletion that fails is ignored: others follow.
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

// superseded returns which keys of a listing hold an end that a later one in the listing covers.
// The later one must count already, and every node that could read the older one must be able to
// read it.
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

// endOf returns the moment before which the sessions of an ID have ended, as known here.
func (l *List) endOf(id entryID) int64 {
	if id.kind == everyone {
		return l.everyone.Load()
	}
	return l.table.Load().before(id.key)
}
