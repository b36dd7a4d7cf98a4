package operator

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
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
		site, err := describe(block.raw)
		if err != nil {
			what := fmt.Sprintf("%s, instagram_auth %d of %d: %s", configuration.Name, i+1, len(blocks), option.OneLine(err))
			return hiding(cli.Failed("fix that; caddy instagram-auth doctor names the line", "%s", what), site.Secrets)
		}
		if block.moved {
			site.Start = "" // visitors ask for another path
		}
		texts = append(texts, review.Text(site, cli.Documentation))
	}
	_, err = io.WriteString(command.OutOrStdout(), strings.Join(texts, "\n\n"))
	return err
}

// A block is an instagram_auth block of a configuration.
type block struct {
	raw   json.RawMessage
	moved bool // a rewrite comes before it, as in handle_path: its matchers see other paths
}

// blocksOf returns the instagram_auth blocks of a configuration. The same one in several places is
// one.
func blocksOf(configuration cli.Configuration) (blocks []block, err error) {
	var document any
	if err := json.Unmarshal(caddy.RemoveMetaFields(configuration.JSON), &document); err != nil {
		return nil, hiding(cli.Failed("fix the JSON", "%s is not valid JSON: %s", configuration.Name, err), nil)
	}
	collect(document, false, &blocks)
	if len(blocks) == 0 {
		return nil, cli.Failed("add the block to a site, or name the right file with --config", "there is no instagram_auth in %s", configuration.Name)
	}
	return blocks, nil
}

// collect adds the blocks in a value. moved says that a rewrite comes before it.
func collect(value any, moved bool, blocks *[]block) {
	switch value := value.(type) {
	case []any:
		for _, element := range value {
			collect(element, moved, blocks)
			cli.EachHandler(element, "rewrite", func(map[string]any) { moved = true })
		}
	case map[string]any:
		if value["handler"] == directive {
			text, _ := json.Marshal(value) // it was JSON before
			if !slices.ContainsFunc(*blocks, func(known block) bool { return string(known.raw) == string(text) }) {
				*blocks = append(*blocks, block{text, moved})
			}
			return
		}
		for _, name := range slices.Sorted(maps.Keys(value)) {
			collect(value[name], moved, blocks)
		}
	}
}

// hiding returns an error whose text contains no secrets.
func hiding(err error, secrets []string) error {
	problem := *cli.AsProblem(err)
	problem.What = review.WithoutSecrets(problem.What, secrets)
	return &problem
}
