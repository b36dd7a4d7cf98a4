package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// The report of one run: a table on the standard output, the same as Markdown, and a plot.

// column takes a number out of every round.
func (c *contestant) column(of func(round) float64) (values []float64) {
	for _, r := range c.rounds {
		values = append(values, of(r))
	}
	return values
}

func cpuOf(r round) float64 { return r.cpu }

// find returns a contestant by its name; there is always one with the names of the two
// that others are compared with.
func (b *bench) find(name string) *contestant {
	for _, c := range b.entered {
		if c.name == name {
			return c
		}
	}
	return nil
}

// timings is the table of what was timed.
func (b *bench) timings() *table {
	t := &table{head: []string{"contestant", "CPU per request, µs", "× reverse_proxy", "× respond", "requests/s", "p50, µs", "p99, µs"}}
	proxy, respond := b.find(bareProxy).column(cpuOf), b.find(bareRespond).column(cpuOf)
	for _, c := range b.entered {
		cpu := c.column(cpuOf)
		t.add(c.name, summarize(cpu).String(), summarize(ratios(cpu, proxy)).String(), summarize(ratios(cpu, respond)).String(),
			summarize(c.column(func(r round) float64 { return r.perSecond })).String(),
			summarize(c.column(func(r round) float64 { return r.p50 })).String(),
			summarize(c.column(func(r round) float64 { return r.p99 })).String())
	}
	return t
}

// allocated is the table of what was allocated.
func (b *bench) allocated() *table {
	t := &table{head: []string{"contestant", "allocations", "− reverse_proxy", "− respond", "bytes", "− reverse_proxy", "− respond"}}
	proxy, respond := b.find(bareProxy).allocs, b.find(bareRespond).allocs
	for _, c := range b.entered {
		a := c.allocs
		if !a.known {
			t.add(c.name, "–", "–", "–", "–", "–", "–")
			continue
		}
		t.add(c.name, count(a.objects), signed(a.objects-proxy.objects), signed(a.objects-respond.objects),
			number(a.bytes), fmt.Sprintf("%+.0f", a.bytes-proxy.bytes), fmt.Sprintf("%+.0f", a.bytes-respond.bytes))
	}
	return t
}

// signIns is the table of logins, and what is to be said of it.
func (b *bench) signIns() string {
	l := &b.logins
	if l.server == nil {
		return ""
	}
	t := table{head: []string{"complete logins", "logins/s", "CPU of Caddy, µs", "CPU of the simulator, µs", "p50, ms", "p99, ms"}}
	t.add(fmt.Sprintf("%d visitors at a time", b.connections), summarize(l.perSecond).String(), summarize(l.site).String(), summarize(l.simulator).String(), summarize(l.p50).String(), summarize(l.p99).String())
	text := fmt.Sprintf("\n## Logins\n\nA complete login is four requests of a visitor (the protected page, the simulated window, the callback, the page again) "+
		"and two calls of Caddy to the simulator. The goal is %d a second.\n\n%s", loginGoal, t.String())
	if l.profile != "" {
		text += "\nThe goal was missed. Where Caddy's CPU time went:\n\n" + l.profile
	}
	return text
}

const explanation = `
CPU per request is the time that the system has charged the server process with, divided by the requests that were
answered; the site behind, the authorizer and the load are other processes and not in it. × is the ratio to that
contestant in the same round. Each number is the median of the rounds, with the quartiles in parentheses. The second
` + "`reverse_proxy`" + ` is there to show the noise: differences of its size mean nothing. Requests per second and latencies are those of
a closed loop in which the load takes its share of the same cores; they tell less than CPU time does.
`

// report prints the tables and writes the files.
func (b *bench) report(stdout io.Writer) error {
	conditions, err := b.conditions(fmt.Sprintf("%d rounds of %s for each contestant, %d connections, seed %d", b.rounds, b.slice, b.connections, b.seed))
	if err != nil {
		return err
	}
	text := "# What a request costs\n\nMeasured " + conditions + explanation + "\n" + b.timings().String() +
		"\n## Allocations of a request\n\nFrom the counters of the server's own runtime, over " + fmt.Sprint(b.requests) + " requests on one connection.\n\n" + b.allocated().String() + b.signIns()
	fmt.Fprint(stdout, text)
	if b.out == "" {
		return nil
	}
	if err := b.write("results.md", text); err != nil {
		return err
	}
	return b.write("results.svg", b.plot())
}

// write writes a file of results.
func (b *bench) write(name, text string) error {
	if err := os.MkdirAll(b.out, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(b.out, name), []byte(text), 0o644)
}
