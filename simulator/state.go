package simulator

import (
	"fmt"
	"slices"
)

// AppState says how far Meta lets the app go. Consent and the code exchange work in
// each state; the calls of graph.instagram.com tell the states apart.
type AppState string

// The states.
const (
	// Approved is an app that serves every account that may sign in.
	Approved AppState = "approved"

	// InvitationPending is an app whose invitation to be a tester was not accepted, or
	// one without Advanced Access for the account. The window and the token endpoint
	// work for everybody; the user node, the media, the long-lived exchange and the
	// refresh answer "Unsupported request". Accounts in [App.Testers] are served.
	InvitationPending AppState = "invitation_pending"

	// Restricted is an app that Meta has blocked: the same calls answer "API access
	// blocked.", for testers too.
	Restricted AppState = "restricted"
)

var appStates = []AppState{Approved, InvitationPending, Restricted}

// SetState changes the state of the app while the simulator runs.
func (s *Simulator) SetState(state AppState) error {
	if !slices.Contains(appStates, state) {
		return fmt.Errorf("state: %q is none of approved, invitation_pending, restricted", state)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state = state
	return nil
}

// isTester tells whether an account has accepted a tester role.
func (s *Simulator) isTester(u *User) bool { return slices.Contains(s.config.App.Testers, u.Username) }

// maySignIn tells whether an account gets past the window's check of roles.
// Inferred: an invited account that has not accepted gets past it.
func (s *Simulator) maySignIn(u *User) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.config.App.Live || s.isTester(u) || s.state == InvitationPending
}
