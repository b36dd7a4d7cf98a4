// Package operator has what the operator of a site talks to beside the doctor: the admin API, on
// Caddy's admin endpoint alone, and the commands of `caddy instagram-auth`.
package operator

import (
	"slices"
	"strings"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/cli"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/spelling"
)

const directive = "instagram_auth"

// Command returns the command that has all others below it. more makes the others, once for each
// time that the command is made.
func Command(more ...func() *cobra.Command) caddycmd.Command {
	return caddycmd.Command{
		Name:  cli.Name,
		Usage: "status | revoke | doctor | pages | review",
		Short: "Manages sign-ins with Instagram: revokes sessions, checks the configuration",
		Long: `
status and revoke talk to a running Caddy through its admin endpoint. doctor checks a
configuration, with Instagram and the storage, before Caddy runs it or while it does.
pages writes the built-in pages into a folder, for you to change. review prints the texts
for Meta's App Review.

All of them read ./Caddyfile or ./caddy.json unless you name a file with --config. Colours
are used on a terminal; NO_COLOR or --no-color turn them off.

Documentation: ` + cli.Documentation + `operations.md`,
		CobraFunc: func(parent *cobra.Command) {
			parent.Example = `  $ caddy instagram-auth doctor
  $ caddy instagram-auth status
  $ caddy instagram-auth revoke --user 17841405793187218`
			// Flags belong to the commands below. Without one of those, that is what is wrong.
			parent.FParseErrWhitelist.UnknownFlags = true
			parent.PersistentFlags().Bool("no-color", false, "Use no colours, even on a terminal")
			cli.SetRun(parent, cobra.ArbitraryArgs, noCommand)
			for _, command := range slices.Concat(more, []func() *cobra.Command{revokeCommand, statusCommand, pagesCommand}) {
				parent.AddCommand(command())
			}
		},
	}
}

// noCommand says which commands there are.
func noCommand(parent *cobra.Command, args []string) error {
	var names []string
	for _, command := range parent.Commands() {
		names = append(names, command.Name())
	}
	slices.Sort(names)
	remedy := "add one of: " + strings.Join(names, ", ") + "; see caddy instagram-auth --help"
	if len(args) == 0 {
		return cli.Usage(remedy, "a command is missing")
	}
	if near := append(parent.SuggestionsFor(args[0]), spelling.Nearest(args[0], names)); near[0] != "" {
		remedy = "caddy instagram-auth " + near[0]
	}
	return cli.Usage(remedy, "there is no command %q", args[0])
}
