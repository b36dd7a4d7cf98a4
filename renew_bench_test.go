package instagramauth

import (
	"net/http"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

// BenchmarkSignedInWhileInstagramHangs tells what a request costs of a visitor about whom
// Instagram is asked again with each hundredth one, while it answers and while it hangs, and
// the ratio of the two. No request waits for the answer.
func BenchmarkSignedInWhileInstagramHangs(b *testing.B) {
	answers, hangs := newDueRequests(b, simulator.Fault{}), newDueRequests(b, simulator.Fault{Kind: simulator.Hang})
	var took [2]time.Duration
	b.ReportAllocs()
	for b.Loop() {
		// In turn, so that whatever else the machine does meets both.
		for i, r := range []*dueRequests{answers, hangs} {
			began := time.Now()
			r.one(b)
			took[i] += time.Since(began)
		}
	}
	b.ReportMetric(float64(took[0].Nanoseconds())/float64(b.N), "ns/answering")
	b.ReportMetric(float64(took[1].Nanoseconds())/float64(b.N), "ns/hanging")
	b.ReportMetric(float64(took[1])/float64(took[0]), "hanging/answering")
}

// dueRequests are the requests of a visitor who keeps what cookies they get.
type dueRequests struct {
	*node
	at      *clock
	request *http.Request
	cookie  []string
	w       *discard
	made    int
}

func newDueRequests(b *testing.B, fault simulator.Fault) *dueRequests {
	options := longLived(time.Minute)
	options.Session.Lifetime = caddy.Duration(365 * day)
	w := newWorld(b, options)
	w.nodes = append(w.nodes, w.addNode())[1:] // which has a memory of its own
	v := w.newVisitor()
	v.signIn()
	for _, endpoint := range []simulator.Endpoint{simulator.Refresh, simulator.UserNode, simulator.LongLived} {
		w.instagram.Misbehave(endpoint, fault)
	}
	r, err := http.NewRequest(http.MethodGet, "https://example.test/page", nil)
	if err != nil {
		b.Fatal(err)
	}
	var cookie string
	for _, c := range v.jar.Cookies(r.URL) {
		if c.Name == w.nodes[0].settings.cookies.Name() {
			cookie = c.Name + "=" + c.Value
		}
	}
	return &dueRequests{
		node: w.nodes[0], at: w.at, request: caddyhttp.PrepareRequest(r, caddy.NewReplacer(), nil, nil), cookie: []string{cookie}, w: &discard{make(http.Header)},
	}
}

func (d *dueRequests) one(b *testing.B) {
	if d.made++; d.made%100 == 0 {
		d.at.advance(2 * time.Minute)
	}
	d.request.Header["Cookie"] = d.cookie
	clear(d.w.header)
	next := caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil })
	if err := d.Handler.ServeHTTP(d.w, d.request, next); err != nil {
		b.Fatal(err)
	}
	if d.request.Header.Get("X-Instagram-Username") != "jayposiris" {
		b.Fatal("not signed in")
	}
	if line := d.w.header.Get("Set-Cookie"); line != "" {
		d.cookie[0] = pairOf(line)
	}
}
