package revocation

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"reflect"
	"time"
)

const (
	// fullEvery is how often everything is listed: what clocks far apart or a slow
	// storage hid from the polls is found then.
	fullEvery = 10 * time.Minute

	// maxPolled is how many buckets a poll lists before listing everything is cheaper.
	maxPolled = 12

	// listAttempts is how often a listing is tried that changes in the storage break off.
	listAttempts = 4

	// warnEvery is how often a storage that cannot be read is spoken of.
	warnEvery = time.Minute

	// grace is how much longer than needed an entry is kept: a clock that is a day
	// ahead must not forget what a right one still needs.
	grace = 25 * time.Hour
)

// syncState is what one look into the storage leaves for the next.
type syncState struct {
	member   *Member // whose storage was read
	fullAt   time.Time
	polledAt time.Time
	lookedAt time.Time // of the last look, good or bad
	warnedAt time.Time
	failing  error

	unreadable int
	unopened   bool // that some names did not open since everything was read
}

// Sync writes what is queued and reads what is new. The list itself calls it on and on;
// who cannot wait for that may do so, too.
func (l *List) Sync(ctx context.Context) {
	l.syncing.Lock()
	defer l.syncing.Unlock()
	m := l.current()
	if m == nil {
		return
	}
	unwritten := l.flush(ctx)
	start := l.now()
	l.watchClock(m, start)
	var err error
	full := l.wantsFull(m, start)
	if full {
		if err = l.readAll(ctx, m); err == nil {
			l.state.fullAt = start
		}
	} else {
		err = l.poll(ctx, m, start)
	}
	if err == nil {
		l.state.polledAt = start
		l.lastSync.Store(start.Unix())
		l.sweepBeside(ctx, m, full)
	}
	l.report(ctx, m, errors.Join(err, unwritten))
}

// watchClock tells the operator of a clock that was set to another time: a session of a
// clock that was ahead is refused until its time has come. [S7] A monotonic clock, which
// time.Time carries along, goes on as if nothing had happened.
func (l *List) watchClock(m *Member, now time.Time) {
	last := l.state.lookedAt
	l.state.lookedAt = now
	if last.IsZero() {
		return
	}
	jump := now.Round(0).Sub(last.Round(0)) - now.Sub(last)
	if jump.Abs() <= clockSkew {
		return
	}
	m.Logger.Warn("the clock of this machine was set to another time", "by", jump.Round(time.Second).String(),
		"remedy", "check that the time is right now, and how it is synchronized; sessions and logins that the clock dates more than a minute into the future do not count meanwhile")
}

// wantsFull reports whether everything is to be read: at first, from another storage,
// with a new member's secret that may open what did not, every now and then, and where
// the last look is too long ago or lies in the future.
func (l *List) wantsFull(m *Member, now time.Time) bool {
	s := &l.state
	return !sameStorage(s.member, m) || s.unopened && s.member != m || now.Sub(s.fullAt) >= fullEvery ||
		minuteOf(now)-minuteOf(s.polledAt) > maxPolled || now.Unix() < s.polledAt.Unix()
}

// sameStorage reports whether two members have one storage. Comparing structs that
// hold a map would panic, and storages are what others wrote.
func sameStorage(a, b *Member) bool {
	return a == b || a != nil && reflect.ValueOf(a.Storage).Comparable() &&
		reflect.ValueOf(b.Storage).Comparable() && a.Storage == b.Storage
}

