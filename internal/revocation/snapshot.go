package revocation

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// A node that starts while the storage is down would let everybody back in who has signed out. So
// each node keeps what it knows in a file on its own disk, too. [F7]
//
// Everything that ends is appended at once. From time to time, the file is written anew without
// what has expired. It is read once, before the first look into the storage. What had not reached
// the storage is queued again. The rest counts after that look, whether it succeeds or fails.

const (
	// markEvery is how often the file is told that the storage was read.
	markEvery = time.Minute

	// smallestSnapshot is the size up to which a file is not written anew.
	smallestSnapshot = 64 << 10

	// maxLearned is how many entries of one look are appended: for more, the file is written anew.
	maxLearned = 10_000

	// replaceTimeout bounds writing the file anew, snapshotRest is the rest after a failure.
	replaceTimeout = 30 * time.Second
	snapshotRest   = time.Minute
)

// SnapshotRemedy tells an operator what to do about a snapshot that cannot be written.
const SnapshotRemedy = "let Caddy's user write to this file's folder, in Caddy's data folder, and check that its disk answers and " +
	"has space left; until then, a Caddy that restarts while the storage is down accepts revoked sessions"

// ReadRemedy tells an operator what to do about a snapshot that the disk does not give.
const ReadRemedy = "let Caddy's user read this file in Caddy's data folder, and check that its disk answers; until then, " +
	"a Caddy that starts while the storage is down accepts revoked sessions"

// DamageRemedy tells an operator what to do about a snapshot that cannot be read.
const DamageRemedy = "if you have just replaced a secret without listing the old one, there is nothing to do; " +
	"otherwise check the disk of Caddy's data folder, and that all Caddys that share that folder have the same secrets"

// SnapshotFile returns the place of an app's snapshot below Caddy's data folder.
func SnapshotFile(dataFolder, app string) string {
	return filepath.Join(dataFolder, filepath.FromSlash(path.Dir(root(app))), "snapshot")
}

// snapshot is what the list knows of its file.
type snapshot struct {
	mu         sync.Mutex
	file       *snapshotFile // nil before the first use
	size, base int64         // in bytes: now, and when it was written anew
	carried    int64         // in bytes: what does not open
	lacks      bool          // something that this node knows
	sealedFor  string        // whom it was written anew for
	markedAt   time.Time
	failed     bool      // the operator knows
	restUntil  time.Time // before something is appended
	anewAfter  time.Time // it may be written anew
	replacing  bool
	all        sync.WaitGroup // of the replacement under way

	// The one Sync under way owns the rest.
	recalled  *Member   // whose secrets have opened it; nil before it was read
	triedAt   time.Time // to read it
	unread    bool      // and the disk did not give it
	unopened  bool      // that some lines did not
	learned   []record
	tooMany   bool // were learned
	storeRead bool // there was a good look
}

// snapshotOf returns the file of a member, nil for none.
func (l *List) snapshotOf(m *Member) *snapshotFile {
	if m == nil || m.Snapshot == "" {
		return nil
	}
	l.snapshot.mu.Lock()
	defer l.snapshot.mu.Unlock()
	if l.snapshot.file == nil || l.snapshot.file.path != m.Snapshot {
		l.snapshot.file = &snapshotFile{path: m.Snapshot}
	}
	return l.snapshot.file
}

func (l *List) lineSealer() *lineSealer {
	return &lineSealer{l.distinctSealers(), snapshotData(l.root), l.now().Unix()}
}

// distinctSealers returns the sealers of the members, each secret once.
func (l *List) distinctSealers() (distinct []Sealer) {
	for _, s := range l.sealers() {
		if !slices.ContainsFunc(distinct, func(other Sealer) bool { return other.ID() == s.ID() }) {
			distinct = append(distinct, s)
		}
	}
	return distinct
}

// keepLocally appends records to the snapshot. It returns when they are there, or when that has
// failed: that changes nothing else.
func (l *List) keepLocally(records ...record) {
	sealer := l.lineSealer()
	lines, err := sealer.appendLines(nil, records)
	if err == nil {
		l.appendLocally(lines)
	}
}

