package revocation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/certmagic"
)

func TestP5_OnlyBucketsNobodyNeedsAreSwept(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemory()
		now := time.Now()
		oldest := minuteOf(now.Add(-MaxLifetime - grace)) // that is kept
		r := root("123")
		fresh := newKey()
		newNode(t, m.healthy()).end(t, fresh)
		var kept, old []string
		for _, minute := range []int64{oldest, oldest + 1, minuteOf(now) - 1, minuteOf(now) + 5000, 9_999_999_999} {
			kept = append(kept, bucketOf(r, minute)+"/x")
		}
		for _, minute := range []int64{oldest - 1, oldest - 2, oldest - 100_000, 0} {
			old = append(old, bucketOf(r, minute)+"/x", bucketOf(r, minute)+"/y")
		}
		kept = append(kept, r+"/notes.txt", r+"/-000000001/x", r+"/1/x", root("124")+"/0000000001/x", "certificates/x", r+"x/0000000001/x")
		m.put(kept...)
		m.put(old...)
		newNode(t, m)
		for _, name := range kept {
			if m.count(name) == 0 {
				t.Errorf("%s was deleted", name)
			}
		}
		for _, name := range old {
			if m.count(name) != 0 {
				t.Errorf("%s is left", name)
			}
		}
		deleted := m.made("delete")
		if len(deleted) != len(old)+4 || !slices.Contains(deleted, bucketOf(r, oldest-1)) || m.isLocked() {
			t.Errorf("deleted %q; locked = %v", deleted, m.isLocked())
		}
		if b := newNode(t, m.healthy()); !b.knows(fresh) {
			t.Error("a fresh entry is gone")
		}
	})
}

func TestD5_ASweepDeletesAThousandAtMostAndGoesOn(t *testing.T) {
	for what, perBucket := range map[string][]int{
		"one large bucket": {2500}, "many small ones": slices.Repeat([]int{1}, 1250), "a thousand in the first": {1000, 1000, 499}, "999 in the first": {999, 1001, 300},
	} {
		t.Run(what, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				m := newMemory()
				r := root("123")
				for minute, n := range perBucket {
					for i := range n {
						m.put(fmt.Sprintf("%s/%04d", bucketOf(r, int64(minute)), i))
					}
				}
				a := newNode(t, m)
				for run := 1; ; run++ {
					n := len(m.made("delete"))
					if n > maxDeletions || run < 3 && n != maxDeletions {
						t.Errorf("run %d deleted %d", run, n)
					}
					if m.count(r) == 0 || run == 4 {
						break
					}
					a.sync()
				}
				if m.count(r) != 0 || m.isLocked() {
					t.Errorf("%d are left, locked = %v", m.count(r), m.isLocked())
				}
				a.sync()
				a.sync()
				if calls := m.made("lock"); len(calls) > 1 {
					t.Errorf("the lock is taken for nothing, %d times", len(calls))
				}
			})
		})
	}
}

func TestL1_ASlowSweepKeepsNobodyFromReading(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemory()
		for i := range 500 {
			m.put(fmt.Sprintf("%s/%d", bucketOf(root("123"), 1), i))
		}
		storage := m.healthy()
		storage.inTrouble(func(ctx context.Context, call string) error {
			if strings.HasPrefix(call, "delete ") {
				time.Sleep(50 * time.Millisecond)
			}
			return nil
		})
		a := newNode(t, m.healthy(), func(m *Member) { m.Storage = storage })
		time.Sleep(time.Minute) // the first look
		for runs := 0; m.count(root("123")) > 0; runs++ {
			start := time.Now()
			a.Sync(t.Context())
			took := time.Since(start)
			a.sweeper.all.Wait()
			if took > 0 || runs > 20 {
				t.Fatalf("look %d took %v", runs, took)
			}
		}
		if a.Status().Failing != nil || m.isLocked() {
			t.Errorf("%+v, locked = %v", a.Status(), m.isLocked())
		}
	})
}

func TestD5_F5_OneNodeOfThreeSweeps(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemory()
		storages := []*memory{m.healthy(), m.healthy(), m.healthy()}
		var nodes []*node
		for _, s := range storages {
			nodes = append(nodes, newNode(t, s))
		}
		for i := range 20 {
			m.put(fmt.Sprintf("%s/%d", bucketOf(root("123"), 1), i))
		}
		swept := make(chan struct{})
		storages[0].inTrouble(func(_ context.Context, call string) error {
			if strings.HasPrefix(call, "delete ") {
				time.Sleep(time.Second)
			}
			return nil
		})
		for _, n := range nodes {
			n.move(fullEvery)
		}
		go func() { defer close(swept); nodes[0].sync() }()
		synctest.Wait()
		for i, n := range nodes[1:] {
			n.sync()
			if deleted := storages[i+1].made("delete"); deleted != nil {
				t.Errorf("node %d deletes while another holds the lock: %q", i+1, deleted)
			}
		}
		<-swept
		if m.count(root("123")) != 0 || m.isLocked() {
			t.Errorf("%d are left, locked = %v", m.count(root("123")), m.isLocked())
		}
	})
}

