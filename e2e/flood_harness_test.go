package e2e

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

// floods is one Caddy that is flooded, while visitors who are signed in go on asking for
// pages. FLOODS=full is the whole size, anything else a tenth.
type floods struct {
	*cluster
	t      *testing.T
	node   *node
	client *http.Client // of the flood
	size   int          // in percent
	rows   []row
	notes  []string
}

const (
	floodClients  = 16
	pulseClients  = 4
	heapTolerance = 1 << 20 // bytes [D1]
	oursInStorage = "instagram_auth"
)

// readHeader and idle are Caddy's time-outs for clients that are slow before a request
// and after one. The whole size waits as long as Caddy does by default for the first.
func (f *floods) readHeader() string { return f.choose("5s", "1m") }
func (f *floods) idle() string       { return f.choose("5s", "1m") }

func (f *floods) choose(small, full string) string {
	if f.size == 100 {
		return full
	}
	return small
}

// of returns how many of a number that is given for the whole size.
func (f *floods) of(full int) int { return full * f.size / 100 }

func startFloods(t *testing.T) *floods {
	t.Helper()
	f := &floods{t: t, size: 10}
	if os.Getenv("FLOODS") == "full" {
		f.size = 100
	}
	f.cluster = newCluster(t, fastBinary, inFiles(t), "timeout 3s")
	f.node = f.nodes[0]
	f.global = fmt.Sprintf("servers {\n trusted_proxies static 127.0.0.0/8\n timeouts {\n read_header %s\n idle %s\n }\n}", f.readHeader(), f.idle())
	f.startNodes(serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Header.Get("X-Instagram-Username"))
	})), f.node)
	f.node.process.waitFor(f.node.address)
	f.client = newClient(t)
	f.client.Transport.(*http.Transport).MaxIdleConnsPerHost = floodClients
	return f
}

// calls returns how many requests Instagram's servers have received. The window is the
// visitor's own browser.
func (f *floods) calls() (n int) {
	for _, e := range []simulator.Endpoint{simulator.Token, simulator.UserNode, simulator.LongLived, simulator.Refresh, simulator.Redirected, simulator.Media} {
		n += f.simulator.Calls(e)
	}
	return n
}

// state is what a node has in use, and how long visitors wait for it.
type state struct {
	usage
	rss      int // bytes
	p50, p99 time.Duration
}

var residentSize = regexp.MustCompile(`(?m)^VmRSS:\s+(\d+) kB$`)

func (f *floods) measure() state {
	f.t.Helper()
	s := state{usage: f.node.measure()}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", f.node.process.cmd.Process.Pid))
	if err != nil {
		f.t.Fatal(err)
	}
	if match := residentSize.FindSubmatch(text); match != nil {
		kilobytes, _ := strconv.Atoi(string(match[1]))
		s.rss = kilobytes << 10
	}
	return s
}

// pulse has visitors ask for pages, who are signed in and must stay so, until stop.
func (f *floods) pulse() (stop func(*state)) {
	f.t.Helper()
	l := &load{t: f.t, began: time.Now(), stop: make(chan struct{}), tries: 1, pace: 20 * time.Millisecond}
	for i := range pulseClients {
		v := f.cluster.visitor(fmt.Sprint("visitor", 20+i))
		v.cookies[cookie] = sessionOf(f.t, session.Identity{UserID: fmt.Sprint(17841405793187238 + i), Username: v.name})
		l.clients.Go(func() { l.ask(f.node.address, v.page) })
	}
	return func(s *state) {
		f.t.Helper()
		l.end()
		if n := len(l.waits); n > 0 {
			s.p50, s.p99 = l.waits[n/2], l.waits[n*99/100]
		}
	}
}

// calm measures while nothing but the pulse is there.
func (f *floods) calm() state {
	f.t.Helper()
	stop := f.pulse()
	time.Sleep(time.Second + time.Duration(f.size)*20*time.Millisecond)
	var s state
	stop(&s)
	m := f.measure()
	m.p50, m.p99 = s.p50, s.p99
	return m
}

// row is a line of the table.
type row struct {
	name                  string
	requests              int
	answers               string
	before, during, after state
	longest               *time.Duration
}