// poll lists the buckets that may have changed since the last look: back as far as a
// clock may be behind and a write may take, ahead as far as a clock may be ahead.
func (l *List) poll(ctx context.Context, m *Member, now time.Time) error {
	sealers := l.sealers()
	for minute := minuteOf(l.state.polledAt.Add(-clockSkew - operationTimeout)); minute <= minuteOf(now.Add(clockSkew)); minute++ {
		keys, err := l.list(ctx, m, bucketOf(l.root, minute), operationTimeout)
		for _, key := range keys {
			if !l.read(key, sealers) && len(path.Base(key)) >= shortestName {
				l.state.unopened = true
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// readAll lists everything, and sorts out what has expired.
func (l *List) readAll(ctx context.Context, m *Member) error {
	sealers, unreadable := l.sealers(), 0
	keys, err := l.list(ctx, m, l.root, fullTimeout)
	if err != nil {
		for _, key := range keys {
			l.read(key, sealers)
		}
		return err
	}
	buckets := make(map[string]*bucketKeys)
	for _, key := range keys {
		minute, bucket, name, ok := splitKey(l.root, key)
		if !ok {
			unreadable++ // not ours; left alone
			continue
		}
		if buckets[bucket] == nil {
			buckets[bucket] = &bucketKeys{bucket: bucket, minute: minute}
		}
		if name == "" {
			continue
		}
		e, readable := l.readEntry(key, sealers)
		if !readable && len(name) >= shortestName {
			unreadable++
		}
		buckets[bucket].note(key, l.needed(minute, e, readable))
	}
	l.toSweep(buckets)
	if l.carryOver(m, keys, sealers) {
		l.state.member = m
	}
	l.compact()
	if unreadable > l.state.unreadable {
		m.Logger.Warn("some ended sessions in the storage cannot be read: they were written with a secret that is no longer listed, or by a newer version", "count", unreadable,
			"remedy", "list the secret again, or let all nodes run one version; if nothing of that has changed, check what Caddy's storage answers")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state.unreadable, l.state.unopened = unreadable, unreadable > 0
	return nil
}

// compact gives memory back when most of the mirror has expired.
func (l *List) compact() {
	l.writing.Lock()
	defer l.writing.Unlock()
	needed := l.now().Add(-grace).Unix()
	if t := l.table.Load(); t.live(needed) < t.used/2 {
		l.table.Store(t.rebuilt(needed))
	}
}

// list returns the keys below a prefix; none where nothing has ever been written. With
// an error, it may return some of them.
func (l *List) list(ctx context.Context, m *Member, prefix string, timeout time.Duration) (keys []string, err error) {
	for range listAttempts {
		keys, err = attempt(ctx, l.storage, timeout, func(ctx context.Context) ([]string, error) {
			keys, err := m.Storage.List(ctx, prefix, true)
			// A listing of files breaks off with the same error where one of them goes
			// meanwhile: another node sweeps, or gives what it has written its name.
			if errors.Is(err, fs.ErrNotExist) && !m.Storage.Exists(ctx, prefix) {
				return nil, nil
			}
			return keys, err
		})
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return keys, err
}

// needed reports whether an entry must be kept: as long as it says itself, and where
// nobody can read it, as long as any session could last.
func (l *List) needed(minute int64, e entry, readable bool) bool {
	if readable {
		return e.expires > l.now().Add(-grace).Unix()
	}
	return minute >= minuteOf(l.now().Add(-MaxLifetime-grace))
}

// carryOver has what this node knows written into a storage that has taken another
// one's place and lacks it: without that the next start would bring ended sessions
// back. done is false if there was more than the queue should hold at once; the next
// look carries on.
func (l *List) carryOver(m *Member, keys []string, sealers []Sealer) (done bool) {
	if l.state.member == nil || sameStorage(l.state.member, m) {
		return true
	}
	there := make(map[entryID]entry, len(keys))
	for _, key := range keys {
		if e, ok := l.readEntry(key, sealers); ok {
			there[e.id()] = e.joined(there[e.id()])
		}
	}
	now := l.now()
	known := l.table.Load().entries(now.Unix())
	if before := l.everyone.Load(); before != 0 {
		known = append(known, entry{kind: everyone, before: before}.lasting())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	carried := 0
	for _, e := range known {
		has := there[e.id()]
		if e.expires <= now.Unix() || has.before >= e.before && has.expires >= e.expires {
			continue
		}
		if len(l.queue.order) >= maxQueue/2 {
			return false // the rest of the room is for sessions that end now
		}
		l.queue.add(e)
		carried++
	}
	if carried > 0 {
		m.Logger.Info("ended sessions are being written into another storage", "count", carried)
		l.nudge()
	}
	return true
}

// readEntry returns the entry that a storage key holds and takes it into the mirror.
func (l *List) readEntry(key string, sealers []Sealer) (e entry, ok bool) {
	_, bucket, name, ok := splitKey(l.root, key)
	if !ok || name == "" {
		return e, false
	}
	if e, ok = readName(bucket, name, sealers); ok {
		e = e.lasting()
		l.believe(e)
	}
	return e, ok
}

// read is readEntry where the entry itself does not matter.
func (l *List) read(key string, sealers []Sealer) bool {
	_, ok := l.readEntry(key, sealers)
	return ok
}

// believe takes an entry of the storage into the mirror.
func (l *List) believe(e entry) {
	now := l.now()
	// A node whose clock is far ahead would end sessions that have not begun yet.
	// Its word is good when its time has come.
	if e.expires > now.Add(-grace).Unix() && (e.kind == oneSession || e.before <= now.Add(fullEvery).UnixMilli()) {
		l.note(e)
	}
}

// report tells the operator when the storage begins to fail, how old the list gets,
// and when all is well again.
func (l *List) report(ctx context.Context, m *Member, err error) {
	if ctx.Err() != nil {
		return // the program is ending
	}
	l.mu.Lock()
	before, queued := l.state.failing, len(l.queue.order)
	l.state.failing = err
	l.mu.Unlock()
	now := l.now()
	switch {
	case err == nil && before != nil:
		l.state.warnedAt = time.Time{}
		m.Logger.Info("the storage of ended sessions works again")
	case err != nil && now.Sub(l.state.warnedAt) >= warnEvery:
		l.state.warnedAt = now
		age := "never read"
		if at := l.lastSync.Load(); at != 0 {
			age = now.Sub(time.Unix(at, 0)).Truncate(time.Second).String()
		}
		m.Logger.Warn("the storage of ended sessions fails; going on with the last known list", "error", err, "age", age, "queued", queued, "remedy", Remedy)
	}
}