func (l *List) appendLocally(lines []byte) {
	m := l.current()
	file := l.snapshotOf(m)
	if file == nil || len(lines) == 0 {
		return
	}
	s := &l.snapshot
	s.mu.Lock()
	resting := l.now().Before(s.restUntil)
	s.lacks = s.lacks || resting
	s.mu.Unlock()
	if resting {
		return
	}
	// A disk that hangs must hold nobody for long.
	size, err := attempt(context.Background(), l.local, operationTimeout, func(context.Context) (int64, error) {
		return file.append(lines)
	})
	s.mu.Lock()
	if err == nil {
		s.size = size
	}
	s.mu.Unlock()
	l.reportSnapshot(m, err, false)
}

// keptLocally reports whether the snapshot has everything.
func (l *List) keptLocally(m *Member) bool {
	l.snapshot.mu.Lock()
	defer l.snapshot.mu.Unlock()
	return m.Snapshot != "" && !l.snapshot.lacks
}

// reportSnapshot tells the operator that the snapshot cannot be written, once. One that cannot be
// written anew can perhaps be appended to.
func (l *List) reportSnapshot(m *Member, err error, anew bool) {
	s := &l.snapshot
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		if s.failed && !s.lacks {
			s.failed = false
			m.Logger.Info("the local copy of the revoked sessions can be written again")
		}
		return
	}
	s.lacks = true
	if errors.Is(err, errNotAFile) {
		return // a file takes its place
	}
	if s.anewAfter = l.now().Add(snapshotRest); !anew {
		s.restUntil = s.anewAfter
	}
	if !s.failed {
		s.failed = true
		m.Logger.Warn("writing the local copy of the revoked sessions failed", "file", m.Snapshot, "error", err, "remedy", SnapshotRemedy)
	}
}

// recollection is what a snapshot has.
type recollection struct {
	rest              []entry           // in the storage, too
	queued            map[entryID]entry // not in the storage
	lines, unreadable int
	unopened          int   // lines that do not open, also those that an operator has heard of
	newest, looked    int64 // when the last line was written, and the storage was read
	last              int64 // when the last line with entries was written, even if that is not the newest
	ahead             int   // entries whose time has not come
}

// add takes a line in.
func (c *recollection) add(kind lineKind, written int64, records []record) {
	c.newest = max(c.newest, written)
	if kind == goodLook {
		c.looked = max(c.looked, written)
	} else {
		c.last = written
	}
	for _, r := range records {
		r.entry = r.lasting()
		if waiting, waits := c.queued[r.id()]; r.queued {
			c.queued[r.id()] = r.joined(waiting)
		} else if waits && waiting.before <= r.before && waiting.expires <= r.expires {
			delete(c.queued, r.id())
		}
		if !r.queued {
			c.rest = append(c.rest, r.entry)
		}
	}
}

// addUnopened counts a line that does not open. Of one with a date, the operator has heard.
func (c *recollection) addUnopened(line []byte) {
	c.unopened++
	if _, _, heard := dateOf(line); !heard {
		c.unreadable++
	}
}

// shouldRecall reports whether the snapshot is to be read: before the first look into the storage,
// and again while that fails and a new member has secrets that may open more; after a rest if the
// disk did not give it; and after the clock was set back, because what had expired may count again.
func (s *snapshot) shouldRecall(m *Member, now time.Time) bool {
	switch { // Round(0): a monotonic clock goes on as if nothing had been set back
	case s.triedAt.IsZero(), now.Round(0).Before(s.triedAt.Round(0).Add(-clockSkew)):
		return true
	case s.unread:
		return now.Sub(s.triedAt) >= snapshotRest
	}
	return !s.storeRead && s.unopened && s.recalled != m
}

