package revocation

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var errOutage = errors.New("the storage is down")

// outage makes a storage fail, and no longer.
func (m *memory) outage(is bool) {
	if !is {
		m.inTrouble(nil)
		return
	}
	m.inTrouble(func(context.Context, string) error { return errOutage })
}

// snapshotIn returns the change that gives a member a snapshot in a folder.
func snapshotIn(folder string) func(*Member) {
	return func(m *Member) { m.Snapshot = SnapshotFile(folder, "123") }
}

func sealedWith(t testing.TB, secrets ...string) func(*Member) {
	return func(m *Member) { m.Sealer = newVault(t, secrets...) }
}

// killed makes a list forget its file, and what waits, as kill -9 does. What it does at its end is
// then nothing.
func (n *node) killed() {
	n.mu.Lock()
	n.queue = newQueue()
	for _, m := range n.members {
		m.Snapshot = ""
	}
	n.mu.Unlock()
	n.Close()
	n.leave()
}

// settled waits until nothing is being written.
func (n *node) settled() {
	synctest.Wait()
	n.snapshot.all.Wait()
}

func TestF7_ANodeThatStartsWithoutTheStorageKnowsWhoSignedOut(t *testing.T) {
	bubble(t, func(t *testing.T) {
		folder, storage := t.TempDir(), newMemory()
		one, two := newNode(t, storage, snapshotIn(folder)), newNode(t, storage)
		here, elsewhere, stays := newKey(), newKey(), newKey()
		person, removed := one.person("1"), one.person("2")
		one.end(t, here)
		two.end(t, elsewhere)
		if err := one.EndUser(t.Context(), person.User); err != nil {
			t.Fatal(err)
		}
		one.sync()
		storage.outage(true)
		unwritten := newKey()
		if err := one.EndSession(t.Context(), Subject{Session: unwritten}, one.now().Add(testLifetime)); !errors.Is(err, ErrNotWritten) {
			t.Fatal(err)
		}
		later := newKey()
		one.EndSessionLater(Subject{Session: later}, one.now().Add(testLifetime))
		one.settled()
		one.killed()

		again := newNode(t, storage, snapshotIn(folder))
		for name, s := range map[string]Subject{
			"here": {Session: here}, "elsewhere": {Session: elsewhere}, "unwritten": {Session: unwritten}, "later": {Session: later}, "a person": person,
		} {
			if !again.Ended(s) {
				t.Errorf("%s: a session is back", name)
			}
		}
		if again.knows(stays) || again.Ended(removed) {
			t.Error("a session ended that nobody has ended")
		}
		if again.log.count("the local copy of the revoked sessions is in use") != 1 || again.log.count("age=") == 0 {
			t.Errorf("logged: %s", again.log.lines.String())
		}
		if again.Status().Queued != 2 || !again.Stale(time.Minute) {
			t.Errorf("queued %d; stale %v", again.Status().Queued, again.Stale(time.Minute))
		}
		// A storage that comes back gets what it lacks.
		storage.outage(false)
		again.sync()
		again.sync()
		third := newNode(t, storage)
		if !third.knows(unwritten) || !third.knows(later) || !third.knows(here) {
			t.Error("the storage lacks what was kept")
		}
	})
}

// killedInAnOutage has a node end two sessions, and kills it: one is in the storage and in the
// local copy, the other in the copy alone, because the storage was down by then.
func killedInAnOutage(t *testing.T, folder string, storage *memory) (written, unwritten Key) {
	t.Helper()
	n := newNode(t, storage, snapshotIn(folder))
	written, unwritten = newKey(), newKey()
	n.end(t, written)
	storage.outage(true)
	_ = n.EndSession(t.Context(), Subject{Session: unwritten}, n.now().Add(testLifetime))
	n.settled()
	n.killed()
	return written, unwritten
}

func TestF7_WhatWasNotInTheStorageIsQueuedAgainByAStartThatFindsItUp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		folder, storage := t.TempDir(), newMemory()
		written, unwritten := killedInAnOutage(t, folder, storage)
		storage.outage(false)
		before := storage.count("")

		again := newNode(t, storage, snapshotIn(folder))
		if !again.knows(unwritten) || !again.knows(written) {
			t.Error("a session is back")
		}
		if grown := storage.count("") - before; grown != 1 {
			t.Errorf("%d names were written, want that of the one", grown)
		}
		again.settled()
		again.killed()
		// And not once more.
		before = storage.count("")
		third := newNode(t, storage, snapshotIn(folder))
		if grown := storage.count("") - before; grown != 0 || third.Status().Queued != 0 {
			t.Errorf("%d names were written again", grown)
		}
	})
}

