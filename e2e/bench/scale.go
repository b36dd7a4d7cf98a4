package main

import (
	"fmt"
	"io"
	"runtime"
)

// How the cost grows with what a site has more of. Each table is small and ends by itself.

// measureScale makes the tables that the options ask for.
func (b *bench) measureScale(stdout io.Writer) error {
	conditions, err := b.conditions(fmt.Sprintf("%d rounds of %s, %d connections", b.rounds, b.slice, b.connections))
	if err != nil {
		return err
	}
	text := "# How the cost grows\n\nMeasured " + conditions +
		"\nEach number is the median of the rounds, with the quartiles in parentheses; differences are taken within a round.\n"
	for _, part := range []struct {
		name    string
		measure func() (string, error)
	}{
		{"cookies", b.byCookies},
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
	if b.out == "" {
		return nil
	}
	return b.write("scale.md", text)
}

// pair is a site without the handler and the same one with it, which get the same request.
type pair struct {
	label         string
	without, with *contestant
}

// startPair starts both. sites makes the Caddyfile from the port and what stands in front
// of the proxy.
func (b *bench) startPair(label string, sites func(port string, with bool) string) (p pair, err error) {
	for _, with := range []bool{false, true} {
		address, err := freeAddress()
		if err != nil {
			return p, err
		}
		name := fmt.Sprintf("%s, with the handler: %t", label, with)
		s, err := b.caddy(name, b.binary, sites(portOf(address), with), address)
		if err != nil {
			return p, err
		}
		c := &contestant{name: name, server: s, target: target{address: address, request: request(host, privatePath, "Cookie: "+b.session), status: 200}}
		if with {
			p.with = c
		} else {
			p.without = c
		}
	}
	p.label = label
	return p, nil
}

// siteBefore is a configuration with one site, for startPair. behind is what answers.
func (b *bench) siteBefore(behind string) func(port string, with bool) string {
	return func(port string, with bool) string {
		handler := ""
		if with {
			handler = b.instagramAuth("", appID, host)
		}
		return "http://:" + port + " {\n" + handler + behind + "}\n"
	}
}

// compare measures pairs, interleaved.
func (b *bench) compare(pairs []pair) error {
	var all []*contestant
	for _, p := range pairs {
		all = append(all, p.without, p.with)
	}
	if err := b.run(all, nil); err != nil {
		return err
	}
	return b.countAllocations(all)
}

var pairHead = []string{"CPU per request, µs", "with instagram_auth", "difference", "allocations", "with", "difference"}

// cells are what a table says of a pair.
func (p pair) cells() []string {
	without, with := p.without.column(cpuOf), p.with.column(cpuOf)
	differences := make([]float64, len(with))
	for i := range with {
		differences[i] = with[i] - without[i]
	}
	return []string{
		p.label, summarize(without).String(), summarize(with).String(), summarize(differences).String(),
		count(p.without.allocs.objects), count(p.with.allocs.objects), signed(p.with.allocs.objects - p.without.allocs.objects),
	}
}

// byCookies is the table of requests with many cookies, of which one is ours.
func (b *bench) byCookies() (string, error) {
	servers, err := b.startPair("", b.siteBefore(respondOK))
	if err != nil {
		return "", err
	}
	defer b.release(servers.with.server, servers.without.server)
	var pairs []pair
	for _, n := range []int{0, 1, 5, 20, 50, 100} {
		without, with := *servers.without, *servers.with
		without.request = request(host, privatePath, "Cookie: "+foreignCookies(n)+b.session)
		with.request = without.request
		pairs = append(pairs, pair{fmt.Sprint(n), &without, &with})
	}
	if err := b.compare(pairs); err != nil {
		return "", err
	}
	t := table{head: append([]string{"foreign cookies"}, pairHead...)}
	for _, p := range pairs {
		t.add(p.cells()...)
	}
	return "## By number of cookies in a request\n\nSigned in; `respond` without and with the handler, the same request for both.\n\n" + t.String(), nil
}

// byCores is the table of GOMAXPROCS.
func (b *bench) byCores() (string, error) {
	asked := b.procs
	defer func() { b.procs = asked }()
	var all []*contestant
	var servers []*server
	defer func() { b.release(servers...) }()
	t := table{head: []string{"GOMAXPROCS, contestant", "CPU per request, µs", "requests/s", "p50, µs", "p99, µs"}}
	for _, b.procs = range []int{1, 2} {
		if b.procs > runtime.NumCPU() {
			continue
		}
		p, err := b.startPair(fmt.Sprint(b.procs), b.siteBefore(b.proxy()))
		if err != nil {
			return "", err
		}
		p.without.name, p.with.name = fmt.Sprintf("%d, reverse_proxy", b.procs), fmt.Sprintf("%d, instagram_auth, signed in", b.procs)
		all = append(all, p.without, p.with)
		servers = append(servers, p.without.server, p.with.server)
	}
	if err := b.run(all, nil); err != nil {
		return "", err
	}
	for _, c := range all {
		t.add(c.name, summarize(c.column(cpuOf)).String(), summarize(c.column(func(r round) float64 { return r.perSecond })).String(),
			summarize(c.column(func(r round) float64 { return r.p50 })).String(), summarize(c.column(func(r round) float64 { return r.p99 })).String())
	}
	return "## By GOMAXPROCS of the server\n\nThe load and the site behind use the same cores.\n\n" + t.String(), nil
}
