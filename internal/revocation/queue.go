package revocation

// entryID is what an entry is about. Two entries about the same are joined.
type entryID struct {
	kind kind
	key  Key
}

func (e entry) id() entryID { return entryID{e.kind, e.key} }

// joined returns an entry that ends what either of two ends. They have one ID.
func (e entry) joined(other entry) entry {
	e.before, e.expires = max(e.before, other.before), max(e.expires, other.expires)
	return e
}

// queue holds the entries that are not written: one about each session and person,
// however often somebody says the same, so that nobody can fill it with one.
type queue struct {
	order   []entryID // the oldest first
	waiting map[entryID]entry
	// underWay counts the writes of entries that stand in no queue yet.
	underWay map[entryID]int
	lost     int
}

func newQueue() queue {
	return queue{waiting: make(map[entryID]entry), underWay: make(map[entryID]int)}
}

// add keeps an entry for later. When there is no room the oldest is given up: it has
// been in the mirror, and its session is the nearest to its end.
func (q *queue) add(e entry) {
	id := e.id()
	if known, waits := q.waiting[id]; waits {
		q.waiting[id] = e.joined(known)
		return
	}
	if len(q.order) >= maxQueue {
		q.drop(q.order[0])
		q.lost++
	}
	q.waiting[id] = e
	q.order = append(q.order, id)
}

// first returns the entry that has waited longest.
func (q *queue) first() (e entry, ok bool) {
	if len(q.order) == 0 {
		return e, false
	}
	return q.waiting[q.order[0]], true
}

// written removes the entry that first returned, unless it was dropped or joined meanwhile.
func (q *queue) written(e entry) {
	if first, ok := q.first(); ok && first == e {
		q.drop(e.id())
	}
}

// drop takes the first entry off.
func (q *queue) drop(first entryID) {
	delete(q.waiting, first)
	if q.order = q.order[1:]; len(q.order) == 0 {
		q.order = nil
	}
}

// begin and end bracket a write of an entry that does not wait in the queue.
func (q *queue) begin(id entryID) { q.underWay[id]++ }

func (q *queue) end(id entryID) {
	if q.underWay[id]--; q.underWay[id] == 0 {
		delete(q.underWay, id)
	}
}

// unwritten reports whether an entry waits or is being written.
func (q *queue) unwritten(id entryID) bool {
	_, waits := q.waiting[id]
	return waits || q.underWay[id] > 0
}
