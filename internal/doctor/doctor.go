// Package doctor checks a configuration of Caddy with instagram_auth blocks in it: what it finds,
// it says with what to change.
package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
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
	"github.com/caddy-instagram/caddy-instagram-auth/internal/rotation"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/routes"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/spelling"
)

const directive = "instagram_auth"

// Config is what the doctor needs of the module.
type Config struct {
	// Open reads a block. What is written in it is there even if an error says why it has no
	// settings.
	Open func(raw json.RawMessage) (*Block, error)
	// Running asks the Caddy at an admin endpoint for the fingerprints of all its blocks.
	Running func(address string, timeout time.Duration) ([]rotation.Prints, error)
}

// OfModule is the doctor that the module registers.
var OfModule Config

// A Block is an instagram_auth block of the configuration.
type Block struct {
	Handler any // the module; it stands for the block in Caddy's routes

	// As they are written, with placeholders.
	AppID                                 string
	AppSecret, SessionSecret, RedirectURI []string
	Protect                               caddyhttp.RawMatcherSets

	*Settings
}

// Settings are what the options of a block come to.
type Settings struct {
	Routes   *inspect.Block // without matchers
	Client   *instagram.Client
	Prints   rotation.Prints // of the secrets
	Cookie   string          // name of the session cookie
	Lifetime time.Duration   // of a session

	// What the options show, each for itself.
	Options, Secrets, Endpoints []finding.Finding
	API                         finding.Finding
	WindowClosed                bool // the configured window is the one that Meta closed
}

// Paths are the block's own addresses.
func (s *Settings) Paths() *address.Paths { return s.Routes.Paths }

// run is one run of the command.
type run struct {
	Config

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
	blocks   []*block
	nulls    []string // where null stands in the http app
	unread   error    // why there is no configuration
	refused  string   // the option for which Caddy does not load the configuration
	report   finding.Report
}

// block is a block with the results of a run.
type block struct {
	*Block
	name    string // in the report
	raw     string // its JSON, in the form that canonical gives
	servers []*caddyhttp.Server

	wrong     error                       // why there are no settings
	inspected *inspect.Block              // nil without settings
	out       map[instagram.Endpoint]bool // those that do not answer

	signedIn bool             // a login with the first redirect URI succeeded
	clock    *finding.Finding // from the Date header of an answer
}

// examine fills the report.
func (r *run) examine() {
	if r.unread = r.load(); r.unread != nil {
		message, remedy := finding.Plain(r.unread)
		if problem := cli.AsProblem(r.unread); problem.Remedy != "" {
			message, remedy = strings.Join(strings.Fields(problem.What), " "), problem.Remedy
		}
		r.report.Add("", "load", finding.Fault(message, remedy))
		return
	}
	cancel := r.prepare()
	defer cancel()
	storage := r.checkStorage()
	r.report.Add("", "load", r.checkLoad(storage.Status == finding.Fine))
	if len(r.blocks) == 0 {
		r.report.Add("", "blocks", finding.Fault("there is no instagram_auth in the configuration", "add the block to a site, or name the right file with --config"))
		return
	}
	r.report.Add("", "storage", storage)
	r.report.Add("", "admin", r.checkAdmin())
	for _, b := range r.blocks {
		r.examineBlock(b)
	}
}

// blockChecks are the checks of one block, in the order of the report. They need valid options.
var blockChecks = []struct {
	name string
	of   func(*run, *block) []finding.Finding
}{
	{"secrets", func(r *run, b *block) []finding.Finding { return append(b.Secrets, r.compareSecrets(b)) }},
	{"api", func(_ *run, b *block) []finding.Finding { return []finding.Finding{b.API} }},
	{"endpoints", func(_ *run, b *block) []finding.Finding { return b.Endpoints }},
	{"redirect_uri", (*run).checkRedirects},
	{"callbacks", (*run).checkCallbacks},
	{"matcher", (*run).checkMatcher},
	{"upstream", (*run).checkUpstream},
	{"cookies", (*run).checkCookies},
	{"logs", (*run).checkLogs},
	{"proxies", (*run).checkProxies},
	{"network", (*run).checkNetwork},
	{"app", (*run).checkApp},
	{"login", (*run).checkLogin}, // before the window, because a login proves more
	{"window", (*run).checkWindow},
	{"clock", (*run).checkClock},
}

