package finding

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
)

// fixedGo has, for each line of Go, the oldest release without a vulnerability of the Go database
// of GoAsOf (https://pkg.go.dev/vuln/). A test compares it with the toolchain line of go.mod.
var fixedGo = map[int]int{26: 10, 27: 3}

// GoAsOf is the day of the database that fixedGo was made from.
const GoAsOf = "2026-11-05"

// release matches the version of a released Go, which may have a suffix for how it was built.
var release = regexp.MustCompile(`^go1\.(\d+)(?:\.(\d+))?(?: .*|-.*)?$`)

// Build checks the version of Go that a program was built with, in the form of runtime.Version.
func Build(version string) Finding {
	match := release.FindStringSubmatch(version)
	if match == nil {
		return Doubt(fmt.Sprintf("Caddy was built with %q, which is no release of Go", version), rebuild(newestGo()))
	}
	line, _ := strconv.Atoi(match[1])
	patch, _ := strconv.Atoi(match[2]) // "" is the first release
	fixed, known := fixedGo[line]
	switch name := fmt.Sprintf("1.%d.%d", line, patch); {
	case line > newestGo():
		return OK("Caddy was built with Go %s, which is newer than this check knows", name)
	case !known:
		return Doubt(fmt.Sprintf("Caddy was built with Go %s, which gets no security fixes any more", name), rebuild(newestGo()))
	case patch < fixed:
		return Doubt(fmt.Sprintf("Caddy was built with Go %s, and Go %s fixes vulnerabilities that were known on %s", name, FixedGo(line), GoAsOf), rebuild(line))
	default:
		return OK("Caddy was built with Go %s: no vulnerability of it was known on %s", name, GoAsOf)
	}
}

// FixedGo returns the release of a line of Go that Build asks for.
func FixedGo(line int) string { return fmt.Sprintf("1.%d.%d", line, fixedGo[line]) }

func newestGo() int { return slices.Max(slices.Collect(maps.Keys(fixedGo))) }

func rebuild(line int) string {
	return fmt.Sprintf("build Caddy again with Go %s or newer; with xcaddy: GOTOOLCHAIN=go%s xcaddy build …", FixedGo(line), FixedGo(line))
}
