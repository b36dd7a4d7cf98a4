package revocation

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/certmagic"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

// The tests of lists run in bubbles of testing/synctest: timers fire when all is
// quiet, so that a storage that hangs for two seconds costs none.

// clock shows the bubble's time, moved by some amount.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time {
	return time.Now().Round(0).Add(time.Duration(c.ahead.Load()))
}

func (c *clock) move(d time.Duration) { c.ahead.Add(int64(d)) }

const (
	testLifetime = 24 * time.Hour
	testSecret   = "a1b2c3d4e5f60718293a4b5c6d7e8f90"
)

func newVault(t testing.TB, secrets ...string) *session.Vault {
	t.Helper()
	ring, err := session.NewKeyring(secrets)
	if err != nil {
		t.Fatal(err)
	}
	return ring.Vault()
}

// node is a list with one member, as a Caddy process has it.
type node struct {
	*List
	clock *clock
	log   *logbook
	leave func()
}

// newNode returns a node that has had its first look into the storage and has the
// next when the test says so.
func newNode(t testing.TB, storage Storage, changes ...func(*Member)) *node {
	t.Helper()
	n := lonelyNode(t)
	n.leave = n.join(t, storage, changes...)
	synctest.Wait()
	return n
}

// lonelyNode returns a node without a member.
func lonelyNode(t testing.TB) *node {
	n := &node{clock: &clock{}, log: &logbook{}, leave: func() {}}
	n.List = New("123", n.clock.now)
	t.Cleanup(func() { n.Close(); n.leave() })
	synctest.Wait() // until it has found no member, so that the first one means one look
	return n
}

func (n *node) join(t testing.TB, storage Storage, changes ...func(*Member)) (leave func()) {
	t.Helper()
	m := Member{
		Storage: storage, Sealer: newVault(t, testSecret), Interval: 1000 * time.Hour,
		Logger: slog.New(slog.NewTextHandler(n.log, nil)),
	}
	for _, change := range changes {
		change(&m)
	}
	return n.Join(m)
}

func (n *node) move(d time.Duration) { n.clock.move(d) }

// sync looks into the storage and waits for the sweep that may follow.
func (n *node) sync() {
	n.Sync(context.Background())
	n.sweeper.all.Wait()
}

// person returns a session of a person with one ID that begins now.
func (n *node) person(userID string) Subject {
	user := UserKey("123", userID)
	return Subject{Session: newKey(), User: user, AppScoped: user, Began: n.Begin(user, user, 0)}
}

var keys atomic.Uint64

// newKey returns the key of a session that no other test has.
func newKey() Key { return keyOf("test", fmt.Sprint(keys.Add(1))) }

// end ends a session that lasts for the whole lifetime from now on.
func (n *node) end(t testing.TB, key Key) {
	t.Helper()
	if err := n.EndSession(context.Background(), Subject{Session: key}, n.now().Add(testLifetime)); err != nil {
		t.Fatal(err)
	}
}

func (n *node) knows(key Key) bool { return n.Ended(Subject{Session: key}) }

// logbook keeps what was logged.
type logbook struct {
	mu    sync.Mutex
	lines bytes.Buffer
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lines.Write(p)
}

func (l *logbook) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.lines.String(), text)
}

// bubble runs a test in a bubble.
func bubble(t *testing.T, test func(*testing.T)) {
	t.Helper()
	synctest.Test(t, test)
}

// files are what a storage in memory holds; several storages may, as several nodes do.
type files struct {
	mu    sync.Mutex
	names map[string]bool
	notes map[string][]byte // the values of names that have more than a mark
	locks map[string]bool
}

// memory is a storage in memory, which can be in trouble.
type memory struct {
	*files
	mu      sync.Mutex
	calls   []string                                             // operation and key
	trouble func(ctx context.Context, call string) error         // before each operation
	listed  func(prefix string, keys []string) ([]string, error) // instead of what a listing found
}

func newMemory() *memory {
	return &memory{files: &files{names: make(map[string]bool), notes: make(map[string][]byte), locks: make(map[string]bool)}}
}

// healthy returns a storage with the same files and no trouble.
func (m *memory) healthy() *memory { return &memory{files: m.files} }

