package main

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// The cost of a long list of ended sessions is a matter of nanoseconds, which no load on a
// server shows: here Go's own benchmarks of the project tell more.

// benchmarks is what they printed: by name and unit, a value for each run.
type benchmarks map[string]map[string][]float64

// benchLine matches a line of go test -bench; the number of cores behind the name is left
// out.
var benchLine = regexp.MustCompile(`^Benchmark(\S+?)(?:-\d+)?\s+\d+\s+(.*)$`)

func parseBenchmarks(output []byte) benchmarks {
	all := make(benchmarks)
	for lines := bufio.NewScanner(bytes.NewReader(output)); lines.Scan(); {
		match := benchLine.FindStringSubmatch(lines.Text())
		if match == nil {
			continue
		}
		fields := strings.Fields(match[2])
		for i := 0; i+1 < len(fields); i += 2 {
			value, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				continue
			}
			if all[match[1]] == nil {
				all[match[1]] = make(map[string][]float64)
			}
			all[match[1]][fields[i+1]] = append(all[match[1]][fields[i+1]], value)
		}
	}
	return all
}

// goBench runs benchmarks of a package of the project.
func (b *bench) goBench(pkg, pattern string) (benchmarks, error) {
	args := []string{"test", "-run", "^$", "-bench", pattern, "-benchmem", "-count", "5", pkg}
	if b.quick {
		args = append(args[:len(args)-1], "-benchtime", "100x", pkg)
	}
	out, err := exec.CommandContext(b.ctx, "go", args...).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("running benchmarks of %s: %w\n%s", pkg, err, out)
	}
	return parseBenchmarks(out), nil
}

// byRevocations is the table of lists of ended sessions.
func (b *bench) byRevocations() (string, error) {
	requests, err := b.goBench(module, "^BenchmarkSignedInAmongEnded$")
	if err != nil {
		return "", err
	}
	list, err := b.goBench(module+"/internal/revocation", "^BenchmarkEnded$")
	if err != nil {
		return "", err
	}
	t := table{head: []string{"ended sessions", "signed-in request in the handler, ns", "allocations", "the look-up alone, ns", "bytes of memory an entry"}}
	for _, n := range []int{0, 1000, 100_000, 1_000_000} {
		request := requests[fmt.Sprintf("SignedInAmongEnded/%d", n)]
		lookup := list[fmt.Sprintf("Ended/%d/different", n)]
		t.add(fmt.Sprint(n), summarize(request["ns/op"]).String(), only(request["allocs/op"]), summarize(lookup["ns/op"]).String(), only(lookup["B/entry"]))
	}
	return "## By number of ended sessions\n\nFrom `go test -bench`, without a server around the handler; – where the project has no benchmark.\n\n" + t.String(), nil
}

// only writes a number that is the same in all runs, or nearly.
func only(values []float64) string {
	if len(values) == 0 {
		return "–"
	}
	return strconv.FormatFloat(slices.MaxFunc(values, cmp.Compare[float64]), 'f', -1, 64)
}
