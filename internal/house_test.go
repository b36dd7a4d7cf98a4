package internal_test

import (
	"go/ast"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/project"
)

const module = "github.com/caddy-instagram/caddy-instagram-auth"

// rooms says what each room may import beside the standard library. Arrows go one
// way, so that a change at Instagram touches one room and a change in Caddy another.
var rooms = map[string][]string{
	".": {
		module + "/instagram", module + "/internal/", "github.com/caddyserver/caddy/v2", "go.uber.org/zap",
		"github.com/prometheus/client_golang/prometheus", "go.opentelemetry.io/otel", "github.com/spf13/cobra", "golang.org/x/term",
	},
	"instagram": {}, "internal/session": {}, "internal/headerguard": {}, "internal/returnpath": {}, "internal/limit": {}, "internal/flight": {}, "internal/refusal": {}, "internal/renewal": {}, "internal/picture": {},
	"internal/cli": {"github.com/caddyserver/caddy/v2", "github.com/caddyserver/certmagic", "github.com/spf13/cobra", "golang.org/x/term"},
	"internal/doctor": {
		module + "/instagram", module + "/internal/address", module + "/internal/cli", module + "/internal/finding", module + "/internal/inspect", module + "/internal/option", module + "/internal/revocation", module + "/internal/rotation",
		module + "/internal/routes", module + "/internal/secretfile", module + "/internal/session", module + "/internal/spelling", module + "/internal/windowpage", "github.com/caddyserver/caddy/v2", "github.com/spf13/cobra",
	},
	"internal/operator": {
		module + "/internal/cli", module + "/internal/refusal", module + "/internal/revocation", module + "/internal/rotation", module + "/internal/session", module + "/internal/spelling",
		"github.com/caddyserver/caddy/v2", "github.com/spf13/cobra", "go.uber.org/zap",
	},
	"internal/attack": {}, "internal/redact": {}, "internal/audience": {module + "/internal/headerguard"}, "internal/finding": {module + "/instagram"}, "internal/pathnorm": {}, "internal/spelling": {}, "internal/secretfile": {},
	"internal/routes":     {"github.com/caddyserver/caddy/v2"},
	"internal/option":     {module + "/internal/finding", module + "/internal/secretfile", module + "/internal/spelling", "github.com/caddyserver/caddy/v2"},
	"internal/address":    {module + "/internal/option", module + "/internal/returnpath", "github.com/caddyserver/caddy/v2"},
	"internal/inspect":    {module + "/internal/address", module + "/internal/finding", module + "/internal/routes", "github.com/caddyserver/caddy/v2", "go.uber.org/zap"},
	"internal/placement":  {module + "/internal/address", module + "/internal/headerguard", module + "/internal/option", "github.com/caddyserver/caddy/v2"},
	"internal/logformat":  {module + "/internal/redact", "github.com/caddyserver/caddy/v2", "go.uber.org/zap", "golang.org/x/term"},
	"internal/rotation":   {module + "/internal/option", module + "/internal/secretfile", "github.com/caddyserver/caddy/v2"},
	"internal/project":    {},
	"internal/sitetest":   {module, "github.com/caddyserver/caddy/v2", "github.com/spf13/cobra"},
	"internal/windowpage": {module + "/instagram", "golang.org/x/net/html"},
	"internal/revocation": {"github.com/caddyserver/certmagic"},
	"simulator":           {module + "/instagram", "github.com/caddyserver/caddy/v2"},
	"cmd/caddy":           {module, "github.com/caddyserver/caddy/v2"},
	"example/media":       {},
}

func imports(file *ast.File) (paths []string) {
	for _, i := range file.Imports {
		paths = append(paths, strings.Trim(i.Path.Value, `"`))
	}
	return paths
}

