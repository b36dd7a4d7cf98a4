package operator

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/cli"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/rotation"
)

// The commands that talk to a running Caddy, through its admin endpoint.

// runningCaddy is where a Caddy runs.
type runningCaddy struct {
	address string
	// why says how the address is known, remedy what to do if nobody answers there.
	why, remedy string
	// timeout is how long it may take to answer; the default is adminTime.
	timeout time.Duration
}

// adminFlags gives a command the flags that find a running Caddy.
func adminFlags(command *cobra.Command) {
	command.Flags().String("app", "", "Only this Instagram app ID (default: all apps of the configuration)")
	command.Flags().String("address", "", "Address of Caddy's admin endpoint (default: as the configuration says)")
	command.Flags().Bool("json", false, "Print JSON, errors too")
	cli.ConfigurationFlags(command)
	cli.Complete(command, "app", cli.Nothing)
	cli.Complete(command, "address", cli.Nothing)
}

// findCaddy finds the admin endpoint: by its address, or by the configuration.
func findCaddy(command *cobra.Command) (n runningCaddy, err error) {
	source, err := cli.SourceOf(command)
	if err != nil {
		return runningCaddy{}, err
	}
	if address := cli.FlagValue(command, "address"); address != "" {
		return runningCaddy{address: address, remedy: "check --address, and that Caddy runs"}, cli.CheckAddress(address)
	}
	configuration, err := source.Load()
	if err != nil {
		return runningCaddy{}, err
	}
	if n.address, err = configuration.AdminAddress(); err != nil {
		return runningCaddy{}, err
	}
	n.why, n.remedy = ", the address in "+configuration.Name, "start Caddy; if it runs with another configuration, name that with --config, or its admin endpoint with --address"
	switch {
	case configuration.Name == "":
		missing := cli.NoConfiguration()
		n.why, n.remedy = ", the default; "+missing.What, "start Caddy; or "+missing.Remedy+", or name its admin endpoint with --address"
	case configuration.Found && !cli.Flagged(command, "json"):
		fmt.Fprintf(command.ErrOrStderr(), "Using %s: Caddy's admin endpoint is %s\n", configuration.Name, n.address)
	}
	return n, nil
}

// adminTime is how long a node may take: it writes to the storage.
const adminTime = time.Minute

// ask asks the node, and returns the state of its apps.
func (n runningCaddy) ask(method, path string, body []byte) ([]appState, error) {
	type reply struct {
		response *http.Response
		err      error
	}
	replies := make(chan reply, 1)
	go func() {
		var reader io.Reader
		if body != nil {
			reader = bytes.NewReader(body)
		}
		response, err := caddycmd.AdminAPIRequest(n.address, method, path, nil, reader)
		replies <- reply{response, err}
	}()
	var got reply
	timeout := cmp.Or(n.timeout, adminTime)
	select {
	case got = <-replies:
	case <-time.After(timeout):
		return nil, cli.Failed("check its log, and run caddy instagram-auth status", "the Caddy at %s did not answer within %v", n.address, timeout)
	}
	if got.err != nil {
		return nil, n.explain(got.err)
	}
	defer got.response.Body.Close()
	var states struct {
		Apps []appState `json:"apps"`
	}
	// A site may answer anything, too.
	if err := json.NewDecoder(io.LimitReader(got.response.Body, 1<<20)).Decode(&states); err != nil || len(states.Apps) == 0 {
		return nil, cli.Failed(n.remedy, "what answers at %s is not Caddy's admin endpoint", n.address)
	}
	return states.Apps, nil
}

// Prints asks the Caddy at an admin endpoint for the fingerprints of the secrets of all its blocks.
func Prints(address string, timeout time.Duration) (all []rotation.Prints, err error) {
	states, err := runningCaddy{address: address, timeout: timeout}.ask(http.MethodGet, adminSessions, nil)
	for _, state := range states {
		all = append(all, state.Secrets...)
	}
	return all, err
}

// refusedByCaddy is how AdminAPIRequest tells an answer that is an error.
var refusedByCaddy = regexp.MustCompile(`(?s)^caddy responded with error: HTTP (\d+): (.*)$`)

// explain says why the node did not do what it was asked.
func (n runningCaddy) explain(err error) error {
	parts := refusedByCaddy.FindStringSubmatch(err.Error())
	if parts == nil {
		return n.unreachable(err)
	}
	var answer struct {
		Error string `json:"error"`
	}
	_ = json.Unmarshal([]byte(parts[2]), &answer) // not Caddy's if it is no JSON
	switch status, _ := strconv.Atoi(parts[1]); {
	case status == http.StatusNotFound && strings.HasPrefix(answer.Error, "no "+directive+" "):
		return cli.Failed("name another one, or leave --app out; if Caddy was changed, reload it", "%s, at %s", answer.Error, n.address)
	case status == http.StatusNotFound:
		return cli.Failed("run the Caddy that was built with this module, or name its admin endpoint with --address", "the Caddy at %s does not have this module", n.address)
	case status == http.StatusServiceUnavailable && answer.Error != "":
		return &cli.Problem{
			What:   answer.Error,
			Remedy: "fix the storage and do not stop this Caddy: it writes the rest by itself, and the other nodes follow; caddy instagram-auth status shows what is left to write",
			Exit:   cli.ExitPartial,
		}
	case answer.Error != "":
		return cli.Failed("", "the Caddy at %s refuses: %s", n.address, answer.Error)
	default:
		return cli.Failed(n.remedy, "what answers at %s is not Caddy's admin endpoint: HTTP %d", n.address, status)
	}
}

// unreachable explains why nobody answered. Caddy passes errors on as text.
func (n runningCaddy) unreachable(err error) error {
	text := err.Error()
	if strings.HasSuffix(text, fs.ErrPermission.Error()) || strings.HasSuffix(text, syscall.EACCES.Error()) {
		return cli.Failed("run this as Caddy's user", "this user may not use Caddy's admin endpoint at %s", n.address)
	}
	parts := strings.Split(cli.Line(text), ": ") // the last one is the cause
	return cli.Failed(n.remedy, "no Caddy answers at %s (%s)%s", n.address, parts[len(parts)-1], n.why)
}

// writeJSON writes what a node answered.
func (n runningCaddy) writeJSON(out io.Writer, states []appState) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(map[string]any{"address": n.address, "apps": states})
}
