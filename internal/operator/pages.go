package operator

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/cli"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
)

func pagesCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "pages [folder]",
		Short: "Writes the built-in pages into a folder, for you to change",
		Long: `
Writes the templates of the built-in pages into a folder, and makes the folder if there is
none. Change the files that you want to change, delete the others, and name the folder
with the option pages. No file is overwritten.

Without a folder it takes the one that the option pages names in the configuration. As
root it writes as the owner of the folder.

Documentation: ` + cli.Documentation + `pages.md` + "\n" + cli.ExitStatuses + ".",
		Example: `  $ caddy instagram-auth pages /etc/caddy/pages
  $ caddy instagram-auth pages --config /etc/caddy/Caddyfile`,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
	}
	cli.ConfigurationFlags(command)
	cli.SetRun(command, cobra.MaximumNArgs(1), func(command *cobra.Command, args []string) error {
		folder := strings.Join(args, "")
		if folder == "" {
			var err error
			if folder, err = configuredPages(command); err != nil {
				return err
			}
		}
		return writePages(command, folder)
	})
	return command
}

// configuredPages returns the folder that the configuration names.
func configuredPages(command *cobra.Command) (string, error) {
	source, err := cli.SourceOf(command)
	if err != nil {
		return "", err
	}
	configuration, err := source.Load()
	if err != nil {
		return "", err
	}
	if configuration.Name == "" {
		missing := cli.NoConfiguration()
		return "", cli.Usage("name the folder: caddy instagram-auth pages <folder>", "no folder is named, and %s", missing.What)
	}
	folders := make(map[string]bool)
	var document any
	if err := json.Unmarshal(configuration.JSON, &document); err != nil {
		return "", err
	}
	cli.EachHandler(document, "instagram_auth", func(block map[string]any) {
		if folder, _ := block["pages"].(string); folder != "" {
			folders[folder] = true
		}
	})
	switch found := slices.Sorted(maps.Keys(folders)); len(found) {
	case 1:
		fmt.Fprintf(command.ErrOrStderr(), "Using %s: pages %s\n", configuration.Name, found[0])
		return found[0], nil
	case 0:
		return "", cli.Usage("name the folder: caddy instagram-auth pages <folder>", "no instagram_auth in %s has the option pages", configuration.Name)
	default:
		return "", cli.Usage("name one of them: caddy instagram-auth pages <folder>", "%s names several folders: %s", configuration.Name, strings.Join(found, ", "))
	}
}

func writePages(command *cobra.Command, folder string) error {
	owner, known, err := ownerAbove(folder)
	if err != nil {
		return cli.Failed("", "writing the pages: %s", err)
	}
	if known && cli.IsRoot() && !owner.Current() {
		if err := owner.Become(); err != nil {
			return cli.Failed("run it as that user", "%s belongs to %s, and this command cannot act as that user: %s", folder, owner, err)
		}
	}
	written, err := refusal.WriteFiles(folder)
	for _, file := range written {
		fmt.Fprintln(command.OutOrStdout(), file)
	}
	switch {
	case errors.Is(err, fs.ErrExist):
		return cli.Failed("move it away, or name another folder", "writing the pages: %s; no file is replaced", err)
	case errors.Is(err, fs.ErrPermission):
		return cli.Failed("run it as the owner of the folder, or as root", "writing the pages: %s", err)
	case err != nil:
		return cli.Failed("", "writing the pages: %s", err)
	}
	if whole, err := filepath.Abs(folder); err == nil {
		folder = whole // Caddy may run in another folder
	}
	fmt.Fprintf(command.ErrOrStderr(), "Change the files that you want to change, delete the others, and write into the block:\n\n  pages %s\n\n", folder)
	return nil
}

// ownerAbove returns the owner of a folder, or of the one in which it will be made.
func ownerAbove(folder string) (owner cli.Owner, known bool, err error) {
	folder, err = filepath.Abs(folder)
	if err != nil {
		return owner, false, err
	}
	for {
		if _, err := os.Stat(folder); err == nil {
			return cli.OwnerOf(folder)
		} else if above := filepath.Dir(folder); !errors.Is(err, fs.ErrNotExist) || above == folder {
			return owner, false, err
		} else {
			folder = above
		}
	}
}
