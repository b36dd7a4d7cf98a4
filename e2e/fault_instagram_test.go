package e2e

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

// trouble is a way in which Instagram fails.
type trouble struct {
	name  string
	fault simulator.Fault
	raw   string // an answer, byte for byte

	// late says that the answer comes in the end, pause that it asks not to be asked
	// again for a while.
	late, pause bool

	certificate func(*certificates) *tls.Certificate

	// host says that all that is asked at one host fails: there, no login gets as far as
	// the long-lived exchange.
	host bool
}

const jsonHead = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

// bomb is an answer of a few KB that unpacks to 16 MB of JSON.
func bomb() string {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = io.WriteString(z, `{"access_token":"`+strings.Repeat("A", 16<<20)+`","user_id":17841405793187218}`)
	_ = z.Close()
	return jsonHead + fmt.Sprintf("Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n", packed.Len()) + packed.String()
}

var troubles = []trouble{
	{name: "slow, 8 s", fault: simulator.Fault{Kind: simulator.Delay, Delay: 8 * time.Second}, late: true},
	{name: "slower than `timeout`", fault: simulator.Fault{Kind: simulator.Delay, Delay: 13 * time.Second}},
	{name: "hanging", fault: simulator.Fault{Kind: simulator.Hang}},
	{name: "a byte a second", fault: simulator.Fault{Kind: simulator.OneBytePerSecond}},
	{name: "connection reset", fault: simulator.Fault{Kind: simulator.Reset}},
	{name: "500, JSON", fault: simulator.Fault{Kind: simulator.Status500}},
	{name: "502, HTML", fault: simulator.Fault{Kind: simulator.Status502}},
	{name: "503, HTML, `Retry-After`", fault: simulator.Fault{Kind: simulator.Status503}, pause: true},
	{name: "200, HTML", fault: simulator.Fault{Kind: simulator.HTML}},
	{name: "endless JSON", fault: simulator.Fault{Kind: simulator.Huge}},
	{name: "gzip bomb", raw: bomb()},
	{name: "body shorter than its `Content-Length`", raw: jsonHead + "Content-Length: 5000\r\n\r\n{\"access_token\":\"IGAA"},
	{name: "body longer than its `Content-Length`", raw: jsonHead + "Content-Length: 20\r\n\r\n{\"access_token\":\"IGAA\",\"user_id\":17841405793187218}"},
	{name: "truncated JSON", fault: simulator.Fault{Kind: simulator.Truncated}},
	{name: "wrong types", fault: simulator.Fault{Kind: simulator.WrongTypes}},
	{name: "redirect", fault: simulator.Fault{Kind: simulator.Redirect}},
	{name: "rate limit", fault: simulator.Fault{Kind: simulator.RateLimit}, pause: true},
	{name: "certificate of an unknown authority", certificate: func(c *certificates) *tls.Certificate { return &c.unknown }, host: true},
	{name: "certificate of another host", certificate: func(c *certificates) *tls.Certificate { return &c.elsewhere }, host: true},
}

// A site for the logins and one for what comes after them meet each trouble, because a
// failure has the site leave Instagram alone for a while.
const sitesPerTrouble = 2

func TestT4_FaultsOfInstagram(t *testing.T) {
	binary, err := raceBinary()
	if err != nil {
		t.Fatal(err)
	}
	known := newCertificates(t)
	f := newFaulty(t, binary, inFiles(t).caddyfile, sitesPerTrouble*len(troubles), "revalidate 1h\n token {\n long_lived\n }")
	f.env = []string{"SSL_CERT_FILE=" + known.file, "SSL_CERT_DIR=" + t.TempDir()}
	shows := make([]func(simulator.Endpoint, *tls.Certificate), len(f.sites))
	for i, s := range f.sites {
		if troubles[i/sitesPerTrouble].certificate != nil {
			shows[i] = s.onTwoHosts(t, &known.good)
		}
	}
	f.run()
	table := newFaultTable("instagram")
	t.Run("all", func(t *testing.T) {
		for i, s := range f.sites {
			trouble := &troubles[i/sitesPerTrouble]
			set := func(endpoint simulator.Endpoint, on bool) {
				switch {
				case trouble.certificate != nil && on:
					shows[i](endpoint, trouble.certificate(known))
				case trouble.certificate != nil:
					shows[i](endpoint, &known.good)
				case trouble.raw != "":
					s.front.answer(endpoint, map[bool]string{true: trouble.raw}[on])
				default:
					s.simulator.Misbehave(endpoint, map[bool]simulator.Fault{true: trouble.fault}[on])
				}
			}
			t.Run(fmt.Sprint(trouble.name, " ", i%sitesPerTrouble), func(t *testing.T) {
				t.Parallel()
				s.t = t
				s.people()
				if i%sitesPerTrouble == 0 {
					s.troubledLogins(table, i, trouble, set)
				} else {
					s.troubledRenewals(table, i, trouble, set)
				}
			})
		}
		t.Run("DNS", func(t *testing.T) { t.Parallel(); noName(t, binary, table) })
	})
	table.check(t)
}

// onTwoHosts has the site call Instagram's token endpoint and graph over TLS.
func (s *faultSite) onTwoHosts(t *testing.T, first *tls.Certificate) (show func(simulator.Endpoint, *tls.Certificate)) {
	token, showToken := s.overTLS(t, first)
	graph, showGraph := s.overTLS(t, first)
	s.token, s.graph = token+"/oauth/access_token", graph
	return func(endpoint simulator.Endpoint, c *tls.Certificate) {
		if endpoint == simulator.Token {
			showToken(c)
		} else {
			showGraph(c)
		}
	}
}