func TestF7_AnOrdinaryStopLosesNothingThatCouldNotBeWritten(t *testing.T) {
	bubble(t, func(t *testing.T) {
		folder, storage := t.TempDir(), newMemory()
		one := newNode(t, storage, snapshotIn(folder))
		storage.outage(true)
		key := newKey()
		_ = one.EndSession(t.Context(), Subject{Session: key}, one.now().Add(testLifetime))
		one.Close()
		if one.log.count("this node writes them when it starts again") != 1 || one.log.count("other nodes will not learn of them") != 0 {
			t.Errorf("logged: %s", one.log.lines.String())
		}
		one.leave()
		storage.outage(false)
		newNode(t, storage, snapshotIn(folder))
		if !newNode(t, storage).knows(key) {
			t.Error("the storage did not get it")
		}
	})
}

func TestF7_AStorageThatHasLostEverythingGetsItFromTheLocalCopy(t *testing.T) {
	bubble(t, func(t *testing.T) {
		folder, storage := t.TempDir(), newMemory()
		one := newNode(t, storage, snapshotIn(folder))
		key := newKey()
		one.end(t, key)
		one.settled()
		one.killed()
		empty := newMemory()
		again := newNode(t, empty, snapshotIn(folder))
		if !again.knows(key) || again.log.count("the storage has no revoked sessions") != 1 {
			t.Errorf("a session is back; logged: %s", again.log.lines.String())
		}
		again.sync()
		again.sync()
		if !newNode(t, empty).knows(key) {
			t.Error("the storage did not get it")
		}
	})
}

// kept returns a snapshot with ended sessions, and their keys.
func kept(t *testing.T, n int) (content []byte, keys []Key) {
	t.Helper()
	folder, storage := t.TempDir(), newMemory()
	one := newNode(t, storage, snapshotIn(folder))
	for range n {
		keys = append(keys, newKey())
		one.end(t, keys[len(keys)-1])
	}
	one.settled()
	content, err := os.ReadFile(SnapshotFile(folder, "123"))
	if err != nil {
		t.Fatal(err)
	}
	one.killed()
	return content, keys
}

// startWith starts a node with a snapshot and a storage that is down.
func startWith(t *testing.T, content []byte, changes ...func(*Member)) *node {
	t.Helper()
	folder, storage := t.TempDir(), newMemory()
	file := SnapshotFile(folder, "123")
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, content, 0o600)); err != nil {
		t.Fatal(err)
	}
	storage.outage(true)
	return newNode(t, storage, append([]func(*Member){snapshotIn(folder)}, changes...)...)
}

func (n *node) countKnown(keys []Key) (known int) {
	for _, key := range keys {
		if n.knows(key) {
			known++
		}
	}
	return known
}

func TestF7_OfADamagedCopyCountsWhatOpens(t *testing.T) {
	bubble(t, func(t *testing.T) {
		content, keys := kept(t, 40)
		flipped := bytes.Clone(content)
		flipped[len(flipped)/2] ^= 0x20
		for name, c := range map[string]struct {
			content         []byte
			least, most     int
			warned, ignored int
		}{
			"whole":            {content, 40, 40, 0, 0},
			"cut in half":      {content[:len(content)/2], 10, 25, 1, 0},
			"a flipped byte":   {flipped, 38, 39, 1, 0},
			"without its head": {content[len(content)/2:], 10, 25, 1, 0},
			"twice":            {append(bytes.Clone(content), content...), 40, 40, 0, 0},
			"with rubbish":     {append([]byte("\x00\xff,,,\nAAAA\n"+strings.Repeat("x", 300_000)+"\n"), content...), 40, 40, 1, 0},
			"CRLF":             {bytes.ReplaceAll(content, []byte("\n"), []byte("\r\n")), 40, 40, 0, 0},
			"empty":            {nil, 0, 0, 0, 0},
			"zeros":            {make([]byte, 1<<20), 0, 0, 1, 0},
		} {
			again := startWith(t, c.content)
			if known := again.countKnown(keys); known < c.least || known > c.most {
				t.Errorf("%s: %d of 40 count", name, known)
			}
			if n := again.log.count("parts of the local copy"); n != c.warned {
				t.Errorf("%s: warned %d times", name, n)
			}
		}
	})
}

