package revocation

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/caddyserver/certmagic"
)

// BenchmarkEnded is what the list adds to each request.
func BenchmarkEnded(b *testing.B) {
	const subjects = 1 << 16
	ring := make([]Subject, subjects)
	for i, keys := 0, randomKeys(2*subjects); i < subjects; i++ {
		ring[i] = Subject{Session: keys[2*i], User: keys[2*i+1], AppScoped: keys[2*i+1], Began: 1_800_000_000}
	}
	for _, entries := range []int{0, 1000, 100_000, 1_000_000} {
		l := benchList(b, nil)
		for _, key := range randomKeys(entries) {
			l.note(entry{oneSession, key, always, always})
		}
		for what, mask := range map[string]int{"different": subjects - 1, "same": 0} {
			b.Run(fmt.Sprintf("%d/%s", entries, what), func(b *testing.B) {
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					if l.Ended(ring[i&mask]) {
						b.Fatal("ended")
					}
					i++
				}
				if t := l.table.Load(); t.used > 0 {
					b.ReportMetric(float64(24*len(t.slots))/float64(t.used), "B/entry")
				}
			})
		}
	}
}

// BenchmarkStorage has 100,000 entries in Caddy's file storage, ten for each minute.
func BenchmarkStorage(b *testing.B) {
	const entries, perMinute = 100_000, 10
	storage := &certmagic.FileStorage{Path: b.TempDir()}
	l := benchList(b, storage)
	m := l.members[0]
	now := l.now()
	for i, key := range randomKeys(entries) {
		bucket := bucketOf(l.root, minuteOf(now)-int64(i/perMinute))
		name, err := entry{oneSession, key, always, now.Add(testLifetime).Unix()}.name(bucket, m.Sealer)
		if err != nil {
			b.Fatal(err)
		}
		// Without the flush to the disk for each that Store has.
		file := storage.Filename(name)
		if i%perMinute == 0 {
			if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
				b.Fatal(err)
			}
		}
		if err := os.WriteFile(file, []byte("ended\n"), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("Start", func(b *testing.B) {
		for b.Loop() {
			l.table.Store(newTable(smallestTable))
			if err := l.readAll(context.Background(), m, new(look)); err != nil {
				b.Fatal(err)
			}
		}
		if used := l.table.Load().used; used != entries {
			b.Fatalf("%d entries", used)
		}
		kept := l.table.Load()
		with := heap()
		l.table.Store(nil)
		runtime.KeepAlive(kept)
		kept = nil
		b.ReportMetric(float64(with-heap())/entries, "heap-B/entry")
		l.table.Store(newTable(smallestTable))
		if err := l.readAll(context.Background(), m, new(look)); err != nil {
			b.Fatal(err)
		}
	})
	b.Run("Poll", func(b *testing.B) {
		l.state.polledAt = now
		for b.Loop() {
			if err := l.poll(context.Background(), m, now); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// benchList returns a list that does nothing by itself.
func benchList(b *testing.B, storage Storage) *List {
	b.Helper()
	l := &List{queue: newQueue(), root: root("123"), now: time.Now, storage: storageGate(), local: localGate()}
	l.table.Store(newTable(smallestTable))
	l.members = []*Member{{Storage: storage, Sealer: newVault(b, testSecret), Logger: slog.New(slog.DiscardHandler)}}
	return l
}

func heap() uint64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// BenchmarkSnapshot is what the local copy costs: an append beside each end, writing it anew, and
// reading it at a start.
func BenchmarkSnapshot(b *testing.B) {
	for _, entries := range []int{1000, 100_000, 1_000_000} {
		l := benchList(b, nil)
		l.mu.Lock()
		m := l.members[0]
		m.Snapshot = SnapshotFile(b.TempDir(), "123")
		l.mu.Unlock()
		for _, key := range randomKeys(entries) {
			l.note(entry{oneSession, key, always, l.now().Add(testLifetime).Unix()})
		}
		l.replaceNow(m)
		b.Run(fmt.Sprint(entries, "/append"), func(b *testing.B) {
			for b.Loop() {
				l.keepLocally(record{entry: entry{oneSession, 1, always, l.now().Unix()}})
			}
		})
		b.Run(fmt.Sprint(entries, "/replace"), func(b *testing.B) {
			for b.Loop() {
				l.replaceNow(m)
			}
			info, err := os.Stat(m.Snapshot)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(info.Size())/float64(entries), "B/entry")
		})
		b.Run(fmt.Sprint(entries, "/read"), func(b *testing.B) {
			for b.Loop() {
				l.snapshot.recalled = nil
				if c := l.recall(m); c == nil || len(c.rest) < entries {
					b.Fatal("not read")
				}
			}
		})
	}
}
