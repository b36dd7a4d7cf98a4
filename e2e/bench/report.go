package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// table is a Markdown table. The first column is text, the others are numbers.
type table struct {
	head []string
	rows [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) String() string {
	rule := append([]string{"---"}, slices.Repeat([]string{"--:"}, len(t.head)-1)...)
	var text strings.Builder
	columns := tabwriter.NewWriter(&text, 0, 0, 1, ' ', tabwriter.Debug)
	for _, row := range append([][]string{t.head, rule}, t.rows...) {
		fmt.Fprintf(columns, "| %s\t\n", strings.Join(row, "\t "))
	}
	_ = columns.Flush()
	return text.String()
}

// number writes a number with as many digits as say something.
func number(v float64) string {
	switch {
	case math.Abs(v) >= 100:
		return fmt.Sprintf("%.0f", v)
	case math.Abs(v) >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// median writes the median of some values with their quartiles.
func median(values []float64) string {
	if len(values) == 0 {
		return "–"
	}
	sorted := slices.Sorted(slices.Values(values))
	quartile := func(n int) string { // between the two nearest
		at := float64(n*(len(sorted)-1)) / 4
		below := int(at)
		above := min(below+1, len(sorted)-1)
		return number(sorted[below] + (at-float64(below))*(sorted[above]-sorted[below]))
	}
	return fmt.Sprintf("%s (%s–%s)", quartile(2), quartile(1), quartile(3))
}

// column takes a number out of every round.
func (c *contestant) column(of func(round) float64) (values []float64) {
	for _, r := range c.rounds {
		values = append(values, of(r))
	}
	return values
}

func (c *contestant) cpu() string {
	return median(c.column(func(r round) float64 { return r.cpu }))
}

// times is the CPU time as a multiple of another contestant's, round by round, so that what
// slows a whole round down cancels.
func (c *contestant) times(base *contestant) string {
	var quotients []float64
	for i := range c.rounds {
		quotients = append(quotients, c.rounds[i].cpu/base.rounds[i].cpu)
	}
	return median(quotients)
}

// closedLoop is what the load has seen, in units of so many microseconds.
func (c *contestant) closedLoop(unit float64) []string {
	return []string{
		median(c.column(func(r round) float64 { return r.perSecond })),
		median(c.column(func(r round) float64 { return r.p50 / unit })),
		median(c.column(func(r round) float64 { return r.p99 / unit })),
	}
}

// tables are those of a run: what was timed, and what was allocated.
func (b *bench) tables() (timed, allocated *table) {
	base := func(name string) *contestant {
		return b.entered[slices.IndexFunc(b.entered, func(c *contestant) bool { return c.name == name })]
	}
	proxy, respond := base(bareProxy), base(bareRespond)
	timed = &table{head: []string{"contestant", "CPU per request, µs", "× reverse_proxy", "× respond", "requests/s", "p50, µs", "p99, µs"}}
	allocated = &table{head: []string{"contestant", "allocations", "− reverse_proxy", "− respond", "bytes", "− reverse_proxy", "− respond"}}
	for _, c := range b.entered {
		timed.add(append([]string{c.name, c.cpu(), c.times(proxy), c.times(respond)}, c.closedLoop(1)...)...)
		cells := []string{c.name}
		for i, values := range [][3]float64{{c.allocs.objects, proxy.allocs.objects, respond.allocs.objects}, {c.allocs.bytes, proxy.allocs.bytes, respond.allocs.bytes}} {
			digits := 1 - i
			cells = append(cells, fmt.Sprintf("%.*f", digits, values[0]), fmt.Sprintf("%+.*f", digits, values[0]-values[1]), fmt.Sprintf("%+.*f", digits, values[0]-values[2]))
		}
		allocated.add(cells...)
	}
	return timed, allocated
}

// signIns is the table of logins, with the sentences about it.
func (b *bench) signIns() string {
	if b.logins == nil {
		return ""
	}
	t := table{head: []string{"complete logins", "CPU of Caddy, µs", "CPU of the simulator, µs", "logins/s", "p50, ms", "p99, ms"}}
	provider := median(b.logins.column(func(r round) float64 { return r.provider }))
	t.add(append([]string{fmt.Sprintf("%d visitors at a time", b.connections), b.logins.cpu(), provider}, b.logins.closedLoop(1000)...)...)
	return fmt.Sprintf("\n## Logins\n\nA complete sign-in is four requests of a visitor (the protected page, the simulated window, the callback, the page again) "+
		"and two calls of Caddy to the simulator. The goal is %d a second.\n\n%s", loginGoal, t.String())
}

const explanation = `
How to read the table:

- **CPU per request** is the CPU time that the system charged to Caddy, divided by the number of requests that were answered. The site
  behind Caddy, the authorizer of ` + "`forward_auth`" + ` and the load are other processes. Their time is not included.
- **× reverse_proxy** and **× respond** compare with these two contestants in the same round.
- Each number is the median of all rounds. The quartiles are in parentheses.
- The second ` + "`reverse_proxy`" + ` shows the noise. Smaller differences mean nothing.
- Requests per second and latencies depend on the load, which uses the same cores. Prefer the CPU time.
`

// report prints the tables and writes the file.
func (b *bench) report(stdout io.Writer) error {
	conditions, err := b.conditions()
	if err != nil {
		return err
	}
	timed, allocated := b.tables()
	text := "# What a request costs\n\n" + conditions + explanation + "\n" + timed.String() +
		fmt.Sprintf("\n## Allocations of a request\n\nThe numbers come from the Go runtime of the server, over %d requests on one connection. The columns with − are differences.\n\n", b.requests) + allocated.String() + b.signIns()
	fmt.Fprint(stdout, text)
	return b.write("results.md", text)
}

// conditions tells where and how something was measured.
func (b *bench) conditions() (string, error) {
	programs, err := versions(b.binary)
	return fmt.Sprintf("Measured on %s, on a machine with %d cores (%s/%s). The load, the site behind Caddy and everything else ran on the same machine. %s. %d rounds of %s for each contestant, %d connections, seed %d.\n\n    %s\n",
		time.Now().UTC().Format(time.DateOnly), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, programs, b.rounds, b.slice, b.connections, b.seed, b.command), err
}

// write writes a file of results, where the options ask for it.
func (b *bench) write(name, text string) error {
	if b.out == "" {
		return nil
	}
	return os.WriteFile(filepath.Join(b.out, name), []byte(text), 0o644)
}
