package revocation

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/certmagic"
)

func TestF5_WhatIsNotOursIsCountedAndLeftAlone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemory()
		bucket := bucketOf(root("123"), minuteOf(time.Now()))
		long := strings.Repeat("0", 106)
		garbage := []string{ // each is counted, and the folder of the last one
			bucket + "/" + long, bucket + "/" + strings.ToUpper(long) + ".txt", bucket + "/folder/file", bucket + "/\x00\xff" + long,
			root("123") + "/lost+found", root("123") + "/-000000001/x",
		}
		m.put(bucket+"/2718281828", bucket+"/readme.txt") // not so: such a name has a file that is being written
		key := newKey()
		newNode(t, m.healthy()).end(t, key)
		m.put(garbage...)
		a := newNode(t, m)
		for range 3 {
			a.move(fullEvery)
			a.sync()
		}
		if s := a.Status(); s.Unreadable != len(garbage)+1 || s.Failing != nil || !a.knows(key) {
			t.Errorf("status %+v", s)
		}
		if n := a.log.count("cannot be read"); n != 1 {
			t.Errorf("logged %d times", n)
		}
		m.put(bucket + "/1" + long)
		a.move(fullEvery)
		a.sync()
		if n := a.log.count("cannot be read"); n != 2 {
			t.Errorf("after one more logged %d times", n)
		}
		if n := m.count(root("123")); n != len(garbage)+4 {
			t.Errorf("%d of the files are left", n)
		}
	})
}

func TestF1_AListingThatBreaksOffIsNoEmptyStorage(t *testing.T) {
	for what, test := range map[string]struct {
		times     int  // that a listing breaks off
		some      bool // of the keys come with it
		well, all bool
	}{
		"never": {0, false, true, true}, "once": {1, false, true, true}, "a few times": {listAttempts - 1, false, true, true},
		"again and again": {1000, false, false, false}, "again and again, with a part": {1000, true, false, true},
	} {
		t.Run(what, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				m := newMemory()
				old, fresh := newKey(), newKey()
				writer := newNode(t, m.healthy())
				writer.end(t, old)
				storage := m.healthy()
				left := test.times
				storage.listed = func(_ string, keys []string) ([]string, error) {
					if left--; left < 0 {
						if keys == nil {
							return nil, fs.ErrNotExist
						}
						return keys, nil
					}
					if !test.some {
						keys = nil
					}
					return keys, fmt.Errorf("lstat: %w", fs.ErrNotExist)
				}
				a := newNode(t, storage) // everything
				if got := a.Status().Failing == nil; got != test.well || a.knows(old) != test.all {
					t.Errorf("at the start well = %v, known = %v", got, a.knows(old))
				}
				left = 0
				a.sync()
				writer.end(t, fresh)
				left = test.times
				a.sync() // what is new
				if got := a.Status().Failing == nil; got != test.well || a.knows(fresh) != test.all {
					t.Errorf("later well = %v, known = %v", got, a.knows(fresh))
				}
				left = 0
				a.sync()
				if s := a.Status(); s.Failing != nil || s.Entries != 2 {
					t.Errorf("in the end %+v", s)
				}
			})
		})
	}
}

func TestF1_ANodeThatStartsWhileOthersWriteKnowsWhatIsWritten(t *testing.T) {
	// With Caddy's own storage, whose listings such writes break off.
	storage := &certmagic.FileStorage{Path: t.TempDir()}
	written := make(chan Key, 1000)
	stop, stopped := make(chan struct{}), make(chan struct{})
	c, log := &clock{}, &logbook{}
	l := &List{queue: newQueue(), root: root("123"), now: c.now, storage: storageGate()}
	l.table.Store(newTable(smallestTable))
	l.members = []*Member{{Storage: storage, Sealer: newVault(t, testSecret), Logger: slog.New(slog.NewTextHandler(log, nil))}}
	go func() {
		defer close(stopped)
		for range cap(written) {
			key := newKey()
			if err := l.EndSessionByKey(context.Background(), key); err != nil {
				t.Error(err)
			}
			written <- key
			select {
			case <-stop:
				return
			default:
			}
		}
	}()
	defer func() { close(stop); <-stopped }()
	var known []Key
	rounds, brokenOff := 60, 0
	if raceEnabled {
		rounds = 15
	}
	for range rounds {
		for range len(written) + 1 {
			known = append(known, <-written)
		}
		reader := &List{queue: newQueue(), root: l.root, now: c.now, storage: storageGate(), members: l.members}
		reader.table.Store(newTable(smallestTable))
		if err := reader.readAll(t.Context(), l.members[0], new(look)); err != nil {
			brokenOff++ // and tried again soon
			continue
		}
		for i, key := range known {
			if !reader.Ended(Subject{Session: key}) {
				t.Fatalf("all is well, and entry %d of %d is not known", i, len(known))
			}
		}
	}
	if n := log.count("cannot be read"); n != 0 {
		t.Errorf("%d times the operator is told that entries cannot be read", n)
	}
	t.Logf("%d of %d readings of %d entries were broken off for good", brokenOff, rounds, len(known))
}
