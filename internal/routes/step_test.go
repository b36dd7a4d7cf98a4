package routes

import (
	"net/url"
	"slices"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/headers"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/intercept"
)

// Steps share their lists, with room left behind the last element. What one branch adds must not
// stand in the list of another: a warning would be lost.
func TestBranchesOfAWalkDoNotWriteIntoSharedLists(t *testing.T) {
	first := new(intercept.Intercept)
	at := newStep(&Request{Method: "GET", URL: &url.URL{Scheme: "https", Host: "example.com", Path: "/"}})
	at.ifs = slices.Grow([]string{"always"}, 9)
	at.deleted = slices.Grow([]string{"X-First"}, 9)
	at.hidden = slices.Grow([]string{"first"}, 9)
	at.intercepts = slices.Grow([]*intercept.Intercept{first}, 9)

	branch := func(name string) (*Step, *intercept.Intercept) {
		own := new(intercept.Intercept)
		s := at.copy().where(name).without(&headers.HeaderOps{Delete: []string{name}}).intercepted(own)
		s.hidden = append(s.hidden, name)
		return s, own
	}
	one, ownOne := branch("one")
	two, ownTwo := branch("two")
	for name, s := range map[string]*Step{"one": one, "two": two} {
		own := map[string]*intercept.Intercept{"one": ownOne, "two": ownTwo}[name]
		if !slices.Equal(s.ifs, []string{"always", name}) || !slices.Equal(s.deleted, []string{"X-First", name}) ||
			!slices.Equal(s.hidden, []string{"first", name}) || len(s.intercepts) != 2 || s.intercepts[0] != first || s.intercepts[1] != own {
			t.Errorf("branch %s has %q, %q, %q, %v", name, s.ifs, s.deleted, s.hidden, s.intercepts)
		}
	}
	if len(at.ifs) != 1 || len(at.deleted) != 1 || len(at.hidden) != 1 || len(at.intercepts) != 1 {
		t.Error("the step itself has changed")
	}
}
