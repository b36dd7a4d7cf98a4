package cli

import (
	"context"
	"fmt"
	"os"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

// Name is the command that has all others below it.
const Name = "instagram-auth"

// Documentation is where the help leads.
const Documentation = "https://github.com/caddy-instagram/caddy-instagram-auth/blob/main/docs/"

// ExitStatuses ends the help of each command.
const ExitStatuses = `
Exit status: 0 done; 1 failed, or something is wrong; 2 the command line is wrong and
nothing was tried`

// SetRun gives a command what it does. Errors are written here, as plain lines: Caddy would write
// them as lines of its log, and cobra once more.
func SetRun(command *cobra.Command, args cobra.PositionalArgs, run func(*cobra.Command, []string) error) {
	command.SilenceUsage, command.SilenceErrors = true, true
	help := func(command *cobra.Command) string { return "see " + command.CommandPath() + " --help" }
	command.SetFlagErrorFunc(func(command *cobra.Command, err error) error {
		return fail(command, Usage(help(command), "%s", err))
	})
	command.Args = func(command *cobra.Command, given []string) error {
		if err := args(command, given); err != nil {
			return fail(command, Usage(help(command), "%s", err))
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

// NoArguments refuses arguments, and names the flag that was meant.
func NoArguments(command *cobra.Command, args []string) error {
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
	problem *Problem
	status  error // makes Caddy exit with another status than 1
}

func (f *failure) Error() string   { return f.problem.Error() }
func (f *failure) Unwrap() []error { return []error{f.problem, f.status} }

// fail writes an error, and returns one that makes Caddy exit with its status.
func fail(command *cobra.Command, err error) error {
	if err == nil {
		return nil
	}
	problem := AsProblem(err)
	switch {
	case problem.What == "": // the output says it
	case Flagged(command, "json") || wantsJSON():
		problem.JSON(command.OutOrStdout())
	default:
		problem.Print(command.ErrOrStderr(), StyleFor(command, command.ErrOrStderr()))
	}
	if problem.Exit <= 1 {
		return &failure{problem, problem}
	}
	// Only Caddy can make the error with which it exits with another status.
	status := caddycmd.WrapCommandFuncForCobra(func(caddycmd.Flags) (int, error) { return problem.Exit, nil })
	return &failure{problem, status(command, nil)}
}

// Flagged reports whether a flag is there and set.
func Flagged(command *cobra.Command, name string) bool {
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

// FlagValue returns the value of a flag that the command has.
func FlagValue(command *cobra.Command, name string) string {
	return command.Flags().Lookup(name).Value.String()
}

// StyleFor returns the style for a stream of a command, which has the flag --no-color.
func StyleFor(command *cobra.Command, stream any) Style {
	return StyleOf(stream, Flagged(command, "no-color"))
}

// ConfigurationFlags gives a command the flags that name a configuration, as `caddy run` has them.
func ConfigurationFlags(command *cobra.Command) {
	command.Flags().StringP("config", "c", "", "Configuration file, or - for standard input (default: Caddyfile or caddy.json in this folder)")
	command.Flags().StringP("adapter", "a", "", "Name of the configuration's adapter, such as caddyfile (default: by the file's name)")
	command.Flags().StringSlice("envfile", nil, "Environment file to read first, as for caddy run; may be repeated")
	Complete(command, "adapter", Adapters)
}

// Complete says which values the shell offers for a flag: no files.
func Complete(command *cobra.Command, flag string, values func() []string) {
	_ = command.RegisterFlagCompletionFunc(flag, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return values(), cobra.ShellCompDirectiveNoFileComp
	})
}

// Nothing completes a flag whose values nobody knows.
func Nothing() []string { return nil }

// SourceOf returns where the command's flags say the configuration is.
func SourceOf(command *cobra.Command) (source Source, err error) {
	source = Source{File: FlagValue(command, "config"), Adapter: FlagValue(command, "adapter"), In: command.InOrStdin()}
	source.Envfiles, err = command.Flags().GetStringSlice("envfile")
	if err != nil {
		return source, err
	}
	return source, source.LoadEnvironment()
}
