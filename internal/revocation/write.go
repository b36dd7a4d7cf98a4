package revocation

import (
	"context"
	"errors"
	"slices"
	"time"
)

const (
	// maxQueue is how many entries wait for a storage that cannot be written: 2 MB.
	maxQueue = 20_000

	// sameMoment is for ends in the same millisecond, which are dated one after another.
	sameMoment = 100 * time.Millisecond

	// issuedWithin covers what Meta cuts off issued_at, which is in whole seconds.
	issuedWithin = time.Second + sameMoment

	// writesPerSync and flushTime bound how many queued entries are written before new ones are
	// read: a slow storage must not hide what has ended on other nodes.
	writesPerSync = 1000
	flushTime     = time.Second
)

// ErrNotWritten says that a session has ended on this node, and that other nodes will
// learn of it when the storage can be written again.
var ErrNotWritten = errors.New("writing to the storage failed; trying again")

// EndSession ends one session, which would have lasted until expires. On this node it
// has ended when EndSession returns, whatever it returns.
func (l *List) EndSession(ctx context.Context, s Subject, expires time.Time) error {
	return l.end(ctx, l.ending(s, expires))
}

// EndSessionLater is EndSession without waiting for the storage.
func (l *List) EndSessionLater(s Subject, expires time.Time) {
	if e := l.ending(s, expires); l.note(e) {
		l.keep(e)
		l.keepLocally(record{e, true})
		l.nudge()
	}
}

// EndSessionByKey is EndSession for a session of unknown lifetime.
func (l *List) EndSessionByKey(ctx context.Context, key Key) error {
	return l.EndSession(ctx, Subject{Session: key}, l.now().Add(MaxLifetime))
}

// EndUser ends the sessions with a person's key that there are now, on every node. others are
// further keys of the person's sessions: Begin may have dated one later than now because of an
// end by any of them, which another node may have written a moment ago.
func (l *List) EndUser(ctx context.Context, key Key, others ...Key) error {
	if len(others) > 0 {
		l.CatchUp(ctx)
	}
	e := l.untilNow(oneUser, key)
	t := l.table.Load()
	for _, other := range others {
		e.before = max(e.before, t.before(other)+1)
	}
	e.before = max(e.before, l.everyone.Load()+1)
	return l.end(ctx, e)
}

// EndUserBefore ends the sessions of a person that began before a moment, which Meta gives in
// whole seconds, with a minute on top for clocks that are ahead. A session that Begin dated later,
// because older ones had just ended, is among them. Calling it again ends nothing more. [K3]
func (l *List) EndUserBefore(ctx context.Context, key Key, moment time.Time) error {
	if now := l.now(); moment.After(now) {
		moment = now
	}
	before := moment.Add(issuedWithin + clockSkew)
	return l.end(ctx, entry{kind: oneUser, key: key, before: before.UnixMilli()}.lasting())
}

// EndAll ends all current sessions, those included that Begin has dated later than now.
func (l *List) EndAll(ctx context.Context) error {
	return l.end(ctx, l.untilNow(everyone, 0))
}

// untilNow returns an entry that ends all that began up to now, even by a clock that is ahead, and
// is later than the one before it: Begin may have dated a new session behind that one.
func (l *List) untilNow(k kind, key Key) entry {
	until, last := l.now().Add(clockSkew), l.table.Load().before(key)
	if k == everyone {
		until, last = until.Add(issuedWithin+sameMoment), l.everyone.Load()
	}
	// Moments are cut to milliseconds, and only what began before one has ended.
	before := max(until.UnixMilli(), last) + 1
	return entry{kind: k, key: key, before: before}.lasting()
}

// end takes an entry into the mirror and the storage. What is known already and has
// been written is not written again, however often Meta or a visitor says it.
func (l *List) end(ctx context.Context, e entry) error {
	if !l.note(e) && !l.unwritten(e.id()) {
		return nil
	}
	l.mu.Lock()
	l.queue.begin(e.id())
	l.noteMeanwhile(e.id())
	l.mu.Unlock()
	err := l.store(ctx, e)
	l.mu.Lock()
	l.queue.end(e.id())
	if err != nil {
		l.queue.add(e)
	}
	l.mu.Unlock()
	l.keepLocally(record{e, err != nil})
	if err != nil {
		return errors.Join(ErrNotWritten, err)
	}
	return nil
}

func (l *List) unwritten(id entryID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.queue.unwritten(id)
}

