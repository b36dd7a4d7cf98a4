package redisstorage

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-instagram/caddy-instagram-auth/e2e/internal/redisserver"
)

// open makes a store of its own on a server.
func open(t *testing.T, server *redisserver.Server) *store {
	t.Helper()
	s := newStore(server.Address)
	t.Cleanup(func() { _ = s.client.Close() })
	return s
}

func fill(t *testing.T, s *store, keys ...string) {
	t.Helper()
	for _, key := range keys {
		if err := s.Store(t.Context(), key, []byte("value of "+key)); err != nil {
			t.Fatal(err)
		}
	}
}

func wantList(t *testing.T, s *store, key string, recursive bool, want string) {
	t.Helper()
	keys, err := s.List(t.Context(), key, recursive)
	slices.Sort(keys)
	if got := strings.Join(keys, " "); got != want || err != nil {
		t.Errorf("list of %q = %q, %v; want %q", key, got, err, want)
	}
}

func wantMissing(t *testing.T, s *store, key string) {
	t.Helper()
	_, loading := s.Load(t.Context(), key)
	_, asking := s.Stat(t.Context(), key)
	_, listing := s.List(t.Context(), key, false)
	for what, err := range map[string]error{"Load": loading, "Stat": asking, "List": listing} {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s of %s, which is not there: %v", what, key, err)
		}
	}
	if s.Exists(t.Context(), key) {
		t.Errorf("%s exists", key)
	}
}

func TestFilesComeBackFromAnotherNode(t *testing.T) {
	server := redisserver.Start(t)
	one, two := open(t, server), open(t, server)
	wantMissing(t, one, "a/b/c")
	fill(t, one, "a/b/c", "empty")
	if err := one.Store(t.Context(), "empty", nil); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"a/b/c": "value of a/b/c", "/a//b/c": "value of a/b/c", "empty": ""} {
		if value, err := two.Load(t.Context(), key); err != nil || string(value) != want {
			t.Errorf("%s = %q, %v", key, value, err)
		}
		info, err := two.Stat(t.Context(), key)
		if err != nil || !info.IsTerminal || info.Size != int64(len(want)) || time.Since(info.Modified).Abs() > time.Minute {
			t.Errorf("%s is %+v, %v", key, info, err)
		}
	}
	if info, err := two.Stat(t.Context(), "a/b"); err != nil || info.IsTerminal || !two.Exists(t.Context(), "a") {
		t.Errorf("the directory is %+v, %v", info, err)
	}
	wantMissing(t, two, "a/b/cc")
}

func TestListsOfDirectories(t *testing.T) {
	s := open(t, redisserver.Start(t))
	fill(t, s, "a/b/1", "a/b/2", "a/b/d/3", "a/bb/4", "a/5", "z%(-x/6")
	wantList(t, s, "a", false, "a/5 a/b a/bb")
	wantList(t, s, "a/b", false, "a/b/1 a/b/2 a/b/d")
	wantList(t, s, "a/b", true, "a/b/1 a/b/2 a/b/d a/b/d/3")
	wantList(t, s, "", false, "a z%(-x")
	wantList(t, s, "", true, "a a/5 a/b a/b/1 a/b/2 a/b/d a/b/d/3 a/bb a/bb/4 z%(-x z%(-x/6")
	wantList(t, s, "a/5", false, "")
}

