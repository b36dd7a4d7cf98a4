// Package finding has the findings of the checks of a configuration, their report, and the
// checks that need only values.
package finding

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// Status says how a check ended.
type Status string

const (
	Fine  Status = "ok"
	Look  Status = "warning" // may be right, but somebody should look at it
	Wrong Status = "error"
	Info  Status = "info" // nothing was checked: it is for the operator to know
)

var marks = map[Status]string{Fine: "✓", Look: "!", Wrong: "✗", Info: "·"}

// Finding is what one check found.
type Finding struct {
	// Instance is the block that the check was about, by its first redirect URI; empty
	// for the configuration as a whole.
	Instance string `json:"instance"`
	Check    string `json:"check"`
	Status   Status `json:"status"`
	Message  string `json:"message"`
	// Remedy says what to change; empty where everything is fine.
	Remedy string `json:"remedy"`
	// Paste is a piece of a Caddyfile that mends it, if there is one.
	Paste string `json:"snippet,omitempty"`
	// Quiet says that it is what the configuration asks for in so many words.
	Quiet bool `json:"-"`
	// Directive is the one that the finding is about, "" if there is none or several.
	Directive string `json:"-"`
}

// With returns a finding about a directive.
func (f Finding) With(directive string) Finding {
	f.Directive = directive
	return f
}

// OK is a finding that all is well.
func OK(format string, args ...any) Finding {
	return Finding{Status: Fine, Message: fmt.Sprintf(format, args...)}
}

// Doubt is a finding that somebody should look at.
func Doubt(message, remedy string) Finding {
	return Finding{Status: Look, Message: message, Remedy: remedy}
}

// Fault is a finding that something is wrong.
func Fault(message, remedy string) Finding {
	return Finding{Status: Wrong, Message: message, Remedy: remedy}
}

// Note is something that no check can find out.
func Note(message, remedy string) Finding {
	return Finding{Status: Info, Message: message, Remedy: remedy}
}

// Dashboard is what belongs into the fields of Meta's dashboard.
type Dashboard struct {
	Instance     string   `json:"instance"`
	RedirectURIs []string `json:"oauth_redirect_uris"`
	Deauthorize  string   `json:"deauthorize_callback_url"`
	DataDeletion string   `json:"data_deletion_request_url"`
}

// Report is everything that was found.
type Report struct {
	Findings   []Finding   `json:"checks"`
	Dashboards []Dashboard `json:"dashboard"`
}

// likeASecret matches text that looks like an app secret. Caddy's messages about a configuration
// can quote a secret that stands in the wrong place.
var likeASecret = regexp.MustCompile(`\b[0-9a-fA-F]{32}\b`)

// Add adds the findings of a check. A fault that another check has already reported is not added
// again. Two findings of one check are two faults.
func (r *Report) Add(instance, check string, findings ...Finding) {
	for _, f := range findings {
		f.Instance, f.Check = instance, check
		f.Message, f.Remedy = likeASecret.ReplaceAllString(f.Message, "***"), likeASecret.ReplaceAllString(f.Remedy, "***")
		if f.Status == Fine || !slices.ContainsFunc(r.Findings, func(known Finding) bool {
			return known.Instance == instance && known.Check != check && known.Remedy == f.Remedy
		}) {
			r.Findings = append(r.Findings, f)
		}
	}
}

// Count returns how many findings have a status.
func (r *Report) Count(status Status) (n int) {
	for _, f := range r.Findings {
		if f.Status == status {
			n++
		}
	}
	return n
}

// JSON writes the report for programs.
func (r *Report) JSON(out io.Writer) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}

// Text returns the report for people: a line for each finding, and what to paste.
func (r *Report) Text() string {
	var b strings.Builder
	about := ""
	for _, f := range r.Findings {
		group := cmp.Or(f.Instance, "the configuration")
		if f.Status == Info {
			group = "what no check can see"
		}
		if group != about {
			about = group
			fmt.Fprintf(&b, "%s\n", about)
		}
		fmt.Fprintf(&b, "  %s %s: %s\n", marks[f.Status], f.Check, line(f))
		for piece := range strings.Lines(f.Paste) {
			b.WriteString("      " + piece)
		}
	}
	for _, d := range r.Dashboards {
		fmt.Fprintf(&b, "\nMeta's dashboard, for %s\n", d.Instance)
		for _, uri := range d.RedirectURIs {
			fmt.Fprintf(&b, "  Valid OAuth redirect URI   %s\n", uri)
		}
		fmt.Fprintf(&b, "  Deauthorize callback URL   %s\n", d.Deauthorize)
		fmt.Fprintf(&b, "  Data deletion request URL  %s\n", d.DataDeletion)
	}
	fmt.Fprintf(&b, "\n%d fine, %d to look at, %d wrong\n", r.Count(Fine), r.Count(Look), r.Count(Wrong))
	return b.String()
}

// line is a finding in one line, whatever came into it from elsewhere.
func line(f Finding) string {
	text := f.Message
	if f.Remedy != "" {
		text += ": " + f.Remedy
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
}
