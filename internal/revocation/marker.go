package revocation

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"slices"
	"time"

	"github.com/caddyserver/certmagic"
)

// An empty storage looks like one in which nothing has ended yet. So each app has a marker
// in it, which says since when the storage has known of ends. A node that has seen the
// marker notices at its next look when it is gone: the folder is not mounted, or the
// server has lost its data. A node that starts cannot know whether a storage without a
// marker is new or lost, and writes one. But a session that began before the marker was
// written did not begin with this storage, so it may have been revoked. [N12]

// EmptiedRemedy tells an operator what to do about a storage that has lost its marker.
const EmptiedRemedy = "mount or configure the previous storage, and make sure that its server keeps its data; " +
	"if it is lost and on_storage_failure is deny, restart Caddy; to be sure that no revoked session comes back, revoke all with caddy instagram-auth revoke --all"

// ForeignRemedy tells an operator what to do about sessions that are older than the storage.
const ForeignRemedy = "if the previous storage is only not mounted or not configured, bring it back; if it is lost, revoke all sessions with caddy instagram-auth revoke --all; " +
	"if you have changed the storage on purpose, or Caddy has just been upgraded to a version that writes the marker, there is nothing to do: the older sessions expire"

var (
	errEmptied  = errors.New("the storage was emptied or replaced")
	errNoMarker = errors.New("the storage has no marker, and writing one failed: Caddy cannot tell whether it is the right storage")
)

// foreignEvery is how often sessions are spoken of that are older than the storage.
const foreignEvery = time.Hour

// marker is what a node knows of the marker. The one Sync under way owns it.
type marker struct {
	member  *Member // in whose storage it was seen
	since   int64   // since when ends are known, in Unix milliseconds; 0 for always
	dated   bool    // that since is known
	emptied bool    // that it is gone
	// unmarked is whose storage shows ends, and does not take the marker. It is as good as
	// the storage of a version that wrote none.
	unmarked *Member
}

func (l *List) markerKey() string { return path.Join(path.Dir(l.root), "marker") }

// samePlace reports whether two members share a storage. A reload reopens the same folder.
func samePlace(a, b *Member) bool {
	if sameStorage(a, b) {
		return true
	}
	if a == nil || b == nil {
		return false
	}
	one, isFiles := a.Storage.(*certmagic.FileStorage)
	other, areFiles := b.Storage.(*certmagic.FileStorage)
	return isFiles && areFiles && one.Path == other.Path
}

// look is what a look into the storage has found.
type look struct {
	full bool
	// entries says that there are any, incomplete that there are less than this node knows.
	// Only a full look can tell.
	entries, incomplete bool
	// unwritten is what keeps the queue from being written.
	unwritten error
}

