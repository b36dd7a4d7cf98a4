// Package cli has what the commands of `caddy instagram-auth` share: they find the configuration,
// say what went wrong in plain lines, ask, use colours where somebody reads them, and act as the
// owner of Caddy's storage.
package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Exit statuses of the commands. They are documented in docs/operations.md.
const (
	ExitFailed  = 1 // it was tried and failed, or something is wrong
	ExitUsage   = 2 // the command line is wrong; nothing was tried
	ExitPartial = 3 // it is done on one node, and the others do not know yet
)

// Problem is an error that a person can act on.
type Problem struct {
	What   string
	Remedy string // "" where What says it
	Exit   int    // ExitFailed if 0
}

// Error returns what went wrong and what to do.
func (p *Problem) Error() string {
	if p.Remedy == "" {
		return p.What
	}
	return p.What + ": " + p.Remedy
}

// Usage is a problem with the command line.
func Usage(remedy, format string, args ...any) *Problem {
	return &Problem{What: fmt.Sprintf(format, args...), Remedy: remedy, Exit: ExitUsage}
}

// Failed is a problem of what was tried.
func Failed(remedy, format string, args ...any) *Problem {
	return &Problem{What: fmt.Sprintf(format, args...), Remedy: remedy, Exit: ExitFailed}
}

// AsProblem returns the problem that an error is.
func AsProblem(err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		p.Exit = cmp.Or(p.Exit, ExitFailed)
		return p
	}
	return &Problem{What: err.Error(), Exit: ExitFailed}
}

// Print writes a problem for people: one line, and one line with what to do.
func (p *Problem) Print(out io.Writer, style Style) {
	fmt.Fprintf(out, "%s %s\n", style.Bad("Error:"), Line(p.What))
	if p.Remedy != "" {
		fmt.Fprintf(out, "%s %s\n", style.Strong("Try:"), Line(p.Remedy))
	}
}

// JSON writes a problem for programs.
func (p *Problem) JSON(out io.Writer) {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(struct {
		Error  string `json:"error"`
		Remedy string `json:"remedy,omitempty"`
	}{p.What, p.Remedy})
}
