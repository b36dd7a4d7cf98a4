package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// How the cost grows with what a site has more of. Each table is small and ends by itself.

// measureScale makes the tables that the options ask for.
func (b *bench) measureScale(stdout io.Writer) error {
	conditions, err := b.conditions()
	if err != nil {
		return err
	}
	text := "# How the cost grows\n\n" + conditions +
		"\nEach number is the median of all rounds. The quartiles are in parentheses. Differences are those within one round.\n"
	for _, part := range []struct {
		name    string
		measure func() (string, error)
	}{
		{"cookies", b.byCookies},
		{"allow", b.byAllowed},
		{"revocations", b.byRevocations},
		{"instances", b.byInstances},
		{"cores", b.byCores},
		{"connections", b.byConnections},
		{"start", b.byStart},
	} {
		if !b.only.MatchString(part.name) {
			continue
		}
		b.progress("scale: %s", part.name)
		section, err := part.measure()
		if err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
		text += "\n" + section
		fmt.Fprint(stdout, section+"\n")
	}
	return b.write("scale.md", text)
}

// signedIn starts a site and returns the contestant that asks it with the session.
func (b *bench) signedIn(name string, procs int, sites func(port string) string) (*contestant, error) {
	s, err := b.start(config{binary: b.binary, procs: procs, sites: sites})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	c := &contestant{name: name, server: s, target: target{s.address, privatePath, []string{"Cookie: " + b.session}, http.StatusOK}}
	_, err = c.askOnce(b.ctx)
	return c, err
}

// pair is a site without the handler and the same one with it, which get the same request.
type pair struct{ without, with *contestant }

// startPair starts both. sites makes the Caddyfile of each from its port and its handler.
func (b *bench) startPair(name string, procs int, sites func(with bool) func(port string) string) (p pair, err error) {
	if p.without, err = b.signedIn(name, procs, sites(false)); err == nil {
		p.with, err = b.signedIn(name, procs, sites(true))
	}
	return p, err
}

// before returns the sites of a pair: what answers, with the handler in front or not.
func (b *bench) before(behind string) func(with bool) func(port string) string {
	return func(with bool) func(port string) string {
		if with {
			return siteWith(b.instagramAuth("", appID, host) + behind)
		}
		return siteWith(behind)
	}
}

// compare measures pairs, interleaved, and ends their servers.
func (b *bench) compare(pairs []pair) error {
	var all []*contestant
	for _, p := range pairs {
		all = append(all, p.without, p.with)
		defer b.release(p.without.server, p.with.server)
	}
	if err := b.run(all); err != nil {
		return err
	}
	return b.countAllocations(all)
}

var pairHead = []string{"CPU per request, µs", "with instagram_auth", "difference", "allocations", "with", "difference"}

// cells are the columns of a table for a pair.
func (p pair) cells() []string {
	var differences []float64
	for i := range p.with.rounds {
		differences = append(differences, p.with.rounds[i].cpu-p.without.rounds[i].cpu)
	}
	without, with := p.without.allocs.objects, p.with.allocs.objects
	return []string{p.with.name, p.without.cpu(), p.with.cpu(), median(differences), fmt.Sprintf("%.1f", without), fmt.Sprintf("%.1f", with), fmt.Sprintf("%+.1f", with-without)}
}

// byCookies is the table of requests with many cookies, of which one is ours.
func (b *bench) byCookies() (string, error) {
	servers, err := b.startPair("", 0, b.before(respondOK))
	if err != nil {
		return "", err
	}
	var pairs []pair
	for _, n := range []int{0, 1, 5, 20, 50, 100} {
		without, with := *servers.without, *servers.with
		without.headers, with.name = []string{"Cookie: " + foreignCookies(n) + b.session}, strconv.Itoa(n)
		with.headers = without.headers
		pairs = append(pairs, pair{&without, &with})
	}
	if err := b.compare(pairs); err != nil {
		return "", err
	}
	t := table{head: append([]string{"foreign cookies"}, pairHead...)}
	for _, p := range pairs {
		t.add(p.cells()...)
	}
	return "## By number of cookies in a request\n\nA visitor who is signed in asks a site that answers with `respond`, without and with the handler. Both get the same request.\n\n" + t.String(), nil
}

// byAllowed is the table of long lists of those who may sign in.
func (b *bench) byAllowed() (string, error) {
	var all []*contestant
	for _, n := range []int{1, 1000, 100_000} {
		allow := "  allow"
		for i := range n - 1 {
			allow += " " + strconv.Itoa(17841400000000001+i)
		}
		c, err := b.signedIn(strconv.Itoa(n), 0, siteWith(b.instagramAuth("", appID, host, allow+" "+userID)+respondOK))
		if err != nil {
			return "", err
		}
		defer b.release(c.server)
		all = append(all, c)
	}
	if err := b.run(all); err != nil {
		return "", err
	}
	if err := b.countAllocations(all); err != nil {
		return "", err
	}
	t := table{head: []string{"entries in `allow`", "CPU per request, µs", "× one entry", "allocations"}}
	for _, c := range all {
		t.add(c.name, c.cpu(), c.times(all[0]), fmt.Sprintf("%.1f", c.allocs.objects))
	}
	return "## By number of entries in `allow`\n\nThe visitor is signed in, and is the last one on the list. The site answers with `respond`, with the handler in front.\n\n" + t.String(), nil
}

