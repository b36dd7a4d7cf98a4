package revocation

import (
	"cmp"
	"context"
	"time"
)

// Every now and then a node lists everything, sorts out what nobody needs any more, and
// writes again what it knows and the storage lacks.

// readAll lists everything, and says what it has seen.
func (l *List) readAll(ctx context.Context, m *Member, seen *look) error {
	sealers := l.sealers()
	unwritten := l.beginLook()
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.meanwhile = nil
	}()
	keys, err := l.list(ctx, m, l.root, fullTimeout)
	if err != nil {
		for _, key := range keys {
			l.readEntry(key, sealers)
		}
		return err
	}
	all := make([]found, 0, len(keys))
	for i, key := range keys {
		if e, sealer, ok := l.readEntry(key, sealers); ok {
			all = append(all, found{e, i, sealer})
		}
	}
	unreadable, missed := l.sortOut(keys, all)
	healed, done := l.heal(m, all)
	if done {
		l.state.member = m
	}
	// What has ended since the listing began does not count: on a busy node something always has.
	seen.entries, seen.incomplete = len(all) > 0 || unreadable > 0, healed > 0 || !done || unwritten
	l.compact()
	if missed > l.state.unreadable {
		m.Logger.Warn("some revoked sessions in the storage cannot be read: they were written with a secret that is no longer listed, or by a newer version", "count", missed,
			"remedy", "list the secret again, or run the same version on all nodes; if neither has changed, check Caddy's storage")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state.unreadable, l.state.unopened = missed, unreadable > 0
	return nil
}

// sortOut notes what is to be swept, and returns how many keys could not be read. missed are
// those of them that may end a session which would be alive: a secret that was changed a
// lifetime ago leaves ends behind that nobody needs to read.
func (l *List) sortOut(keys []string, all []found) (unreadable, missed int) {
	buckets := make(map[string]*bucketKeys)
	quiet := minuteOf(l.now().Add(-fullEvery))
	covered, living := l.superseded(all), minuteOf(l.now().Add(-l.lifetime()))
	for i, key := range keys {
		minute, bucket, name, ok := splitKey(l.root, key)
		if !ok {
			unreadable, missed = unreadable+1, missed+1 // of another secret: keep it
			continue
		}
		if buckets[bucket] == nil {
			buckets[bucket] = &bucketKeys{bucket: bucket, minute: minute}
		}
		if name == "" {
			continue
		}
		var e entry
		readable := len(all) > 0 && all[0].key == i
		if readable {
			e, all = all[0].entry, all[1:]
		} else if len(name) >= shortestName {
			unreadable++
			if minute > living {
				missed++
			}
		}
		// Other nodes may be about to read what is new.
		needed := l.needed(minute, e, readable) && !(covered[i] && minute < quiet)
		buckets[bucket].note(key, needed)
	}
	l.toSweep(buckets)
	return unreadable, missed
}

// lifetime returns the longest one of the members' sessions.
func (l *List) lifetime() (longest time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range l.members {
		longest = max(longest, cmp.Or(m.Lifetime, MaxLifetime))
	}
	return longest
}

// compact gives memory back when most of the mirror has expired.
func (l *List) compact() {
	l.writing.Lock()
	defer l.writing.Unlock()
	needed := l.now().Add(-grace).Unix()
	if t := l.table.Load(); t.live(needed) < t.used/2 {
		l.table.Store(t.rebuilt(needed, 0))
	}
}

// needed reports whether an entry must be kept: as long as it says itself, and where
// nobody can read it, as long as any session could last.
func (l *List) needed(minute int64, e entry, readable bool) bool {
	if readable {
		return e.expires > l.now().Add(-grace).Unix()
	}
	return minute >= minuteOf(l.now().Add(-MaxLifetime-grace))
}