func (r *run) examineBlock(b *block) {
	if b.wrong != nil {
		r.report.Add(b.name, "options", r.explainOption(b, b.wrong))
		return
	}
	defer b.Client.CloseIdleConnections()
	b.name = b.Paths().Redirects[0].URI
	if len(b.Options) == 0 {
		r.report.Add(b.name, "options", finding.OK("every option has a valid value"))
	}
	r.report.Add(b.name, "options", b.Options...)
	for _, check := range blockChecks {
		r.report.Add(b.name, check.name, r.located(check.of(r, b))...)
	}
	r.report.Dashboards = append(r.report.Dashboards, b.dashboard())
}

// explainOption tells what is wrong with an option, and on which line.
func (r *run) explainOption(b *block, err error) finding.Finding {
	// Two values in one another's place are refused as no ID, which is half the story.
	if seen := b.looks(); seen.Status == finding.Wrong {
		return seen
	}
	if denied := b.denied(tryToRead); denied.Status == finding.Wrong {
		return denied
	}
	wrong, ok := errors.AsType[*option.Error](err)
	if !ok {
		return finding.Fault(finding.Kinds(option.OneLine(err)), "fix the option and run the doctor again")
	}
	message := wrong.Option
	if lines := r.linesOf(wrong.Option); lines != "" {
		message += " (" + r.file + lines + ")"
	}
	return finding.Fault(message, spelling.WithoutSecrets(option.OneLine(errors.New(wrong.Problem))))
}

// linesOf returns where an option stands in a Caddyfile, "" if nowhere.
func (r *run) linesOf(option string) (places string) {
	words := strings.Fields(option) // of a block inside the block the last one counts
	number := 0
	for line := range strings.Lines(r.text) {
		number++
		if fields := strings.Fields(line); len(fields) > 0 && fields[0] == words[len(words)-1] {
			places += fmt.Sprintf(":%d", number)
		}
	}
	return places
}

// dashboard is what Meta's dashboard needs to know of a block.
func (b *block) dashboard() finding.Dashboard {
	d := finding.Dashboard{Instance: b.name}
	for _, redirect := range b.Paths().Redirects {
		d.RedirectURIs = append(d.RedirectURIs, redirect.URI)
	}
	origin := b.Paths().Redirects[0].Origin
	d.Deauthorize, d.DataDeletion = origin+b.Paths().Of(address.Deauthorize), origin+b.Paths().Of(address.DataDeletion)
	return d
}

// Routes are the routes of a configuration that Caddy has not loaded, for tests.
type Routes struct {
	run   *run
	Close func()
}

// Routes reads the routes of a configuration file, and asks nobody.
func (c Config) Routes(file string) (*Routes, error) {
	r := &run{Config: c, ctx: context.Background(), source: cli.Source{File: file}, talk: io.Discard, now: time.Now}
	if err := r.load(); err != nil {
		return nil, err
	}
	of := &Routes{r, r.prepare()}
	for _, b := range r.blocks {
		if b.wrong != nil {
			of.Close()
			return nil, b.wrong
		}
	}
	return of, nil
}

// AtStart makes all checks that Caddy makes at start.
func (of *Routes) AtStart() (found []finding.Finding) {
	inspection := inspect.New(of.run.serversBy(routes.NewRaw(of.run.modules, of.run.blockOf)))
	for _, b := range of.run.blocks {
		found = append(found, inspection.Of(b.inspected)...)
	}
	return found
}

// Doctor makes the doctor's own checks of the routes.
func (of *Routes) Doctor() (found []finding.Finding) {
	r := of.run
	for _, b := range r.blocks {
		found = slices.Concat(found, r.checkRedirects(b), r.checkCallbacks(b), r.checkMatcher(b), r.checkUpstream(b))
	}
	return found
}
