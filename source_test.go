package instagramauth_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/caddy-instagram/caddy-instagram-auth"

// rooms says what each room may import beside the standard library. Arrows go one
// way, so that a change at Instagram touches one room and a change in Caddy another.
var rooms = map[string][]string{
	".":         {module + "/instagram", module + "/session", module + "/internal/", "github.com/caddyserver/caddy/v2", "go.uber.org/zap", "github.com/prometheus/client_golang/prometheus"},
	"instagram": {}, "session": {}, "internal/headerguard": {}, "internal/returnpath": {}, "internal/limit": {}, "internal/refusal": {}, "internal/renewal": {},
	"internal/revocation": {"github.com/caddyserver/certmagic"},
	"simulator":           {module + "/instagram", "github.com/caddyserver/caddy/v2"},
	"cmd/caddy":           {module, "github.com/caddyserver/caddy/v2"},
	"example/media":       {},
}

// positions are those of everything that sources has parsed.
var positions = token.NewFileSet()

// sources parses every Go file of the module that is no test, by room.
func sources(t *testing.T) map[string][]*ast.File {
	t.Helper()
	files := make(map[string][]*ast.File)
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (path == "e2e" || strings.HasPrefix(entry.Name(), ".") && path != ".") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(positions, path, nil, 0)
		if err != nil {
			return err
		}
		files[filepath.ToSlash(filepath.Dir(path))] = append(files[filepath.ToSlash(filepath.Dir(path))], file)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func imports(file *ast.File) (paths []string) {
	for _, i := range file.Imports {
		paths = append(paths, strings.Trim(i.Path.Value, `"`))
	}
	return paths
}

func TestImportsGoOneWay(t *testing.T) {
	for room, files := range sources(t) {
		allowed, known := rooms[room]
		if !known {
			t.Errorf("%s is no room of the design", room)
		}
		for _, file := range files {
			for _, path := range imports(file) {
				if strings.Contains(strings.Split(path, "/")[0], ".") && !slices.ContainsFunc(allowed, func(prefix string) bool { return strings.HasPrefix(path, prefix) }) {
					t.Errorf("%s imports %s", room, path)
				}
			}
		}
	}
}

func TestS1_OnlyCryptoRand(t *testing.T) {
	for room, files := range sources(t) {
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
	for room, files := range sources(t) {
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

// numbers are those of the security checklist that hold so far.
var numbers = strings.Fields(`A1 A2 A3 A4 A5 A6 A7 A8 C1 C2 C3 C4 C5 C6 C7 C8 C9 T1 T2 T3 T4 T5 T6 T7 S1 S2 S3 S4 S5 S6 S7 S8 S9 S10
	H1 H2 H3 H4 H5 H6 H7 L1 L2 L3 L4 K1 K2 K3 K4 K5 F1 F2 F3 F4 F5 F6 X1 X2 D1 D2 D3 D4 D5 P5 R1 R2 R3 E1 E2 E3 P1 P3 P4 Z1`)

func TestEachNumberOfTheChecklistHasATest(t *testing.T) {
	tests := make(map[string]bool)
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		content, err := os.ReadFile(path)
		for _, match := range regexp.MustCompile(`func (?:Test|Fuzz)([A-Z]\d+)_`).FindAllSubmatch(content, -1) {
			tests[string(match[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, number := range numbers {
		if !tests[number] {
			t.Errorf("%s has no test", number)
		}
	}
}

func TestAFunctionFitsOnAScreen(t *testing.T) {
	for room, files := range sources(t) {
		for _, file := range files {
			for _, declaration := range file.Decls {
				function, ok := declaration.(*ast.FuncDecl)
				if !ok {
					continue
				}
				if lines := positions.Position(function.End()).Line - positions.Position(function.Pos()).Line + 1; lines > 60 {
					t.Errorf("%s: %s has %d lines", room, function.Name.Name, lines)
				}
				if n := function.Type.Params.NumFields(); n > 5 {
					t.Errorf("%s: %s has %d parameters", room, function.Name.Name, n)
				}
			}
		}
	}
}

func TestFilesAreReadAtOneSitting(t *testing.T) {
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		content, err := os.ReadFile(path)
		longest := 400
		if strings.HasSuffix(path, "_test.go") {
			longest = 500
		}
		if lines := strings.Count(string(content), "\n"); lines > longest {
			t.Errorf("%s has %d lines", path, lines)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
