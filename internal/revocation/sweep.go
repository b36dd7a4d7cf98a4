package revocation

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxDeletions bounds what one run deletes, sweepTimeout how long it takes. [D5]
	maxDeletions = 1000
	sweepTimeout = 30 * time.Second

	// lockTimeout is how long a lock is waited for. With files, it takes two seconds
	// to see that an empty lock is nobody's.
	lockTimeout = 5 * time.Second
)

// bucketKeys is what of a bucket is no longer needed.
type bucketKeys struct {
	bucket string
	minute int64
	keys   []string
	kept   bool // something in it is still needed
}

func (b *bucketKeys) note(key string, needed bool) {
	if needed {
		b.kept = true
		return
	}
	b.keys = append(b.keys, key)
}

// sweeper is what is left to be swept. A sweep runs beside the looks into the storage:
// what others have written must wait for no lock and no deletion. [F5]
type sweeper struct {
	expired []bucketKeys
	running bool
	all     sync.WaitGroup // of the one that runs
}

// sweepBeside starts a sweep in the background unless one runs; after a full look, of notes too.
func (l *List) sweepBeside(ctx context.Context, m *Member, full bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sweeper.running || len(l.sweeper.expired) == 0 && !full {
		return
	}
	expired := l.sweeper.expired
	l.sweeper.running = true
	l.sweeper.all.Go(func() {
		if full {
			expired = append(expired, l.oldNotes(ctx, m)...)
		}
		rest := l.sweep(ctx, m, expired)
		l.mu.Lock()
		defer l.mu.Unlock()
		l.sweeper.expired, l.sweeper.running = rest, false
	})
}

// toSweep says what has expired, unless a sweep runs that knows it already. An empty
// bucket goes when nothing is written into it any more.
func (l *List) toSweep(buckets map[string]*bucketKeys) {
	quiet := minuteOf(l.now().Add(-fullEvery))
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sweeper.running {
		return
	}
	l.sweeper.expired = nil
	for _, bucket := range slices.Sorted(maps.Keys(buckets)) {
		if b := *buckets[bucket]; len(b.keys) > 0 || !b.kept && b.minute < quiet {
			b.kept = b.kept || b.minute >= quiet
			l.sweeper.expired = append(l.sweeper.expired, b)
		}
	}
}

// sweep deletes old buckets, a part of them at a time, while it holds a lock that one
// node gets, and returns the rest. A node without the lock leaves the work to the one that has it.
func (l *List) sweep(ctx context.Context, m *Member, expired []bucketKeys) (rest []bucketKeys) {
	lock := lockName(l.root, "sweep")
	if len(expired) == 0 || l.lock(ctx, m, lock) != nil {
		return expired
	}
	defer l.unlock(m, lock)
	ctx, cancel := context.WithTimeout(ctx, sweepTimeout)
	defer cancel()
	if l.swept(ctx, m, expired[0]) {
		return nil // deleted by the node that had the lock before; the next full look finds the rest
	}
	for deleted := 0; deleted < maxDeletions && len(expired) > 0; {
		oldest := &expired[0]
		for len(oldest.keys) > 0 && deleted < maxDeletions {
			if !l.delete(ctx, m, oldest.keys[0]) {
				return expired
			}
			oldest.keys = oldest.keys[1:]
			deleted++
		}
		if len(oldest.keys) > 0 || deleted == maxDeletions {
			return expired
		}
		// The bucket itself is a folder in some storages, and nothing in others.
		if !oldest.kept {
			if !l.delete(ctx, m, oldest.bucket) {
				return expired
			}
			deleted++
		}
		expired = expired[1:]
	}
	return expired
}

// swept reports whether another node has been here.
func (l *List) swept(ctx context.Context, m *Member, b bucketKeys) bool {
	if len(b.keys) == 0 {
		return false
	}
	there, err := attempt(ctx, l.storage, operationTimeout, func(ctx context.Context) (bool, error) {
		return m.Storage.Exists(ctx, b.keys[0]), nil
	})
	return err == nil && !there
}

// delete reports whether a key is gone. Some storages say that it was not there, as a
// bucket never is where there are no folders.
func (l *List) delete(ctx context.Context, m *Member, key string) bool {
	err := perform(ctx, l.storage, operationTimeout, func(ctx context.Context) error {
		return m.Storage.Delete(ctx, key)
	})
	return err == nil || errors.Is(err, fs.ErrNotExist)
}

// lockName returns the name of a lock. It has no slash: some storages make a file of it.
func lockName(root, name string) string { return strings.ReplaceAll(root, "/", "_") + "_" + name }

// lock takes a lock of the storage's. An error says that it is not held.
func (l *List) lock(ctx context.Context, m *Member, name string) error {
	var decided atomic.Bool // by the lock that comes, or by the caller that gives up
	// Not TryLock: with files it never gets past the empty lock of a node that was killed.
	err := perform(ctx, l.storage, lockTimeout, func(ctx context.Context) error {
		err := m.Storage.Lock(ctx, name)
		if err == nil && !decided.CompareAndSwap(false, true) {
			// Nobody waits any more, and nobody else would give it back.
			return m.Storage.Unlock(context.WithoutCancel(ctx), name)
		}
		return err
	})
	if err != nil && !decided.CompareAndSwap(false, true) {
		return nil // it came just then
	}
	return err
}

// unlock gives the lock back with a context of its own: that of the work may have ended. [F5]
func (l *List) unlock(m *Member, name string) {
	err := perform(context.Background(), l.storage, operationTimeout, func(ctx context.Context) error {
		return m.Storage.Unlock(ctx, name)
	})
	if err != nil {
		m.Logger.Info("releasing a lock of the storage failed; it expires by itself", "error", err)
	}
}
