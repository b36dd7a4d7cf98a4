package revocation

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Meta says something about a person once, and may say it again where it got no answer. A
// delivery is what it says on one path. Notes in the storage tell every node, and this one
// after a restart, what has been delivered. [N11]

// KeepDeliveries is how long a note lasts after Meta has signed. Older callbacks are to be
// refused before, because nobody would know any more that they have been delivered.
const KeepDeliveries = 7 * 24 * time.Hour

// freshFor is how long a callback may arrive on a second path, too, after it was signed and
// after it has come on the first. Nothing in a callback says which path it was signed for, and
// Meta may call both in the same second when a person removes an app; after an outage here,
// both come late, and together. An attacker who replays a stolen callback comes alone.
const freshFor = time.Hour

// A Delivery names a callback. Each name is a list of spellings, one for each secret: the
// first one is written, and all are looked for. Nobody without a secret can make one, and what
// stands in a note is no more than when it was left.
type Delivery struct {
	IssuedAt time.Time
	// Arrived says that it has come on this path, ElsewhereArrived on the other.
	Arrived, ElsewhereArrived []string
	// Outcomes are what can come of it.
	Outcomes [][]string
}

// Result is what came of a callback.
type Result int

// The results.
const (
	Delivered       Result = iota // now
	DeliveredBefore               // and not again
	UnderWay                      // by another request
	Misdirected                   // it was for the other path
)

// ErrNotDelivered says that nothing has been done because the storage does not work.
var ErrNotDelivered = errors.New("the storage does not say whether the callback was delivered before")

// Deliver does the work for a callback, unless it has been done. outcome is the result of the
// work, now or before: an index of Outcomes. If the storage fails, Deliver does not do the work,
// because Meta tries again. It returns an error of the work unchanged, and writes no note then.
func (l *List) Deliver(ctx context.Context, d Delivery, work func() (outcome int, err error)) (result Result, outcome int, err error) {
	m := l.current()
	if m == nil {
		return 0, 0, errors.Join(ErrNotDelivered, errNoMember)
	}
	if l.refused.Load() {
		// The notes of what was delivered before are gone.
		return 0, 0, errors.Join(ErrNotDelivered, errEmptied)
	}
	// Nodes may list their secrets in unlike orders, and must hold one lock.
	lock := lockName(l.deliveryRoot(), slices.Min(d.Arrived))
	began := time.Now()
	if err := l.lock(ctx, m, lock); err != nil {
		if time.Since(began) >= lockTimeout && !l.failing() {
			return UnderWay, 0, nil
		}
		return 0, 0, errors.Join(ErrNotDelivered, err)
	}
	defer l.unlock(m, lock)
	if result, outcome, err = l.deliveredBefore(ctx, m, d); result != Delivered || err != nil {
		return result, outcome, err
	}
	if outcome, err = work(); err != nil {
		return Delivered, 0, err
	}
	// Also where ctx has ended meanwhile: the work is done.
	if err := l.putMark(context.WithoutCancel(ctx), m, d, d.Outcomes[outcome]); err != nil {
		m.Logger.Error("a callback from Meta was delivered, but writing that down failed: it may be delivered again", "error", err, "remedy", Remedy)
	}
	return Delivered, outcome, nil
}

// deliveredBefore looks for notes, and leaves one that the callback has arrived.
func (l *List) deliveredBefore(ctx context.Context, m *Member, d Delivery) (result Result, outcome int, err error) {
	for i, names := range d.Outcomes {
		if there, _, err := l.mark(ctx, m, d, names); err != nil || there {
			return DeliveredBefore, i, err
		}
	}
	arrived, _, err := l.mark(ctx, m, d, d.Arrived)
	if err != nil || arrived {
		return Delivered, 0, err
	}
	if longAgo := l.now().Add(-freshFor); d.IssuedAt.Before(longAgo) {
		elsewhere, at, err := l.mark(ctx, m, d, d.ElsewhereArrived)
		if err != nil || elsewhere && at.Before(longAgo) {
			return Misdirected, 0, err
		}
	}
	if err := l.putMark(ctx, m, d, d.Arrived); err != nil {
		return 0, 0, errors.Join(ErrNotDelivered, err)
	}
	return Delivered, 0, nil
}

// Marks stand in a bucket for each hour of signing, so that old ones are swept without being read.

func (l *List) deliveryRoot() string { return path.Dir(l.root) + "/callbacks" }

func (l *List) markName(d Delivery, name string) string {
	return path.Join(l.deliveryRoot(), hourOf(d.IssuedAt), name)
}

// mark reports whether there is a note, and when it was left, as far as it says so.
func (l *List) mark(ctx context.Context, m *Member, d Delivery, names []string) (there bool, left time.Time, err error) {
	for _, name := range names {
		// Not Exists, which takes an outage for an answer.
		value, err := l.load(ctx, m, l.markName(d, name))
		switch {
		case err == nil:
			if seconds, err := strconv.ParseInt(strings.TrimSpace(string(value)), 10, 64); err == nil {
				return true, time.Unix(seconds, 0), nil
			}
			// A storage that answers rubbish says nothing.
		case !errors.Is(err, fs.ErrNotExist):
			return false, left, errors.Join(ErrNotDelivered, err)
		}
	}
	return false, left, nil
}

func (l *List) putMark(ctx context.Context, m *Member, d Delivery, names []string) error {
	if l.refused.Load() {
		return errEmptied
	}
	return l.put(ctx, m, l.markName(d, names[0]), fmt.Appendf(nil, "%d\n", l.now().Unix()))
}
