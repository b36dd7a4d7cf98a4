package rotation

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

// Prints are the fingerprints of a block's secrets, to compare two nodes. The first secret of each
// list signs and encrypts; all of them are accepted.
type Prints struct {
	Block string `json:"block"` // its first redirect URI
	// App is for app_secret. Session is for session secret, and empty if the app secrets
	// take its place.
	App     []string `json:"app_secrets"`
	Session []string `json:"session_secrets,omitempty"`
	// FormerApp and FormerSession are for secrets that their files no longer have, and that
	// are still accepted.
	FormerApp     []string `json:"previous_app_secrets,omitempty"`
	FormerSession []string `json:"previous_session_secrets,omitempty"`
}

// AppSecrets returns the fingerprints of the app secrets as text for the operator.
func (p Prints) AppSecrets() string { return list(p.App, p.FormerApp) }

// SessionSecrets returns the fingerprints of the session secrets as text for the operator.
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

// Prints returns the fingerprints of the secrets that are accepted now. block is the first
// redirect URI.
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

// Running has the running blocks of an app, the newest last. It is safe for concurrent use.
type Running struct {
	mu  sync.Mutex
	all []running
}

type running struct {
	name     string
	rotation *Rotation
}

// Join adds a block, named by its first redirect URI, until leave is called.
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

// Prints returns the fingerprints of all blocks, sorted by block. While one configuration
// replaces another, the newer one counts.
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
