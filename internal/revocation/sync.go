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

	healed map[entryID]healing // what was written again; under mu

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
	l.beforeLook(m)
	kept := l.recall(m)
	unwritten := l.flush(ctx)
	start := l.now()
	l.watchClock(m, start)
	l.believeDue()
	var err error
	seen := look{full: l.wantsFull(m, start), unwritten: unwritten}
	if seen.full {
		if err = l.readAll(ctx, m, &seen); err == nil {
			l.state.fullAt = start
		}
	} else {
		err = l.poll(ctx, m, start)
	}
	if err == nil {
		err = l.checkMarker(ctx, m, seen)
	}
	if err == nil {
		l.state.polledAt = start
		l.lastSync.Store(start.Unix())
		l.sweepBeside(ctx, m, seen.full)
	}
	l.report(ctx, m, errors.Join(err, unwritten))
	if ctx.Err() == nil { // otherwise the program is ending
		l.afterLook(m, kept, seen, err)
	}
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
	l.setBy.Add(int64(jump))
	m.Logger.Warn("the clock of this machine has jumped", "by", jump.Round(time.Second).String(),
		"remedy", "check that the time is right now, and how it is synchronized; until then, sessions and logins dated more than a minute into the future do not count")
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
	for _, shift := range l.otherClocks() {
		if err := l.pollAt(ctx, m, now.Add(shift), shift); err != nil {
			return err
		}
	}
	return nil
}

// otherClocks returns how far from this clock other nodes may write. If this clock was set, those
// whose clocks were not write where it would be without that.
func (l *List) otherClocks() []time.Duration {
	setBy := time.Duration(l.setBy.Load())
	if setBy.Abs() <= clockSkew {
		return []time.Duration{0}
	}
	return []time.Duration{0, -setBy}
}

// pollAt is poll for nodes whose clocks are ahead by shift. now is the time there.
func (l *List) pollAt(ctx context.Context, m *Member, now time.Time, shift time.Duration) error {
	sealers := l.sealers()
	from := l.state.polledAt.Add(shift - clockSkew - operationTimeout)
	for minute := minuteOf(from); minute <= minuteOf(now.Add(clockSkew)); minute++ {
		keys, err := l.list(ctx, m, bucketOf(l.root, minute), operationTimeout)
		for _, key := range keys {
			if _, _, ok := l.readEntry(key, sealers); !ok && len(path.Base(key)) >= shortestName {
				l.state.unopened = true
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// list returns the keys below a prefix: none where nothing was ever written. With an error, it may
// return some of them.
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

// readEntry returns the entry that a storage key holds and takes it into the mirror, if it counts.
func (l *List) readEntry(key string, sealers []Sealer) (e entry, sealer int, ok bool) {
	_, bucket, name, ok := splitKey(l.root, key)
	if !ok || name == "" {
		return e, 0, false
	}
	if e, sealer, ok = readName(bucket, name, sealers); ok {
		if e = e.lasting(); l.believable(e) && l.note(e) {
			l.snapshot.learn(record{entry: e})
		}
	}
	return e, sealer, ok
}

// believable reports whether an entry counts. A node whose clock is far ahead would end
// sessions that have not begun yet: its word is good when its time has come.
func (l *List) believable(e entry) bool {
	return e.expires > l.now().Add(-grace).Unix() && !l.ahead(e)
}

// ahead reports whether an entry is of a clock that is far ahead: of this one, and of what it would
// be had it not been set back.
func (l *List) ahead(e entry) bool {
	return e.kind != oneSession && e.before > l.aheadFrom()
}

// aheadFrom returns the moment, in Unix milliseconds, behind which an entry is ahead.
func (l *List) aheadFrom() int64 {
	now := l.now().Add(max(0, -time.Duration(l.setBy.Load())))
	return now.Add(fullEvery).UnixMilli()
}

// report tells the operator that the storage fails, how old the list is, and when it works again.
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
		m.Logger.Info("reading revoked sessions from the storage works again")
	case err != nil && now.Sub(l.state.warnedAt) >= warnEvery:
		l.state.warnedAt = now
		age := "never read"
		if at := l.lastSync.Load(); at != 0 {
			age = now.Sub(time.Unix(at, 0)).Truncate(time.Second).String()
		}
		if errors.Is(err, errEmptied) {
			m.Logger.Error("the storage of revoked sessions was emptied or replaced", "age", age, "queued", queued, "remedy", EmptiedRemedy)
			return
		}
		m.Logger.Warn("reading revoked sessions from the storage failed; the last known list stays in use", "error", err, "age", age, "queued", queued, "remedy", Remedy)
	}
}
