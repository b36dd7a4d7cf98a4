// Package revocation knows which sessions ended before their time: by logout, by a
// callback of Instagram's, by the operator. It keeps them in Caddy's own storage, where
// every node finds them, and mirrors them in memory, where every request looks.
//
// A storage that is down ends nobody's session: the mirror goes on being used, and
// what could not be written is written later.
package revocation

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/certmagic"
)

const (
	// DefaultInterval is how often the storage is asked what is new.
	DefaultInterval = 5 * time.Second

	// MaxLifetime is how long a session may last at the most, whatever the options say.
	MaxLifetime = 366 * 24 * time.Hour

	// clockSkew is how far the clocks of two nodes may be apart. [S7]
	clockSkew = time.Minute

	// firstWait is how long a request waits for the first look into the storage. If that
	// takes longer, the request is refused for now.
	firstWait = 2 * time.Second
)

// Storage is Caddy's storage, which operators choose.
type Storage = certmagic.Storage

// Member is a handler that uses a list. The newest one's storage is asked.
type Member struct {
	Storage Storage
	// Sealer seals what this member writes. What is found is opened with those of all members.
	Sealer Sealer
	// Interval is how often the storage is asked; of several members the shortest
	// counts. Default: DefaultInterval.
	Interval time.Duration
	// Lifetime is that of the member's sessions. The default is MaxLifetime.
	Lifetime time.Duration
	// Snapshot is the file of the node's local copy, for a start while the storage is down. It is
	// the one that SnapshotFile names. The default is none.
	Snapshot string
	// Strict says that a storage which was emptied is a fault that somebody has to see to.
	Strict bool
	// OnChange is called when the list knows of more revoked sessions than before. It must not
	// wait. It may be nil.
	OnChange func()
	Logger   *slog.Logger
}

// List is what one node knows of the revoked sessions of one app. It is safe for concurrent use,
// and outlives the handlers that use it while one configuration replaces another.
type List struct {
	app, root string
	now       func() time.Time
	born      int64 // when it was made, in Unix milliseconds

	table    atomic.Pointer[table]
	everyone atomic.Int64 // all sessions that began before this moment have ended
	writing  sync.Mutex   // of the table

	mu      sync.Mutex
	members []*Member // the newest last
	queue   queue
	waiting []chan struct{} // for the next sync to begin, and end
	sweeper sweeper
	last    map[entryID]written // what this node wrote last about people

	meanwhile map[entryID]bool // what has ended while everything is listed; nil at other times

	budget budget

	marker    marker
	since     atomic.Int64 // sessions that began before are foreign, in Unix milliseconds
	refused   atomic.Bool  // nothing is written into a storage that was emptied
	foreignAt atomic.Int64 // when they were spoken of last, in Unix seconds

	snapshot snapshot
	local    gatekeeper // of the disk that has it
	later    laterEntries

	storage  gatekeeper
	syncing  sync.Mutex   // held by the one Sync under way, which owns state
	state    syncState    // failing and unreadable also under mu
	lastSync atomic.Int64 // of the last good one, in Unix seconds; 0 before it
	setBy    atomic.Int64 // by how much the clock was set since the start, in nanoseconds

	first     chan struct{} // closed after the first sync, good or bad
	firstOnce sync.Once
	ready     atomic.Bool // that first is closed, for less than a channel costs

	wake   chan struct{}
	cancel context.CancelFunc
	done   chan struct{}
}

// New returns the list of an app. It reads the storage once there is a member. now is the clock.
func New(app string, now func() time.Time) *List {
	ctx, cancel := context.WithCancel(context.Background())
	l := &List{
		app: app, root: root(app), now: now, born: now().UnixMilli(),
		storage: storageGate(), local: localGate(), queue: newQueue(),
		first: make(chan struct{}), wake: make(chan struct{}, 1), cancel: cancel, done: make(chan struct{}),
	}
	l.table.Store(newTable(smallestTable))
	go l.run(ctx)
	return l
}

// Join makes a handler a member. leave ends that; it may be called more than once.
func (l *List) Join(m Member) (leave func()) {
	if m.Interval <= 0 {
		m.Interval = DefaultInterval
	}
	l.mu.Lock()
	l.members = append(l.members, &m)
	l.mu.Unlock()
	l.nudge()
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.members = slices.DeleteFunc(l.members, func(other *Member) bool { return other == &m })
	}
}

// Close ends the looking after, tries once more to write what could not be written,
// and waits until all that is done. It must be called before the last member leaves.
func (l *List) Close() {
	l.cancel()
	<-l.done
	l.sweeper.all.Wait()
	l.closeSnapshot()
	l.storage.drain()
	l.local.drain()
}

