package main

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// table is a Markdown table that can be read as it is. The first column is text, the
// others are numbers.
type table struct {
	head []string
	rows [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) String() string {
	widths := make([]int, len(t.head))
	for _, row := range append([][]string{t.head}, t.rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell), 2)
		}
	}
	var text strings.Builder
	line := func(row []string) {
		for i, width := range widths {
			cell := ""
			if i < len(row) {
				cell = row[i]
			}
			padding := strings.Repeat(" ", width-utf8.RuneCountInString(cell))
			if i == 0 {
				cell += padding
			} else {
				cell = padding + cell
			}
			text.WriteString("| " + cell + " ")
		}
		text.WriteString("|\n")
	}
	line(t.head)
	for i, width := range widths {
		if i == 0 {
			text.WriteString("|" + strings.Repeat("-", width+2))
		} else {
			text.WriteString("|" + strings.Repeat("-", width+1) + ":")
		}
	}
	text.WriteString("|\n")
	for _, row := range t.rows {
		line(row)
	}
	return text.String()
}

// number writes a number with as many digits as say something.
func number(v float64) string {
	switch {
	case v < 0:
		return "-" + number(-v)
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// String writes a median with its quartiles.
func (s summary) String() string {
	if s.n == 0 {
		return "–"
	}
	return fmt.Sprintf("%s (%s–%s)", number(s.median), number(s.low), number(s.high))
}

// count writes a number of allocations.
func count(v float64) string { return fmt.Sprintf("%.1f", v) }

// signed writes a difference.
func signed(v float64) string { return fmt.Sprintf("%+.1f", v) }
