package main

import (
	"fmt"
	"strconv"
	"strings"
)

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
	m.resident, err = resident(s.cmd.Process.Pid)
	return m, err
}

func (m memory) less(other memory) memory {
	return memory{m.resident - other.resident, m.inUse - other.inUse}
}

func kilobytes(bytes int64, among int) string {
	return fmt.Sprintf("%.1f", float64(bytes)/1024/float64(among))
}

// sitesOf returns a configuration with n sites for startPair, each with an app of its own.
// The last one is the one that is asked.
func (b *bench) sitesOf(n int) func(port string, with bool) string {
	return func(port string, with bool) string {
		var text strings.Builder
		app, _ := strconv.Atoi(appID)
		for i := n - 1; i >= 0; i-- {
			name, handler := host, ""
			if i > 0 {
				name = fmt.Sprintf("site%d.%s", i, host)
			}
			if with {
				handler = b.instagramAuth("", strconv.Itoa(app+i), name)
			}
			text.WriteString("http://" + name + ":" + port + " {\n" + handler + respondOK + "}\n")
		}
		return text.String()
	}
}

// byInstances is the table of configurations with many sites, each with its own instance.
func (b *bench) byInstances() (string, error) {
	t := table{head: append([]string{"sites"}, append(pairHead, "KB of RSS an instance", "of heap and stacks")...)}
	var pairs []pair
	var servers []*server
	defer func() { b.release(servers...) }()
	memories := make([]memory, 0, 3)
	sizes := []int{1, 10, 100}
	for _, n := range sizes {
		p, err := b.startPair(fmt.Sprint(n), b.sitesOf(n))
		if err != nil {
			return "", err
		}
		servers = append(servers, p.without.server, p.with.server)
		without, err := b.memory(p.without.server)
		if err != nil {
			return "", err
		}
		with, err := b.memory(p.with.server)
		if err != nil {
			return "", err
		}
		pairs, memories = append(pairs, p), append(memories, with.less(without))
	}
	if err := b.compare(pairs); err != nil {
		return "", err
	}
	for i, p := range pairs {
		cells := append(p.cells(), "–", "–")
		if sizes[i] > 1 { // what two processes differ by anyway would drown a single one
			cells = append(p.cells(), kilobytes(memories[i].resident, sizes[i]), kilobytes(memories[i].inUse, sizes[i]))
		}
		t.add(cells...)
	}
	return "## By number of instances\n\nEach site has its own app and answers with `respond`; one of them is asked, signed in. Memory was read before the first request.\n\n" + t.String(), nil
}

const idleConnections = 2000

// byConnections is the table of what idle connections hold.
func (b *bench) byConnections() (string, error) {
	n := idleConnections
	if b.quick {
		n = 200
	}
	p, err := b.startPair("connections", b.siteBefore(b.proxy()))
	if err != nil {
		return "", err
	}
	defer b.release(p.without.server, p.with.server)
	t := table{head: []string{"site", "KB of RSS a connection", "of heap and stacks"}}
	for _, row := range []struct {
		name string
		c    *contestant
	}{{"reverse_proxy", p.without}, {"instagram_auth, signed in", p.with}} {
		held, err := b.hold(row.c, n)
		if err != nil {
			return "", err
		}
		t.add(row.name, kilobytes(held.resident, n), kilobytes(held.inUse, n))
	}
	return fmt.Sprintf("## Memory of an idle connection\n\n%d connections, each of which has made one request and stays open.\n\n%s", n, t.String()), nil
}

// hold opens connections, sends a request on each and returns what they hold when all are
// idle.
func (b *bench) hold(c *contestant, n int) (held memory, err error) {
	// The first requests fill what is not of a connection.
	crew, err := hire(b.ctx, c.target, b.connections)
	if err != nil {
		return held, err
	}
	_, err = crew.times(b.ctx, b.requests)
	crew.dismiss()
	if err != nil {
		return held, err
	}
	before, err := b.memory(c.server)
	if err != nil {
		return held, err
	}
	for range n {
		one, err := dial(b.ctx, c.address)
		if err != nil {
			return held, err
		}
		defer one.close()
		if _, err := one.get(c.request, c.status); err != nil {
			return held, err
		}
	}
	after, err := b.memory(c.server)
	return after.less(before), err
}
