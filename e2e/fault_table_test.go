package e2e

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

// What the tests of faults have seen is the table in docs/evidence/faults.md: with
// WRITE_FAULT_TABLE they write it, and without they compare.

const faultPage = "../docs/evidence/faults.md"

// faultRow is one fault at one moment.
type faultRow struct {
	fault, moment     string
	visitor, operator string // what they saw
	metrics           string // not compared
	lost              string
}

func (r faultRow) String() string {
	cells := []string{r.fault, r.moment, r.visitor, r.operator, r.metrics, r.lost}
	for i := range cells {
		if cells[i] = strings.ReplaceAll(cells[i], "|", `\|`); cells[i] == "" {
			cells[i] = "-"
		}
	}
	return "| " + strings.Join(cells, " | ") + " |"
}

// compared is a line of the table without what is not compared.
func compared(line string) string {
	cells := strings.Split(line, " | ")
	if len(cells) != 6 {
		return line
	}
	return strings.Join(slices.Delete(cells, 4, 5), " | ")
}

// nothing is what may be lost.
const nothing = "nothing"

// faultTable collects the rows of one section of the page.
type faultTable struct {
	section string

	mu   sync.Mutex
	rows map[string][]faultRow // by story, which each are in order
}

func newFaultTable(section string) *faultTable {
	return &faultTable{section: section, rows: make(map[string][]faultRow)}
}

// add notes a row, in the order in which the stories are listed.
func (f *faultTable) add(t *testing.T, story int, row faultRow) {
	t.Helper()
	if row.lost != nothing {
		t.Errorf("%s, %s: lost: %s", row.fault, row.moment, row.lost)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	key := fmt.Sprintf("%03d", story)
	f.rows[key] = append(f.rows[key], row)
}

func (f *faultTable) String() string {
	lines := []string{"| Fault | Moment | The visitor sees | The operator sees | Metrics that move | Lost |", "|---|---|---|---|---|---|"}
	var stories []string
	for story := range f.rows {
		stories = append(stories, story)
	}
	slices.Sort(stories)
	for _, story := range stories {
		for _, row := range f.rows[story] {
			lines = append(lines, row.String())
		}
	}
	return strings.Join(lines, "\n")
}

// check compares the section of the page with what has been seen, or writes it.
func (f *faultTable) check(t *testing.T) {
	t.Helper()
	page, err := os.ReadFile(faultPage)
	if err != nil {
		t.Fatal(err)
	}
	opening, closing := "<!-- "+f.section+" -->\n", "\n<!-- end of "+f.section+" -->"
	before, rest, opened := strings.Cut(string(page), opening)
	committed, after, closed := strings.Cut(rest, closing)
	if !opened || !closed {
		t.Fatalf("%s has no section %q", faultPage, f.section)
	}
	seen := f.String()
	if os.Getenv("WRITE_FAULT_TABLE") != "" {
		if t.Failed() {
			t.Fatal("the table is not written, because something failed")
		}
		if err := os.WriteFile(faultPage, []byte(before+opening+seen+closing+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, want := strings.Split(seen, "\n"), strings.Split(committed, "\n")
	for i := range max(len(have), len(want)) {
		var h, w string
		if i < len(have) {
			h = compared(have[i])
		}
		if i < len(want) {
			w = compared(want[i])
		}
		if h != w {
			t.Errorf("row %d of %s is not as %s says (make faults writes it anew):\nseen: %s\npage: %s", i, f.section, faultPage, h, w)
		}
	}
}
