package instagramauth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/address"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/cli"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/finding"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/inspect"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/option"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/routes"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/spelling"
)

// The command that checks a configuration: what it finds, it says with what to change.

// examination is one run of the command.
type examination struct {
	ctx     context.Context
	source  cli.Source
	file    string // the configuration's name
	browser bool   // test a login in a browser, too
	in      io.Reader
	lines   <-chan string // of in, once they are read
	talk    io.Writer     // to the person, beside the report
	now     func() time.Time

	text     string           // of the configuration file
	config   *caddy.Config    // not provisioned
	http     *caddyhttp.App   // not provisioned
	modules  caddy.Context    // for modules that a check loads
	storage  cli.Storage      // nil where it cannot be opened
	folder   string           // of the storage, if it is one
	unopened *finding.Finding // why the storage was not tried
	servers  []*routes.Server
	checks   *inspect.Inspection
	patients []*patient
	nulls    []string // where null stands in the http app
	unread   error    // why there is no configuration
	refused  string   // the option for which Caddy does not load the configuration
	report   finding.Report
}

// patient is one instagram_auth block.
type patient struct {
	name    string // in the report
	raw     string // its JSON, in the form that canonical gives
	servers []*caddyhttp.Server
	handler *Handler
	block   *inspect.Block // nil without settings

	settings settings
	wrong    error                       // why there are no settings
	out      map[instagram.Endpoint]bool // those that do not answer

	closedWindow bool             // the configured window is the one that Meta closed
	signedIn     bool             // a login with the first redirect URI succeeded
	clock        *finding.Finding // what was learned of it on the way
}

// run fills the report.
func (e *examination) run() {
	if e.unread = e.load(); e.unread != nil {
		message, remedy := finding.Plain(e.unread)
		if problem := cli.AsProblem(e.unread); problem.Remedy != "" {
			message, remedy = strings.Join(strings.Fields(problem.What), " "), problem.Remedy
		}
		e.report.Add("", "load", finding.Fault(message, remedy))
		return
	}
	cancel := e.prepare()
	defer cancel()
	storage := e.checkStorage()
	e.report.Add("", "load", e.checkLoad(storage.Status == finding.Fine))
	if len(e.patients) == 0 {
		e.report.Add("", "blocks", finding.Fault("there is no instagram_auth in the configuration", "add the block to a site, or name the right file with --config"))
		return
	}
	e.report.Add("", "storage", storage)
	e.report.Add("", "admin", e.checkAdmin())
	for _, p := range e.patients {
		e.examine(p)
	}
}

// blockChecks are those of one block, in the order in which they are told. All but the
// first want options that make sense.
var blockChecks = []struct {
	name string
	of   func(*examination, *patient) []finding.Finding
}{
	{"secrets", (*examination).checkSecrets},
	{"api", (*examination).checkAPI},
	{"endpoints", (*examination).checkEndpoints},
	{"redirect_uri", (*examination).checkRedirects},
	{"callbacks", (*examination).checkCallbacks},
	{"matcher", (*examination).checkMatcher},
	{"upstream", (*examination).checkUpstream},
	{"cookies", (*examination).checkCookies},
	{"logs", (*examination).checkLogs},
	{"proxies", (*examination).checkProxies},
	{"network", (*examination).checkNetwork},
	{"app", (*examination).checkApp},
	{"login", (*examination).checkLogin}, // before the window, because a login proves more
	{"window", (*examination).checkWindow},
	{"clock", (*examination).checkClock},
}

func (e *examination) examine(p *patient) {
	if p.wrong != nil {
		e.report.Add(p.name, "options", e.explainOption(p, p.wrong))
		return
	}
	defer p.settings.client.CloseIdleConnections()
	p.name = p.settings.paths.Redirects[0].URI
	options := append(p.handler.checkOptions(), p.handler.checkPeople()...)
	if len(options) == 0 {
		options = append(options, finding.OK("every option has a value that makes sense"))
	}
	e.report.Add(p.name, "options", options...)
	for _, check := range blockChecks {
		e.report.Add(p.name, check.name, e.located(check.of(e, p))...)
	}
	e.report.Dashboards = append(e.report.Dashboards, p.dashboard())
}

// explainOption tells what is wrong with an option, and where it stands.
func (e *examination) explainOption(p *patient, err error) finding.Finding {
	// Two values in one another's place are refused as no ID, which is half the story.
	if seen := e.looksOf(p); seen.Status == finding.Wrong {
		return seen
	}
	if denied := p.denied(tryToRead); denied.Status == finding.Wrong {
		return denied
	}
	wrong, ok := errors.AsType[*option.Error](err)
	if !ok {
		return finding.Fault(option.OneLine(err), "mend the option and ask again")
	}
	message := wrong.Option
	if lines := e.linesOf(wrong.Option); lines != "" {
		message += " (" + e.file + lines + ")"
	}
	return finding.Fault(message, spelling.WithoutSecrets(option.OneLine(errors.New(wrong.Problem))))
}

// linesOf returns where an option stands in a Caddyfile, "" if nowhere.
func (e *examination) linesOf(option string) (places string) {
	words := strings.Fields(option) // of a block inside the block the last one counts
	number := 0
	for line := range strings.Lines(e.text) {
		number++
		if fields := strings.Fields(line); len(fields) > 0 && fields[0] == words[len(words)-1] {
			places += fmt.Sprintf(":%d", number)
		}
	}
	return places
}

// dashboard is what Meta's dashboard needs to know of a block.
func (p *patient) dashboard() finding.Dashboard {
	d := finding.Dashboard{Instance: p.name}
	for _, r := range p.settings.paths.Redirects {
		d.RedirectURIs = append(d.RedirectURIs, r.URI)
	}
	origin := p.settings.paths.Redirects[0].Origin
	d.Deauthorize, d.DataDeletion = origin+p.settings.paths.Of(address.Deauthorize), origin+p.settings.paths.Of(address.DataDeletion)
	return d
}
