package e2e

import (
	"cmp"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

// event is something that happens to the cluster at a time after the beginning.
type event struct {
	at time.Duration
	do func(*soak)
}

// plan makes up trouble for a time. All of it comes from the seed. For the last seconds
// there is none, so that everything can settle.
func (s *soak) plan(length time.Duration) (events []event) {
	r := rand.New(rand.NewPCG(s.seed, 0))
	last := length - 10*time.Second
	var storage, instagram time.Duration // until when there is trouble
	var nodes [3]time.Duration
	between := func(from, to time.Duration) time.Duration { return from + time.Duration(r.Int64N(int64(to-from))) }
	for at := between(0, time.Second); at < last; at += between(200*time.Millisecond, 3*time.Second) {
		until := min(at+between(500*time.Millisecond, 4*time.Second), last)
		i := r.IntN(len(nodes))
		switch kind := r.IntN(100); {
		case kind < 25 && at > instagram:
			instagram = until
			endpoint := []simulator.Endpoint{simulator.Token, simulator.UserNode, simulator.LongLived}[r.IntN(3)]
			fault := slices.Sorted(maps.Keys(excuses))[r.IntN(len(excuses))]
			events = append(events, s.fails(at, until, endpoint, fault)...)
		case kind < 50 && at > storage:
			storage = until
			events = append(events, s.stores(at, until)...)
		case kind < 75 && at > nodes[i]:
			nodes[i] = until + 3*time.Second // it has to start
			events = append(events, s.dies(at, until, s.nodes[i])...)
		case at > nodes[i]:
			events = append(events, event{at, func(s *soak) { s.reloadOne(s.nodes[i]) }})
		}
	}
	slices.SortStableFunc(events, func(a, b event) int { return cmp.Compare(a.at, b.at) })
	return events
}

// fails makes an endpoint of Instagram's misbehave for a while.
func (s *soak) fails(at, until time.Duration, endpoint simulator.Endpoint, kind simulator.FaultKind) []event {
	var end func()
	return []event{{at, func(s *soak) {
		end = s.weather.begin(spell{kind: "instagram", endpoint: endpoint, fault: kind})
		fault := simulator.Fault{Kind: kind}
		if kind == simulator.Delay {
			fault.Delay = 500 * time.Millisecond
		}
		s.simulator.Misbehave(endpoint, fault)
	}}, {until, func(s *soak) {
		s.simulator.Misbehave(endpoint, simulator.Fault{})
		end()
	}}}
}

// dies kills a node and starts it again.
func (s *soak) dies(at, until time.Duration, n *node) []event {
	var end func()
	return []event{{at, func(s *soak) {
		end = s.weather.begin(spell{kind: nodeDown, node: n})
		n.process.kill()
	}}, {until, func(*soak) {
		n.run()
		end()
	}}}
}

// stores breaks the storage for a while.
func (s *soak) stores(at, until time.Duration) []event {
	var end func()
	return []event{{at, func(s *soak) {
		end = s.weather.begin(spell{kind: storageDown})
		s.breakStorage()
	}}, {until, func(s *soak) {
		s.mendStorage()
		end()
	}}}
}

func (s *soak) reloadOne(n *node) {
	end := s.weather.begin(spell{kind: nodeReload, node: n})
	n.reload(1)
	// Its old sockets are closed a little later, and connections break with them.
	time.AfterFunc(time.Second, end)
}

// inLinkedFiles is a storage of files behind a link, which can be broken and mended in one
// step: nothing that has been written is ever lost.
func (s *soak) inLinkedFiles() *sharedStorage {
	storage := inFiles(s.t)
	dir := filepath.Dir(storage.folder)
	for _, err := range []error{
		os.Mkdir(filepath.Join(dir, "good"), 0o700), os.WriteFile(filepath.Join(dir, "bad"), nil, 0o600), os.Symlink("good", storage.folder),
	} {
		if err != nil {
			s.t.Fatal(err)
		}
	}
	return storage
}

func (s *soak) breakStorage() {
	s.t.Helper()
	if s.storage.redis != nil {
		s.storage.redis.Kill()
		return
	}
	s.link("bad") // a file, where a folder should be
}

func (s *soak) mendStorage() {
	s.t.Helper()
	if s.storage.redis != nil {
		s.storage.redis.Run()
		return
	}
	s.link("good")
}

func (s *soak) link(to string) {
	s.t.Helper()
	link := s.storage.folder + ".new"
	if err := os.Symlink(to, link); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Rename(link, s.storage.folder); err != nil {
		s.t.Fatal(err)
	}
}