// noName is Instagram's name not being known. The name is of a kind that no resolver is
// asked about.
func noName(t *testing.T, binary string, table *faultTable) {
	f := newFaulty(t, binary, inFiles(t).caddyfile, sitesPerTrouble, "revalidate 1h\n token {\n long_lived\n }")
	f.env = []string{"GODEBUG=netdns=go"}
	f.run()
	trouble := &trouble{name: "a name that does not resolve", host: true}
	for i, s := range f.sites {
		token, graph := s.token, s.graph
		set := func(endpoint simulator.Endpoint, on bool) {
			s.token, s.graph = token, graph
			if on && endpoint == simulator.Token {
				s.token = "https://instagram.onion/oauth/access_token"
			} else if on {
				s.graph = "https://instagram.onion"
			}
			f.reload("")
		}
		s.people()
		if i == 0 {
			s.troubledLogins(table, len(troubles)*sitesPerTrouble, trouble, set)
		} else {
			s.troubledRenewals(table, len(troubles)*sitesPerTrouble+1, trouble, set)
		}
	}
}

// troubledLogins fails each call of a login. Whoever is signed in must not notice.
func (s *faultSite) troubledLogins(table *faultTable, story int, trouble *trouble, set func(simulator.Endpoint, bool)) {
	for _, moment := range []struct {
		name     string
		endpoint simulator.Endpoint
	}{{"token exchange", simulator.Token}, {"user node", simulator.UserNode}, {"long-lived exchange", simulator.LongLived}} {
		if trouble.host && moment.endpoint == simulator.LongLived {
			break
		}
		before := s.metrics()
		v := s.visitor("visitor4")
		uri := v.back(s.address)
		set(moment.endpoint, true)
		answer := s.whileServing(s.returning(v, uri))
		set(moment.endpoint, false)
		row := faultRow{fault: trouble.name, moment: moment.name, visitor: said(answer), operator: s.caddy.operator(s.t, answer), metrics: s.moved(before)}
		if moment.endpoint == simulator.LongLived {
			row.operator = messages(s.caddy.warned(s.t, 0, func(l line) bool { return l.text("user_id") == s.id(v) }))
		}
		if answer.status >= 400 && !strings.Contains(answer.body, "/instagram_auth/login") {
			s.t.Errorf("%s, %s: there is no way to start again: %s", trouble.name, moment.name, answer.body)
		}
		if ok := moment.endpoint == simulator.LongLived || trouble.late; ok != (answer.status == http.StatusSeeOther) {
			s.t.Errorf("%s, %s: answered %d", trouble.name, moment.name, answer.status)
		}
		// The same visitor starts again.
		again := s.visitor("visitor4")
		again.signIn(s.address, s.address)
		row.lost = s.lost()
		table.add(s.t, story, row)
	}
	if n := s.simulator.Calls(simulator.Redirected); n != 0 {
		s.t.Errorf("a redirect was followed %d times", n)
	}
}

// whileServing waits for an answer, while somebody who is signed in asks for pages.
func (s *faultSite) whileServing(answer <-chan reply) reply {
	s.t.Helper()
	for {
		select {
		case r := <-answer:
			return r
		case <-time.After(300 * time.Millisecond):
			if !s.serves(s.stays) {
				s.t.Fatal("a visitor who was signed in is not any more")
			}
		}
	}
}

// troubledRenewals fails what Instagram is asked about somebody who is signed in.
func (s *faultSite) troubledRenewals(table *faultTable, story int, trouble *trouble, set func(simulator.Endpoint, bool)) {
	const day = 25 * time.Hour
	s.front.behind.Store(int64(-day))
	v := s.newcomer("visitor4")
	s.front.behind.Store(0)
	s.age(v, day)
	before := s.metrics()
	for _, endpoint := range []simulator.Endpoint{simulator.Refresh, simulator.UserNode} {
		set(endpoint, true)
	}
	lines := map[string][]line{"token": nil, "profile": nil}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(200 * time.Millisecond) {
		if !s.serves(v) || !s.serves(s.stays) {
			s.t.Fatalf("%s: a visitor who was signed in is not any more", trouble.name)
		}
		done := true
		for about := range lines {
			lines[about] = s.caddy.ours(0, func(l line) bool { return l.text("user_id") == s.id(v) && l.text("about") == about })
			done = done && (len(lines[about]) > 0 || trouble.late && s.renewed(v, about))
		}
		if done {
			break
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("%s: nothing became of what was due", trouble.name)
		}
	}
	for _, endpoint := range []simulator.Endpoint{simulator.Refresh, simulator.UserNode} {
		set(endpoint, false)
	}
	moved := s.moved(before)
	lost := s.lost()
	if !trouble.pause {
		for deadline := time.Now().Add(20 * time.Second); !s.renewed(v, "token"); time.Sleep(100 * time.Millisecond) {
			if !s.serves(v) || time.Now().After(deadline) {
				lost = "the renewal of a token"
				break
			}
		}
	}
	for _, moment := range []struct{ name, about string }{{"refresh of the token", "token"}, {"revalidation", "profile"}} {
		for _, l := range lines[moment.about] {
			if l.text("remedy") == "" {
				s.t.Errorf("the log does not say what to do: %v", l)
			}
		}
		table.add(s.t, story, faultRow{fault: trouble.name, moment: moment.name, visitor: "200, the page", operator: messages(lines[moment.about]), metrics: moved, lost: lost})
	}
}

// renewed reports whether a visitor has been given what was due.
func (s *faultSite) renewed(v *visitor, about string) bool {
	now := s.sessionOf(v)
	at := now.Token.Issued
	if about == "profile" {
		at = now.Checked
	}
	return time.Since(at) < time.Hour
}
