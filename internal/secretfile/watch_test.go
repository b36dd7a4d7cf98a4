package secretfile

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// disk is a file in memory.
type disk struct {
	mu      sync.Mutex
	content string
	err     error
	hangs   chan struct{} // until it is closed
	reads   atomic.Int64
}

func (d *disk) set(content string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.content, d.err = content, err
}

func (d *disk) hang(until chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hangs = until
}

func (d *disk) read() (string, error) {
	d.reads.Add(1)
	d.mu.Lock()
	content, err, hangs := d.content, d.err, d.hangs
	d.mu.Unlock()
	if hangs != nil {
		<-hangs
	}
	return content, err
}

// block is a member of a watch.
type block struct {
	mu     sync.Mutex
	events []Event
	calls  int
}

func (b *block) report(events []Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls++
	b.events = append(b.events, events...)
}

func (b *block) kinds() (kinds []Kind) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.events {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

func watched(t *testing.T, d *disk) *Watch {
	w := New(NewSecret(d.content, checkLength), d.read, time.Now, Interval)
	t.Cleanup(w.Close)
	return w
}

func wantValues(t *testing.T, w *Watch, keep time.Duration, current string, former ...string) {
	t.Helper()
	synctest.Wait()
	got, old := w.Values(keep)
	var values []string
	for _, f := range old {
		values = append(values, f.Value)
	}
	if got != current || !slices.Equal(values, former) {
		t.Errorf("%q is in use, former are %q; want %q and %q", got, values, current, former)
	}
}

func TestN18_AWatchTakesAChangeOverAndForgetsTheFormerSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, b := &disk{content: "old"}, new(block)
		w := watched(t, d)
		w.Join(time.Hour, b.report)
		d.set("new", nil)
		time.Sleep(Interval)
		wantValues(t, w, time.Hour, "old")
		time.Sleep(Interval)
		wantValues(t, w, time.Hour, "new", "old")
		time.Sleep(time.Hour - time.Second)
		wantValues(t, w, time.Hour, "new", "old")
		time.Sleep(time.Second)
		wantValues(t, w, time.Hour, "new")
		time.Sleep(Interval)
		synctest.Wait()
		if got := b.kinds(); !slices.Equal(got, []Kind{Changed, Retired}) {
			t.Errorf("events = %v", got)
		}
		if len(w.secret.former) != 0 {
			t.Error("the former secret is still in memory")
		}
	})
}

func TestN18_AReloadKeepsTheFormerSecretAndTakesTheNewOneAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, before, after := &disk{content: "old"}, new(block), new(block)
		w := watched(t, d)
		leave := w.Join(time.Hour, before.report)
		d.set("new", nil)
		// The new configuration has read the file, and the old one has not yet.
		w.Join(time.Hour, after.report)
		w.Adopt("new")
		leave()
		leave()
		wantValues(t, w, time.Hour, "new", "old")
		time.Sleep(3 * Interval)
		wantValues(t, w, time.Hour, "new", "old")
		if got := after.kinds(); !slices.Equal(got, []Kind{Changed}) || before.kinds() != nil {
			t.Errorf("events = %v, and of the old configuration %v", got, before.kinds())
		}
		if before.calls != 1 || after.calls != 4 {
			t.Errorf("%d and %d calls", before.calls, after.calls)
		}
	})
}

func TestN18_ABrokenFileChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, b := &disk{content: "old"}, new(block)
		w := watched(t, d)
		w.Join(time.Hour, b.report)
		for _, broken := range []struct {
			content string
			err     error
		}{{"", nil}, {"x", nil}, {"", errGone}, {"", errNotRegular}} {
			d.set(broken.content, broken.err)
			time.Sleep(10 * Interval)
			wantValues(t, w, time.Hour, "old")
			d.set("old", nil)
			time.Sleep(2 * Interval)
		}
		want := []Kind{Broken, Mended, Broken, Mended, Broken, Mended, Broken, Mended}
		if got := b.kinds(); !slices.Equal(got, want) {
			t.Errorf("events = %v", got)
		}
	})
}

func TestN18_AReadThatHangsKeepsNoFormerSecretAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, b := &disk{content: "old"}, new(block)
		w := watched(t, d)
		w.Join(time.Hour, b.report)
		d.set("new", nil)
		time.Sleep(2 * Interval)
		wantValues(t, w, time.Hour, "new", "old")
		until := make(chan struct{})
		d.hang(until)
		time.Sleep(2 * time.Hour)
		wantValues(t, w, time.Hour, "new")
		if got := b.kinds(); !slices.Equal(got, []Kind{Changed, Broken, Retired}) {
			t.Errorf("events = %v", got)
		}
		if n := d.reads.Load(); n != 3 {
			t.Errorf("%d reads, and one of them hangs", n)
		}
		d.hang(nil)
		close(until)
		time.Sleep(3 * Interval)
		wantValues(t, w, time.Hour, "new")
		if got := b.kinds(); got[len(got)-1] != Mended {
			t.Errorf("events = %v", got)
		}
	})
}

func TestAWatchEndsWhileAReadHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &disk{content: "old", hangs: make(chan struct{})}
		w := New(NewSecret("old", checkLength), d.read, time.Now, Interval)
		time.Sleep(Interval + time.Second)
		began := time.Now()
		w.Close()
		if time.Since(began) != 0 {
			t.Error("it waited for the read")
		}
		close(d.hangs)
	})
}

// While a configuration is replaced there may be a moment without any block.
func TestN18_AFormerSecretIsKeptWhileNoBlockUsesTheFile(t *testing.T) {
	w := New(NewSecret("one", checkLength), new(disk).read, func() time.Time { return start }, time.Hour)
	defer w.Close()
	w.Adopt("two")
	if current, former := w.Values(time.Hour); current != "two" || len(former) != 1 || former[0].Value != "one" {
		t.Errorf("%q is in use, and %v still open", current, former)
	}
}
