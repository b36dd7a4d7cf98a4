package review

import (
	"fmt"
	"strings"
)

const (
	columns = 78 // the widest line, unless one word alone is wider
	margin  = 4  // in front of what is pasted
)

// A page is a text for a terminal.
type page struct {
	text   strings.Builder
	number int // of the last section
}

// section begins a section.
func (p *page) section(title string) {
	p.number++
	fmt.Fprintf(&p.text, "\n%d. %s\n", p.number, strings.ToUpper(title))
}

// paragraph writes a paragraph to the operator.
func (p *page) paragraph(format string, args ...any) {
	p.text.WriteByte('\n')
	p.wrap("", "", fmt.Sprintf(format, args...))
}

// paste writes paragraphs that the operator pastes, one for each text that is not empty.
func (p *page) paste(paragraphs ...string) {
	for _, paragraph := range paragraphs {
		if paragraph != "" {
			p.text.WriteByte('\n')
			p.wrap(strings.Repeat(" ", margin), "", paragraph)
		}
	}
}

// field writes a field of a form, and what belongs there.
func (p *page) field(name string, values ...string) {
	fmt.Fprintf(&p.text, "\n  %s\n", name)
	for _, value := range values {
		p.wrap(strings.Repeat(" ", margin), "", value)
	}
}

// item writes an element of a list, behind a sign.
func (p *page) item(sign, text string) { p.wrap("  ", sign+" ", text) }

// wrap writes a text in lines. The first one begins with a sign, for which the others leave room.
func (p *page) wrap(indent, sign, text string) {
	line, used := indent+sign, 0
	for word := range strings.FieldsSeq(text) {
		if used > 0 && width(line)+1+width(word) > columns {
			p.text.WriteString(line + "\n")
			line, used = indent+strings.Repeat(" ", len(sign)), 0
		}
		if used > 0 {
			line += " "
		}
		line += word
		used++
	}
	p.text.WriteString(strings.TrimRight(line, " ") + "\n")
}

// wide are the ranges of characters that take two columns: those of China, Japan and Korea, and
// pictures.
var wide = [][2]rune{
	{0x1100, 0x115f}, {0x2e80, 0xa4cf}, {0xac00, 0xd7a3}, {0xf900, 0xfaff}, {0xfe30, 0xfe6f},
	{0xff00, 0xff60}, {0xffe0, 0xffe6}, {0x1f300, 0x1faff}, {0x20000, 0x3fffd},
}

// width returns how many columns of a terminal a text takes.
func width(text string) (n int) {
	for _, r := range text {
		n++
		for _, w := range wide {
			if w[0] <= r && r <= w[1] {
				n++
			}
		}
	}
	return n
}

// short returns a text that takes few columns, cut where it is longer.
func short(text string, most int) string {
	if width(text) <= most {
		return text
	}
	var b strings.Builder
	n := 1 // the mark
	for _, r := range text {
		if n += width(string(r)); n > most {
			break
		}
		b.WriteRune(r)
	}
	return strings.TrimSpace(b.String()) + mark
}

// list joins texts as in a sentence: "a, b and c".
func list(texts []string, last string) string {
	if len(texts) < 2 {
		return strings.Join(texts, "")
	}
	end := len(texts) - 1
	return strings.Join(texts[:end], ", ") + " " + last + " " + texts[end]
}