func TestImportsGoOneWay(t *testing.T) {
	for room, files := range project.Sources(t) {
		allowed, known := rooms[room]
		if !known {
			t.Errorf("%s is no room of the design", room)
		}
		for _, file := range files {
			for _, path := range imports(file) {
				if path == module+"/internal/attack" {
					t.Errorf("%s imports %s, which is for tests alone", room, path)
				}
				if strings.Contains(strings.Split(path, "/")[0], ".") && !slices.ContainsFunc(allowed, func(prefix string) bool { return strings.HasPrefix(path, prefix) }) {
					t.Errorf("%s imports %s", room, path)
				}
			}
		}
	}
}

func TestS1_OnlyCryptoRand(t *testing.T) {
	for room, files := range project.Sources(t) {
		for _, file := range files {
			for _, path := range imports(file) {
				if strings.HasPrefix(path, "math/rand") {
					t.Errorf("%s imports %s", room, path)
				}
			}
		}
	}
}

// secretName matches the names of values that must not be compared with ==.
var secretName = regexp.MustCompile(`(?i)(nonce|secret|expected|token|signature|mac|state)$`)

func TestZ1_SecretsAreComparedInConstantTime(t *testing.T) {
	for room, files := range project.Sources(t) {
		if room == "simulator" {
			continue // plays Instagram, for tests alone
		}
		for _, file := range files {
			ast.Inspect(file, func(node ast.Node) bool {
				comparison, ok := node.(*ast.BinaryExpr)
				if !ok || comparison.Op != token.EQL && comparison.Op != token.NEQ {
					return true
				}
				left, right := nameOf(comparison.X), nameOf(comparison.Y)
				if left != "" && right != "" && (secretName.MatchString(left) || secretName.MatchString(right)) {
					t.Errorf("%s compares %s and %s with %s", room, left, right, comparison.Op)
				}
				return true
			})
		}
	}
}

// nameOf returns the name of a variable or a field; none for a constant.
func nameOf(expression ast.Expr) string {
	switch expression := expression.(type) {
	case *ast.Ident:
		if expression.Name != "nil" {
			return expression.Name
		}
	case *ast.SelectorExpr:
		return expression.Sel.Name
	}
	return ""
}

// promises returns the numbers of docs/security.md.
func promises(t *testing.T) map[string]bool {
	t.Helper()
	page, err := os.ReadFile("docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	numbers := make(map[string]bool)
	for _, match := range regexp.MustCompile(`(?m)^- \*\*([A-Z]\d+)\*\* `).FindAllSubmatch(page, -1) {
		if number := string(match[1]); numbers[number] {
			t.Errorf("%s is promised twice", number)
		} else {
			numbers[number] = true
		}
	}
	return numbers
}

func TestEachPromiseHasATestAndEachNumberedTestAPromise(t *testing.T) {
	promised, held := promises(t), make(map[string]bool)
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		content, err := os.ReadFile(path)
		for _, match := range regexp.MustCompile(`(?m)^func (?:Test|Fuzz)((?:[A-Z]\d+_)+)`).FindAllSubmatch(content, -1) {
			for number := range strings.SplitSeq(strings.TrimSuffix(string(match[1]), "_"), "_") {
				held[number] = true
				if !promised[number] {
					t.Errorf("%s: docs/security.md does not promise %s", path, number)
				}
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for number := range promised {
		if !held[number] {
			t.Errorf("%s has no test", number)
		}
	}
}

func TestAFunctionFitsOnAScreen(t *testing.T) {
	for room, files := range project.Sources(t) {
		for _, file := range files {
			for _, declaration := range file.Decls {
				function, ok := declaration.(*ast.FuncDecl)
				if !ok {
					continue
				}
				if lines := project.Positions.Position(function.End()).Line - project.Positions.Position(function.Pos()).Line + 1; lines > 60 {
					t.Errorf("%s: %s has %d lines", room, function.Name.Name, lines)
				}
				if n := function.Type.Params.NumFields(); n > 5 {
					t.Errorf("%s: %s has %d parameters", room, function.Name.Name, n)
				}
			}
		}
	}
}
