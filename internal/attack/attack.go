// Package attack knows what attackers send, and how a browser reads it. It is for tests
// alone: nothing that is built imports it.
package attack

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
)

//go:embed returns.txt
var returns string

// Returns lists addresses that want a visitor to end on another site after a login, to
// run a script, or to go round in circles. host is that of the site under attack.
//
// The list is returns.txt, whose first lines say how it is written. A line that cannot be
// read is an error.
func Returns(host string) (addresses []string, err error) {
	stand := strings.NewReplacer("{host}", host, "{HOST}", strings.ToUpper(host), "{A}", strings.Repeat("A", 3000))
	for number, line := range strings.Split(returns, "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		address, err := strconv.Unquote(`"` + line + `"`)
		if err != nil {
			return nil, fmt.Errorf("returns.txt:%d: %w", number+1, err)
		}
		addresses = append(addresses, stand.Replace(address))
	}
	return addresses, nil
}
