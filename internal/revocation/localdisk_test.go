package revocation

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
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