func TestDeletionTakesWhatIsBelowAndNoNeighbour(t *testing.T) {
	s := open(t, redisserver.Start(t))
	fill(t, s, "a/b/1", "a/b/d/2", "a/bb/3", "z%(-x/y/4")
	for _, key := range []string{"a/b", "z%(-x/y/4", "never/there"} {
		if err := s.Delete(t.Context(), key); err != nil {
			t.Fatal(err)
		}
		wantMissing(t, s, key)
	}
	wantMissing(t, s, "a/b/1")
	wantMissing(t, s, "a/b/d/2")
	wantMissing(t, s, "z%(-x")
	wantList(t, s, "", true, "a a/bb a/bb/3")
	if err := s.Delete(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if left := s.client.DBSize(t.Context()).Val(); left != 0 {
		t.Errorf("%d keys are left", left)
	}
}

func TestOnlyOneHoldsALock(t *testing.T) {
	server := redisserver.Start(t)
	var mu sync.Mutex
	var holders, most int
	var nodes sync.WaitGroup
	for range 3 {
		s := open(t, server)
		nodes.Go(func() {
			for range 3 {
				if err := s.Lock(t.Context(), "x"); err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				holders++
				most = max(most, holders)
				mu.Unlock()
				if value := s.client.Get(t.Context(), lockKey+"x").Val(); !strings.HasPrefix(value, strconv.Itoa(os.Getpid())+" ") {
					t.Errorf("the lock is held by %q", value)
				}
				mu.Lock()
				holders--
				mu.Unlock()
				if err := s.Unlock(t.Context(), "x"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	nodes.Wait()
	if most != 1 {
		t.Errorf("%d held the lock", most)
	}
	if err := open(t, server).Unlock(t.Context(), "x"); err == nil {
		t.Error("a lock that nobody holds was released")
	}
}

func TestALockLivesWithItsHolder(t *testing.T) {
	server := redisserver.Start(t)
	one, two := open(t, server), open(t, server)
	if err := one.Lock(t.Context(), "x"); err != nil {
		t.Fatal(err)
	}
	soon, cancel := context.WithTimeout(t.Context(), lockLife+lockRenew)
	defer cancel()
	if err := two.Lock(soon, "x"); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("a lock that is held: %v", err)
	}
	one.held["x"].stop() // as if the process had died
	begun := time.Now()
	if err := two.Lock(t.Context(), "x"); err != nil || time.Since(begun) > lockLife+2*time.Second {
		t.Errorf("a dead holder's lock: %v after %s", err, time.Since(begun))
	}
	if err := one.Unlock(t.Context(), "x"); err != nil {
		t.Error(err)
	}
	if two.client.Exists(t.Context(), lockKey+"x").Val() != 1 {
		t.Error("a lost lock was released")
	}
}

func TestTheEndOfAContextIsItsOwnError(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and never answers
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	s := newStore(silent.Addr().String())
	defer s.client.Close()
	for what, call := range map[string]func(ctx context.Context) error{
		"Load":   func(ctx context.Context) error { _, err := s.Load(ctx, "a"); return err },
		"Stat":   func(ctx context.Context) error { _, err := s.Stat(ctx, "a"); return err },
		"List":   func(ctx context.Context) error { _, err := s.List(ctx, "a", false); return err },
		"Store":  func(ctx context.Context) error { return s.Store(ctx, "a", nil) },
		"Delete": func(ctx context.Context) error { return s.Delete(ctx, "a") },
		"Lock":   func(ctx context.Context) error { return s.Lock(ctx, "a") },
	} {
		soon, cancel := context.WithTimeout(t.Context(), timeout/10)
		if err := call(soon); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s at the end of its context: %v", what, err)
		}
		cancel()
	}
}

func TestADeadServerIsAnErrorAndItsDataComeBack(t *testing.T) {
	server := redisserver.Start(t)
	s := open(t, server)
	fill(t, s, "a/b")
	server.Kill()
	begun := time.Now()
	_, loading := s.Load(t.Context(), "a/b")
	_, asking := s.Stat(t.Context(), "a/b")
	_, listing := s.List(t.Context(), "a", false)
	for what, err := range map[string]error{
		"Load": loading, "Stat": asking, "List": listing, "Store": s.Store(t.Context(), "a/c", nil),
		"Delete": s.Delete(t.Context(), "a/b"), "Lock": s.Lock(t.Context(), "x"),
	} {
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s without a server: %v", what, err)
		}
	}
	if took := time.Since(begun); took > 6*timeout {
		t.Errorf("six failures took %s", took)
	}
	server.Run()
	if value, err := s.Load(t.Context(), "a/b"); err != nil || string(value) != "value of a/b" {
		t.Errorf("after a restart: %q, %v", value, err)
	}
}

func TestTheModuleIsMadeFromACaddyfile(t *testing.T) {
	server := redisserver.Start(t)
	module := new(Storage)
	if err := module.UnmarshalCaddyfile(caddyfile.NewTestDispenser("e2e_redis {\n address " + server.Address + "\n}")); err != nil {
		t.Fatal(err)
	}
	if err := module.Provision(caddy.Context{}); err != nil {
		t.Fatal(err)
	}
	storage, err := module.CertMagicStorage()
	if err != nil || storage.Store(t.Context(), "a", nil) != nil {
		t.Error("the storage does not work")
	}
	if err := module.Cleanup(); err != nil {
		t.Error(err)
	}
	for _, wrong := range []string{"e2e_redis {\n address\n}", "e2e_redis {\n port 1\n}"} {
		if err := new(Storage).UnmarshalCaddyfile(caddyfile.NewTestDispenser(wrong)); err == nil {
			t.Errorf("%q is accepted", wrong)
		}
	}
	if err := new(Storage).Provision(caddy.Context{}); err == nil {
		t.Error("no address is accepted")
	}
}