// benchLine matches a line of go test -bench; the number of cores behind the name is left out.
var benchLine = regexp.MustCompile(`^Benchmark(\S+?)(?:-\d+)?\s+\d+\s+(.*)$`)

// goBench runs a benchmark of a package of the project and returns what it printed: by name
// and unit, a value for each run.
func (b *bench) goBench(pkg, pattern string) (map[string][]float64, error) {
	args := []string{"test", "-run", "^$", "-bench", pattern, "-benchmem", "-count", "5", "-benchtime", "1s", pkg}
	if b.quick {
		args[8] = "100x"
	}
	out, err := exec.CommandContext(b.ctx, "go", args...).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("running benchmarks of %s: %w\n%s", pkg, err, out)
	}
	all := make(map[string][]float64)
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		if match := benchLine.FindStringSubmatch(lines.Text()); match != nil {
			fields := strings.Fields(match[2])
			for i := 0; i+1 < len(fields); i += 2 {
				if value, err := strconv.ParseFloat(fields[i], 64); err == nil {
					all[match[1]+" "+fields[i+1]] = append(all[match[1]+" "+fields[i+1]], value)
				}
			}
		}
	}
	return all, nil
}

// byRevocations is the table of lists of revoked sessions. That is a matter of nanoseconds,
// which no load on a server shows: here Go's own benchmarks of the project tell more.
func (b *bench) byRevocations() (string, error) {
	requests, err := b.goBench(module, "^BenchmarkSignedInAmongEnded$")
	if err != nil {
		return "", err
	}
	list, err := b.goBench(module+"/internal/revocation", "^BenchmarkEnded$")
	if err != nil {
		return "", err
	}
	t := table{head: []string{"revoked sessions", "signed-in request in the handler, ns", "allocations", "the look-up alone, ns", "bytes of memory an entry"}}
	for _, n := range []int{0, 1000, 100_000, 1_000_000} {
		request, lookup := fmt.Sprintf("SignedInAmongEnded/%d ", n), fmt.Sprintf("Ended/%d/different ", n)
		t.add(strconv.Itoa(n), median(requests[request+"ns/op"]), median(requests[request+"allocs/op"]), median(list[lookup+"ns/op"]), median(list[lookup+"B/entry"]))
	}
	return "## By number of revoked sessions\n\nThese numbers come from `go test -bench`, without a server around the handler. A dash means that the project has no benchmark for it.\n\n" + t.String(), nil
}

// sitesOf returns n sites for startPair, each with an app of its own. The first one is the
// one that is asked.
func (b *bench) sitesOf(n int) func(with bool) func(port string) string {
	return func(with bool) func(port string) string {
		return func(port string) string {
			var text strings.Builder
			app, _ := strconv.Atoi(appID)
			for i := range n {
				name, handler := fmt.Sprintf("site%d.%s", i, host), ""
				if i == 0 {
					name = host
				}
				if with {
					handler = b.instagramAuth("", strconv.Itoa(app+i), name)
				}
				text.WriteString("http://" + name + ":" + port + " {\n" + handler + respondOK + "}\n")
			}
			return text.String()
		}
	}
}

// byInstances is the table of configurations with many sites, each with its own instance.
func (b *bench) byInstances() (string, error) {
	t := table{head: append([]string{"sites"}, append(pairHead, "KB of RSS an instance", "of heap and stacks")...)}
	var pairs []pair
	var memories []string
	for _, n := range []int{1, 10, 100} {
		p, err := b.startPair(strconv.Itoa(n), 0, b.sitesOf(n))
		if err != nil {
			return "", err
		}
		without, err := b.memory(p.without.server)
		if err != nil {
			return "", err
		}
		with, err := b.memory(p.with.server)
		if err != nil {
			return "", err
		}
		pairs, memories = append(pairs, p), append(memories, with.above(without, n)...)
	}
	if err := b.compare(pairs); err != nil {
		return "", err
	}
	memories[0], memories[1] = "–", "–" // what two processes differ by anyway would drown a single one
	for i, p := range pairs {
		t.add(append(p.cells(), memories[2*i:2*i+2]...)...)
	}
	return "## By number of instances\n\nEach site has its own app and answers with `respond`. A visitor who is signed in asks one of them. Memory was read after one request.\n\n" + t.String(), nil
}

// byCores is the table of GOMAXPROCS.
func (b *bench) byCores() (string, error) {
	var all []*contestant
	for procs := 1; procs <= min(2, runtime.NumCPU()); procs++ {
		p, err := b.startPair(fmt.Sprintf("%d, instagram_auth, signed in", procs), procs, b.before(b.proxy()))
		if err != nil {
			return "", err
		}
		defer b.release(p.without.server, p.with.server)
		p.without.name = fmt.Sprintf("%d, reverse_proxy", procs)
		all = append(all, p.without, p.with)
	}
	if err := b.run(all); err != nil {
		return "", err
	}
	t := table{head: []string{"GOMAXPROCS, contestant", "CPU per request, µs", "requests/s", "p50, µs", "p99, µs"}}
	for _, c := range all {
		t.add(append([]string{c.name, c.cpu()}, c.closedLoop(1)...)...)
	}
	return "## By GOMAXPROCS of the server\n\nThe load and the site behind Caddy use the same cores.\n\n" + t.String(), nil
}

