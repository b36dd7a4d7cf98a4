package instagramauth

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"text/tabwriter"
	"time"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "instagram-auth",
		Usage: "revoke (--user <id> | --session <id> | --all) [--app <id>] | sessions [--app <id>]",
		Short: "Ends sessions of visitors who signed in with Instagram",
		Long: `
Talks to a running Caddy through its admin endpoint.

revoke ends sessions, on every node that shares Caddy's storage: those of one user, by
their numeric Instagram user ID; one session, by the 16 hex digits that stand in the log
line "signed in"; or all of them. Whoever signs in again gets a new session.

sessions shows for each app how many ended sessions are remembered, how many of them
still have to be written to the storage, and how old the list is.
`,
		Flags: func() *flag.FlagSet {
			flags := flag.NewFlagSet("instagram-auth", flag.ExitOnError)
			flags.String("user", "", "the Instagram user ID whose sessions end")
			flags.String("session", "", "the session that ends")
			flags.Bool("all", false, "ends all sessions")
			flags.String("app", "", "only sessions of this Instagram app ID")
			flags.String("address", "", "the address of Caddy's admin endpoint, if not from the configuration")
			flags.String("config", "", "the configuration file to find the address in")
			flags.String("adapter", "", "the name of the configuration's adapter")
			return flags
		}(),
		Func: runCommand,
	})
}

func runCommand(flags caddycmd.Flags) (int, error) {
	address, err := caddycmd.DetermineAdminAPIAddress(flags.String("address"), nil, flags.String("config"), flags.String("adapter"))
	if err != nil {
		return caddy.ExitCodeFailedStartup, fmt.Errorf("finding Caddy's admin endpoint: %w", err)
	}
	verb := ""
	if flags.NArg() == 1 {
		verb = flags.Arg(0)
	}
	switch verb {
	case "revoke":
		err = commandRevoke(os.Stdout, address, revocationRequest{
			AppID: flags.String("app"), UserID: flags.String("user"), Session: flags.String("session"), All: flags.Bool("all"),
		})
	case "sessions":
		err = commandSessions(os.Stdout, address, flags.String("app"))
	default:
		err = errors.New("want one of: revoke, sessions; see caddy help instagram-auth")
	}
	if err != nil {
		return caddy.ExitCodeFailedStartup, err
	}
	return caddy.ExitCodeSuccess, nil
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
	return table.Flush()
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
