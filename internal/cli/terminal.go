package cli

import (
	"bufio"
	"cmp"
	"errors"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// Style says how a text looks. The zero value is plain.
type Style struct {
	Colour bool
	ASCII  bool // marks in ASCII, for a terminal that cannot show others
}

// StyleOf returns the style for a stream: plain unless it is a terminal.
func StyleOf(stream any, noColour bool) Style {
	if !IsTerminal(stream) {
		return Style{}
	}
	return styleFrom(os.Getenv, noColour)
}

// styleFrom reads the variables that describe a terminal. NO_COLOR counts with any value that is
// not empty (https://no-color.org/).
func styleFrom(getenv func(string) string, noColour bool) Style {
	locale := cmp.Or(getenv("LC_ALL"), getenv("LC_CTYPE"), getenv("LANG"))
	return Style{
		Colour: !noColour && getenv("NO_COLOR") == "" && getenv("TERM") != "dumb",
		// Containers often set no locale at all; their terminals show UTF-8.
		ASCII: locale != "" && !strings.Contains(strings.ReplaceAll(strings.ToLower(locale), "-", ""), "utf8"),
	}
}

// IsTerminal reports whether a stream is a terminal.
func IsTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// Good, Doubtful and Bad colour a text by what it says; Strong makes it stand out.
func (s Style) Good(text string) string     { return s.in("32", text) }
func (s Style) Doubtful(text string) string { return s.in("33", text) }
func (s Style) Bad(text string) string      { return s.in("31", text) }
func (s Style) Strong(text string) string   { return s.in("1", text) }

func (s Style) in(colour, text string) string {
	if !s.Colour {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// Marked shows the marks of a report that was made for no terminal. A mark stands in front of a
// line, behind two spaces.
func (s Style) Marked(report string) string {
	if s == (Style{}) {
		return report
	}
	var b strings.Builder
	for line := range strings.Lines(report) {
		rest, found := strings.CutPrefix(line, "  ")
		for _, mark := range []struct {
			sign, ascii string
			show        func(string) string
		}{{"✓", "ok", s.Good}, {"!", "! ", s.Doubtful}, {"✗", "X ", s.Bad}} {
			if after, ok := strings.CutPrefix(rest, mark.sign+" "); found && ok {
				sign := mark.sign
				if s.ASCII {
					sign = mark.ascii
				}
				line = "  " + mark.show(sign) + " " + after
				break
			}
		}
		b.WriteString(line)
	}
	return b.String()
}

// Line makes one line of a text, whatever came into it from elsewhere: a terminal acts on control
// characters.
func Line(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return ' '
		}
		return r
	}, text)
	return strings.Join(strings.Fields(text), " ")
}

// Ask asks a question on a terminal. Only yes is yes.
func Ask(in io.Reader, out io.Writer, question string) (yes bool, err error) {
	if !IsTerminal(in) {
		return false, errors.New("there is no terminal to ask on")
	}
	if _, err := io.WriteString(out, question+" [y/N] "); err != nil {
		return false, err
	}
	answer, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes", nil
}
