package e2e

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

// loginStep is a step of a login at which something happens to Caddy.
type loginStep struct {
	name string
	// during is the endpoint of Instagram that is being asked meanwhile, "" for none.
	during simulator.Endpoint
	after  bool // the session cookie has been set
}

var loginSteps = []loginStep{
	{name: "after the redirect to Instagram"},
	{name: "while the code is being exchanged", during: simulator.Token},
	{name: "after the exchange, before the answer", during: simulator.UserNode},
	{name: "after the session cookie was set", after: true},
}

func TestF6_FaultsOfTheProcess(t *testing.T) {
	binary, err := raceBinary()
	if err != nil {
		t.Fatal(err)
	}
	table := newFaultTable("process")
	t.Run("all", func(t *testing.T) {
		for i, fault := range []struct {
			name   string
			strike func(*faultSite)
		}{
			{"killed and started again", func(s *faultSite) { s.caddy.restart() }},
			{"reload", func(s *faultSite) {
				// A reload may wait for the requests that are under way.
				s.reloaded = make(chan error, 1)
				text := s.caddy.caddyfile(fmt.Sprint("header X-Reloaded ", time.Now().UnixNano()))
				go func() { s.reloaded <- postConfig(s.caddy.admin, text) }()
				select {
				case err := <-s.reloaded:
					s.reloaded <- err
				case <-time.After(3 * time.Second):
				}
				s.caddy.settle()
			}},
		} {
			t.Run(fault.name, func(t *testing.T) {
				t.Parallel()
				f := newFaulty(t, binary, inFiles(t).caddyfile, 1, "")
				f.run()
				s := f.sites[0]
				s.people()
				for _, step := range loginSteps {
					s.struck(table, i, fault.name, step, fault.strike)
				}
			})
		}
	})
	table.check(t)
}

// struck lets something happen to Caddy at a step of a login, and the visitor go on.
func (s *faultSite) struck(table *faultTable, story int, fault string, step loginStep, strike func(*faultSite)) {
	s.t.Helper()
	before := s.metrics()
	v := s.visitor("visitor4")
	uri := v.back(s.address)
	row := faultRow{fault: fault, moment: step.name}
	var answer reply
	switch {
	case step.after:
		answer = v.get(s.address, uri, byLink)
		strike(s)
	case step.during != "":
		calls := s.simulator.Calls(step.during)
		s.simulator.Misbehave(step.during, simulator.Fault{Kind: simulator.Delay, Delay: 2 * time.Second, Times: 1})
		replies := s.returning(v, uri)
		s.caddy.process.waitUntil("a call of Instagram", func() bool { return s.simulator.Calls(step.during) > calls })
		strike(s)
		answer = <-replies
		v.keep(answer.header)
	default:
		strike(s)
		answer = v.get(s.address, uri, byLink)
	}
	row.visitor = said(answer)
	if answer.status == 0 {
		// The browser's button for another try.
		s.simulator.Misbehave(step.during, simulator.Fault{})
		answer = v.get(s.address, uri, byLink)
		row.visitor += "; the same address again: " + said(answer)
		row.operator = s.caddy.operator(s.t, answer)
	}
	if answer.status != http.StatusSeeOther {
		v.signIn(s.address, s.address)
		row.visitor += ", which leads to a session"
	}
	page := v.get(s.address, "/private", byLink)
	row.visitor += "; then " + said(page)
	if page.status != http.StatusOK {
		s.t.Errorf("%s, %s: the login did not end well: %d", fault, step.name, page.status)
	}
	if s.reloaded != nil {
		if err := <-s.reloaded; err != nil {
			s.t.Error(err)
		}
	}
	row.metrics, row.lost = s.moved(before), s.lost()
	table.add(s.t, story, row)
}
