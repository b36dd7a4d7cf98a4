// Package secretfile looks again and again at a file with a secret in it, and says when
// the secret has changed. A file that is being written, or that somebody has broken, never
// takes the place of a secret that works. It needs the standard library alone.
package secretfile

import (
	"slices"
	"time"
)

// MaxFormer is how many former secrets of one file are kept. Each costs every cookie that
// opens with none of them.
const MaxFormer = 32

// tellAgain is how often a problem that stays is reported.
const tellAgain = 24 * time.Hour

// Kind says what a look at the file has shown.
type Kind int

// The kinds of event.
const (
	Changed Kind = iota + 1 // the file holds another secret, which is in use now
	Broken                  // what the file holds cannot be used; the secret in use stays
	Mended                  // the file holds the secret in use again
	Retired                 // a former secret opens nothing any more
)

// Event is what somebody should know.
type Event struct {
	Kind    Kind
	Value   string // the secret in use; for Retired the former one
	Former  string // for Changed: the secret that was in use until now
	Problem error  // for Broken: what is wrong with the file
}

// Former is a secret that was in use until a moment.
type Former struct {
	Value string
	Until time.Time
}

// Secret is the rule: what the looks at one file make of its secret. It is not safe for
// concurrent use, reads nothing and has no clock.
type Secret struct {
	check   func(string) error
	current string
	former  []Former // the latest first

	seen       finding // by the look before, if it was not the secret in use
	reported   string  // the problem that was reported
	reportedAt time.Time
}

// finding is what one look has found.
type finding struct{ value, problem string }

// NewSecret returns the rule for a file whose secret is in use. check says what cannot be
// a secret.
func NewSecret(value string, check func(string) error) *Secret {
	return &Secret{check: check, current: value}
}

// Look takes what the file holds, or why it cannot be read. Something new counts when two
// looks in a row have found the same, because a file that is being written may look whole.
func (s *Secret) Look(now time.Time, value string, err error) (events []Event) {
	if err == nil && value == s.current {
		s.seen = finding{}
		if s.reported == "" {
			return nil
		}
		s.reported = ""
		return []Event{{Kind: Mended, Value: s.current}}
	}
	if err == nil {
		err = s.check(value)
	}
	found := finding{value: value}
	if err != nil {
		found = finding{problem: err.Error()}
	}
	if before := s.seen; before != found {
		s.seen = found
		return nil
	}
	if err == nil {
		return s.Adopt(now, value)
	}
	if s.reported == found.problem && now.Sub(s.reportedAt) < tellAgain {
		return nil
	}
	s.reported, s.reportedAt = found.problem, now
	return []Event{{Kind: Broken, Value: s.current, Problem: err}}
}

// Adopt puts another secret in use at once.
func (s *Secret) Adopt(now time.Time, value string) (events []Event) {
	if value == s.current {
		return nil
	}
	was := s.current
	s.current, s.seen, s.reported = value, finding{}, ""
	// A secret that comes back is in use, and no longer a former one.
	s.former = slices.DeleteFunc(s.former, func(f Former) bool { return f.Value == value })
	s.former = slices.Insert(s.former, 0, Former{was, now})
	events = []Event{{Kind: Changed, Value: value, Former: was}}
	for len(s.former) > MaxFormer {
		events = append(events, s.retire())
	}
	return events
}

// Retire forgets the former secrets that went out of use longer ago than keep.
func (s *Secret) Retire(now time.Time, keep time.Duration) (events []Event) {
	for len(s.former) > 0 && !kept(s.former[len(s.former)-1], now, keep) {
		events = append(events, s.retire())
	}
	return events
}

func (s *Secret) retire() Event {
	last := s.former[len(s.former)-1]
	s.former = s.former[:len(s.former)-1]
	return Event{Kind: Retired, Value: last.Value}
}

// kept reports whether a former secret still opens. The moment in which what it has sealed
// last ends is too late. Both clocks count: the monotonic one stands still while the machine
// is suspended, and the other one can be set back.
func kept(f Former, now time.Time, keep time.Duration) bool {
	return now.Sub(f.Until) < keep && now.Round(0).Sub(f.Until.Round(0)) < keep
}

// Current returns the secret in use.
func (s *Secret) Current() string { return s.current }

// Former returns the secrets that went out of use less than keep ago, the latest first.
func (s *Secret) Former(now time.Time, keep time.Duration) (former []Former) {
	for _, f := range s.former {
		if kept(f, now, keep) {
			former = append(former, f)
		}
	}
	return former
}
