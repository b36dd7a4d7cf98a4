package revocation

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// An operator must look at the disk of the data folder, and not at the storage, which works.
func TestF7_WhatIsSaidOfTheLocalDiskNamesItAndNotTheStorage(t *testing.T) {
	bubble(t, func(t *testing.T) {
		for how, operation := range map[string]func(context.Context) (int, error){
			"hangs":  func(ctx context.Context) (int, error) { <-ctx.Done(); time.Sleep(time.Second); return 0, nil },
			"panics": func(context.Context) (int, error) { panic("x") },
		} {
			_, local := attempt(t.Context(), localGate(), time.Second, operation)
			_, storage := attempt(t.Context(), storageGate(), time.Second, operation)
			if !strings.HasPrefix(fmt.Sprint(local), "the disk of the local copy ") || !strings.HasPrefix(fmt.Sprint(storage), "the storage ") {
				t.Errorf("%s: %v; %v", how, local, storage)
			}
		}
		folder := t.TempDir()
		n := newNode(t, newMemory(), snapshotIn(folder))
		n.settled()
		for range operationsAtATime { // as many as hang
			n.local.places <- struct{}{}
		}
		n.end(t, newKey())
		for range operationsAtATime {
			<-n.local.places
		}
		line := lineWith(t, n, "writing the local copy of the revoked sessions failed")
		if strings.Contains(line, "storage operations") || !strings.Contains(line, "the disk of the local copy: "+errBusy.Error()) ||
			!strings.Contains(line, folder) {
			t.Error(line)
		}
		for _, unreadable := range []string{SnapshotFile(folder, "123"), filepath.Dir(SnapshotFile(folder, "123"))} {
			if err := errors.Join(os.RemoveAll(unreadable), os.WriteFile(unreadable, nil, 0o600), os.Remove(unreadable), os.Symlink(unreadable, unreadable)); err != nil {
				t.Fatal(err)
			}
			again := newNode(t, newMemory(), snapshotIn(folder))
			line := lineWith(t, again, "cannot be read and is ignored")
			if !strings.Contains(line, "let Caddy's user read this file") || !strings.Contains(line, folder) || strings.Contains(line, "secret") {
				t.Error(line)
			}
			again.killed()
		}
	})
}

// lineWith returns the one line of a node's log with a text.
func lineWith(t *testing.T, n *node, text string) string {
	t.Helper()
	n.log.mu.Lock()
	defer n.log.mu.Unlock()
	var found []string
	for line := range strings.SplitSeq(n.log.lines.String(), "\n") {
		if strings.Contains(line, text) {
			found = append(found, line)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d lines with %q in %s", len(found), text, n.log.lines.String())
	}
	return found[0]
}

// A disk that fails or hangs when Caddy starts may come back later.
func TestF7_ALocalCopyThatCouldNotBeReadIsReadLater(t *testing.T) {
	for _, storageIsDown := range []bool{true, false} {
		t.Run(fmt.Sprint("storage down: ", storageIsDown), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				folder, storage := t.TempDir(), newMemory()
				written, unwritten := killedInAnOutage(t, folder, storage)
				storage.outage(storageIsDown)
				again := lonelyNode(t)
				for range operationsAtATime { // as many as hang
					again.local.places <- struct{}{}
				}
				again.leave = again.join(t, storage, snapshotIn(folder))
				time.Sleep(2 * replaceTimeout)
				synctest.Wait()
				if again.log.count("cannot be read and is ignored") != 1 {
					t.Errorf("logged %s", again.log.lines.String())
				}
				again.move(snapshotRest + time.Second)
				began := time.Now()
				again.sync()
				if took := time.Since(began); !storageIsDown && took > 3*operationTimeout {
					t.Errorf("a look took %v, although the storage works", took)
				}
				for range operationsAtATime {
					<-again.local.places
				}
				again.sync() // it rests
				again.move(2*snapshotRest + time.Second)
				again.sync()
				if !again.knows(written) || !again.knows(unwritten) || again.log.count("cannot be read and is ignored") != 1 {
					t.Errorf("known %v, %v; logged %s", again.knows(written), again.knows(unwritten), again.log.lines.String())
				}
			})
		})
	}
}

// A lock that cannot be removed would keep the copy from being written anew for ever, and let it
// grow.
func TestF7_ALockThatNobodyCanRemoveIsReported(t *testing.T) {
	bubble(t, func(t *testing.T) {
		folder := t.TempDir()
		n := newNode(t, newMemory(), snapshotIn(folder))
		n.settled()
		lock := SnapshotFile(folder, "123") + ".lock"
		long := time.Now().Add(-48 * time.Hour)
		if err := errors.Join(os.MkdirAll(filepath.Join(lock, "x"), 0o700), os.Chtimes(lock, long, long)); err != nil {
			t.Fatal(err)
		}
		n.replaceNow(n.current())
		if line := lineWith(t, n, "writing the local copy of the revoked sessions failed"); !strings.Contains(line, lock) {
			t.Error(line)
		}
	})
}

