package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/project"
)

const reference = "docs/caddyfile.md"

// syntaxOf returns the first fenced text of the reference page.
func syntaxOf(t *testing.T) string {
	t.Helper()
	match := regexp.MustCompile("(?s)```text\n(.*?)```").FindStringSubmatch(project.Read(t, reference))
	if match == nil {
		t.Fatal("the syntax is not there")
	}
	return match[1]
}

func TestTheReferenceHasTheSyntaxOfTheGodoc(t *testing.T) {
	var godoc strings.Builder
	for line := range strings.Lines(project.Read(t, "caddyfile.go")) {
		if code, ok := strings.CutPrefix(line, "//\t"); ok {
			godoc.WriteString(code)
		} else if line == "//\n" && godoc.Len() > 0 {
			godoc.WriteString(line[2:])
		} else if godoc.Len() > 0 {
			break
		}
	}
	plain := func(s string) string { return strings.TrimSpace(strings.ReplaceAll(s, "\t", "    ")) }
	if want, got := plain(godoc.String()), plain(syntaxOf(t)); want != got {
		t.Errorf("the godoc has\n%s\n\nthe reference\n%s", want, got)
	}
}

func TestSyntaxParserAndTablesHaveTheSameOptions(t *testing.T) {
	inSyntax, inParser, inTables := optionsOfSyntax(syntaxOf(t)), optionsOfParser(t), optionsOfTables(project.Read(t, reference))
	if len(inSyntax) < 35 {
		t.Fatalf("found %q", inSyntax)
	}
	for _, other := range []struct {
		name    string
		options []string
	}{{"the parser", inParser}, {"the tables of the reference", inTables}} {
		for _, option := range inSyntax {
			if !slices.Contains(other.options, option) {
				t.Errorf("%s: in the syntax, and not in %s", option, other.name)
			}
		}
		for _, option := range other.options {
			if !slices.Contains(inSyntax, option) {
				t.Errorf("%s: in %s, and not in the syntax", option, other.name)
			}
		}
	}
}

// optionsOfSyntax returns the options, those of a block inside with its name in front.
func optionsOfSyntax(syntax string) []string {
	var blocks []string
	options := map[string]bool{}
	for line := range strings.Lines(syntax) {
		words := strings.Fields(line)
		switch {
		case len(words) == 0:
			continue
		case words[0] == "}":
			blocks = blocks[:len(blocks)-1]
			continue
		case len(blocks) > 0 && !strings.HasPrefix(words[0], "<"):
			options[strings.Join(append(slices.Clone(blocks[1:]), words[0]), " ")] = true
		}
		if words[len(words)-1] == "{" {
			blocks = append(blocks, words[0])
		}
	}
	return slices.Sorted(maps.Keys(options))
}

// optionsOfParser returns the names in the parser's table of options. The names of blocks inside
// have further options, or are options themselves.
func optionsOfParser(t *testing.T) (options []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "caddyfile.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(node ast.Node) bool {
		if pair, ok := node.(*ast.KeyValueExpr); ok {
			if name := constant(pair.Key); name != "" {
				options = append(options, name)
			}
		}
		return true
	})
	return options
}

var (
	firstCell = regexp.MustCompile("(?m)^\\| (`.*?`) \\|")
	codeSpan  = regexp.MustCompile("`([^`]*)`")
	optionIn  = regexp.MustCompile(`^[a-z_]+$`)
)

// optionsOfTables returns the options that the rows of the tables are about. A row of a
// block inside, such as `endpoints { authorize, token <url> }`, is about each of its options.
func optionsOfTables(text string) []string {
	options := map[string]bool{}
	for _, cell := range firstCell.FindAllStringSubmatch(text, -1) {
		for _, span := range codeSpan.FindAllStringSubmatch(cell[1], -1) {
			outside, inside, _ := strings.Cut(span[1], "{")
			name, _, _ := strings.Cut(outside, " ")
			if !optionIn.MatchString(name) {
				continue // a path
			}
			options[name] = true
			for _, word := range strings.Fields(strings.ReplaceAll(inside, ",", " ")) {
				if optionIn.MatchString(word) {
					options[name+" "+word] = true
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(options))
}