func TestF7_ACopyWithOtherSecretsOrOfAnotherAppDoesNotCount(t *testing.T) {
	bubble(t, func(t *testing.T) {
		content, keys := kept(t, 3)
		other := startWith(t, content, sealedWith(t, "another secret, of thirty-two bytes"))
		if other.countKnown(keys) != 0 || other.log.count("parts of the local copy") != 1 {
			t.Errorf("other secrets: %s", other.log.lines.String())
		}
		if startWith(t, content, sealedWith(t, "another secret, of thirty-two bytes", testSecret)).countKnown(keys) != 3 {
			t.Error("the secret is listed, and opens nothing")
		}
		folder, storage := t.TempDir(), newMemory()
		file := SnapshotFile(folder, "124")
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, content, 0o600)); err != nil {
			t.Fatal(err)
		}
		storage.outage(true)
		n := &node{clock: &clock{}, log: &logbook{}, leave: func() {}}
		n.List = New("124", n.clock.now)
		t.Cleanup(func() { n.Close(); n.leave() })
		synctest.Wait()
		n.leave = n.join(t, storage, func(m *Member) { m.Snapshot = file })
		synctest.Wait()
		if n.countKnown(keys) != 0 || n.log.count("parts of the local copy") != 1 {
			t.Errorf("another app: %s", n.log.lines.String())
		}
	})
}

// A wrong secret that is put right again must not have cost what was in the copy, and least of all
// what is nowhere else.
func TestF7_AStartWithAWrongSecretLosesNothingOfTheCopy(t *testing.T) {
	wrong := sealedWith(t, "another secret, of thirty-two bytes")
	for name, storageIsDown := range map[string]bool{"while the storage is down": true, "while the storage works": false} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				folder, storage := t.TempDir(), newMemory()
				storage.outage(true)
				first, out := newNode(t, storage, snapshotIn(folder)), newKey()
				_ = first.EndSession(t.Context(), Subject{Session: out}, first.now().Add(time.Hour))
				first.killed()
				storage.outage(storageIsDown)
				for range 2 {
					mistaken := newNode(t, storage, snapshotIn(folder), wrong)
					mistaken.settled()
					mistaken.Close()
					mistaken.leave()
				}
				storage.outage(true)
				if right := newNode(t, storage, snapshotIn(folder)); !right.knows(out) {
					t.Errorf("the copy has lost a revoked session: %s", right.log.lines.String())
				}
			})
		})
	}
}

func TestF7_WhatDoesNotOpenIsKeptForAWeekAndReportedOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		folder, storage := t.TempDir(), newMemory()
		first := newNode(t, storage, snapshotIn(folder))
		first.end(t, newKey())
		first.killed()
		wrong := sealedWith(t, "another secret, of thirty-two bytes")
		size := func(days int) (lines, warnings int) {
			n := newNode(t, storage, snapshotIn(folder), wrong)
			defer n.killed()
			n.settled()
			n.clock.move(time.Duration(days) * 24 * time.Hour)
			n.replaceNow(n.current())
			content, err := os.ReadFile(SnapshotFile(folder, "123"))
			if err != nil {
				t.Fatal(err)
			}
			for line := range bytes.Lines(content) {
				if _, _, dated := dateOf(line); dated {
					lines++
				}
			}
			return lines, n.log.count("parts of the local copy")
		}
		if lines, warnings := size(0); lines == 0 || warnings != 1 {
			t.Errorf("at first: %d lines, %d warnings", lines, warnings)
		}
		if lines, warnings := size(6); lines == 0 || warnings != 0 {
			t.Errorf("after six days: %d lines, %d warnings", lines, warnings)
		}
		if lines, _ := size(8); lines != 0 {
			t.Errorf("after eight days: %d lines", lines)
		}
	})
}