func (m *memory) inTrouble(trouble func(context.Context, string) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.trouble = trouble
}

// made returns the keys of the calls of one operation, and forgets all.
func (m *memory) made(operation string) (keys []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, call := range m.calls {
		if key, ok := strings.CutPrefix(call, operation+" "); ok && !strings.HasSuffix(key, "/marker") {
			keys = append(keys, key)
		}
	}
	m.calls = nil
	return keys
}

// do runs one operation.
func (m *memory) do(ctx context.Context, call string, operation func() error) error {
	m.mu.Lock()
	m.calls = append(m.calls, call)
	trouble := m.trouble
	m.mu.Unlock()
	if trouble != nil {
		if err := trouble(ctx, call); err != nil {
			return err
		}
	}
	m.files.mu.Lock()
	defer m.files.mu.Unlock()
	return operation()
}

func (m *memory) Store(ctx context.Context, key string, value []byte) error {
	return m.do(ctx, "store "+key, func() error {
		m.names[key] = true
		if strings.Contains(key, "/once/") || strings.Contains(key, "/callbacks/") || strings.HasSuffix(key, "/marker") {
			m.notes[key] = value
		}
		return nil
	})
}

func (m *memory) Delete(ctx context.Context, key string) error {
	return m.do(ctx, "delete "+key, func() error {
		if m.names[key] {
			delete(m.names, key)
			return nil
		}
		maps.DeleteFunc(m.names, func(name string, _ bool) bool { return strings.HasPrefix(name, key+"/") })
		return nil
	})
}

// List lists folders, too, and has an error for a missing one, as the file storage.
func (m *memory) List(ctx context.Context, prefix string, _ bool) (keys []string, err error) {
	err = m.do(ctx, "list "+prefix, func() error {
		folders := make(map[string]bool)
		for name := range m.names {
			rest, below := strings.CutPrefix(name, prefix+"/")
			if !below {
				continue
			}
			keys = append(keys, name)
			if folder, _, in := strings.Cut(rest, "/"); in && !folders[folder] {
				folders[folder] = true
				keys = append(keys, prefix+"/"+folder)
			}
		}
		if keys == nil {
			return fs.ErrNotExist
		}
		return nil
	})
	if m.listed != nil {
		return m.listed(prefix, keys)
	}
	return keys, err
}

func (m *memory) Exists(ctx context.Context, key string) (exists bool) {
	_ = m.do(ctx, "exists "+key, func() error {
		for name := range m.names {
			exists = exists || name == key || strings.HasPrefix(name, key+"/")
		}
		return nil
	})
	return exists
}

func (m *memory) TryLock(ctx context.Context, name string) (got bool, err error) {
	err = m.do(ctx, "lock "+name, func() error { got = !m.locks[name]; m.locks[name] = true; return nil })
	return got, err
}

// Lock waits, as those of storages do that have no TryLock.
func (m *memory) Lock(ctx context.Context, name string) error {
	for {
		if got, err := m.TryLock(ctx, name); got || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

func (m *memory) Unlock(ctx context.Context, name string) error {
	return m.do(ctx, "unlock "+name, func() error { delete(m.locks, name); return nil })
}

func (m *memory) Load(ctx context.Context, key string) (value []byte, err error) {
	err = m.do(ctx, "load "+key, func() error {
		if value = m.notes[key]; value == nil || !m.names[key] {
			return fs.ErrNotExist
		}
		return nil
	})
	return value, err
}

func (m *memory) Stat(context.Context, string) (certmagic.KeyInfo, error) {
	return certmagic.KeyInfo{}, io.EOF
}

// count returns how many names there are that begin with a prefix.
func (f *files) count(prefix string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for name := range f.names {
		if strings.HasPrefix(name, prefix) {
			n++
		}
	}
	return n
}

// put stores a name without a call.
func (f *files) put(names ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, name := range names {
		f.names[name] = true
	}
}

func (f *files) lock(name string, held bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.locks[name] = held
}

func (f *files) isLocked() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, held := range f.locks {
		if held {
			return true
		}
	}
	return false
}