// recall reads the snapshot. What was not in the storage counts, and is queued.
func (l *List) recall(m *Member) *recollection {
	s := &l.snapshot
	file, now, timeout := l.snapshotOf(m), l.now(), replaceTimeout
	if file == nil || !s.shouldRecall(m, now) {
		return nil
	}
	if s.unread && s.storeRead {
		timeout = operationTimeout // what is new in the storage must not wait for this disk
	}
	warned := s.unread
	s.recalled, s.triedAt, s.unread = m, now, false
	c := &recollection{queued: make(map[entryID]entry)}
	sealers, data := l.sealers(), snapshotData(l.root)
	_, err := attempt(context.Background(), l.local, timeout, func(context.Context) (struct{}, error) {
		return struct{}{}, file.read(func(line []byte) {
			c.lines++
			if kind, written, records, ok := readLine(line, sealers, data); ok {
				c.add(kind, written, records)
			} else {
				c.addUnopened(line)
			}
		})
	})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil && !errors.Is(err, errTooLarge):
		s.mu.Lock()
		s.lacks = true
		s.mu.Unlock()
		if s.unread = true; warned {
			return nil
		}
		m.Logger.Warn("the local copy of the revoked sessions cannot be read and is ignored", "file", file.path, "error", err, "remedy", ReadRemedy)
		return nil
	case c.newest != 0 && l.now().Unix()-c.newest > int64(MaxLifetime/time.Second):
		m.Logger.Warn("the local copy of the revoked sessions is older than any session and is ignored", "file", file.path,
			"age", l.ageOf(c.newest), "remedy", "there is nothing to do: Caddy writes the copy again when it has read the storage")
		return nil
	}
	if s.unopened = c.unopened > 0; c.unreadable > 0 || err != nil {
		m.Logger.Warn("parts of the local copy of the revoked sessions cannot be read and are ignored", "file", file.path,
			"unreadable", c.unreadable, "lines", c.lines, "error", err, "remedy", DamageRemedy)
	}
	l.queueAgain(m, c)
	return c
}

// ageOf returns how long ago a moment is, for the log.
func (l *List) ageOf(at int64) string {
	age := time.Duration(l.now().Unix()-at) * time.Second
	switch {
	case at == 0:
		return "unknown"
	case age < -clockSkew:
		return "unknown, because it was written at " + time.Unix(at, 0).UTC().Format(time.RFC3339) + ", which is in the future"
	}
	return max(age, 0).String()
}

// queueAgain queues what the snapshot has and the storage does not.
func (l *List) queueAgain(m *Member, c *recollection) {
	count := 0
	for _, e := range c.queued {
		if e.expires <= l.now().Add(-grace).Unix() {
			continue
		}
		if l.ahead(e) {
			l.keepForLater(e, c)
		} else {
			l.note(e)
		}
		l.keep(e)
		count++
	}
	if count > 0 {
		m.Logger.Info("revoked sessions that Caddy could not store before it stopped are being stored now", "count", count)
	}
}

// afterLook has the rest of the snapshot count, and brings the snapshot up to date.
func (l *List) afterLook(m *Member, c *recollection, seen look, err error) {
	s := &l.snapshot
	first := err == nil && !s.storeRead
	s.storeRead = s.storeRead || err == nil
	if c != nil {
		l.useRest(m, c, seen, err)
	}
	if l.snapshotOf(m) == nil {
		s.learned, s.tooMany = nil, false
		return
	}
	l.keepLearned(err == nil)
	if l.worthReplacing(first, seen.full && err == nil) {
		l.replaceBeside(m)
	}
}