// UserUnwritten reports whether the end of a person's sessions is still to be written.
func (l *List) UserUnwritten(key Key) bool { return l.unwritten(entryID{oneUser, key}) }

func (l *List) keep(e entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queue.add(e)
	l.noteMeanwhile(e.id())
}

// note takes an entry into the mirror.
func (l *List) note(e entry) (isNew bool) {
	if isNew = l.mirror(e); isNew {
		l.announce()
	}
	return isNew
}

// announce tells the members that more sessions have ended.
func (l *List) announce() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range l.members {
		if m.OnChange != nil {
			m.OnChange()
		}
	}
}

// mirror adds an entry to the table.
func (l *List) mirror(e entry) (isNew bool) {
	l.writing.Lock()
	defer l.writing.Unlock()
	if e.kind == everyone {
		isNew = e.before > l.everyone.Load()
		l.everyone.Store(max(e.before, l.everyone.Load()))
		return isNew
	}
	t := l.table.Load()
	if t.full() {
		t = t.rebuilt(l.now().Add(-grace).Unix(), 0)
	}
	isNew = t.add(e)
	l.table.Store(t)
	return isNew
}

// makeRoom gives the table room for further entries, and takes away what is too much. Many entries
// in the order of a larger table would be added to one end of a smaller one, and each would take
// longer than the one before.
func (l *List) makeRoom(further int) {
	l.writing.Lock()
	defer l.writing.Unlock()
	l.table.Store(l.table.Load().rebuilt(l.now().Add(-grace).Unix(), further))
}

// store writes an entry into the bucket of this minute, for everybody who must be able
// to read it: blocks of one app may have secrets of their own, and nodes need not have
// all of them. While a configuration is being loaded, its storage may be another one,
// and nobody knows yet which of the two will stay.
func (l *List) store(ctx context.Context, e entry) error {
	writers := l.writers()
	switch {
	case len(writers) == 0:
		return errNoMember
	case l.refused.Load():
		return errEmptied // other nodes would not learn of it
	}
	var errs []error
	var written []place
	for _, m := range writers {
		sealer := m.Sealer.ID() // before sealing: a secret that changes in between covers less
		name, err := e.name(bucketOf(l.root, minuteOf(l.now())), m.Sealer)
		if err == nil {
			err = l.put(ctx, m, name, []byte("ended\n")) // some storages take an empty value for none
		}
		errs = append(errs, err)
		written = append(written, place{m, name, sealer})
	}
	err := errors.Join(errs...)
	if err == nil {
		l.supersede(ctx, e, written)
	}
	return err
}

// writers returns the members, the newest first, less those that would write the same once more.
func (l *List) writers() (distinct []*Member) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range slices.Backward(l.members) {
		same := func(other *Member) bool { return m.Sealer.ID() == other.Sealer.ID() && sameStorage(m, other) }
		if !slices.ContainsFunc(distinct, same) {
			distinct = append(distinct, m)
		}
	}
	return distinct
}

var errNoMember = errors.New("no handler uses the list")

// flush writes a part of what is queued, and reports what kept it from writing.
func (l *List) flush(ctx context.Context) error {
	var written []record
	defer func() { l.keepLocally(written...) }()
	for n, start := 0, l.now(); n < writesPerSync && l.now().Sub(start) < flushTime; n++ {
		l.mu.Lock()
		e, ok := l.queue.first()
		l.mu.Unlock()
		if !ok {
			return nil
		}
		if err := l.store(ctx, e); err != nil {
			return err
		}
		l.mu.Lock()
		l.queue.written(e)
		l.mu.Unlock()
		written = append(written, record{entry: e})
	}
	return nil
}

// lastFlush writes what it can before the program ends.
func (l *List) lastFlush() {
	ctx, cancel := context.WithTimeout(context.Background(), operationTimeout)
	defer cancel()
	var err error
	for err == nil && l.Status().Queued > 0 {
		err = l.flush(ctx)
	}
	m, left := l.current(), l.Status().Queued
	switch {
	case left == 0 || m == nil:
	case l.keptLocally(m):
		m.Logger.Warn("revoked sessions could not be written before Caddy stopped; this node writes them when it starts again", "count", left, "error", err,
			"remedy", "repair the storage, and start Caddy again on this machine with the same data folder")
	default:
		m.Logger.Error("revoked sessions could not be written before Caddy stopped; other nodes will not learn of them", "count", left, "error", err,
			"remedy", "their log lines have the session: revoke them again once the storage works, with caddy instagram-auth revoke")
	}
}
