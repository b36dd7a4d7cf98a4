package doctor

import (
	"errors"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/cli"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/finding"
)

// Command returns the command.
func Command(c Config) *cobra.Command {
	command := &cobra.Command{
		Use:   "doctor [--config path] [--adapter name] [--envfile path] [--json] [--browser]",
		Short: "Checks a configuration, with Instagram and the storage",
		Long: `
Loads a configuration as Caddy would, without starting it, and checks every
instagram_auth block in it: the options and secrets, whether the redirect URI is served
and reaches the block, the logs, the storage, whether Instagram can be reached and
accepts the app, and the clock. It then prints the values to paste into Meta's
dashboard.

Each check is a line: ✓ fine, ! look at it, ✗ wrong, and what to change. A line with · is
about what no check can see. No secret, code or token is printed. Nothing is left in the storage; as root it acts as the storage's owner.

Give it the environment that Caddy has, with --envfile if the service reads one.

With --browser it also takes you through a login: it prints the address of the
authorization window, waits for the address that the browser comes back to, and shows the
user ID and username.

Documentation: ` + cli.Documentation + `doctor.md` + "\n" + cli.ExitStatuses + ".",
		Example: `  $ caddy instagram-auth doctor
  $ sudo caddy instagram-auth doctor --config /etc/caddy/Caddyfile --envfile /etc/caddy/environment
  $ caddy adapt | caddy instagram-auth doctor --config - --json
  $ caddy instagram-auth doctor --browser`,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cli.ConfigurationFlags(command)
	command.Flags().Bool("json", false, "Print JSON, errors too")
	command.Flags().Bool("browser", false, "Also go through a login in a browser")
	cli.SetRun(command, cli.NoArguments, c.diagnose)
	return command
}

// diagnose runs the doctor and writes the report.
func (c Config) diagnose(command *cobra.Command, _ []string) error {
	source, err := cli.SourceOf(command)
	if err != nil {
		return err
	}
	r := &run{
		Config: c, ctx: command.Context(), source: source, browser: cli.Flagged(command, "browser"),
		in: command.InOrStdin(), talk: command.ErrOrStderr(), now: time.Now,
	}
	if r.browser && source.File == "-" {
		return cli.Usage("name the configuration's file", "--browser reads the address from standard input, where the configuration comes from")
	}
	r.examine()
	out := command.OutOrStdout()
	unread, isProblem := errors.AsType[*cli.Problem](r.unread)
	if isProblem && unread.Exit == cli.ExitUsage {
		return unread // nothing was tried
	}
	if cli.Flagged(command, "json") {
		err = r.report.JSON(out)
	} else if isProblem && r.file == "" {
		return unread // there is nothing to report about
	} else {
		_, err = io.WriteString(out, cli.StyleFor(command, out).Marked(r.report.Text()))
	}
	if err == nil && r.report.Count(finding.Wrong) > 0 {
		err = &cli.Problem{} // the report says it
	}
	return err
}
