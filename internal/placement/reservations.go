package placement

import (
	"slices"
	"sync"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/address"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/option"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

// The options whose values two blocks of one server cannot share.
const (
	redirectURI   = "redirect_uri"
	pathPrefix    = "path_prefix"
	sessionCookie = "session cookie"
)

// A reservation is a value of an option that only one block may have on a host of a server. Caddy
// makes new servers at each load, so the configuration that is being replaced never conflicts.
type reservation struct {
	server              *caddyhttp.Server
	option, host, value string
}

// overlaps reports whether two reservations exclude each other. Two session cookies can conflict
// although their names differ, because related names are reserved as well.
func (r reservation) overlaps(other reservation, cookies, others *session.Cookies) bool {
	if r.option == sessionCookie && other.option == sessionCookie {
		return r.server == other.server && r.host == other.host && cookies.Overlaps(others)
	}
	return r == other
}

// Reservations are the reservations of one block. Take and Release are safe for concurrent use by
// different blocks.
type Reservations struct {
	place   Place
	cookies *session.Cookies
	wanted  []reservation
	taken   []reservation
}

// Reserve returns the reservations that a block needs. It takes none yet. Outside a server, where
// server is nil, there are none.
func Reserve(server *caddyhttp.Server, place Place, paths *address.Paths, cookies *session.Cookies) *Reservations {
	r := &Reservations{place: place, cookies: cookies}
	if server == nil {
		return r
	}
	for _, own := range paths.Redirects {
		r.wanted = append(r.wanted,
			reservation{server, redirectURI, own.Host, own.URI},
			reservation{server, pathPrefix, own.Host, paths.Prefix},
			reservation{server, sessionCookie, own.Host, cookies.Name()},
		)
	}
	return r
}

// reserved has the owners of each reservation in this process, because blocks do not know one
// another. One has several owners if the same block is in several sites.
var (
	mu       sync.Mutex
	reserved = make(map[reservation][]*Reservations)
)

// Take takes all reservations. It fails with an *option.Error that names the first one that another
// block has; the caller then calls Release. [C3]
func (r *Reservations) Take() error {
	mu.Lock()
	defer mu.Unlock()
	for _, wanted := range r.wanted {
		if r.isTaken(wanted) {
			return option.Errorf(wanted.option,
				"%s on %s belongs to another instagram_auth block of the same server; give each block its own",
				wanted.value, wanted.host)
		}
		reserved[wanted] = append(reserved[wanted], r)
		r.taken = append(r.taken, wanted)
	}
	return nil
}

func (r *Reservations) isTaken(wanted reservation) bool {
	for owned, owners := range reserved {
		if !owned.overlaps(wanted, owners[0].cookies, r.cookies) {
			continue
		}
		if slices.ContainsFunc(owners, func(owner *Reservations) bool { return !r.place.standsBeside(owner.place) }) {
			return true
		}
	}
	return false
}

// Release releases all reservations that were taken. Further calls do nothing.
func (r *Reservations) Release() {
	mu.Lock()
	defer mu.Unlock()
	for _, owned := range r.taken {
		reserved[owned] = slices.DeleteFunc(reserved[owned], func(owner *Reservations) bool { return owner == r })
		if len(reserved[owned]) == 0 {
			delete(reserved, owned)
		}
	}
	r.taken = nil
}

// IsCallback reports whether a path on a host is the callback of any running block.
func IsCallback(host, path string) bool {
	mu.Lock()
	defer mu.Unlock()
	for owned := range reserved {
		if owned.option == redirectURI && owned.host == host {
			if r, err := address.ParseRedirect(owned.value); err == nil && r.Path == path {
				return true
			}
		}
	}
	return false
}
