package operator

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/cli"
)

func statusCommand() *cobra.Command {
	command := &cobra.Command{
		Use:     "status [--app id] [--json]",
		Aliases: []string{"sessions"},
		Short:   "Shows what a running Caddy knows about revoked sessions",
		Long: `
Asks a running Caddy about each app that signs people in:

    REVOKED  sessions and users that were revoked, as far as it remembers
    QUEUED   not in the storage yet, so that other nodes do not know them
    AGE      time since it last read the storage
    STORAGE  ok, or why it cannot be read

Then come the fingerprints of the secrets of each block: two nodes with the same secrets
show the same fingerprints, in the same order.

Sessions themselves are not listed: they are encrypted cookies in the visitors' browsers.

Documentation: ` + cli.Documentation + `operations.md` + "\n" + cli.ExitStatuses + ".",
		Example: `  $ caddy instagram-auth status
  $ caddy instagram-auth status --config /etc/caddy/Caddyfile
  $ caddy instagram-auth status --address unix//run/caddy/admin.sock --json`,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	adminFlags(command)
	cli.SetRun(command, cli.NoArguments, func(command *cobra.Command, _ []string) error {
		n, err := findCaddy(command)
		if err != nil {
			return err
		}
		states, err := n.status(cli.FlagValue(command, "app"))
		if err != nil {
			return err
		}
		if cli.Flagged(command, "json") {
			return n.writeJSON(command.OutOrStdout(), states)
		}
		return writeStatus(command.OutOrStdout(), cli.StyleFor(command, command.OutOrStdout()), states)
	})
	return command
}

// status returns the state of one app, or of all.
func (n runningCaddy) status(app string) ([]appState, error) {
	path := adminSessions
	if app != "" {
		path += "?app_id=" + url.QueryEscape(app)
	}
	return n.ask(http.MethodGet, path, nil)
}

func writeStatus(out io.Writer, style cli.Style, states []appState) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "APP\tREVOKED\tQUEUED\tAGE\tSTORAGE")
	for _, state := range states {
		age, health := "never read", style.Good("ok")
		if state.AgeSeconds != nil {
			age = (time.Duration(*state.AgeSeconds) * time.Second).String()
		}
		if state.Error != "" {
			health = style.Bad(cli.Line(state.Error))
		}
		fmt.Fprintf(table, "%s\t%d\t%d\t%s\t%s\n", state.AppID, state.Ended, state.Queued, age, health)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, state := range states {
		if state.Lost > 0 {
			fmt.Fprintf(out, "%s app %s: %d revoked sessions were dropped from the full queue; other nodes will not learn of them. Revoke them again once the storage works.\n", style.Bad("!"), state.AppID, state.Lost)
		}
		if state.Unreadable > 0 {
			fmt.Fprintf(out, "%s app %s: %d entries of the storage cannot be read: a secret has changed, or another node runs a newer version.\n", style.Doubtful("!"), state.AppID, state.Unreadable)
		}
	}
	return printSecrets(out, states)
}

// printSecrets writes the fingerprints of all blocks as a table.
func printSecrets(out io.Writer, states []appState) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\nBLOCK\tAPP SECRET\tSESSION SECRET")
	for _, state := range states {
		for _, p := range state.Secrets {
			fmt.Fprintf(table, "%s\t%s\t%s\n", p.Block, p.AppSecrets(), p.SessionSecrets())
		}
	}
	return table.Flush()
}
