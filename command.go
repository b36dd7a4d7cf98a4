package instagramauth

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"text/tabwriter"
	"time"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "instagram-auth",
		Usage: "revoke | sessions | doctor | pages",
		Short: "Ends sessions of visitors who signed in with Instagram, and checks the configuration",
		Long: `
revoke and sessions talk to a running Caddy through its admin endpoint; doctor reads a
configuration and checks it, with Instagram and the storage, before or while it runs;
pages writes the built-in pages into a folder.
`,
		CobraFunc: func(parent *cobra.Command) {
			// Flags are those of the sub-commands: without one, that is what is wrong.
			parent.FParseErrWhitelist.UnknownFlags = true
			parent.RunE = caddycmd.WrapCommandFuncForCobra(func(caddycmd.Flags) (int, error) {
				return caddy.ExitCodeFailedStartup, errors.New("add one of: revoke, sessions, doctor, pages; see caddy help instagram-auth")
			})
			parent.AddCommand(revokeCommand(), sessionsCommand(), doctorCommand(), pagesCommand())
		},
	})
}

func revokeCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "revoke (--user <id> | --session <id> | --all) [--app <id>]",
		Short: "Ends sessions, on every node that shares Caddy's storage",
		Long: `
Ends the sessions of one user, by their numeric Instagram user ID; one session, by the
16 hex digits that stand in the log line "signed in"; or all of them. Whoever signs in
again gets a new session.
`,
	}
	command.Flags().String("user", "", "the Instagram user ID whose sessions end")
	command.Flags().String("session", "", "the session that ends")
	command.Flags().Bool("all", false, "ends all sessions")
	talksToCaddy(command, func(flags caddycmd.Flags, address string) error {
		return commandRevoke(command.OutOrStdout(), address, revocationRequest{
			AppID: flags.String("app"), UserID: flags.String("user"), Session: flags.String("session"), All: flags.Bool("all"),
		})
	})
	return command
}

func sessionsCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "sessions [--app <id>]",
		Short: "Shows how many ended sessions are remembered",
		Long: `
Shows for each app how many ended sessions are remembered, how many of them still have to
be written to the storage, and how old the list is. Below it stand the fingerprints of the
secrets of each block: two nodes with the same secrets show the same ones, in one order.
`,
	}
	talksToCaddy(command, func(flags caddycmd.Flags, address string) error {
		return commandSessions(command.OutOrStdout(), address, flags.String("app"))
	})
	return command
}

// talksToCaddy gives a command the flags that find a running Caddy, and what to do there.
func talksToCaddy(command *cobra.Command, run func(flags caddycmd.Flags, address string) error) {
	command.Flags().String("app", "", "only sessions of this Instagram app ID")
	command.Flags().String("address", "", "the address of Caddy's admin endpoint, if not from the configuration")
	configurationFlags(command, "the configuration file to find the address in")
	command.RunE = caddycmd.WrapCommandFuncForCobra(func(flags caddycmd.Flags) (int, error) {
		if flags.NArg() > 0 {
			return caddy.ExitCodeFailedStartup, fmt.Errorf("unexpected %q", flags.Arg(0))
		}
		address, err := caddycmd.DetermineAdminAPIAddress(flags.String("address"), nil, flags.String("config"), flags.String("adapter"))
		if err != nil {
			return caddy.ExitCodeFailedStartup, fmt.Errorf("finding Caddy's admin endpoint: %w", err)
		}
		if err := run(flags, address); err != nil {
			return caddy.ExitCodeFailedStartup, err
		}
		return caddy.ExitCodeSuccess, nil
	})
}

// configurationFlags gives a command the flags that name a configuration.
func configurationFlags(command *cobra.Command, use string) {
	command.Flags().StringP("config", "c", "", use)
	command.Flags().StringP("adapter", "a", "", "the name of the configuration's adapter")
}

func commandRevoke(out io.Writer, address string, q revocationRequest) error {
	if _, err := q.check(); err != nil {
		return fmt.Errorf("revoke: %w (as --user, --session and --all)", err)
	}
	body, err := json.Marshal(q)
	if err != nil {
		return err
	}
	states, err := askAdmin(address, http.MethodPost, adminRevoke, body)
	if err != nil {
		return err
	}
	for _, state := range states {
		fmt.Fprintf(out, "app %s: ended; other nodes follow within their sync_interval\n", state.AppID)
	}
	return nil
}

func commandSessions(out io.Writer, address, app string) error {
	path := adminSessions
	if app != "" {
		path += "?app_id=" + url.QueryEscape(app)
	}
	states, err := askAdmin(address, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "APP\tENDED\tTO WRITE\tAGE\tSTORAGE")
	for _, state := range states {
		age, health := "never read", "ok"
		if state.AgeSeconds != nil {
			age = (time.Duration(*state.AgeSeconds) * time.Second).String()
		}
		if state.Error != "" {
			health = state.Error
		}
		fmt.Fprintf(table, "%s\t%d\t%d\t%s\t%s\n", state.AppID, state.Ended, state.Queued, age, health)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	return printSecrets(out, states)
}

// askAdmin asks a running Caddy.
func askAdmin(address, method, path string, body []byte) ([]appState, error) {
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body)
	}
	answer, err := caddycmd.AdminAPIRequest(address, method, path, nil, reader)
	if err != nil {
		return nil, fmt.Errorf("asking Caddy at %s (is it running there, with its admin endpoint on and this module in it?): %w", address, err)
	}
	defer answer.Body.Close()
	var states struct {
		Apps []appState `json:"apps"`
	}
	if err := json.NewDecoder(io.LimitReader(answer.Body, 1<<20)).Decode(&states); err != nil {
		return nil, fmt.Errorf("reading Caddy's answer: %w", err)
	}
	return states.Apps, nil
}
