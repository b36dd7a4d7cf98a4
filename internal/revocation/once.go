package revocation

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

// OnceFor is how long the note lasts that something has been done once.
const OnceFor = 10 * time.Minute

// Once runs work for a key on one node. It holds a lock of the storage meanwhile and leaves a note,
// so that no node runs it again within OnceFor. A node must not ask twice at a time for one key.
// ran is false if another node does or did it. An error of the work is returned as it is, and
// leaves no note.
//
// A storage that is down keeps nobody from working: done twice is better than never. [T7]
func (l *List) Once(ctx context.Context, key Key, work func(context.Context) error) (ran bool, err error) {
	m := l.current()
	if m == nil {
		return true, work(ctx)
	}
	lock := lockName(l.onceRoot(), onceName(l.root, key))
	began := time.Now()
	err = l.lock(ctx, m, lock)
	waited := time.Since(began) >= lockTimeout // and not a time-out of the storage's own
	if err == nil {
		defer l.unlock(m, lock)
	}
	switch {
	case ctx.Err() != nil:
		return false, ctx.Err()
	case err == nil && l.noted(ctx, m, key):
		return false, nil
	case err != nil && waited && !l.failing():
		return false, nil // somebody else has it
	}
	if err := work(ctx); err != nil {
		return true, err
	}
	// Also where ctx has ended meanwhile: the work is done.
	l.leaveNote(context.WithoutCancel(ctx), m, key)
	return true, nil
}

// failing reports whether the storage is known to fail.
func (l *List) failing() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state.failing != nil
}

// Notes stand in a bucket for each hour, so that old ones are swept without being read. Names are
// hashes and contents are sealed: a reader of the storage learns only their number. [F3, F4]

const minutesOfHour = 60

func (l *List) onceRoot() string { return path.Dir(l.root) + "/once" }

func (l *List) noteOf(key Key, at time.Time) string {
	return path.Join(l.onceRoot(), hourOf(at), onceName(l.root, key))
}

// hourOf returns the name of the bucket of a moment's hour.
func hourOf(at time.Time) string {
	return fmt.Sprintf("%0*d", minuteDigits, minuteOf(at)/minutesOfHour)
}

func onceName(root string, key Key) string {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64([]byte("once "+root+" "), uint64(key)))
	return hex.EncodeToString(sum[:16])
}

// noted reports whether there is a note that still counts. One that cannot be read is none.
func (l *List) noted(ctx context.Context, m *Member, key Key) bool {
	now := l.now()
	seen := ""
	for _, at := range []time.Time{now.Add(clockSkew), now, now.Add(-OnceFor)} {
		name := l.noteOf(key, at)
		if name == seen {
			continue // mostly all three are in one hour
		}
		seen = name
		value, err := l.load(ctx, m, name)
		if err != nil {
			continue
		}
		seconds, ok := openNumber(value, name, l.sealers())
		if left := time.Unix(seconds, 0); ok && left.After(now.Add(-OnceFor)) && !left.After(now.Add(clockSkew)) {
			return true
		}
	}
	return false
}

// leaveNote tells other nodes that the work is done. If it fails, one may do it again.
func (l *List) leaveNote(ctx context.Context, m *Member, key Key) {
	if l.refused.Load() {
		return // into the wrong storage, nothing is written
	}
	now := l.now()
	if err := l.putSealed(ctx, m, l.noteOf(key, now), now.Unix()); err != nil {
		m.Logger.Debug("a note for other nodes could not be written", "error", err)
	}
}

// oldNotes returns the notes that no longer count.
func (l *List) oldNotes(ctx context.Context, m *Member) (old []bucketKeys) {
	old = l.oldHours(ctx, m, l.onceRoot(), l.now().Add(-OnceFor-clockSkew))
	return append(old, l.oldHours(ctx, m, l.deliveryRoot(), l.now().Add(-KeepDeliveries-clockSkew))...)
}

// oldHours returns what is in the buckets below root of hours before a moment's.
func (l *List) oldHours(ctx context.Context, m *Member, root string, moment time.Time) (old []bucketKeys) {
	keys, err := l.list(ctx, m, root, fullTimeout)
	if err != nil {
		return nil // they are found after the next full look
	}
	buckets := make(map[string]*bucketKeys)
	current := hourOf(moment)
	for _, key := range keys {
		hour, name, _ := strings.Cut(strings.TrimPrefix(key, root+"/"), "/")
		if len(hour) != minuteDigits || hour >= current || strings.Trim(hour, "0123456789") != "" || strings.Contains(name, "/") {
			continue
		}
		bucket := path.Join(root, hour)
		if buckets[bucket] == nil {
			buckets[bucket] = &bucketKeys{bucket: bucket}
		}
		if name != "" {
			buckets[bucket].note(key, false)
		}
	}
	for _, bucket := range slices.Sorted(maps.Keys(buckets)) {
		old = append(old, *buckets[bucket])
	}
	return old
}
