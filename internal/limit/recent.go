package limit

import (
	"hash/maphash"
	"net/netip"
	"time"
)

// recent remembers networks for a time, up to twice as long. It is bounded: when it is full,
// the older half is forgotten. It keeps hashes with a seed of its own, so that nobody can
// choose addresses that stand for others. It is not safe for concurrent use.
type recent struct {
	size int
	keep time.Duration
	seed maphash.Seed

	began        time.Time // of newer
	newer, older map[uint64]struct{}
}

func newRecent(size int, keep time.Duration) recent {
	return recent{size: size / 2, keep: keep, seed: maphash.MakeSeed(), newer: make(map[uint64]struct{})}
}

func (r *recent) add(p netip.Prefix, now time.Time) {
	r.age(now)
	if len(r.newer) >= r.size {
		r.turn(now)
	}
	r.newer[r.hash(p)] = struct{}{}
}

func (r *recent) has(p netip.Prefix, now time.Time) bool {
	r.age(now)
	key := r.hash(p)
	_, newer := r.newer[key]
	_, older := r.older[key]
	return newer || older
}

func (r *recent) remove(p netip.Prefix) {
	key := r.hash(p)
	delete(r.newer, key)
	delete(r.older, key)
}

// age forgets what is too old.
func (r *recent) age(now time.Time) {
	switch passed := now.Sub(r.began); {
	case passed >= 2*r.keep:
		r.turn(now)
		r.older = nil
	case passed >= r.keep:
		r.turn(now)
	}
}

func (r *recent) turn(now time.Time) {
	r.older, r.newer, r.began = r.newer, make(map[uint64]struct{}), now
}

func (r *recent) hash(p netip.Prefix) uint64 { return maphash.Comparable(r.seed, p) }
