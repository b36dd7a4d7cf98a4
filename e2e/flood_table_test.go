package e2e

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// What floods are written down as.

const floodsFile = "../docs/evidence/floods.md"

const floodsHead = `# What floods do to it

One Caddy runs with instagram_auth, and a site behind it. During each flood, %d visitors who are signed in ask for a page every
20 ms each. The last two columns show how long they wait. Each cell has three numbers: **before / during / after** the flood. The
number "during" is from the middle of the flood. The heap is measured after a garbage collection. "To Instagram" means that a
navigation without a session was redirected to Instagram. That is all that the start of a sign-in costs.

After each flood the test checks the following. Instagram was not called. The storage has no new key. The number of goroutines and open
files is what it was. The heap has grown by less than 1 MB. A real sign-in works at once.

Measured on %s, on a machine with %d cores (%s/%s). The flood, the site and the simulated Instagram ran on the same machine. %s.

    make floods

`

const slowHead = `
## What ends slow clients

| a client that | is ended by | set with |
|---|---|---|
| sends nothing, or its headers byte by byte | Caddy, 1 minute after the connection (or the request) began | global option ` + "`servers { timeouts { read_header } }`" + ` |
| stops in the middle of a body | this handler, after 10 s, if it answers the request itself. Otherwise Caddy, 1 minute after the last byte | nothing; ` + "`read_idle_timeout`" + ` in JSON |
| sends a body byte by byte | this handler, after 10 s, if it answers the request itself. **Nobody**, if the request goes on to the site | nothing; ` + "`servers { timeouts { read_body } }`" + ` |
| keeps a connection that it does not use | Caddy, after 5 minutes | ` + "`servers { timeouts { idle } }`" + ` |

A waiting connection costs what the table above says. It keeps nobody else waiting. Measured with ` + "`read_header %s`" + ` and ` + "`idle %s`" + `:
`

// writeDown writes the table to docs, if it is that of the whole size.
func (f *floods) writeDown() {
	f.t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, floodsHead, pulseClients, time.Now().UTC().Format(time.DateOnly), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
	b.WriteString("| flood | requests | answers | goroutines | heap, MB | RSS, MB | p50, ms | p99, ms |\n|---|---|---|---|---|---|---|---|\n")
	for _, r := range f.rows {
		b.WriteString(r.String())
	}
	fmt.Fprintf(&b, slowHead, f.readHeader(), f.idle())
	var lines []string
	for _, r := range f.rows {
		if r.longest != nil {
			lines = append(lines, fmt.Sprintf("- %s: the last connection ended after %.0f s", r.name, r.longest.Seconds()))
		}
	}
	fmt.Fprintf(&b, "\n%s\n\n## Limits\n\n- %s\n", strings.Join(lines, "\n"), strings.Join(f.notes, "\n- "))
	f.t.Log("\n" + b.String())
	if f.size != 100 || f.t.Failed() {
		return
	}
	if err := os.WriteFile(filepath.FromSlash(floodsFile), []byte(b.String()), 0o644); err != nil {
		f.t.Fatal(err)
	}
}

// note takes down what a limit did.
func (f *floods) note(format string, values ...any) {
	f.t.Helper()
	line := fmt.Sprintf(format, values...)
	f.notes = append(f.notes, line)
	f.t.Log(line)
}

func (r row) String() string {
	cells := []string{
		r.name, fmt.Sprint(r.requests), r.answers,
		r.three(func(s state) string { return fmt.Sprint(s.goroutines) }),
		r.three(func(s state) string { return fmt.Sprintf("%.1f", float64(s.heap)/(1<<20)) }),
		r.three(func(s state) string { return fmt.Sprint(s.rss >> 20) }),
		r.three(func(s state) string { return milliseconds(s.p50) }),
		r.three(func(s state) string { return milliseconds(s.p99) }),
	}
	return "| " + strings.Join(cells, " | ") + " |\n"
}

func (r row) three(cell func(state) string) string {
	return cell(r.before) + " / " + cell(r.during) + " / " + cell(r.after)
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f", float64(d)/float64(time.Millisecond))
}

// counted writes down answers and how many there were, the most frequent first.
func counted(answers map[string]int) string {
	kinds := slices.SortedFunc(maps.Keys(answers), func(a, b string) int { return answers[b] - answers[a] })
	var parts []string
	for _, kind := range kinds[:min(len(kinds), 12)] {
		parts = append(parts, fmt.Sprintf("%d × %s", answers[kind], kind))
	}
	return strings.Join(parts, ", ")
}