// The entries come in the order of the table that they were in. A smaller one would take them all
// at one end: a million took more than a minute.
func TestF7_ManyEntriesAreTakenIntoATableThatHasRoomForThem(t *testing.T) {
	bubble(t, func(t *testing.T) {
		n := newNode(t, newMemory(), snapshotIn(t.TempDir()))
		full, c := newTable(smallestTable), &recollection{}
		for range 20_000 {
			if full.full() {
				full = full.rebuilt(0, 0)
			}
			full.add(entry{oneSession, newKey(), always, n.now().Add(testLifetime).Unix()})
		}
		for i := range full.slots {
			if e, ok := full.slots[i].entry(); ok {
				c.rest = append(c.rest, e)
			}
		}
		n.makeRoom(len(c.rest))
		roomy := n.table.Load()
		for _, e := range c.rest {
			n.note(e)
		}
		if n.table.Load() != roomy {
			t.Error("the room was too small")
		}
		n.table.Store(newTable(smallestTable))
		n.useRest(n.current(), c, look{}, errOutage)
		if got, want := len(n.table.Load().slots), 20_000*8/3; got != want {
			t.Errorf("%d slots at the end, want %d", got, want)
		}
	})
}

// What is sealed for the storage does not open here, and the reverse.
func TestF3_F7_NamesOfTheStorageAndLinesOfTheLocalCopyAreNotExchanged(t *testing.T) {
	v, data := newVault(t, testSecret), snapshotData(root("123"))
	e := entry{kind: oneSession, key: 1, before: always, expires: 1}
	name, err := e.name(bucketOf(root("123"), 1), v)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := nameEncoding.DecodeString(strings.ToUpper(filepath.Base(name)))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, _, ok := readLine([]byte(base64.RawURLEncoding.EncodeToString(sealed)), []Sealer{v}, data); ok {
		t.Error("a name of the storage counts in the local copy")
	}
	plain := e.appendTo(nil)
	own, err := v.Seal(plain, data)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, ok := readName(bucketOf(root("123"), 1), encodeName(own), []Sealer{v}); ok {
		t.Error("a line of the local copy counts in the storage")
	}
	if _, _, _, ok := readLine([]byte(lineEncoding.EncodeToString(own)), []Sealer{v}, data); ok {
		t.Error("a line without a head counts")
	}
}

func TestF7_ACopyThatIsOlderThanAnySessionDoesNotCount(t *testing.T) {
	bubble(t, func(t *testing.T) {
		for age, want := range map[time.Duration]bool{MaxLifetime - time.Hour: true, MaxLifetime + time.Hour: false} {
			folder, storage := t.TempDir(), newMemory()
			one := newNode(t, storage, snapshotIn(folder))
			one.move(-age)
			one.sync()
			user := UserKey("123", "1")
			if err := one.EndUser(t.Context(), user); err != nil {
				t.Fatal(err)
			}
			one.settled()
			one.killed()
			// Only what was written by the clock of that time.
			cutFuture(t, SnapshotFile(folder, "123"))
			storage.outage(true)
			again := newNode(t, storage, snapshotIn(folder))
			if ended := again.table.Load().before(user) != 0; ended != want {
				t.Errorf("%v: counts %v", age, ended)
			}
			if warned := again.log.count("is older than any session") == 1; warned == want {
				t.Errorf("%v: logged %s", age, again.log.lines.String())
			}
		}
	})
}

