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
				one := newNode(t, storage, snapshotIn(folder))
				written, unwritten := newKey(), newKey()
				one.end(t, written)
				storage.outage(true)
				_ = one.EndSession(t.Context(), Subject{Session: unwritten}, one.now().Add(testLifetime))
				one.settled()
				one.killed()
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
