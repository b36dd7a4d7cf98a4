package revocation

import (
	"context"
	"strings"
	"sync/atomic"
	"time"

	"github.com/caddyserver/certmagic"
)

// maxDeletions is how much one run deletes at the most. [D5]
const maxDeletions = 1000

// bucketKeys is a bucket that is no longer needed, with what is in it.
type bucketKeys struct {
	bucket string
	keys   []string
}

func (b *bucketKeys) note(name, key string) {
	if name != "" {
		b.keys = append(b.keys, key)
	}
}

// sweep deletes old buckets, a part of them at a time, while it holds a lock that one
// node gets. Whoever does not get it has nothing to do.
func (l *List) sweep(ctx context.Context, m *Member) {
	if len(l.state.expired) == 0 || !l.lock(ctx, m) {
		return
	}
	defer l.unlock(m)
	// What others have written must not wait for a slow storage to forget.
	ctx, cancel := context.WithTimeout(ctx, operationTimeout)
	defer cancel()
	for deleted := 0; deleted < maxDeletions && len(l.state.expired) > 0; {
		oldest := &l.state.expired[0]
		for len(oldest.keys) > 0 && deleted < maxDeletions {
			if !l.delete(ctx, m, oldest.keys[0]) {
				return
			}
			oldest.keys = oldest.keys[1:]
			deleted++
		}
		if len(oldest.keys) > 0 || deleted == maxDeletions {
			return
		}
		// The bucket itself is a folder in some storages, and nothing in others.
		if !l.delete(ctx, m, oldest.bucket) {
			return
		}
		deleted++
		l.state.expired = l.state.expired[1:]
	}
}

func (l *List) delete(ctx context.Context, m *Member, key string) bool {
	_, err := attempt(ctx, l.storage, operationTimeout, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, m.Storage.Delete(ctx, key)
	})
	return err == nil
}

// lockName has no slash: some storages make a file of it.
func (l *List) lockName() string { return strings.ReplaceAll(l.root, "/", "_") + "_sweep" }

func (l *List) lock(ctx context.Context, m *Member) bool {
	var decided atomic.Bool // by whoever is first: the lock that comes, or we who go
	got, err := attempt(ctx, l.storage, operationTimeout, func(ctx context.Context) (bool, error) {
		got, err := tryLock(ctx, m.Storage, l.lockName())
		if got && !decided.CompareAndSwap(false, true) {
			// Nobody waits any more, and nobody else would give it back.
			return false, m.Storage.Unlock(context.WithoutCancel(ctx), l.lockName())
		}
		return got, err
	})
	if err != nil {
		return !decided.CompareAndSwap(false, true)
	}
	return got
}

func tryLock(ctx context.Context, storage certmagic.Storage, name string) (bool, error) {
	if s, ok := storage.(certmagic.TryLocker); ok {
		return s.TryLock(ctx, name)
	}
	err := storage.Lock(ctx, name)
	return err == nil, err
}

// unlock gives the lock back with a context of its own: that of the work may have
// ended. [F5]
func (l *List) unlock(m *Member) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_, err := attempt(ctx, l.storage, operationTimeout, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, m.Storage.Unlock(ctx, l.lockName())
	})
	if err != nil {
		m.Logger.Warn("giving back the lock of the sweep failed; it expires by itself", "error", err)
	}
}