// cutFuture takes the lines out of a file that were written by the right clock of the test.
func cutFuture(t *testing.T, file string) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	v, now := newVault(t, testSecret), time.Now().Unix()
	var left []string
	for line := range strings.SplitSeq(string(content), "\n") {
		if _, written, _, ok := readLine([]byte(line), []Sealer{v}, snapshotData(root("123"))); ok && written < now-60 {
			left = append(left, line)
		}
	}
	if err := os.WriteFile(file, []byte(strings.Join(left, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestF7_ACopyOfAClockThatWasAheadCountsAndItsAgeIsUnknown(t *testing.T) {
	bubble(t, func(t *testing.T) {
		folder, storage := t.TempDir(), newMemory()
		one := newNode(t, storage, snapshotIn(folder))
		one.move(time.Hour)
		one.sync()
		key := newKey()
		one.end(t, key)
		one.settled()
		one.killed()
		storage.outage(true)
		again := newNode(t, storage, snapshotIn(folder))
		if !again.knows(key) || again.log.count("which is in the future") != 1 {
			t.Errorf("known %v; logged %s", again.knows(key), again.log.lines.String())
		}
	})
}

func TestF7_WhatIsNoFileIsNotReadAndDoesNotStopAnything(t *testing.T) {
	bubble(t, func(t *testing.T) {
		content, keys := kept(t, 3)
		elsewhere := filepath.Join(t.TempDir(), "elsewhere")
		if err := os.WriteFile(elsewhere, content, 0o600); err != nil {
			t.Fatal(err)
		}
		for name, put := range map[string]func(file string) error{
			"a link":   func(file string) error { return os.Symlink(elsewhere, file) },
			"a folder": func(file string) error { return os.MkdirAll(filepath.Join(file, "in it"), 0o700) },
			"a loop":   func(file string) error { return os.Symlink(file, file) },
			"no folder": func(file string) error {
				return errors.Join(os.Remove(filepath.Dir(file)), os.WriteFile(filepath.Dir(file), nil, 0o600))
			},
		} {
			folder, storage := t.TempDir(), newMemory()
			file := SnapshotFile(folder, "123")
			if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), put(file)); err != nil {
				t.Fatal(err)
			}
			n := newNode(t, storage, snapshotIn(folder))
			key := newKey()
			n.end(t, key)
			n.sync()
			n.settled()
			if !n.knows(key) || n.countKnown(keys) != 0 {
				t.Errorf("%s: known %v and %d", name, n.knows(key), n.countKnown(keys))
			}
			if warned := n.log.count("level=WARN"); warned < 1 || warned > 2 {
				t.Errorf("%s: logged %s", name, n.log.lines.String())
			}
			if there, err := os.ReadFile(elsewhere); err != nil || !bytes.Equal(there, content) {
				t.Errorf("%s: what the link leads to was changed", name)
			}
		}
	})
}

func TestF7_ADataFolderThatCannotBeWrittenCostsOneWarning(t *testing.T) {
	bubble(t, func(t *testing.T) {
		folder, storage := t.TempDir(), newMemory()
		blocked := filepath.Join(folder, "instagram_auth")
		if err := os.WriteFile(blocked, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		n := newNode(t, storage, snapshotIn(folder))
		var keys []Key
		for range 5 {
			keys = append(keys, newKey())
			n.end(t, keys[len(keys)-1])
			n.move(5 * time.Minute)
			n.sync()
			n.settled()
		}
		if n.log.count("writing the local copy of the revoked sessions failed") != 1 {
			t.Errorf("logged %s", n.log.lines.String())
		}
		// What was missed is written when it works.
		if err := os.Remove(blocked); err != nil {
			t.Fatal(err)
		}
		n.move(5 * time.Minute)
		n.sync()
		n.settled()
		n.sync()
		n.settled()
		if n.log.count("can be written again") != 1 {
			t.Errorf("logged %s", n.log.lines.String())
		}
		n.killed()
		storage.outage(true)
		if again := newNode(t, storage, snapshotIn(folder)); again.countKnown(keys) != 5 {
			t.Errorf("the copy has %d of 5", again.countKnown(keys))
		}
	})
}

func TestF7_TheCopyIsForItsOwnerAloneAndNamesNobody(t *testing.T) {
	bubble(t, func(t *testing.T) {
		folder, storage := t.TempDir(), newMemory()
		n := newNode(t, storage, snapshotIn(folder))
		for i := range 3 { // appended, and written anew
			n.end(t, newKey())
			if err := n.EndUser(t.Context(), UserKey("123", "17841405793187218")); err != nil {
				t.Fatal(err)
			}
			n.settled()
			file := SnapshotFile(folder, "123")
			info, err := os.Stat(file)
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%d: %v, %v", i, info, err)
			}
			above, err := os.Stat(filepath.Dir(file))
			if err != nil || above.Mode().Perm() != 0o700 {
				t.Errorf("%d: the folder is %v, %v", i, above, err)
			}
			content, err := os.ReadFile(file)
			if err != nil || bytes.Contains(content, []byte("17841405793187218")) {
				t.Error("the copy names somebody")
			}
			n.replaceNow(n.current())
		}
	})
}

func TestF7_TheCopyDoesNotGrowBeyondTwiceWhatCounts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		folder, storage := t.TempDir(), newMemory()
		n := newNode(t, storage, snapshotIn(folder))
		largest := int64(0)
		for range 40 {
			for range 200 {
				if err := n.EndSession(t.Context(), Subject{Session: newKey()}, n.now().Add(time.Minute)); err != nil {
					t.Fatal(err)
				}
			}
			n.move(4 * time.Hour)
			n.sync()
			n.settled()
			info, err := os.Stat(SnapshotFile(folder, "123"))
			if err != nil {
				t.Fatal(err)
			}
			largest = max(largest, info.Size())
		}
		// Within grace, 1,400 count at a time.
		if largest > 4*smallestSnapshot {
			t.Errorf("it grew to %d bytes", largest)
		}
	})
}

