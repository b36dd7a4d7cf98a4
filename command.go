package instagramauth

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/cli"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/spelling"
)

// The commands of `caddy instagram-auth`, and what they share.

// documentation is where the help leads.
const documentation = "https://github.com/caddy-instagram/caddy-instagram-auth/blob/main/docs/"

// exitStatuses ends the help of each command.
const exitStatuses = `
Exit status: 0 done; 1 failed, or something is wrong; 2 the command line is wrong and
nothing was tried`

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "instagram-auth",
		Usage: "status | revoke | doctor | pages",
		Short: "Manages sign-ins with Instagram: ends sessions, checks the configuration",
		Long: `
status and revoke talk to a running Caddy through its admin endpoint. doctor checks a
configuration, with Instagram and the storage, before Caddy runs it or while it does.
pages writes the built-in pages into a folder, to be changed.

All of them read ./Caddyfile or ./caddy.json if you name no file with --config. Colours
are used on a terminal; NO_COLOR or --no-color turn them off.

Documentation: ` + documentation + `operations.md`,
		CobraFunc: func(parent *cobra.Command) {
			parent.Example = `  $ caddy instagram-auth doctor
  $ caddy instagram-auth status
  $ caddy instagram-auth revoke --user 17841405793187218`
			// Flags belong to the commands below. Without one of those, that is what is wrong.
			parent.FParseErrWhitelist.UnknownFlags = true
			parent.PersistentFlags().Bool("no-color", false, "Use no colours, also on a terminal")
			runs(parent, cobra.ArbitraryArgs, noCommand)
			parent.AddCommand(revokeCommand(), statusCommand(), doctorCommand(), pagesCommand())
		},
	})
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

// runs gives a command what it does. Errors are written here, as plain lines: Caddy would write
// them as lines of its log, and cobra once more.
func runs(command *cobra.Command, args cobra.PositionalArgs, run func(*cobra.Command, []string) error) {
	command.SilenceUsage, command.SilenceErrors = true, true
	help := "see " + cmp.Or(helpOf(command), "caddy instagram-auth --help")
	command.SetFlagErrorFunc(func(command *cobra.Command, err error) error {
		return fail(command, cli.Usage(help, "%s", err))
	})
	command.Args = func(command *cobra.Command, given []string) error {
		if err := args(command, given); err != nil {
			return fail(command, cli.Usage(help, "%s", err))
		}
		return nil
	}
	command.RunE = func(command *cobra.Command, args []string) error {
		if command.Context() == nil {
			command.SetContext(context.Background())
		}
		return fail(command, run(command, args))
	}
}

func helpOf(command *cobra.Command) string {
	if command.Name() == "instagram-auth" {
		return ""
	}
	return "caddy instagram-auth " + command.Name() + " --help"
}

// noArguments refuses arguments, and names the flag that was meant.
func noArguments(command *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if command.Flags().Lookup(args[0]) != nil {
		return fmt.Errorf("unexpected %q, write --%s", args[0], args[0])
	}
	return fmt.Errorf("unexpected %q", args[0])
}

// failure is an error that was written already.
type failure struct {
	problem *cli.Problem
	status  error // makes Caddy exit with another status than 1
}

func (f *failure) Error() string   { return f.problem.Error() }
func (f *failure) Unwrap() []error { return []error{f.problem, f.status} }

// fail writes an error, and returns one that makes Caddy exit with its status.
func fail(command *cobra.Command, err error) error {
	if err == nil {
		return nil
	}
	problem := cli.AsProblem(err)
	switch {
	case problem.What == "": // the output says it
	case flagged(command, "json") || wantsJSON():
		problem.JSON(command.OutOrStdout())
	default:
		problem.Print(command.ErrOrStderr(), styleOf(command, command.ErrOrStderr()))
	}
	if problem.Exit <= 1 {
		return &failure{problem, problem}
	}
	// Only Caddy can make the error with which it exits with another status.
	status := caddycmd.WrapCommandFuncForCobra(func(caddycmd.Flags) (int, error) { return problem.Exit, nil })
	return &failure{problem, status(command, nil)}
}

// flagged reports whether a flag is there and set.
func flagged(command *cobra.Command, name string) bool {
	flag := command.Flags().Lookup(name)
	return flag != nil && flag.Value.String() == "true"
}

// wantsJSON reports whether --json stands on a command line that could not be read to its end.
func wantsJSON() bool {
	for _, argument := range os.Args {
		switch argument {
		case "--":
			return false
		case "--json", "--json=true":
			return true
		}
	}
	return false
}

func flagValue(command *cobra.Command, name string) string {
	return command.Flags().Lookup(name).Value.String()
}

func styleOf(command *cobra.Command, stream any) cli.Style {
	return cli.StyleOf(stream, flagged(command, "no-color"))
}

// configurationFlags gives a command the flags that name a configuration, as `caddy run` has them.
func configurationFlags(command *cobra.Command) {
	command.Flags().StringP("config", "c", "", "Configuration file, or - for standard input (default: Caddyfile or caddy.json in this folder)")
	command.Flags().StringP("adapter", "a", "", "Name of the configuration's adapter, such as caddyfile (default: by the file's name)")
	command.Flags().StringSlice("envfile", nil, "Environment file to read first, as for caddy run; may be repeated")
	completes(command, "adapter", func() []string { return cli.Adapters() })
}

// completes says which values the shell offers for a flag: no files.
func completes(command *cobra.Command, flag string, values func() []string) {
	_ = command.RegisterFlagCompletionFunc(flag, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return values(), cobra.ShellCompDirectiveNoFileComp
	})
}

func nothing() []string { return nil }

// sourceOf returns where the command's flags say the configuration is.
func sourceOf(command *cobra.Command) (source cli.Source, err error) {
	source = cli.Source{File: flagValue(command, "config"), Adapter: flagValue(command, "adapter"), In: command.InOrStdin()}
	source.Envfiles, err = command.Flags().GetStringSlice("envfile")
	if err != nil {
		return source, err
	}
	return source, source.LoadEnvironment()
}
