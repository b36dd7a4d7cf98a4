package revocation

import (
	"maps"
	"sync"
	"time"
)

// The end of a single session is one name in the storage until the session would have
// expired. Somebody who signs in and out in a loop must not fill the storage with such
// names, so that each person has a budget of them on each node. When it is spent, one
// entry of the person takes the place of all further ones: it ends the session and the
// person's sessions that began before it. [N14]

const (
	// budgetBurst is how many sessions of one person end one by one at once.
	budgetBurst = 256

	// budgetEvery is how often one more may.
	budgetEvery = 15 * time.Minute

	// maxBudgets is how many people's budgets are kept: 1 MB.
	maxBudgets = 10_000
)

// budget is safe for concurrent use. Only ends of sessions ask it, not living sessions.
type budget struct {
	mu       sync.Mutex
	people   map[Key]time.Time // when the budget is whole again
	tidiedAt time.Time
}

// take takes one from the budget of a person, and reports whether there was one left.
func (b *budget) take(person Key, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	whole, known := b.people[person]
	if whole.Before(now) {
		whole = now
	}
	if whole = whole.Add(budgetEvery); whole.Sub(now) > budgetBurst*budgetEvery {
		return false
	}
	if !known {
		b.makeRoom(now)
	}
	b.people[person] = whole
	return true
}

// makeRoom forgets the budgets that are whole, and if there are none, that of somebody:
// to be forgotten is to get a whole one.
func (b *budget) makeRoom(now time.Time) {
	if b.people == nil {
		b.people = make(map[Key]time.Time)
	}
	if len(b.people) < maxBudgets {
		return
	}
	if now.Sub(b.tidiedAt) >= budgetEvery {
		b.tidiedAt = now
		maps.DeleteFunc(b.people, func(_ Key, whole time.Time) bool { return !whole.After(now) })
	}
	for person := range b.people {
		if len(b.people) < maxBudgets {
			return
		}
		delete(b.people, person)
	}
}

// ending returns the entry that ends a session: its own, or one of its person if the
// budget is spent. If an entry ends the session already, it is that one.
func (l *List) ending(s Subject, expires time.Time) entry {
	own := entry{oneSession, s.Session, always, expires.Unix()}
	before := func(kind kind, key Key) entry {
		return entry{kind: kind, key: key, before: s.Began + 1}.lasting()
	}
	t := l.table.Load()
	switch {
	case s.User == 0 || t.before(s.Session) > s.Began:
		return own
	case t.before(s.User) > s.Began:
		return before(oneUser, s.User)
	case t.before(s.AppScoped) > s.Began:
		return before(oneUser, s.AppScoped)
	case l.everyone.Load() > s.Began:
		return before(everyone, 0)
	case l.budget.take(s.User, l.now()):
		return own
	}
	return before(oneUser, s.User)
}
