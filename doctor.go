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
	"github.com/spf13/cobra"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/doctor"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/routes"
)

// The command that checks a configuration: what it finds, it says with what to change.

func doctorCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "doctor [--config <path>] [--adapter <name>] [--json] [--browser]",
		Short: "Checks a configuration, with Instagram and the storage",
		Long: `
Loads a configuration as Caddy would, without starting it, and checks every
instagram_auth block in it: the options and secrets, whether the redirect URI is served
and reaches the block, the logs, the storage, whether Instagram can be reached and
accepts the app, and the clock. It then prints what belongs into the fields of Meta's
dashboard.

Each check is a line: ✓ fine, ! look at it, ✗ wrong, and what to change. The exit status
is 1 if something is wrong, and 0 otherwise. No secret, code or token is printed.

With --browser it also takes somebody through a login: it prints the address of the
authorization window, waits for the address that the browser comes back to, and shows the
user ID and username.
`,
		Args:         cobra.NoArgs,
		SilenceUsage: true,
	}
	configurationFlags(command, "the configuration to check (default: Caddyfile)")
	command.Flags().Bool("json", false, "prints a JSON object")
	command.Flags().Bool("browser", false, "goes through a login in a browser, too")
	command.RunE = func(command *cobra.Command, _ []string) error {
		flag := func(name string) string { return command.Flag(name).Value.String() }
		e := &examination{
			ctx: command.Context(), file: flag("config"), adapter: flag("adapter"), browser: flag("browser") == "true",
			in: command.InOrStdin(), talk: command.ErrOrStderr(), now: time.Now,
		}
		if e.ctx == nil {
			e.ctx = context.Background()
		}
		e.run()
		write := e.report.Text
		if flag("json") == "true" {
			write = e.report.JSON
		}
		if err := write(command.OutOrStdout()); err != nil {
			return err
		}
		if e.report.Count(doctor.Wrong) > 0 {
			command.SilenceErrors = true // the report says it
			return errSomethingIsWrong
		}
		return nil
	}
	return command
}

// errSomethingIsWrong makes Caddy exit with caddy.ExitCodeFailedStartup.
var errSomethingIsWrong = errors.New("something is wrong with the configuration")

// examination is one run of the command.
type examination struct {
	ctx           context.Context
	file, adapter string
	browser       bool // test a login in a browser, too
	in            io.Reader
	lines         <-chan string // of in, once they are read
	talk          io.Writer     // to the person, beside the report
	now           func() time.Time

	text     string         // of the configuration file
	config   *caddy.Config  // not provisioned
	http     *caddyhttp.App // not provisioned
	modules  caddy.Context  // for modules that a check loads
	servers  []*routes.Server
	doors    *doorman
	patients []*patient
	refused  string // the option for which Caddy does not load the configuration
	report   doctor.Report
}

// patient is one instagram_auth block.
type patient struct {
	name    string // in the report
	raw     string // its JSON, in the form that canonical gives
	servers []*caddyhttp.Server
	handler *Handler

	settings settings
	wrong    error                       // why there are no settings
	out      map[instagram.Endpoint]bool // those that do not answer

	closedWindow bool            // the configured window is the one that Meta closed
	signedIn     bool            // a login with the first redirect URI succeeded
	clock        *doctor.Finding // what was learned of it on the way
}

// run fills the report.
func (e *examination) run() {
	if err := e.load(); err != nil {
		e.report.Add("", "load", doctor.Fault(oneLine(err), "mend the configuration and ask again"))
		return
	}
	cancel := e.prepare()
	defer cancel()
	storage := e.checkStorage()
	e.report.Add("", "load", e.checkLoad(storage.Status == doctor.Fine))
	if len(e.patients) == 0 {
		e.report.Add("", "blocks", doctor.Fault("there is no instagram_auth in the configuration", "add the block to a site, or name the right file with --config"))
		return
	}
	e.report.Add("", "storage", storage)
	for _, p := range e.patients {
		e.examine(p)
	}
}

// blockChecks are those of one block, in the order in which they are told. All but the
// first want options that make sense.
var blockChecks = []struct {
	name string
	of   func(*examination, *patient) []doctor.Finding
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
	p.name = p.settings.redirects[0].uri
	e.report.Add(p.name, "options", doctor.OK("every option has a value that makes sense"))
	for _, check := range blockChecks {
		e.report.Add(p.name, check.name, e.located(check.of(e, p))...)
	}
	e.report.Dashboards = append(e.report.Dashboards, p.dashboard())
}

// explainOption tells what is wrong with an option, and where it stands.
func (e *examination) explainOption(p *patient, err error) doctor.Finding {
	// Two values in one another's place are refused as no ID, which is half the story.
	if seen := e.looksOf(p); seen.Status == doctor.Wrong {
		return seen
	}
	wrong, ok := errors.AsType[*optionError](err)
	if !ok {
		return doctor.Fault(oneLine(err), "mend the option and ask again")
	}
	message := wrong.option
	if lines := e.linesOf(wrong.option); lines != "" {
		message += " (" + e.file + lines + ")"
	}
	return doctor.Fault(message, oneLine(errors.New(wrong.problem)))
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
func (p *patient) dashboard() doctor.Dashboard {
	d := doctor.Dashboard{Instance: p.name}
	for _, r := range p.settings.redirects {
		d.RedirectURIs = append(d.RedirectURIs, r.uri)
	}
	base := p.settings.redirects[0].origin + p.settings.pathPrefix
	d.Deauthorize, d.DataDeletion = base+pathDeauthorize, base+pathDataDeletion
	return d
}

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
