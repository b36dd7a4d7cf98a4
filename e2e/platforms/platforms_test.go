// Package platforms shows that the module builds for platforms that no test runs on.
package platforms

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

// targets are the platforms of the releases other than that of the tests, and one with 32 bits,
// where an int is smaller.
var targets = []string{"windows/amd64", "darwin/arm64", "linux/arm64", "linux/386", "freebsd/amd64"}

// A function that a build tag leaves out, a missing system call and a constant that is too large
// are errors of types. So this test checks types and compiles nothing. `go vet` and `go build`
// compile every dependency for every platform, which takes minutes with an empty cache. This takes
// about 35 s of CPU time, with an empty cache as with a full one.
func TestTheModuleAndItsTestsTypeCheckOnEachPlatform(t *testing.T) {
	for _, target := range targets {
		t.Run(target, func(t *testing.T) {
			problems, checked := typeErrors(t, target, nil, "./...")
			if len(problems) > 0 {
				t.Errorf("does not build:\n%s", strings.Join(problems, "\n"))
			}
			if checked < 40 {
				t.Errorf("checked only %d packages", checked)
			}
		})
	}
}

func TestAFunctionThatOnePlatformLacksIsFound(t *testing.T) {
	file := filepath.Join(root(t), "internal", "cli", "owner_other.go")
	empty := map[string][]byte{file: []byte("//go:build !unix\n\npackage cli\n")}
	if problems, _ := typeErrors(t, "windows/amd64", empty, "./internal/doctor"); len(problems) == 0 {
		t.Error("a function is missing on Windows, and nothing was found")
	}
	if problems, _ := typeErrors(t, "freebsd/amd64", empty, "./internal/doctor"); len(problems) > 0 {
		t.Errorf("found on FreeBSD, which does not need the function: %q", problems)
	}
}

// root returns the folder of the module.
func root(t *testing.T) string {
	t.Helper()
	folder, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return folder
}

// typeErrors returns the errors of the packages that match a pattern and of their tests on a
// platform, and the number of packages. overlay replaces the content of files.
func typeErrors(
	t *testing.T, target string, overlay map[string][]byte, pattern string,
) (problems []string, checked int) {
	t.Helper()
	system, architecture, _ := strings.Cut(target, "/")
	own := root(t) + string(filepath.Separator)
	loaded, err := packages.Load(&packages.Config{
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedCompiledGoFiles | packages.NeedImports |
			packages.NeedDeps | packages.NeedTypes | packages.NeedTypesSizes | packages.NeedSyntax,
		Dir:     root(t),
		Env:     append(os.Environ(), "GOOS="+system, "GOARCH="+architecture, "CGO_ENABLED=0"),
		Tests:   true,
		Overlay: overlay,
		ParseFile: func(set *token.FileSet, name string, content []byte) (*ast.File, error) {
			file, err := parser.ParseFile(set, name, content, parser.SkipObjectResolution)
			if file != nil && !strings.HasPrefix(name, own) {
				withoutBodies(file)
			}
			return file, err
		},
	}, pattern)
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range loaded {
		if strings.HasSuffix(found.ID, ".test") {
			continue // the main function that `go test` writes
		}
		checked++
		for _, problem := range found.Errors {
			problems = append(problems, problem.Error())
		}
	}
	return problems, checked
}

// withoutBodies drops what functions of a dependency do. Only their types matter to the module,
// and most of the time goes into the rest.
func withoutBodies(file *ast.File) {
	for _, declaration := range file.Decls {
		if function, ok := declaration.(*ast.FuncDecl); ok {
			function.Body = nil
		}
	}
}