// useRest has everything count that the snapshot has. A storage that can be read has it all, unless
// it was emptied, or restored from a backup: then the next look finds what it lacks.
func (l *List) useRest(m *Member, c *recollection, seen look, failed error) {
	count, missed, now := len(c.queued), 0, l.now().Unix()
	l.makeRoom(len(c.rest))
	defer l.makeRoom(0)
	for _, e := range c.rest {
		if e.expires <= now-int64(grace/time.Second) {
			continue
		}
		if count++; l.ahead(e) {
			l.keepForLater(e, c)
			continue
		}
		if l.note(e) && e.expires > now {
			missed++
		}
	}
	if c.ahead > 0 {
		m.Logger.Warn("the local copy has revoked sessions that are dated into the future: the clock of this machine is behind, or was ahead when they were written",
			"count", c.ahead, "remedy", "check that the time is right now, and how it is synchronized; sessions that begin before these dates end when the clock gets there")
	}
	switch {
	case failed != nil:
		m.Logger.Warn("the storage cannot be read; the local copy of the revoked sessions is in use", "age", l.ageOf(c.looked), "count", count,
			"error", failed, "remedy", Remedy)
		return
	case missed == 0:
		return
	case !seen.entries:
		m.Logger.Warn("the storage has no revoked sessions; those of the local copy count, and Caddy writes them to the storage", "age", l.ageOf(c.looked), "count", missed,
			"remedy", "if you have changed or emptied the storage on purpose, there is nothing to do; otherwise mount or configure the previous storage")
	}
	l.state.fullAt = time.Time{} // see heal
	l.nudge()
}

// learn notes what a look has found, to be kept on this machine.
func (s *snapshot) learn(r record) {
	if len(s.learned) >= maxLearned {
		s.learned, s.tooMany = nil, true
	}
	if !s.tooMany {
		s.learned = append(s.learned, r)
	}
}

// keepLearned appends what a look has found, and when it was.
func (l *List) keepLearned(good bool) {
	s := &l.snapshot
	sealer := l.lineSealer()
	lines, err := sealer.appendLines(nil, s.learned)
	now := l.now()
	s.mu.Lock()
	s.lacks = s.lacks || s.tooMany || err != nil
	mark := good && (now.Sub(s.markedAt) >= markEvery || now.Before(s.markedAt))
	if mark {
		s.markedAt = now
	}
	s.mu.Unlock()
	s.learned, s.tooMany = nil, false
	if mark && err == nil {
		lines, err = sealer.appendLine(lines, goodLook, nil)
	}
	if err == nil {
		l.appendLocally(lines)
	}
}

