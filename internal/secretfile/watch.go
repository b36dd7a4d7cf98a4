package secretfile

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

const (
	// Interval is how often a file is looked at.
	Interval = 10 * time.Second
	// readTime is the timeout of one look: a hanging file server must not keep former secrets from
	// being forgotten.
	readTime = 5 * time.Second
)

var errSlow = errors.New("the file could not be read within 5s")

// Watch looks at one file until Close, beside all requests. It is safe for concurrent use,
// and outlives the configurations that use it while one replaces another.
type Watch struct {
	read func() (string, error)
	now  func() time.Time

	mu      sync.Mutex
	secret  *Secret
	members []*member // the newest last

	reading chan result // of the one look under way, for run alone
	cancel  context.CancelFunc
	done    chan struct{}
}

type member struct {
	keep   time.Duration
	report func([]Event)
}

type result struct {
	value string
	err   error
}

// New starts looking at a file whose secret is in use. read reads it; now is the clock;
// interval is the time between two looks.
func New(secret *Secret, read func() (string, error), now func() time.Time, interval time.Duration) *Watch {
	ctx, cancel := context.WithCancel(context.Background())
	w := &Watch{secret: secret, read: read, now: now, cancel: cancel, done: make(chan struct{})}
	go w.run(ctx, interval)
	return w
}

// Join adds a block that uses the file, and for which former secrets open for keep. report
// is called after each look, also without events: time alone retires a secret. Only the
// newest member gets the events, so that each is logged once. leave may be called more
// than once.
func (w *Watch) Join(keep time.Duration, report func([]Event)) (leave func()) {
	m := &member{keep, report}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.members = append(w.members, m)
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.members = slices.DeleteFunc(w.members, func(other *member) bool { return other == m })
	}
}

// Close ends the looking. A read that hangs is left behind.
func (w *Watch) Close() {
	w.cancel()
	<-w.done
}

// Adopt puts a secret in use that a new configuration has read from the file.
func (w *Watch) Adopt(value string) {
	w.step(func(now time.Time) []Event { return w.secret.Adopt(now, value) })
}

// Values returns the secret in use and those that went out of use less than keep ago.
func (w *Watch) Values(keep time.Duration) (current string, former []Former) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.secret.Current(), w.secret.Former(w.now(), keep)
}

func (w *Watch) run(ctx context.Context, interval time.Duration) {
	defer close(w.done)
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		found, ok := w.look(ctx)
		if !ok {
			return
		}
		w.step(func(now time.Time) []Event { return w.secret.Look(now, found.value, found.err) })
	}
}

// look reads the file, unless an earlier read still hangs. ok is false after Close.
func (w *Watch) look(ctx context.Context) (found result, ok bool) {
	if w.reading == nil {
		reading := make(chan result, 1)
		w.reading = reading
		go func() {
			value, err := w.read()
			reading <- result{value, err}
		}()
	}
	timer := time.NewTimer(readTime)
	defer timer.Stop()
	select {
	case found = <-w.reading:
		w.reading = nil
		return found, true
	case <-timer.C:
		return result{err: errSlow}, true
	case <-ctx.Done():
		return result{}, false
	}
}

// step changes the secret and tells all members, the newest one first: it is the one that
// stays where a configuration is just replaced.
func (w *Watch) step(change func(now time.Time) []Event) {
	w.mu.Lock()
	now := w.now()
	events := change(now)
	longest := time.Duration(0)
	for _, m := range w.members {
		longest = max(longest, m.keep)
	}
	if len(w.members) > 0 {
		events = append(events, w.secret.Retire(now, longest)...)
	}
	members := slices.Clone(w.members)
	w.mu.Unlock()
	for _, m := range slices.Backward(members) {
		m.report(events)
		events = nil
	}
}
