package e2e

import (
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

const (
	soakLength      = time.Minute
	soakPeople      = 16
	providerTimeout = 3 * time.Second

	// slack is what a busy machine may add to a sync interval.
	slack = 2 * time.Second
)

// soak is three nodes with people and trouble. SOAK is how long it takes, SEED repeats
// what happened.
type soak struct {
	*cluster
	t       *testing.T
	seed    uint64
	length  time.Duration
	weather weather
	foreign string // a session cookie of another site

	full atomic.Bool // there are enough problems

	mu       sync.Mutex
	counts   map[string]int
	problems []string
	worst    time.Duration
}

// What must hold all along, for every answer:
//
//  1. Nobody has the identity of another. [H7]
//  2. Who has signed out is out: on that node at once, on the others after a sync
//     interval in which the storage worked. A node that answered 503 promises that only
//     as long as it lives. [F1, F2, L1, L3]
//  3. A login ends with a session, or a refusal that fits the trouble at Instagram, or with
//     its node.
//  4. Afterwards as much memory, goroutines and files are in use as before. [F6]
//  5. Who is signed in stays signed in. [F1, F6]
//  6. No forged header reaches the site. [H1, H2, H3]
func TestF5_Soak(t *testing.T) {
	s := startSoak(t)
	people := make([]*person, soakPeople)
	for i := range people {
		people[i] = s.person(i)
	}
	// First without trouble, so that what is made once has been made.
	s.run(people, nil, max(s.length/8, 5*time.Second))
	for _, n := range s.nodes {
		s.reloadOne(n)
	}
	s.run(people, nil, 2*time.Second)
	before := s.rest(people)
	s.run(people, s.plan(s.length), s.length)
	s.settle(people)
	s.wantFlat(people, before)
	s.summary()
}

func startSoak(t *testing.T) *soak {
	t.Helper()
	s := &soak{t: t, seed: rand.Uint64N(1_000_000), length: soakLength, counts: make(map[string]int)}
	var err error
	if text := os.Getenv("SEED"); text != "" {
		if s.seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	if text := os.Getenv("SOAK"); text != "" {
		if s.length, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("SEED=%d SOAK=%s", s.seed, s.length)
	storage := inRedis
	if s.seed%2 == 0 {
		storage = func(t *testing.T) *sharedStorage { return s.inLinkedFiles() }
	}
	s.cluster = newCluster(t, fastBinary, storage(t), "timeout 3s", "token {\n long_lived\n}", "revalidate 1m")
	s.global = "servers {\n trusted_proxies static 127.0.0.0/8\n}"
	s.foreign = sealedWith(t, strings.Repeat("another secret! ", 2), session.Identity{UserID: userID, Username: username})
	s.startNodes(serve(t, http.HandlerFunc(s.site)), s.nodes[:]...)
	for _, n := range s.nodes {
		n.process.waitFor(n.address)
	}
	return s
}

// site is what stands behind the nodes. It says who it was told the visitor is.
func (s *soak) site(w http.ResponseWriter, r *http.Request) {
	for name, values := range r.Header {
		if strings.Contains(strings.Join(values, " "), "forged") {
			s.problem("%s reached the site with a forged value", name)
		}
	}
	if strings.Contains(r.Header.Get("Cookie"), "instagram_auth") {
		s.problem("a cookie of the handler reached the site")
	}
	_, _ = io.WriteString(w, r.Header.Get("X-Instagram-User-Id")+" "+r.Header.Get("X-Instagram-Username"))
}

// run lets people live for a while and has events happen meanwhile.
func (s *soak) run(people []*person, events []event, length time.Duration) {
	s.t.Helper()
	began := time.Now()
	var all sync.WaitGroup
	for _, p := range people {
		all.Go(func() { p.live(began.Add(length)) })
	}
	for _, e := range events {
		for time.Since(began) < e.at && !s.given() {
			time.Sleep(min(e.at-time.Since(began), 100*time.Millisecond))
		}
		e.do(s) // all of them, so that what began ends
	}
	all.Wait()
}

// settle waits until everything is known everywhere, and looks at every session.
func (s *soak) settle(people []*person) {
	s.t.Helper()
	time.Sleep(2*syncInterval + slack)
	var all sync.WaitGroup
	for _, p := range people {
		all.Go(func() {
			for _, n := range s.nodes {
				for _, b := range p.browsers {
					p.view(b, n)
				}
				for _, g := range p.ended[max(0, len(p.ended)-50):] {
					p.try(g, n)
				}
			}
		})
	}
	all.Wait()
}

// mustKnow says by rule 2 whether a node must refuse a session that has ended. What a node
// has learnt it forgets when it is killed, and reads again.
func (s *soak) mustKnow(g *grave, n *node, now time.Time) bool {
	if n == g.node && !s.weather.was(nodeDown, n, g.at, now) {
		return true
	}
	needs := syncInterval + slack
	if !g.written {
		if s.weather.was(nodeDown, g.node, g.at, now) {
			return false
		}
		needs += syncInterval
	}
	from := g.at
	if started := s.weather.started(n); started.After(from) {
		from = started
	}
	return s.weather.quiet(from, now) > needs
}

// rest closes the connections and measures the nodes.
func (s *soak) rest(people []*person) (now [3]usage) {
	s.t.Helper()
	for _, p := range people {
		for _, b := range p.browsers {
			b.client.CloseIdleConnections()
		}
	}
	time.Sleep(3 * time.Second) // for idle connections to the site
	for i, n := range s.nodes {
		now[i] = n.measure()
	}
	return now
}

const (
	moreGoroutines = 20
	moreFiles      = 20
	moreHeap       = 4 << 20 // bytes, beside a quarter
)

// wantFlat wants as much in use as before, after a while.
func (s *soak) wantFlat(people []*person, before [3]usage) {
	s.t.Helper()
	var after [3]usage
	flat := func() bool {
		for i, u := range after {
			if u.goroutines > before[i].goroutines+moreGoroutines || u.files > before[i].files+moreFiles || u.heap > before[i].heap*5/4+moreHeap {
				return false
			}
		}
		return true
	}
	for deadline := time.Now().Add(30 * time.Second); ; {
		if after = s.rest(people); flat() || time.Now().After(deadline) {
			break
		}
	}
	for i, n := range s.nodes {
		s.t.Logf("%s: goroutines %d -> %d, heap %d -> %d KB, files %d -> %d", n.name, before[i].goroutines, after[i].goroutines,
			before[i].heap>>10, after[i].heap>>10, before[i].files, after[i].files)
	}
	if !flat() {
		s.problem("that is not flat")
	}
}

// problem notes what must not be.
func (s *soak) problem(format string, values ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.problems = append(s.problems, time.Now().UTC().Format("15:04:05.000 ")+fmt.Sprintf(format, values...))
	s.full.Store(len(s.problems) > 20)
}

// given reports whether there are so many problems that it makes no sense to go on.
func (s *soak) given() bool { return s.full.Load() }

func (s *soak) count(what string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[what] += n
}

func (s *soak) delay(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.worst = max(s.worst, d)
}

// summary says what has happened.
func (s *soak) summary() {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for _, counts := range []map[string]int{s.counts, s.weather.kinds()} {
		for _, what := range slices.Sorted(maps.Keys(counts)) {
			fmt.Fprintf(&b, "%7d %s\n", counts[what], what)
		}
	}
	fmt.Fprintf(&b, "the longest that another node went on serving a session that had ended: %s, sync interval %s", s.worst.Round(time.Millisecond), syncInterval)
	s.t.Logf("SEED=%d SOAK=%s\n%s", s.seed, s.length, &b)
	for _, problem := range s.problems {
		s.t.Error(problem)
	}
	if s.counts["logins"] == 0 || s.counts["logouts"] == 0 {
		s.t.Error("nobody has signed in, or nobody out")
	}
}