// The folder cannot be written, as one that is read-only, but the file can.
func TestF7_ACopyThatCannotBeWrittenAnewIsStillAppendedTo(t *testing.T) {
	bubble(t, func(t *testing.T) {
		folder, storage := t.TempDir(), newMemory()
		n := newNode(t, storage, snapshotIn(folder))
		n.settled()
		lock := SnapshotFile(folder, "123") + ".lock"
		if err := os.MkdirAll(filepath.Join(lock, "x"), 0o700); err != nil {
			t.Fatal(err)
		}
		var keys []Key
		for range 6 {
			long := n.now().Add(-48 * time.Hour)
			if err := os.Chtimes(lock, long, long); err != nil {
				t.Fatal(err)
			}
			n.replaceNow(n.current())
			keys = append(keys, newKey())
			n.end(t, keys[len(keys)-1])
			n.move(snapshotRest / 2)
			n.sync()
			n.settled()
		}
		lineWith(t, n, "writing the local copy of the revoked sessions failed")
		if again := n.log.count("can be written again"); again != 0 {
			t.Errorf("%d times: %s", again, n.log.lines.String())
		}
		content, err := os.ReadFile(SnapshotFile(folder, "123"))
		if err != nil {
			t.Fatal(err)
		}
		if known := startWith(t, content).countKnown(keys); known != len(keys) {
			t.Errorf("the copy has %d of %d", known, len(keys))
		}
		if err := os.RemoveAll(lock); err != nil {
			t.Fatal(err)
		}
		n.move(2 * snapshotRest)
		n.sync()
		n.settled()
		lineWith(t, n, "can be written again")
	})
}

// A file of another user may be all that is known. It stays until the storage has been read, so
// that an operator can give it back.
func TestF7_ACopyThatCannotBeReadStaysUntilTheStorageWasRead(t *testing.T) {
	bubble(t, func(t *testing.T) {
		folder, storage := t.TempDir(), newMemory()
		one, out := newNode(t, storage, snapshotIn(folder)), newKey()
		one.end(t, out)
		one.settled()
		one.killed()
		storage.outage(true)
		// As root reads everything, a link stands for what cannot be read.
		file := SnapshotFile(folder, "123")
		elsewhere := filepath.Join(folder, "elsewhere")
		if err := errors.Join(os.Rename(file, elsewhere), os.Symlink(elsewhere, file)); err != nil {
			t.Fatal(err)
		}
		again := newNode(t, storage, snapshotIn(folder))
		for range 3 {
			again.settled()
			again.move(2 * snapshotRest)
			again.sync()
		}
		again.Close()
		again.leave()
		if to, err := os.Readlink(file); err != nil || to != elsewhere {
			t.Fatalf("%q, %v", to, err)
		}
		if err := os.Rename(elsewhere, file); err != nil {
			t.Fatal(err)
		}
		third := newNode(t, storage, snapshotIn(folder))
		if !third.knows(out) {
			t.Error("the session is back")
		}
	})
}

// A power cut leaves any part of the copy, and a new process writes on behind it.
func TestF7_OfACopyThatIsCutAnywhereEachWholeLineCounts(t *testing.T) {
	v, data := []Sealer{newVault(t, testSecret)}, snapshotData(root("123"))
	sealer := lineSealer{v, data, 1_800_000_000}
	var content []byte
	ends := []int{}
	for i := range 4 {
		lines, err := sealer.appendLines(nil, []record{{entry{oneSession, Key(i + 1), always, 1_900_000_000}, i%2 == 0}})
		if err != nil {
			t.Fatal(err)
		}
		content = append(append(content, '\n'), lines...)
		ends = append(ends, len(content)-1)
	}
	for cut := range len(content) + 1 {
		f := &snapshotFile{path: filepath.Join(t.TempDir(), "snapshot")}
		behind, err := sealer.appendLines(nil, []record{{entry{oneUser, 99, 1, 1_900_000_000}, true}})
		if err := errors.Join(err, os.WriteFile(f.path, content[:cut], 0o600)); err != nil {
			t.Fatal(err)
		}
		if _, err := f.append(behind); err != nil {
			t.Fatal(err)
		}
		want, found := 1, 0
		for _, end := range ends {
			if end <= cut {
				want++
			}
		}
		err = f.read(func(line []byte) {
			if _, _, records, ok := readLine(line, v, data); ok {
				found += len(records)
			}
		})
		if found != want || err != nil {
			t.Fatalf("cut at %d: %d entries, want %d; %v", cut, found, want, err)
		}
	}
}

// What ended so long ago that no session of that time is alive counts no more, whatever else the
// copy has.
func TestF7_OldEntriesOfACopyDoNotCount(t *testing.T) {
	bubble(t, func(t *testing.T) {
		v, now := newVault(t, testSecret), time.Now()
		old := now.Add(-400 * 24 * time.Hour)
		var content []byte
		for i, queued := range []bool{true, false} {
			for _, e := range []entry{
				{oneSession, Key(i + 1), always, old.Add(30 * 24 * time.Hour).Unix()},
				entry{kind: oneUser, key: Key(i + 3), before: old.UnixMilli()}.lasting(),
				entry{kind: everyone, before: old.UnixMilli()}.lasting(),
			} {
				for _, at := range []time.Time{old, now} {
					sealer := lineSealer{[]Sealer{v}, snapshotData(root("123")), at.Unix()}
					var err error
					if content, err = sealer.appendLines(content, []record{{e, queued}}); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		n := startWith(t, content)
		if s := n.Status(); s.Entries != 0 || s.Queued != 0 || n.everyone.Load() != 0 {
			t.Errorf("%+v, everyone before %d", s, n.everyone.Load())
		}
	})
}
