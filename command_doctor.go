package instagramauth

import (
	"bytes"
	"errors"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/cli"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/finding"
)

func doctorCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "doctor [--config path] [--adapter name] [--envfile path] [--json] [--browser]",
		Short: "Checks a configuration, with Instagram and the storage",
		Long: `
Loads a configuration as Caddy would, without starting it, and checks every
instagram_auth block in it: the options and secrets, whether the redirect URI is served
and reaches the block, the logs, the storage, whether Instagram can be reached and
accepts the app, and the clock. It then prints what belongs into the fields of Meta's
dashboard.

Each check is a line: ✓ fine, ! look at it, ✗ wrong, and what to change. No secret, code
or token is printed. Nothing is left in the storage; as root it acts as the storage's owner.

Give it the environment that Caddy has, with --envfile if the service reads one.

With --browser it also takes somebody through a login: it prints the address of the
authorization window, waits for the address that the browser comes back to, and shows the
user ID and username.

Documentation: ` + documentation + `doctor.md` + "\n" + exitStatuses + ".",
		Example: `  $ caddy instagram-auth doctor
  $ sudo caddy instagram-auth doctor --config /etc/caddy/Caddyfile --envfile /etc/caddy/environment
  $ caddy adapt | caddy instagram-auth doctor --config - --json
  $ caddy instagram-auth doctor --browser`,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	configurationFlags(command)
	command.Flags().Bool("json", false, "Print JSON, errors too")
	command.Flags().Bool("browser", false, "Go through a login in a browser, too")
	runs(command, noArguments, diagnose)
	return command
}

// diagnose runs the doctor and writes the report.
func diagnose(command *cobra.Command, _ []string) error {
	source, err := sourceOf(command)
	if err != nil {
		return err
	}
	e := &examination{
		ctx: command.Context(), source: source, browser: flagged(command, "browser"),
		in: command.InOrStdin(), talk: command.ErrOrStderr(), now: time.Now,
	}
	if e.browser && source.File == "-" {
		return cli.Usage("name the configuration's file", "--browser reads the address from standard input, where the configuration comes from")
	}
	e.run()
	out := command.OutOrStdout()
	unread, isProblem := errors.AsType[*cli.Problem](e.unread)
	if isProblem && unread.Exit == cli.ExitUsage {
		return unread // nothing was tried
	}
	if flagged(command, "json") {
		err = e.report.JSON(out)
	} else if isProblem && e.file == "" {
		return unread // there is nothing to report about
	} else {
		err = writeReport(&e.report, out, styleOf(command, out))
	}
	if err == nil && e.report.Count(finding.Wrong) > 0 {
		err = &cli.Problem{} // the report says it
	}
	return err
}

func writeReport(report *finding.Report, out io.Writer, style cli.Style) error {
	var plain bytes.Buffer
	if err := report.Text(&plain); err != nil {
		return err
	}
	_, err := io.WriteString(out, style.Marked(plain.String()))
	return err
}
