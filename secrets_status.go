package instagramauth

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// What the operator is told of the secrets in use: fingerprints, by which two nodes can be
// compared.

// printSecrets writes the fingerprints of all blocks as a table.
func printSecrets(out io.Writer, states []appState) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\nBLOCK\tAPP SECRET\tSESSION SECRET")
	for _, state := range states {
		for _, p := range state.Secrets {
			fmt.Fprintf(table, "%s\t%s\t%s\n", p.Block, listPrints(p.App, p.FormerApp), listPrints(p.Session, p.FormerSession))
		}
	}
	return table.Flush()
}

// listPrints returns fingerprints as a person reads them.
func listPrints(current, former []string) string {
	if len(current) == 0 {
		return "from app_secret"
	}
	text := strings.Join(current, " ")
	if len(former) > 0 {
		text += " (former: " + strings.Join(former, " ") + ")"
	}
	return text
}
