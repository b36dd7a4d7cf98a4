package operator

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/spf13/cobra"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/cli"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/option"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/review"
)

// Describe returns what Meta's App Review asks about a block. Secrets to hide are there even if an
// error says why the rest is not.
type Describe func(block json.RawMessage) (review.Site, error)

// ReviewCommand returns the command that prints the texts for Meta's App Review.
func ReviewCommand(describe Describe) *cobra.Command {
	command := &cobra.Command{
		Use:   "review [--config path] [--adapter name] [--envfile path]",
		Short: "Prints the texts for Meta's App Review, with the names and addresses of your site",
		Long: `
Prints what Meta's App Review asks for, for each instagram_auth block of a configuration:
the addresses to register, why the app needs each permission, a script for the screencast,
the steps for the reviewer, and answers about data. You fill in what stands in brackets.

It starts nothing and asks nobody. It needs no app secret and no session secret, opens no
file that has one, and prints … in the place of what looks like a secret.

Documentation: ` + cli.Documentation + `app-review.md` + "\n" + cli.ExitStatuses + ".",
		Example: `  $ caddy instagram-auth review
  $ caddy instagram-auth review --config /etc/caddy/Caddyfile --envfile /etc/caddy/environment
  $ caddy adapt | caddy instagram-auth review --config -`,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cli.ConfigurationFlags(command)
	cli.SetRun(command, cli.NoArguments, func(command *cobra.Command, _ []string) error {
		return printReview(command, describe)
	})
	return command
}

func printReview(command *cobra.Command, describe Describe) error {
	source, err := cli.SourceOf(command)
	if err != nil {
		return err
	}
	configuration, err := source.Load()
	switch {
	case err != nil:
		return hiding(err, nil)
	case configuration.Name == "":
		return cli.NoConfiguration()
	}
	blocks, err := blocksOf(configuration)
	if err != nil {
		return err
	}
	var texts []string
	for i, block := range blocks {
		site, err := describe(block)
		if err != nil {
			what := fmt.Sprintf("%s, instagram_auth %d of %d: %s", configuration.Name, i+1, len(blocks), option.OneLine(err))
			return hiding(cli.Failed("fix that; caddy instagram-auth doctor names the line", "%s", what), site.Secrets)
		}
		texts = append(texts, review.Text(site, cli.Documentation))
	}
	_, err = io.WriteString(command.OutOrStdout(), strings.Join(texts, "\n\n"))
	return err
}

// blocksOf returns the instagram_auth blocks of a configuration. The same one in several places is
// one.
func blocksOf(configuration cli.Configuration) (blocks []json.RawMessage, err error) {
	var document any
	if err := json.Unmarshal(caddy.RemoveMetaFields(configuration.JSON), &document); err != nil {
		return nil, hiding(cli.Failed("fix the JSON", "%s is not valid JSON: %s", configuration.Name, err), nil)
	}
	cli.EachHandler(document, directive, func(block map[string]any) {
		text, _ := json.Marshal(block) // it was JSON before
		if !slices.ContainsFunc(blocks, func(known json.RawMessage) bool { return string(known) == string(text) }) {
			blocks = append(blocks, text)
		}
	})
	if len(blocks) == 0 {
		return nil, cli.Failed("add the block to a site, or name the right file with --config", "there is no instagram_auth in %s", configuration.Name)
	}
	return blocks, nil
}

// hiding returns an error whose text contains no secrets.
func hiding(err error, secrets []string) error {
	problem := *cli.AsProblem(err)
	problem.What = review.WithoutSecrets(problem.What, secrets)
	return &problem
}
