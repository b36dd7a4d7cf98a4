package instagramauth

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"

	"github.com/caddy-instagram/caddy-instagram-auth/session"
)

// What the operator is told of the secrets in use: fingerprints, by which two nodes can be
// compared.

// secretPrints are the fingerprints of a block's secrets, in the order in which they count:
// the first one is used, all are accepted.
type secretPrints struct {
	// Block is its first redirect URI.
	Block string `json:"block"`
	// App are those of app_secret, Session those of session secret, empty where the app
	// secrets stand in for them.
	App     []string `json:"app_secrets"`
	Session []string `json:"session_secrets,omitempty"`
	// FormerApp and FormerSession have changed in their files and are still accepted.
	FormerApp     []string `json:"former_app_secrets,omitempty"`
	FormerSession []string `json:"former_session_secrets,omitempty"`
}

// prints returns the fingerprints of the secrets that a running block accepts now.
func (h *Handler) prints() secretPrints {
	r := h.rotation
	r.mu.Lock()
	defer r.mu.Unlock()
	p := secretPrints{Block: h.settings.paths.Redirects[0].URI}
	p.App, p.FormerApp = r.prints(r.app)
	p.Session, p.FormerSession = r.prints(r.own)
	return p
}

func (r *rotation) prints(sources []secretSource) (current, former []string) {
	now, before := r.values(sources)
	return session.Fingerprints(now), session.Fingerprints(before)
}

// runningBlocks are the blocks of an app, the newest last.
type runningBlocks struct {
	mu  sync.Mutex
	all []*Handler
}

func (b *runningBlocks) join(h *Handler) (leave func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all = append(b.all, h)
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.all = slices.DeleteFunc(b.all, func(other *Handler) bool { return other == h })
	}
}

// prints returns those of all blocks. While one configuration replaces another, the newer
// one counts.
func (b *runningBlocks) prints() (all []secretPrints) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, h := range slices.Backward(b.all) {
		p := h.prints()
		if !slices.ContainsFunc(all, func(other secretPrints) bool { return other.Block == p.Block }) {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(x, y secretPrints) int { return cmp.Compare(x.Block, y.Block) })
	return all
}

// printSecrets writes the fingerprints of all blocks as a table.
func printSecrets(out io.Writer, states []appState) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\nBLOCK\tAPP SECRET\tSESSION SECRET")
	for _, state := range states {
		for _, p := range state.Secrets {
			fmt.Fprintf(table, "%s\t%s\t%s\n", p.Block, listPrints(p.App, p.FormerApp), listPrints(p.Session, p.FormerSession))
		}
	}
	return table.Flush()
}

// listPrints returns fingerprints as a person reads them.
func listPrints(current, former []string) string {
	if len(current) == 0 {
		return "from app_secret"
	}
	text := strings.Join(current, " ")
	if len(former) > 0 {
		text += " (former: " + strings.Join(former, " ") + ")"
	}
	return text
}
