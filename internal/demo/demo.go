// Package demo is the command `caddy demo`: a site with a simulated Instagram on this machine, and
// a tour through both. Only cmd/caddy has it.
package demo

import (
	"crypto/rand"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/caddy-instagram/caddy-instagram-auth/example"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/cli"
)

const (
	defaultPort = 8080
	lastPort    = 65535
	typed       = "go run ./cmd/caddy demo" // how the README starts it
)

// Command returns the command for Caddy's command line.
func Command() caddycmd.Command {
	return caddycmd.Command{
		Name:  "demo",
		Usage: "[--port <port>] [--verbose]",
		Short: "Runs a site with a simulated Instagram on this machine",
		Long: `
Runs example/Caddyfile: a site that signs its visitors in, and a simulated Instagram. Both
listen on this machine only. The demo prints one line when it is ready. Open the address in
that line; the page there is a tour. Ctrl-C ends the demo.

It keeps its data in a temporary folder and deletes the folder at its end. Each start makes
a new session secret, so that nobody is signed in when the demo starts again.`,
		CobraFunc: func(command *cobra.Command) {
			command.Flags().Int("port", defaultPort, "The port of the site")
			command.Flags().Bool("verbose", false, "Print Caddy's log as well")
			cli.SetRun(command, cli.NoArguments, run)
		},
	}
}

func run(command *cobra.Command, _ []string) error {
	port, err := command.Flags().GetInt("port")
	if err != nil {
		return err
	}
	if err := checkPort(port); err != nil {
		return err
	}
	signals := endSignals()
	folder, err := os.MkdirTemp("", "instagram_auth-demo-")
	if err != nil {
		return cli.Failed("", "making a folder for the demo's data: %s", err)
	}
	go endAt(signals, folder)
	held := new(ports)
	if err := start(port, folder, held, cli.Flagged(command, "verbose")); err != nil {
		remove(folder)
		return err
	}
	fmt.Fprintf(command.OutOrStdout(), "Demo ready: http://localhost:%d/\n", port)
	defer held.release()
	select {} // endAt ends the process
}

// checkPort returns an error for a port that the demo cannot have.
func checkPort(port int) error {
	remedy := typed + " --port " + strconv.Itoa(defaultPort)
	switch {
	case port < 1 || port > lastPort:
		return cli.Usage(remedy, "--port %d: a port is a number from 1 to %d", port, lastPort)
	case port == 443:
		return cli.Usage(remedy, "--port 443: the demo speaks plain http, and port 443 is for https")
	}
	return nil
}

// start runs the demo's Caddyfile with its own ports and its own storage below folder.
func start(port int, folder string, held *ports, verbose bool) error {
	hosts := loopback()
	if !held.take(port, hosts) {
		other := port + 10
		if other > lastPort {
			other = defaultPort
		}
		other = held.takeNext(other, hosts)
		return cli.Failed(typed+" --port "+strconv.Itoa(other), "another program listens on port %d already", port)
	}
	if err := os.CopyFS(folder, example.Files); err != nil {
		return cli.Failed("", "writing the demo's pages: %s", err)
	}
	level := "ERROR"
	if verbose {
		level = "INFO"
	}
	settings := map[string]string{
		"DEMO_SITE":      "http://localhost:" + strconv.Itoa(port),
		"DEMO_PORT":      strconv.Itoa(port),
		"DEMO_INSTAGRAM": "http://localhost:" + strconv.Itoa(held.takeNext(9100, hosts)),
		"DEMO_UPSTREAM":  strconv.Itoa(held.takeNext(9001, hosts)),
		"DEMO_BIND":      strings.Join(hosts, " "),
		"DEMO_PAGES":     strconv.Quote(filepath.ToSlash(filepath.Join(folder, "site"))),
		"DEMO_STORAGE":   strconv.Quote(filepath.ToSlash(filepath.Join(folder, "storage"))),
		"DEMO_SECRET":    rand.Text() + rand.Text(),
		"DEMO_LOG":       level,
		"XDG_DATA_HOME":  folder, // Caddy notes its instance's ID there, whatever the storage is
	}
	for name, value := range settings {
		if err := os.Setenv(name, value); err != nil {
			return err
		}
	}
	return load(verbose)
}

// load runs the Caddyfile. Caddy logs everything until it has read the log options. Without verbose
// these lines are dropped: load returns what fails.
func load(verbose bool) error {
	if !verbose {
		caddy.BufferedLog()
	}
	text, err := fs.ReadFile(example.Files, "Caddyfile")
	if err != nil {
		return err
	}
	config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt(text, map[string]any{"filename": "example/Caddyfile"})
	if err != nil {
		return cli.Failed("", "reading the demo's Caddyfile: %s", err)
	}
	if err := caddy.Load(config, true); err != nil {
		return cli.Failed("", "starting the demo: %s", err)
	}
	return nil
}