func TestF5_AKilledHolderOfTheLockBlocksNobody(t *testing.T) {
	for what, storage := range map[string]func(*memory) Storage{
		"TryLock":   func(m *memory) Storage { return m },
		"Lock only": func(m *memory) Storage { return struct{ certmagic.Storage }{m} },
	} {
		t.Run(what, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				m := newMemory()
				old := bucketOf(root("123"), 1) + "/x"
				a, b := lonelyNode(t), newNode(t, m.healthy())
				m.put(old) // after b's one full look
				m.lock(lockName(a.root, "sweep"), true)
				a.leave = a.join(t, storage(m))
				time.Sleep(time.Minute)
				for range 3 {
					key := newKey()
					b.end(t, key)
					start := time.Now()
					a.Sync(t.Context())
					if took := time.Since(start); took > 0 || !a.knows(key) || a.Status().Failing != nil {
						t.Errorf("a look took %v; ended = %v; %+v", took, a.knows(key), a.Status())
					}
				}
				if m.count(old) != 1 {
					t.Error("swept without the lock")
				}
				m.lock(lockName(a.root, "sweep"), false)
				time.Sleep(time.Minute)
				a.sync()
				if m.count(old) != 0 || m.isLocked() {
					t.Errorf("%d left, locked = %v", m.count(old), m.isLocked())
				}
			})
		})
	}
}

func TestF5_AKilledHolderOfALockFileBlocksNobody(t *testing.T) {
	dir := t.TempDir()
	bubble(t, func(t *testing.T) {
		a := lonelyNode(t)
		storage := &certmagic.FileStorage{Path: dir}
		old := bucketOf(a.root, 1) + "/x"
		if err := storage.Store(t.Context(), old, nil); err != nil {
			t.Fatal(err)
		}
		killed, err := json.Marshal(map[string]time.Time{"created": time.Now(), "updated": time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, "locks", certmagic.StorageKeys.Safe(lockName(a.root, "sweep"))+".lock")
		if err := errors.Join(os.Mkdir(filepath.Dir(file), 0o700), os.WriteFile(file, killed, 0o600)); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		a.leave = a.join(t, storage)
		a.Await(t.Context())
		if waited := time.Since(start); waited > operationTimeout || !storage.Exists(t.Context(), old) {
			t.Errorf("waited %v, or swept without the lock", waited)
		}
		time.Sleep(time.Minute) // a lock file that nobody renews is nobody's
		start = time.Now()
		a.sync()
		if took := time.Since(start); took > operationTimeout || storage.Exists(t.Context(), old) {
			t.Errorf("took %v; old entry left = %v", took, storage.Exists(t.Context(), old))
		}
		if _, err := os.Stat(file); err == nil {
			t.Error("the lock is not given back")
		}
		time.Sleep(time.Minute) // until the storage no longer renews it
	})
}

func TestF5_ALockThatComesTooLateIsGivenBack(t *testing.T) {
	// At the very moment of the time-out either side may be first.
	for _, takes := range []time.Duration{lockTimeout - 1, lockTimeout, lockTimeout + 1, 10 * time.Second} {
		for range 50 {
			bubble(t, func(t *testing.T) {
				m := newMemory()
				a := newNode(t, m)
				a.sweeper.expired = []bucketKeys{{bucket: bucketOf(a.root, 1)}}
				m.inTrouble(func(_ context.Context, call string) error {
					if strings.HasPrefix(call, "lock ") {
						time.Sleep(takes)
					}
					return nil
				})
				a.sync()
				swept := len(a.sweeper.expired) == 0
				time.Sleep(takes)
				if m.isLocked() {
					t.Fatalf("a lock that took %v is kept; swept = %v", takes, swept)
				}
				if takes < lockTimeout != swept && takes != lockTimeout {
					t.Fatalf("a lock that took %v: swept = %v", takes, swept)
				}
				if deleted := m.made("delete"); (deleted != nil) != swept {
					t.Fatalf("deleted %q without the lock", deleted)
				}
			})
		}
	}
}

func TestF5_ASweepThatFailsGoesOnLater(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemory()
		a := newNode(t, m)
		old := bucketOf(a.root, 1)
		m.put(old+"/x", old+"/y")
		for _, failing := range []string{"lock ", "delete " + old + "/y", "delete " + old, "unlock "} {
			m.inTrouble(func(_ context.Context, call string) error {
				if call == failing || strings.HasSuffix(failing, " ") && strings.HasPrefix(call, failing) {
					return errDown
				}
				return nil
			})
			a.move(fullEvery)
			a.sync()
			if s := a.Status(); s.Failing != nil {
				t.Errorf("%s: %v", failing, s.Failing)
			}
		}
		if n := a.log.count("releasing a lock"); n != 0 {
			t.Errorf("reported a lock that was not taken %d times", n)
		}
		m.put(old + "/z")
		a.move(fullEvery)
		a.sync()
		if m.count(old) != 0 || a.log.count("releasing a lock") != 1 {
			t.Errorf("%d left; reported the lock %d times", m.count(old), a.log.count("releasing a lock"))
		}
	})
}

func TestP5_ASweepGoesPastWhatIsNotThere(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := newMemory()
		a := newNode(t, m)
		for range 3 {
			a.end(t, newKey())
			a.move(time.Minute)
		}
		a.move(testLifetime + grace)
		// A storage without folders, for which nothing has the key of a bucket.
		m.inTrouble(func(_ context.Context, call string) error {
			if key, deletes := strings.CutPrefix(call, "delete "); deletes && strings.Count(key, "/") == strings.Count(a.root, "/")+1 {
				return fs.ErrNotExist
			}
			return nil
		})
		a.sync()
		if n := m.count(a.root); n != 0 {
			t.Errorf("%d entries are left", n)
		}
	})
}