// checkMarker looks for the marker after the storage was read. It returns an error if the storage
// is another one than before, or if it cannot find out.
func (l *List) checkMarker(ctx context.Context, m *Member, look look) error {
	since, readable, err := l.loadMarker(ctx, m, look.full)
	if err == nil {
		if look.full && readable && since > l.now().Add(clockSkew).UnixMilli() {
			since = l.dateAgain(ctx, m, since)
		}
		l.markerFound(m, since, readable)
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	known := samePlace(l.marker.member, m)
	switch {
	case known && !l.marker.emptied:
		l.lost()
		return errEmptied
	case known && l.strict():
		return errEmptied
	case samePlace(l.marker.unmarked, m) && (!look.full || look.entries && look.incomplete):
		return nil // the next full look that lacks nothing tries again
	case look.full && look.entries && look.unwritten != nil && !known:
		l.leaveUnmarked(m, look.unwritten)
		return nil
	case !look.full || look.incomplete:
		// What this node knows is being written again. The marker comes last: all is there.
		l.marker.unmarked = nil
		l.state.fullAt = time.Time{}
		if known {
			return errEmptied
		}
		return errNoMarker
	}
	return l.newMarker(ctx, m, look.entries)
}

// lost notes that the marker is gone. A strict node writes nothing more into such a
// storage; others write again what they know, after they have seen what is missing.
func (l *List) lost() {
	l.marker.emptied, l.marker.unmarked = true, nil
	l.refused.Store(l.strict())
	l.state.fullAt = time.Time{}
	l.mu.Lock()
	l.state.healed = nil
	l.mu.Unlock()
	l.nudge()
}

// beforeLook forgets what was wrong with a storage that a reload has replaced. A reload may
// also have changed whether the node is strict.
func (l *List) beforeLook(m *Member) {
	if l.marker.emptied && !samePlace(l.marker.member, m) {
		l.marker.emptied = false
	}
	l.refused.Store(l.marker.emptied && l.strict())
}

// newMarker writes the marker into a storage that has none.
func (l *List) newMarker(ctx context.Context, m *Member, entries bool) error {
	// This node knows what was revoked since it began. Nobody else can tell a storage that failed
	// until now. This node knows what has ended since it started: nobody else could say so.
	since := min(l.born, l.now().UnixMilli())
	switch {
	case l.marker.dated:
		since = l.marker.since // all that this node knows has been carried over
	case entries:
		since = 0 // of a version that wrote no marker
	}
	err := l.putSealed(ctx, m, l.markerKey(), since)
	switch {
	case err == nil:
		l.markerFound(m, since, true)
	case entries:
		l.leaveUnmarked(m, err)
	default:
		l.marker.unmarked = nil
		return errors.Join(errNoMarker, err)
	}
	return nil
}

// leaveUnmarked goes on with a storage that has entries but refuses the marker, and warns once.
func (l *List) leaveUnmarked(m *Member, err error) {
	if !samePlace(l.marker.unmarked, m) {
		m.Logger.Warn("the storage can be read, but writing its marker failed; until that works, Caddy does not notice if the storage is emptied", "error", err, "remedy", Remedy)
	}
	l.marker.unmarked = m
}

// dateAgain corrects a marker dated by a clock that was ahead: until that date, nodes that start
// would take all older sessions for foreign. It returns the date that counts.
func (l *List) dateAgain(ctx context.Context, m *Member, since int64) int64 {
	right := min(l.born, l.now().UnixMilli())
	if l.marker.dated {
		right = min(right, l.marker.since)
	}
	if err := l.putSealed(ctx, m, l.markerKey(), right); err != nil {
		return since // the next full look tries again
	}
	return right
}

// loadMarker returns since when the storage has known of ends. Another node may have
// sealed that with a secret that this one does not have: then it is there, and that is all.
func (l *List) loadMarker(ctx context.Context, m *Member, full bool) (since int64, readable bool, err error) {
	timeout := operationTimeout
	if full {
		timeout = markerTimeout
	}
	key := l.markerKey()
	value, err := attempt(ctx, l.storage, timeout, func(ctx context.Context) ([]byte, error) { return m.Storage.Load(ctx, key) })
	if err != nil {
		return 0, false, err
	}
	since, readable = openNumber(value, key, l.sealers())
	return since, readable, nil
}

// markerTimeout is how long a first look waits for the marker, beside the listing.
const markerTimeout = 5 * time.Second

// markerFound notes the marker. Of two storages or of two nodes that wrote it at once, the
// older date counts, because the mirror holds what both know; and never the future, which
// is what a clock that is ahead would write.
func (l *List) markerFound(m *Member, since int64, readable bool) {
	if l.marker.emptied {
		l.marker.emptied = false
		l.refused.Store(false)
		l.state.fullAt = time.Time{} // what could not be written meanwhile is missing
		l.nudge()
	}
	l.marker.member, l.marker.unmarked = m, nil
	if !readable {
		return
	}
	since = min(since, l.now().UnixMilli())
	if !l.marker.dated || since < l.marker.since {
		l.marker.since, l.marker.dated = since, true
		l.since.Store(since - clockSkew.Milliseconds())
	}
}

// strict reports whether a member wants a storage that was emptied to be a fault.
func (l *List) strict() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.members, func(m *Member) bool { return m.Strict })
}

// Foreign reports whether a session began (Unix milliseconds) before the storage knew of any end:
// it began with another storage, or this one was lost since. It takes no lock.
func (l *List) Foreign(began int64) bool { return began < l.since.Load() }

// ReportForeign tells the operator of a session that is older than the storage, now and then.
func (l *List) ReportForeign() {
	now, last := l.now().Unix(), l.foreignAt.Load()
	if now-last < int64(foreignEvery/time.Second) || !l.foreignAt.CompareAndSwap(last, now) {
		return
	}
	if m := l.current(); m != nil {
		m.Logger.Error("a session is older than the storage; Caddy cannot tell whether it was revoked",
			"storage_since", time.UnixMilli(l.since.Load()).Add(clockSkew).UTC().Format(time.RFC3339), "remedy", ForeignRemedy)
	}
}