// nudge has the list look into the storage now.
func (l *List) nudge() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// run looks into the storage until Close.
func (l *List) run(ctx context.Context) {
	defer close(l.done)
	for {
		if l.current() != nil {
			l.mu.Lock()
			waiting := l.waiting
			l.waiting = nil
			l.mu.Unlock()
			l.Sync(ctx)
			for _, done := range waiting {
				close(done)
			}
			l.firstOnce.Do(func() { l.ready.Store(true); close(l.first) })
		}
		timer := time.NewTimer(l.interval())
		select {
		case <-ctx.Done():
			timer.Stop()
			l.lastFlush()
			return
		case <-l.wake:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// current returns the member whose storage counts, nil where there is none.
func (l *List) current() *Member {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.members) == 0 {
		return nil
	}
	return l.members[len(l.members)-1]
}

func (l *List) interval() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.members) == 0 {
		return DefaultInterval
	}
	return slices.MinFunc(l.members, func(a, b *Member) int { return cmp.Compare(a.Interval, b.Interval) }).Interval
}

// sealers returns those of all members, the newest first.
func (l *List) sealers() []Sealer {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]Sealer, 0, len(l.members))
	for _, m := range slices.Backward(l.members) {
		all = append(all, m.Sealer)
	}
	return all
}

// Known reports whether the first look into the storage is over: it has read the list,
// or the storage has failed. Before that, nobody can tell a revoked session from another.
func (l *List) Known() bool { return l.ready.Load() }

// Await waits for the first look into the storage, but not for long, and reports whether
// it is over. The look itself gives up after fullTimeout.
func (l *List) Await(ctx context.Context) (known bool) {
	if l.Known() {
		return true
	}
	waitFor(ctx, l.first)
	return l.Known()
}

// waitFor waits until a channel is closed or ctx ends, but no longer than firstWait.
func waitFor(ctx context.Context, closed <-chan struct{}) {
	timer := time.NewTimer(firstWait)
	defer timer.Stop()
	select {
	case <-closed:
	case <-ctx.Done():
	case <-timer.C:
	}
}

// CatchUp reads the storage now and waits for the result, but not for long. A new session must
// begin after every revocation of older sessions of its person, also after one on another node a
// moment ago. Callers that wait at the same time share one read.
func (l *List) CatchUp(ctx context.Context) {
	done := make(chan struct{})
	l.mu.Lock()
	failing := l.state.failing != nil
	if !failing {
		l.waiting = append(l.waiting, done)
	}
	l.mu.Unlock()
	if failing {
		return
	}
	l.nudge()
	waitFor(ctx, done)
}

// A Subject is a session as the list sees it.
type Subject struct {
	// Session, User and AppScoped are the keys of the session and of its person, by both IDs.
	Session, User, AppScoped Key
	// AtBlock is the key of the person at one block, 0 for none: see Key.At.
	AtBlock Key
	// Began is when the session began, in Unix milliseconds.
	Began int64
}

// Ended reports whether a session has ended early. It asks no storage, and takes no lock unless the
// time of something has come.
func (l *List) Ended(s Subject) bool {
	l.believeDue()
	t := l.table.Load()
	if t.before(s.Session) > s.Began || t.before(s.User) > s.Began {
		return true
	}
	if s.AppScoped != s.User && t.before(s.AppScoped) > s.Began || l.everyone.Load() > s.Began {
		return true
	}
	return s.AtBlock != 0 && t.before(s.AtBlock) > s.Began
}

// EndedAlone reports whether a session has ended early by itself, and not only with all others of
// its person or of everybody.
func (l *List) EndedAlone(s Subject) bool { return l.table.Load().before(s.Session) > s.Began }

// Begin returns the moment from which a new session of a person counts, in Unix
// milliseconds: now, or later where the end of their older ones was dated later to cover
// clocks that are ahead. A new login always outlives what ended the old ones.
func (l *List) Begin(user, appScoped, atBlock Key) int64 {
	l.believeDue()
	t := l.table.Load()
	return max(l.now().UnixMilli(), t.before(user), t.before(appScoped), t.before(atBlock), l.everyone.Load())
}

// Stale reports whether the last good look into the storage is longer ago than most.
func (l *List) Stale(most time.Duration) bool {
	return l.now().Unix()-l.lastSync.Load() > int64(most/time.Second)
}

// Status is what an operator can know of a list.
type Status struct {
	App string
	// Entries is how many revocations are known, Queued how many are not written yet.
	Entries, Queued int
	// Lost is how many could not be kept for writing.
	Lost int
	// Synced is when the storage was last read; zero if it never was.
	Synced time.Time
	// Unreadable is how many unopened entries of the last full look may end a live session.
	Unreadable int
	// Failing is what keeps the storage from being read, nil if nothing does.
	Failing error
	// Interval is the time between two looks into the storage.
	Interval time.Duration
}

// Status returns the state of the list.
func (l *List) Status() Status {
	s := Status{App: l.app, Entries: l.table.Load().live(l.now().Unix()), Interval: l.interval()}
	if at := l.lastSync.Load(); at != 0 {
		s.Synced = time.Unix(at, 0)
	}
	if l.everyone.Load() != 0 {
		s.Entries++
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	s.Queued, s.Lost = len(l.queue.order), l.queue.lost
	s.Unreadable, s.Failing = l.state.unreadable, l.state.failing
	return s
}
