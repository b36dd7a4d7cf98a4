package docs_test

import (
	"go/ast"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/project"
)

// CONTRIBUTING.md names rooms, files and functions that are there.

const guide = "CONTRIBUTING.md"

func TestEachFileAndFunctionThatTheGuideNamesExists(t *testing.T) {
	functions := make(map[string][]string) // files by function
	for _, files := range project.Sources(t) {
		for _, file := range files {
			for _, declaration := range file.Decls {
				if function, ok := declaration.(*ast.FuncDecl); ok {
					functions[function.Name.Name] = append(functions[function.Name.Name], project.Positions.Position(file.Pos()).Filename)
				}
			}
		}
	}
	isPath := regexp.MustCompile(`^[\w.]+(/[\w.]+)*$`)
	text, folder, found := project.Read(t, guide), "", 0
	for _, match := range regexp.MustCompile("`([^`\n]+)`").FindAllStringSubmatch(text, -1) {
		name := match[1]
		if function, ok := strings.CutSuffix(name, "()"); ok {
			found++
			if functions[function] == nil {
				t.Errorf("no function is called %s", name)
			}
			continue
		}
		if !isPath.MatchString(name) || !strings.Contains(name, "/") && !slices.Contains([]string{".go", ".md"}, path.Ext(name)) {
			continue
		}
		found++
		_, err := os.Stat(name)
		if _, sibling := os.Stat(path.Join(folder, name)); err != nil && sibling != nil {
			t.Errorf("there is no %s", name)
		}
		folder = path.Dir(name) // of the next one, if it has none
	}
	if found < 100 {
		t.Errorf("found %d names", found)
	}
	// `Strip()` in `internal/identity/identity.go`: there, and not only somewhere.
	for _, match := range regexp.MustCompile("`(\\w+)\\(\\)`\\s+in\\s+`([^`]+\\.go)`").FindAllStringSubmatch(text, -1) {
		if !slices.Contains(functions[match[1]], match[2]) {
			t.Errorf("%s is not in %s but in %q", match[1], match[2], functions[match[1]])
		}
	}
}

func TestTheGuideNamesEveryRoom(t *testing.T) {
	text := project.Read(t, guide)
	for room := range project.Sources(t) {
		if room != "." && !strings.Contains(room, "example") && !strings.Contains(text, "`"+room+"`") {
			t.Errorf("%s is not there", room)
		}
	}
}

func TestEachArrowOfThePictureIsAnImport(t *testing.T) {
	imports := make(map[string]map[string]bool) // by the last name of each room
	for room, files := range project.Sources(t) {
		room = roomName(room)
		imports[room] = make(map[string]bool)
		for _, file := range files {
			for _, i := range file.Imports {
				imports[room][roomName(strings.Trim(i.Path.Value, `"`))] = true
			}
		}
	}
	_, picture, _ := strings.Cut(project.Read(t, guide), "```mermaid\n")
	picture, _, _ = strings.Cut(picture, "```")
	arrows := 0
	for _, match := range regexp.MustCompile(`(?m)^ *([\w &]+) --> ([\w &]+)$`).FindAllStringSubmatch(picture, -1) {
		for from := range strings.SplitSeq(match[1], " & ") {
			for to := range strings.SplitSeq(match[2], " & ") {
				arrows++
				if !imports[from][to] {
					t.Errorf("%s does not import %s but %q", from, to, slices.Sorted(maps.Keys(imports[from])))
				}
			}
		}
	}
	if arrows < 20 {
		t.Errorf("found %d arrows", arrows)
	}
}

func roomName(room string) string {
	if room == "." {
		return "root"
	}
	return path.Base(room)
}