// A flooding is a kind of flood.
type flooding struct {
	name string
	// run floods. halfway is to be called once, in the middle.
	run func(halfway func()) (requests int, answers map[string]int)
	// want are the answers there may be.
	want []string
	// longest is how long the last connection lived, where that is of interest.
	longest *time.Duration
}

// flood floods, measures, and checks that nothing is left of it and that an honest login
// works right after.
func (f *floods) flood(kind flooding) {
	f.t.Helper()
	f.simulator.ResetCalls()
	keys := len(f.below(oursInStorage))
	r := row{name: kind.name, before: f.calm(), longest: kind.longest}
	stop := f.pulse()
	var answers map[string]int
	r.requests, answers = kind.run(func() { r.during = f.measure() })
	stop(&r.during)
	r.answers = counted(answers)
	for answer, n := range answers {
		if !slices.Contains(kind.want, answer) {
			f.t.Errorf("%s: %d answers are %q", kind.name, n, answer)
		}
	}
	f.client.CloseIdleConnections()
	f.waitForCalm(&r)
	if calls, more := f.calls(), len(f.below(oursInStorage))-keys; calls != 0 || more != 0 {
		f.t.Errorf("%s: %d calls to Instagram, %d more keys in the storage", kind.name, calls, more)
	}
	f.honest()
	f.rows = append(f.rows, r)
	f.t.Log("\n" + r.String())
}

// waitForCalm waits until the goroutines, files and memory of a flood are gone, and
// measures.
func (f *floods) waitForCalm(r *row) {
	f.t.Helper()
	before := r.before
	var now usage
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(200 * time.Millisecond) {
		now = f.node.measure()
		if now.goroutines <= before.goroutines+pulseClients && now.files <= before.files+pulseClients && now.heap <= before.heap+heapTolerance {
			break
		}
		if time.Now().After(deadline) {
			f.t.Errorf("%s: that is left: goroutines %d -> %d, files %d -> %d, heap %+d bytes\n%.3000s", r.name, before.goroutines, now.goroutines, before.files, now.files,
				now.heap-before.heap, f.node.ask("/debug/pprof/goroutine?debug=1"))
			break
		}
	}
	r.after = f.calm()
}

// honest signs somebody in who has done nothing wrong.
func (f *floods) honest() {
	f.t.Helper()
	v := f.cluster.visitor("visitor1")
	v.signIn(f.node.address, f.node.address)
	f.client.CloseIdleConnections()
	v.client.CloseIdleConnections()
}

// volley sends n requests, as fast as floodClients can, and returns the answers by number.
func (f *floods) volley(n int, halfway func(), request func(i int) (*http.Request, error)) (answers map[string]int) {
	answers = make(map[string]int)
	var mu sync.Mutex
	var next atomic.Int64
	var all sync.WaitGroup
	for range floodClients {
		all.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				answer := f.answerTo(request(i))
				mu.Lock()
				answers[answer]++
				mu.Unlock()
			}
		})
	}
	for int(next.Load()) < n/2 {
		time.Sleep(time.Millisecond)
	}
	if halfway != nil {
		halfway()
	}
	all.Wait()
	return answers
}

var errorCode = regexp.MustCompile(`"error":"([a-z_]+)"`)

// answerTo is the status of an answer, with the code of a refusal. For a redirect to
// Instagram it says so.
func (f *floods) answerTo(request *http.Request, err error) string {
	if err != nil {
		return err.Error()
	}
	answer, err := f.client.Do(request)
	if err != nil {
		return err.Error()
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err.Error()
	}
	said := strconv.Itoa(answer.StatusCode)
	if match := errorCode.FindSubmatch(text); match != nil {
		said += " " + string(match[1])
	}
	if strings.HasPrefix(answer.Header.Get("Location"), f.instagram+"/oauth/authorize?") {
		said += " to Instagram"
	}
	return said
}

// get makes a request of a client at an address to the node; "" for its own.
func (f *floods) get(uri, address string, headers map[string]string) (*http.Request, error) {
	request, err := http.NewRequest(http.MethodGet, "http://"+f.node.address+uri, nil)
	if err != nil {
		return nil, err
	}
	request.Host = "example.test"
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	if address != "" {
		request.Header.Set("X-Forwarded-For", address)
	}
	return request, nil
}
