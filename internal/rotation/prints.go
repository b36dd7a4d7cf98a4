package rotation

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

// Prints are the fingerprints of a block's secrets, by which two nodes can be compared. They are in
// the order in which they count: the first one is used, all are accepted.
type Prints struct {
	// Block is its first redirect URI.
	Block string `json:"block"`
	// App are those of app_secret, Session those of session secret, empty where the app
	// secrets stand in for them.
	App     []string `json:"app_secrets"`
	Session []string `json:"session_secrets,omitempty"`
	// FormerApp and FormerSession have changed in their files and are still accepted.
	FormerApp     []string `json:"previous_app_secrets,omitempty"`
	FormerSession []string `json:"previous_session_secrets,omitempty"`
}

// AppSecrets and SessionSecrets return the fingerprints as a person reads them.
func (p Prints) AppSecrets() string     { return list(p.App, p.FormerApp) }
func (p Prints) SessionSecrets() string { return list(p.Session, p.FormerSession) }

func list(current, former []string) string {
	if len(current) == 0 {
		return "from app_secret"
	}
	text := strings.Join(current, " ")
	if len(former) > 0 {
		text += " (previous: " + strings.Join(former, " ") + ")"
	}
	return text
}

// Prints returns the fingerprints of the secrets that a running block accepts now.
func (r *Rotation) Prints(block string) Prints {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := Prints{Block: block}
	p.App, p.FormerApp = r.prints(r.app)
	p.Session, p.FormerSession = r.prints(r.own)
	return p
}

func (r *Rotation) prints(sources []source) (current, former []string) {
	now, before := r.values(sources)
	return session.Fingerprints(now), session.Fingerprints(before)
}

// Running are the blocks of an app, the newest last.
type Running struct {
	mu  sync.Mutex
	all []running
}

type running struct {
	name     string
	rotation *Rotation
}

// Join adds a block until leave is called.
func (b *Running) Join(name string, r *Rotation) (leave func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all = append(b.all, running{name, r})
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.all = slices.DeleteFunc(b.all, func(other running) bool { return other.rotation == r })
	}
}

// Prints returns those of all blocks. While one configuration replaces another, the newer
// one counts.
func (b *Running) Prints() (all []Prints) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, block := range slices.Backward(b.all) {
		if !slices.ContainsFunc(all, func(known Prints) bool { return known.Block == block.name }) {
			all = append(all, block.rotation.Prints(block.name))
		}
	}
	slices.SortFunc(all, func(x, y Prints) int { return cmp.Compare(x.Block, y.Block) })
	return all
}
