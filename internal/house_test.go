package internal_test

import (
	"cmp"
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

// floors lists the rooms from the ground up. Imports only go down, and rooms on one floor do not
// know each other. Nothing imports root but the caddy command and the test harness.
var floors = [][]string{
	{ // pure rules, and tools that know nothing of the rest
		"instagram", "internal/attack", "internal/cli", "internal/flight", "internal/headerguard", "internal/limit", "internal/pathnorm", "internal/picture",
		"internal/project", "internal/redact", "internal/refusal", "internal/renewal", "internal/returnpath", "internal/review", "internal/revocation", "internal/routes",
		"internal/secretfile", "internal/session", "internal/spelling", "example", "example/media",
	},
	{"internal/audience", "internal/demo", "internal/finding", "internal/logformat", "internal/stream", "internal/windowpage", "simulator"},
	{"internal/option"},
	{"internal/address", "internal/rotation", "internal/telemetry"}, // what every request needs
	{"internal/request", "internal/provider", "internal/inspect", "internal/placement"},
	{"internal/answer", "internal/identity", "internal/protect"}, // what visitors and sites get
	{"internal/lifecycle"},                  // the life of a session
	{"internal/login", "internal/endpoint"}, // the flows that answer
	{"internal/gate"},
	{"internal/doctor", "internal/operator"}, // commands and the admin API
	{"."},
	{"cmd/caddy", "internal/sitetest"},
}

const (
	caddyModule = "github.com/caddyserver/caddy/v2"
	zapModule   = "go.uber.org/zap"
)

// foreign lists the modules that each room may import. A room that is not listed has the standard
// library alone: a rule is easiest to test where nothing else runs.
var foreign = map[string][]string{
	".":                   {caddyModule, zapModule, "github.com/prometheus/client_golang/prometheus", "github.com/spf13/cobra"},
	"internal/address":    {caddyModule},
	"internal/answer":     {caddyModule, zapModule},
	"internal/cli":        {caddyModule, "github.com/caddyserver/certmagic", "github.com/spf13/cobra", "golang.org/x/term"},
	"internal/demo":       {caddyModule, "github.com/spf13/cobra"},
	"internal/doctor":     {caddyModule, "github.com/spf13/cobra"},
	"internal/endpoint":   {caddyModule, zapModule, "go.opentelemetry.io/otel"},
	"internal/identity":   {caddyModule},
	"internal/inspect":    {caddyModule, zapModule},
	"internal/lifecycle":  {caddyModule, zapModule, "go.opentelemetry.io/otel"},
	"internal/logformat":  {caddyModule, zapModule, "golang.org/x/term"},
	"internal/login":      {caddyModule, zapModule},
	"internal/operator":   {caddyModule, zapModule, "github.com/spf13/cobra"},
	"internal/option":     {caddyModule},
	"internal/placement":  {caddyModule},
	"internal/protect":    {caddyModule},
	"internal/provider":   {zapModule},
	"internal/request":    {caddyModule},
	"internal/refusal":    {"golang.org/x/net/idna", "golang.org/x/text/language"},
	"internal/revocation": {"github.com/caddyserver/certmagic"},
	"internal/rotation":   {caddyModule},
	"internal/routes":     {caddyModule},
	"internal/sitetest":   {caddyModule, "github.com/spf13/cobra"},
	"internal/telemetry":  {caddyModule, zapModule, "github.com/prometheus/client_golang/prometheus", "go.opentelemetry.io/otel"},
	"internal/windowpage": {"golang.org/x/net/html"},
	"simulator":           {caddyModule},
	"cmd/caddy":           {caddyModule},
}

func imports(file *ast.File) (paths []string) {
	for _, i := range file.Imports {
		paths = append(paths, strings.Trim(i.Path.Value, `"`))
	}
	return paths
}

// floorOf returns the number of a room's floor, and false for a room that is not part of the
// design.
func floorOf(room string) (int, bool) {
	i := slices.IndexFunc(floors, func(floor []string) bool { return slices.Contains(floor, room) })
	return i, i >= 0
}

func TestImportsOnlyGoDown(t *testing.T) {
	for room, files := range project.Sources(t) {
		floor, known := floorOf(room)
		if !known {
			t.Errorf("%s is not a room of the design", room)
		}
		for _, file := range files {
			for _, path := range imports(file) {
				own, isOwn := strings.CutPrefix(path, module)
				if !isOwn {
					continue
				}
				own = cmp.Or(strings.TrimPrefix(own, "/"), ".")
				if own == "internal/attack" {
					t.Errorf("%s imports %s, which is for tests alone", room, own)
				}
				if below, known := floorOf(own); !known || below >= floor {
					t.Errorf("%s imports %s, which is not below it", room, own)
				}
			}
		}
	}
}

func TestARoomImportsNoMoreModulesThanItNeeds(t *testing.T) {
	for room, files := range project.Sources(t) {
		for _, file := range files {
			for _, path := range imports(file) {
				if !strings.Contains(strings.Split(path, "/")[0], ".") || path == module || strings.HasPrefix(path, module+"/") {
					continue
				}
				if !slices.ContainsFunc(foreign[room], func(prefix string) bool { return strings.HasPrefix(path, prefix) }) {
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

const (
	mostFields  = 35
	mostMethods = 40
)

// bigTypes may exceed the limits of a type, each for the reason beside it.
var bigTypes = map[string]string{
	"internal/revocation List":    "one lock guards what is known, what is unwritten and what was read; the files hold one concern each",
	"internal/lifecycle Sessions": "ending a session forgets its refreshes, and a refresh may end a session",
	"internal/doctor run":         "one method for each check, and the checks share what earlier ones have found",
	"internal/sitetest Site":      "a test harness: one method for each thing that a test does with a site",
	"simulator Simulator":         "a test double: one method for each endpoint and each fault of Instagram",
}

// TestATypeFitsInOnesHead keeps a type from becoming the room of everything. The JSON options of
// Handler do not count: they are the reference of the configuration, and Caddy wants them in one
// struct.
func TestATypeFitsInOnesHead(t *testing.T) {
	for room, files := range project.Sources(t) {
		fields, methods := make(map[string]int), make(map[string]int)
		for _, file := range files {
			ast.Inspect(file, func(node ast.Node) bool {
				switch node := node.(type) {
				case *ast.TypeSpec:
					if body, ok := node.Type.(*ast.StructType); ok {
						fields[node.Name.Name] = countFields(body)
					}
				case *ast.FuncDecl:
					if node.Recv != nil {
						methods[receiverOf(node)]++
					}
				}
				return true
			})
		}
		for name, n := range fields {
			if n > mostFields && bigTypes[room+" "+name] == "" {
				t.Errorf("%s: %s has %d fields, more than %d", room, name, n, mostFields)
			}
		}
		for name, n := range methods {
			if n > mostMethods && bigTypes[room+" "+name] == "" {
				t.Errorf("%s: %s has %d methods, more than %d", room, name, n, mostMethods)
			}
		}
	}
}

// countFields counts the fields of a struct that are not JSON options.
func countFields(body *ast.StructType) (n int) {
	for _, field := range body.Fields.List {
		if field.Tag == nil || !strings.Contains(field.Tag.Value, "json:") {
			n += max(1, len(field.Names))
		}
	}
	return n
}

// receiverOf returns the name of the type that a method belongs to.
func receiverOf(method *ast.FuncDecl) string {
	receiver := method.Recv.List[0].Type
	if pointer, ok := receiver.(*ast.StarExpr); ok {
		receiver = pointer.X
	}
	if generic, ok := receiver.(*ast.IndexExpr); ok {
		receiver = generic.X
	}
	return nameOf(receiver)
}