// worthReplacing reports whether the file is to be written anew: after the first good look, when
// it has grown to twice what is in it, when it lacks something, and for other secrets.
func (l *List) worthReplacing(first, full bool) bool {
	s := &l.snapshot
	ids := l.sealerIDs()
	live := int64(0)
	if full {
		live = l.lineSealer().sizeOf(l.table.Load().live(l.now().Unix()))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.replacing || l.now().Before(s.anewAfter) || s.mustStay() {
		return false
	}
	outgrown := s.size > 2*max(s.base, smallestSnapshot) || full && s.size > 2*max(live+s.carried, smallestSnapshot)
	return first || outgrown || s.lacks || s.base != 0 && s.sealedFor != ids
}

// mustStay reports whether the file, which the disk did not give, may be all that is known.
func (s *snapshot) mustStay() bool { return s.unread && !s.storeRead }

// sealerIDs names the secrets of all members.
func (l *List) sealerIDs() (ids string) {
	for _, s := range l.distinctSealers() {
		ids += s.ID() + "\n"
	}
	return ids
}

// replaceBeside writes the file anew in the background.
func (l *List) replaceBeside(m *Member) {
	s := &l.snapshot
	s.mu.Lock()
	s.replacing = true
	s.mu.Unlock()
	s.all.Go(func() { l.replaceNow(m) })
}

func (l *List) replaceNow(m *Member) {
	s := &l.snapshot
	file, ids := l.snapshotOf(m), l.sealerIDs()
	s.mu.Lock()
	s.lacks = false // what fails from now on is missing
	s.mu.Unlock()
	size, err := attempt(context.Background(), l.local, replaceTimeout, func(context.Context) (int64, error) {
		return file.replace(l.writeAll)
	})
	if err != nil || size > 0 { // otherwise, another process is writing it anew
		l.reportSnapshot(m, err, true)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.replacing = false
	if err == nil && size > 0 {
		s.size, s.base, s.sealedFor = size, size, ids
	} else {
		s.lacks = true // also where another process is writing it anew
	}
}

// closeSnapshot leaves a file without what nobody needs any more. If the storage was never read,
// the file is all that there is, and the clock may be wrong that takes its entries for expired.
func (l *List) closeSnapshot() {
	m := l.current()
	if l.snapshotOf(m) == nil {
		return
	}
	s := &l.snapshot
	s.all.Wait()
	s.mu.Lock()
	complete := !s.storeRead || s.base != 0 && s.size == s.base
	idle := complete && !s.lacks || l.now().Before(s.anewAfter) || s.mustStay()
	s.mu.Unlock()
	if !idle {
		l.replaceNow(m)
	}
}

// writeAll writes what this node knows, and what only the old file has: another process that shares
// it may know more, and one with other secrets may need what does not open here.
func (l *List) writeAll(old io.Reader, to io.Writer) (read int64, err error) {
	sealers, sealer := l.sealers(), l.lineSealer()
	later := l.later.entries() // first: the table gets what is no longer there
	t, all, kept := l.table.Load(), l.everyone.Load(), recollection{queued: make(map[entryID]entry)}
	var unopened []byte
	known := func(r record) bool {
		before := t.before(r.key)
		if r.kind == everyone {
			before = all
		}
		return !r.queued && (before >= r.before || later[r.entry])
	}
	read, err = readLines(old, func(line []byte) {
		if kind, written, records, ok := readLine(line, sealers, sealer.data); ok {
			waits := func(r record) bool { _, waits := kept.queued[r.id()]; return waits }
			kept.add(kind, written, slices.DeleteFunc(records, func(r record) bool { return known(r) && !waits(r) }))
		} else if dated, ok := datedLine(line, l.now()); ok && len(unopened)+len(dated) < maxUnopened {
			unopened = append(append(unopened, dated...), '\n')
		}
	})
	if err != nil && !errors.Is(err, errTooLarge) {
		read = 0 // a disk that cannot be read: what this node knows is written all the same
	}
	l.mu.Lock()
	for _, e := range l.queue.waiting {
		kept.queued[e.id()] = e.joined(cmp.Or(kept.queued[e.id()], e))
	}
	l.mu.Unlock()
	kept.rest = slices.AppendSeq(kept.rest, maps.Keys(later))
	l.snapshot.noteCarried(len(unopened))
	_, err = to.Write(unopened)
	return read, errors.Join(err, l.writeRecords(to, sealer, t, &kept))
}

// noteCarried notes how many bytes of the file do not open.
func (s *snapshot) noteCarried(size int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.carried = int64(size)
}

// writeRecords writes the table, what else was kept, and last what is queued.
func (l *List) writeRecords(to io.Writer, sealer *lineSealer, t *table, kept *recollection) (err error) {
	oldest := l.now().Add(-grace).Unix()
	var lines []byte
	lineful := sealer.perLine()
	some := make([]record, 0, lineful)
	write := func(least int) {
		if err != nil || len(some) < max(1, least) {
			return
		}
		if lines, err = sealer.appendLines(lines[:0], some); err == nil {
			_, err = to.Write(lines)
		}
		some = some[:0]
	}
	add := func(e entry, queued bool) {
		if e.expires > oldest {
			some = append(some, record{e, queued})
			write(lineful)
		}
	}
	for i := range t.slots {
		if e, ok := t.slots[i].entry(); ok {
			add(e, false)
		}
	}
	if before := l.everyone.Load(); before > 0 {
		add(entry{kind: everyone, before: before}.lasting(), false)
	}
	for _, e := range kept.rest {
		add(e, false)
	}
	for _, e := range kept.queued {
		add(e, true)
	}
	write(1)
	looked := max(kept.looked, l.lastSync.Load())
	if err == nil && looked != 0 {
		sealer.now = looked
		lines, err = sealer.appendLine(lines[:0], goodLook, nil)
		_, writeErr := to.Write(lines)
		err = errors.Join(err, writeErr)
	}
	return err
}