// memory is what a server has, in bytes, after its garbage was collected.
type memory struct{ resident, inUse int64 }

func (b *bench) memory(s *server) (m memory, err error) {
	// What the first run finds to be finalized, the second one frees.
	for range 2 {
		if err := s.collect(b.ctx); err != nil {
			return m, err
		}
	}
	c, err := s.counters(b.ctx)
	if err != nil {
		return m, err
	}
	m.inUse = int64(c.HeapInuse + c.StackInuse)
	m.resident, err = s.resident()
	return m, err
}

// above writes how many kilobytes it is more than another, for each of n.
func (m memory) above(other memory, n int) []string {
	each := func(bytes int64) string { return fmt.Sprintf("%.1f", float64(bytes)/1024/float64(n)) }
	return []string{each(m.resident - other.resident), each(m.inUse - other.inUse)}
}

// byConnections is the table of what idle connections hold.
func (b *bench) byConnections() (string, error) {
	n := 2000
	if b.quick {
		n = 200
	}
	p, err := b.startPair("instagram_auth, signed in", 0, b.before(b.proxy()))
	if err != nil {
		return "", err
	}
	defer b.release(p.without.server, p.with.server)
	p.without.name = bareProxy
	t := table{head: []string{"site", "KB of RSS a connection", "of heap and stacks"}}
	for _, c := range []*contestant{p.without, p.with} {
		held, err := b.hold(c, n)
		if err != nil {
			return "", err
		}
		t.add(append([]string{c.name}, held...)...)
	}
	return fmt.Sprintf("## Memory of an idle connection\n\n%d connections are open. Each has made one request.\n\n%s", n, t.String()), nil
}

// hold opens connections, sends a request on each and returns what they hold when all are
// idle.
func (b *bench) hold(c *contestant, n int) ([]string, error) {
	// The first requests fill what is not of a connection.
	warming := newTransport(1)
	err := c.asking(warming).times(b.ctx, b.requests)
	warming.CloseIdleConnections()
	if err != nil {
		return nil, err
	}
	before, err := b.memory(c.server)
	if err != nil {
		return nil, err
	}
	for range n {
		one := newTransport(1)
		defer one.CloseIdleConnections()
		if err := c.asking(one)(b.ctx); err != nil {
			return nil, err
		}
	}
	after, err := b.memory(c.server)
	return after.above(before, n), err
}

// starter is a program with a configuration, of which it is measured how long it takes to
// the first answer.
type starter struct {
	name, program string
	with          bool
	binary        string
	took          []float64 // in milliseconds
	resident      []float64 // in MB
}

// byStart is the table of what the module adds to Caddy's start and to its file.
func (b *bench) byStart() (string, error) {
	starters := []*starter{
		{name: "Caddy", program: plain}, {name: "Caddy with the module, unused", program: production}, {name: "Caddy with instagram_auth configured", program: production, with: true},
	}
	var sizes []float64 // in KB
	for _, s := range starters {
		var err error
		if s.binary, err = b.build(s.program); err != nil {
			return "", err
		}
		file, err := os.Stat(s.binary)
		if err != nil {
			return "", err
		}
		sizes = append(sizes, float64(file.Size())/1024)
	}
	for range b.rounds {
		for _, s := range starters {
			if err := b.startOnce(s); err != nil {
				return "", fmt.Errorf("%s: %w", s.name, err)
			}
		}
	}
	t := table{head: []string{"program", "first answer after, ms", "RSS then, MB", "size of the file, MB"}}
	for i, s := range starters {
		t.add(s.name, median(s.took), median(s.resident), fmt.Sprintf("%.2f", sizes[i]/1024))
	}
	return fmt.Sprintf("## Start and size\n\nThe time is from the start of the program to the first answer of a site with `reverse_proxy`. The module makes the program %.0f KB larger. Both programs are built with the same flags (-trimpath, -s -w).\n\n%s",
		sizes[1]-sizes[0], t.String()), nil
}

// startOnce starts a program, waits for its first answer and ends it.
func (b *bench) startOnce(s *starter) error {
	began := time.Now()
	started, err := b.start(config{binary: s.binary, sites: b.before(b.proxy())(s.with)})
	if err != nil {
		return err
	}
	defer started.stop()
	first := target{started.address, privatePath, []string{"Cookie: " + b.session}, http.StatusOK}
	if _, err := first.askOnce(b.ctx); err != nil {
		return err
	}
	s.took = append(s.took, time.Since(began).Seconds()*1000)
	used, err := started.resident()
	s.resident = append(s.resident, float64(used)/(1<<20))
	return err
}
