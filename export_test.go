package instagramauth

import (
	"slices"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/doctor"
)

// Both are what Caddy says at start and what the doctor says.
type Both struct{ AtStart, Doctor []doctor.Finding }

// CheckRoutes returns what is said of the routes of a configuration file, read by the doctor. It does
// not have Caddy load it, and asks nobody.
func CheckRoutes(file string) (both Both, err error) {
	e := &examination{file: file}
	if err := e.load(); err != nil {
		return both, err
	}
	defer e.prepare()()
	for _, p := range e.patients {
		if p.wrong != nil {
			return both, p.wrong
		}
		both.AtStart = slices.Concat(both.AtStart, newInspection(e.servers).of(p.handler))
		both.Doctor = slices.Concat(both.Doctor, e.checkRedirects(p), e.checkCallbacks(p), e.checkMatcher(p), e.checkUpstream(p))
	}
	return both, nil
}