func TestF7_TwoProcessesShareACopyAndLoseNothing(t *testing.T) {
	folder := t.TempDir()
	file := func() *snapshotFile { return &snapshotFile{path: SnapshotFile(folder, "123")} }
	const processes, lines = 4, 200
	var all sync.WaitGroup
	for p := range processes {
		f := file()
		all.Go(func() {
			for i := range lines {
				if _, err := f.append(fmt.Appendf(nil, "%d %d\n", p, i)); err != nil {
					t.Error(err)
				}
			}
		})
		all.Go(func() {
			for range lines / 4 {
				_, err := f.replace(func(old io.Reader, to io.Writer) (int64, error) {
					return readLines(old, func(line []byte) { _, _ = fmt.Fprintf(to, "%s\n", line) })
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	found := make(map[string]bool)
	if err := file().read(func(line []byte) { found[string(line)] = true }); err != nil {
		t.Fatal(err)
	}
	for p := range processes {
		for i := range lines {
			if !found[fmt.Sprintf("%d %d", p, i)] {
				t.Errorf("line %d of process %d is lost", i, p)
			}
		}
	}
	if len(found) != processes*lines {
		t.Errorf("%d lines, want %d", len(found), processes*lines)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(file().path), "*")); err != nil || len(left) != 1 {
		t.Errorf("left: %q, %v", left, err)
	}
}

// What only another process knew, and had not written to the storage, stays.
func TestF7_AProcessThatWritesTheCopyAnewKeepsWhatAnotherHasQueued(t *testing.T) {
	bubble(t, func(t *testing.T) {
		folder, storage := t.TempDir(), newMemory()
		cut := storage.healthy()
		one, two := newNode(t, storage, snapshotIn(folder)), newNode(t, cut, snapshotIn(folder))
		cut.outage(true)
		key := newKey()
		_ = two.EndSession(t.Context(), Subject{Session: key}, two.now().Add(testLifetime))
		two.settled()
		two.killed()
		one.replaceNow(one.current())
		one.killed()
		newNode(t, storage, snapshotIn(folder))
		if !newNode(t, storage).knows(key) {
			t.Error("it is lost")
		}
	})
}

func TestF7_EachBlocksSecretOpensTheCopy(t *testing.T) {
	bubble(t, func(t *testing.T) {
		folder, storage := t.TempDir(), newMemory()
		secret := "another secret, of thirty-two bytes"
		one := newNode(t, storage, snapshotIn(folder))
		leave := one.join(t, storage, snapshotIn(folder), sealedWith(t, secret))
		key := newKey()
		one.end(t, key)
		one.settled()
		leave()
		one.killed()
		storage.outage(true)
		for _, change := range []func(*Member){sealedWith(t, testSecret), sealedWith(t, secret)} {
			if again := newNode(t, storage, snapshotIn(folder), change); !again.knows(key) {
				t.Error("a block with one of the secrets does not know")
			}
		}
	})
}

// A process whose disk hangs longer than a lock lasts comes back while another writes the file.
func TestF7_NobodyMovesTheHalfWrittenFileOfAnother(t *testing.T) {
	f := &snapshotFile{path: filepath.Join(t.TempDir(), "snapshot")}
	if _, err := f.append([]byte("old\n")); err != nil {
		t.Fatal(err)
	}
	_, err := f.replace(func(_ io.Reader, to io.Writer) (int64, error) {
		name := f.path + ".new"
		if err := errors.Join(os.Remove(name), os.WriteFile(name, []byte("half"), 0o600)); err != nil {
			t.Fatal(err)
		}
		_, err := io.WriteString(to, "new\n")
		return 0, err
	})
	content, readErr := os.ReadFile(f.path)
	if readErr != nil || !errors.Is(err, errReplaced) || !strings.Contains(string(content), "old") {
		t.Errorf("%v, %v: %s", err, readErr, content)
	}
	if _, err := os.Lstat(f.path + ".new"); err != nil {
		t.Errorf("the other's file: %v", err)
	}
}
