package limit

import (
	"sync"
	"time"
)

// Sample lets the first few events of a kind through in each interval and counts the
// others: a storm shall be seen in a log, and not fill it.
type Sample struct {
	most     int
	interval time.Duration
	now      func() time.Time

	mu    sync.Mutex
	kinds map[string]*sampled
}

type sampled struct {
	began        time.Time // of the interval
	seen, missed int
}

// NewSample lets most events of a kind through in each interval.
func NewSample(most int, interval time.Duration, now func() time.Time) *Sample {
	return &Sample{most: most, interval: interval, now: now, kinds: make(map[string]*sampled)}
}

// Take reports whether an event may pass, and how many of its kind have not since the
// last one that did. Kinds are few and fixed: they are remembered for ever.
func (s *Sample) Take(kind string) (ok bool, missed int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, known := s.kinds[kind]
	if !known {
		k = new(sampled)
		s.kinds[kind] = k
	}
	if now := s.now(); now.Sub(k.began) >= s.interval || k.began.After(now) {
		k.began, k.seen = now, 0
	}
	if k.seen == s.most {
		k.missed++
		return false, 0
	}
	k.seen++
	missed, k.missed = k.missed, 0
	return true, missed
}
