package e2e

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

// The kinds of trouble, beside that at Instagram.
const (
	nodeDown    = "node killed"
	nodeReload  = "node reloaded"
	storageDown = "storage down"
)

// breakFor is how long no login is finished after Instagram has failed several times. [D3]
const breakFor = 10 * time.Second

// spell is some trouble and the time of it.
type spell struct {
	kind     string
	node     *node // of that node alone
	endpoint simulator.Endpoint
	fault    simulator.FaultKind
	from, to time.Time // to is zero while it lasts
}

func (s *spell) meets(from, to time.Time) bool {
	return s.from.Before(to) && (s.to.IsZero() || s.to.After(from))
}

// weather knows what trouble there is and was.
type weather struct {
	mu     sync.Mutex
	spells []*spell
}

// begin notes the beginning of a trouble, and end its end.
func (w *weather) begin(s spell) (end func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s.from = time.Now()
	w.spells = append(w.spells, &s)
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		s.to = time.Now()
	}
}

// was reports whether there was a trouble between two moments, at a node if it is one of a
// node.
func (w *weather) was(kind string, n *node, from, to time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.ContainsFunc(w.spells, func(s *spell) bool {
		return s.kind == kind && s.node == n && s.meets(from, to)
	})
}

// started returns when a node was started last; zero if it runs from the beginning. One that
// is being started may answer already.
func (w *weather) started(n *node) (at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.spells {
		switch {
		case s.kind != nodeDown || s.node != n:
		case s.to.IsZero():
			return time.Now()
		case s.to.After(at):
			at = s.to
		}
	}
	return at
}

// quiet returns how long the storage worked without a break between two moments, at the
// longest.
func (w *weather) quiet(from, to time.Time) (longest time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.spells { // in the order of time
		if s.kind != storageDown || !s.meets(from, to) {
			continue
		}
		longest = max(longest, s.from.Sub(from))
		if s.to.IsZero() {
			return longest
		}
		from = s.to
	}
	return max(longest, to.Sub(from))
}

// excuses says which refusals of a login which fault at Instagram explains. A refusal
// without asking Instagram comes on top, for as long as the breaker is open.
var excuses = map[simulator.FaultKind][]string{
	simulator.Status500:  {"provider_error"},
	simulator.Status503:  {"provider_error"},
	simulator.Hang:       {"provider_timeout"},
	simulator.Reset:      {"provider_unreachable", "provider_error"},
	simulator.HTML:       {"provider_error"},
	simulator.Truncated:  {"provider_error"},
	simulator.WrongTypes: {"provider_error", "bad_profile"},
	simulator.RateLimit:  {"provider_error"},
	simulator.Delay:      nil,
}

// excused reports whether trouble at Instagram explains a refusal of a login.
func (w *weather) excused(code string, from, to time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.ContainsFunc(w.spells, func(s *spell) bool {
		if s.fault == "" || s.endpoint == simulator.LongLived { // a login does without
			return false
		}
		if code == "provider_unreachable" && len(excuses[s.fault]) > 0 {
			return s.meets(from.Add(-breakFor-providerTimeout), to)
		}
		return slices.Contains(excuses[s.fault], code) && s.meets(from, to)
	})
}

// kinds counts the troubles by kind.
func (w *weather) kinds() map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := make(map[string]int)
	for _, s := range w.spells {
		n[strings.TrimSpace(s.kind+" "+string(s.endpoint)+" "+string(s.fault))]++
	}
	return n
}
