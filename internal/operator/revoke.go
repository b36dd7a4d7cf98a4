package operator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/cli"
)

func revokeCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "revoke (--user id | --session id | --all) [--app id] [--yes]",
		Short: "Revokes sessions, on every node that shares Caddy's storage",
		Long: `
Revokes all sessions of one user, by the numeric Instagram user ID; or one session, by the
16 hex digits in the log line "signed in"; or everybody's. The node that you ask does so at
once, the others within their sync_interval. Revoked sessions stay revoked after a restart.
Users may sign in again: to keep somebody out, add them to deny and reload.

Caddy knows users by ID, not by username. You find the ID of a username in the log line
"signed in" (the field user_id; the username is there with log { username on }), in the
header X-Instagram-User-Id that your app gets, or in your app's database.

Without a terminal, --all needs --yes.

Documentation: ` + cli.Documentation + `operations.md#ending-sessions` + "\n" + cli.ExitStatuses + `;
3 done on the node that you asked, but not stored for the others.`,
		Example: `  $ caddy instagram-auth revoke --user 17841405793187218
  $ caddy instagram-auth revoke --session 3f6a09c1d2e4b758
  $ caddy instagram-auth revoke --all --yes --config /etc/caddy/Caddyfile`,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	command.Flags().String("user", "", "Revoke all sessions of this numeric Instagram user ID")
	command.Flags().String("session", "", "Revoke the session with these 16 hex digits")
	command.Flags().Bool("all", false, "Revoke everybody's sessions")
	command.Flags().BoolP("yes", "y", false, "Do not ask before --all")
	cli.Complete(command, "user", cli.Nothing)
	cli.Complete(command, "session", cli.Nothing)
	adminFlags(command)
	cli.SetRun(command, cli.NoArguments, func(command *cobra.Command, _ []string) error {
		q := revocationRequest{
			AppID: cli.FlagValue(command, "app"), UserID: cli.FlagValue(command, "user"),
			Session: cli.FlagValue(command, "session"), All: cli.Flagged(command, "all"),
		}
		if err := checkRevocation(q); err != nil {
			return err
		}
		asks := q.All && !cli.Flagged(command, "yes")
		if asks && !cli.IsTerminal(command.InOrStdin()) {
			return cli.Usage("add --yes", "--all revokes everybody's sessions, and there is no terminal to ask on")
		}
		n, err := findCaddy(command)
		if err != nil {
			return err
		}
		if asks {
			if err := n.confirm(command, q.AppID); err != nil {
				return err
			}
		}
		return n.revoke(command, q)
	})
	return command
}

// checkRevocation refuses a command line before anybody is asked.
func checkRevocation(q revocationRequest) error {
	_, err := q.check()
	switch {
	case err == nil:
		return nil
	case q.UserID != "" && q.Session == "" && !q.All:
		return cli.Usage("take user_id from the log line \"signed in\", or X-Instagram-User-Id from your app; see "+cli.Documentation+"operations.md#ending-sessions",
			"--user needs the numeric Instagram user ID, not %q: Caddy knows users by ID, not by username", q.UserID)
	case q.Session != "" && q.UserID == "" && !q.All:
		return cli.Usage("copy the field session of the log line \"signed in\"", "--session: %s", err)
	default:
		return cli.Usage("see caddy instagram-auth revoke --help", "write exactly one of --user, --session and --all")
	}
}

// confirm asks before everybody's sessions end.
func (n runningCaddy) confirm(command *cobra.Command, app string) error {
	states, err := n.status(app)
	if err != nil {
		return err
	}
	var apps []string
	for _, state := range states {
		apps = append(apps, state.AppID)
	}
	question := fmt.Sprintf("This revokes everybody's sessions of app %s, on all nodes. Everybody has to sign in again. Continue?", strings.Join(apps, ", "))
	yes, err := cli.Ask(command.InOrStdin(), command.ErrOrStderr(), question)
	if err == nil && !yes {
		fmt.Fprintln(command.ErrOrStderr(), "Nothing was revoked.")
		err = &cli.Problem{Exit: cli.ExitFailed}
	}
	return err
}

func (n runningCaddy) revoke(command *cobra.Command, q revocationRequest) error {
	body, err := json.Marshal(q)
	if err != nil {
		return err
	}
	states, err := n.ask(http.MethodPost, adminRevoke, body)
	if err != nil {
		return err
	}
	out := command.OutOrStdout()
	if cli.Flagged(command, "json") {
		return n.writeJSON(out, states)
	}
	// The storage has ends of sessions, and no sessions: nobody can say whether there was one.
	what := "all sessions are revoked; everybody has to sign in again"
	switch {
	case q.UserID != "":
		what = "the sessions of user " + q.UserID + " are revoked, if there are any"
	case q.Session != "":
		what = "session " + q.Session + " is revoked, if there is such a session"
	}
	style := cli.StyleFor(command, out)
	for _, state := range states {
		within := "their sync_interval"
		if state.SyncInterval != "" {
			within = state.SyncInterval + " (sync_interval)"
		}
		fmt.Fprintf(out, "%s app %s: %s. This node knows it now; other nodes with the same storage within %s.\n", style.Good("Done:"), state.AppID, what, within)
	}
	return nil
}
