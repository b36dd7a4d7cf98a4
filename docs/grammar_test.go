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

func TestSyntaxParserAndHeadingsHaveTheSameOptions(t *testing.T) {
	inSyntax, inParser := optionsOfSyntax(syntaxOf(t)), optionsOfParser(t)
	described := slices.Sorted(maps.Keys(descriptions(project.Read(t, reference), inParser)))
	if len(inSyntax) < 35 {
		t.Fatalf("found %q", inSyntax)
	}
	for _, other := range []struct {
		name    string
		options []string
	}{{"the parser", inParser}, {"the headings of the reference", described}} {
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

func TestEachOptionHasATypeADefaultAndAnExample(t *testing.T) {
	described := descriptions(project.Read(t, reference), optionsOfParser(t))
	if len(described) < 40 {
		t.Fatalf("found %d options", len(described))
	}
	for option, text := range described {
		for _, start := range []string{"\n\nType: ", "\n\nDefault: "} {
			if strings.Count(text, start) != 1 {
				t.Errorf("%s: the text has not exactly one line that starts with %q", option, strings.TrimSpace(start))
			}
		}
		// The example of `session secret` has a line that starts with secret.
		words := strings.Fields(option)
		example := project.Fence.FindStringSubmatch(text)
		if example == nil || !regexp.MustCompile(`(?m)^\t*`+words[len(words)-1]+`\b`).MatchString(example[2]) {
			t.Errorf("%s: the text has no example with it", option)
		}
	}
}

// descriptions returns the text below the heading of each option. A heading with several words is
// that of an option only if the words are one: "session secret", not "The log format".
func descriptions(text string, options []string) map[string]string {
	found := make(map[string]string)
	sections := regexp.MustCompile(`(?m)^#{1,3} `).Split(text, -1)
	for _, section := range sections[1:] {
		heading, below, _ := strings.Cut(section, "\n")
		if optionIn.MatchString(heading) || slices.Contains(options, heading) {
			found[heading] = below
		}
	}
	return found
}

var optionIn = regexp.MustCompile(`^[a-z_]+$`)
