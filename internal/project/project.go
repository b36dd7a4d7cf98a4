// Package project reads the files of this project for tests, whatever folder a test runs in.
package project

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// root is the folder of the module: the first one with a go.mod, from the working folder upwards.
var root = findRoot()

func findRoot() string {
	folder, err := os.Getwd()
	if err != nil {
		panic(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			return folder
		}
		parent := filepath.Dir(folder)
		if parent == folder {
			panic("no go.mod in the working folder or above it")
		}
		folder = parent
	}
}

// Path returns where a file of the project is. Its name is relative to the root.
func Path(name string) string { return filepath.Join(root, filepath.FromSlash(name)) }

// Read returns the text of a file of the project.
func Read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(Path(name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// Glob returns the names of the files that match a pattern, relative to the root.
func Glob(t *testing.T, pattern string) (names []string) {
	t.Helper()
	found, err := filepath.Glob(Path(pattern))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range found {
		name, err := filepath.Rel(root, path)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, filepath.ToSlash(name))
	}
	return names
}

// Pages returns the names of all pages of the documentation.
func Pages(t *testing.T) []string {
	t.Helper()
	docs := Glob(t, "docs/*.md")
	if len(docs) < 10 {
		t.Fatalf("%d pages in docs", len(docs))
	}
	return append(Glob(t, "*.md"), docs...)
}

// Fence matches a Caddyfile in a page: what stands behind the word caddyfile, and its text.
var Fence = regexp.MustCompile("(?ms)^```caddyfile([^\n]*)\n(.*?)^```$")

// Positions are those of everything that Sources has parsed. File names are relative to the root.
var Positions = token.NewFileSet()

// Sources parses every Go file of the module that is no test, by folder.
func Sources(t *testing.T) map[string][]*ast.File {
	t.Helper()
	files := make(map[string][]*ast.File)
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (name == "e2e" || strings.HasPrefix(entry.Name(), ".") && name != ".") {
			return fs.SkipDir
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		content, err := os.ReadFile(Path(name))
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(Positions, name, content, 0)
		if err != nil {
			return err
		}
		files[path.Dir(name)] = append(files[path.Dir(name)], file)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
