package internal_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/project"
)

// Pages, comments, messages and names are in plain English. These tests look for the phrases and
// names that readers stumbled over.

// riddles match phrases that have a plainer form, which stands behind each.
var riddles = map[*regexp.Regexp]string{
	regexp.MustCompile(`(?i)\bof ours\b`):                                                        "name the owner: the handler's, Caddy's",
	regexp.MustCompile(`(?i)\b(any|no)body may\b`):                                               "say who can, or must not",
	regexp.MustCompile(`(?i)\bis no (valid )?duration\b`):                                        "not a valid duration; try 10s, 12h or 7d",
	regexp.MustCompile(`(?i)\b(by|for|from|of|only|so that|than|to|with) who\b`):                 "name the person: a visitor, an operator, a caller",
	regexp.MustCompile(`(?i)\blikewise\b`):                                                       "say it again, or join the two sentences",
	regexp.MustCompile(`(?i)\berrands?\b`):                                                       "a refresh, a task",
	regexp.MustCompile(`(?i)\bpatien(ce|t)\b`):                                                   "a delay, a limit of time",
	regexp.MustCompile(`(?i)\basks? (nothing |something |anything )?of (a|an|the|you|it|its)\b`): "requires",
	regexp.MustCompile(`(?i)\bwhat (is|was) open\b`):                                             "name it: open paths, open connections",
	regexp.MustCompile(`(?i)\bno place for\b`):                                                   "never put … there",
	regexp.MustCompile(`(?i)\bleft alone\b`):                                                     "not called, not changed",
	regexp.MustCompile(`(?i)\bspeak of\b`):                                                       "describe, show",
	regexp.MustCompile(`(?i)\bbeside (a )?requests?\b`):                                          "in the background",
	regexp.MustCompile(`(?i)\bnobody here\b`):                                                    "name who does not",
	regexp.MustCompile(`(?i)\bhas to be done where\b`):                                           "handles",
	regexp.MustCompile(`(?i)\bcosts nobody\b`):                                                   "does not count against anybody",
	regexp.MustCompile(`(?i)\b(says|said|tells|told|learns|learned) of\b`):                       "describes, reports, mentions",
	regexp.MustCompile(`(?i)\bin vain\b`):                                                        "without success",
}

// strangeWords are parts of names for which the field has words of its own. A name as a whole is
// compared with strangeNames.
var (
	strangeWords = []string{"arrival", "clinic", "comeback", "errand", "errands", "examination", "lacking", "patience", "patient", "presence", "unsure"}
	strangeNames = []string{"aboutPerson", "beside", "came", "claim", "claims", "isEnded", "notRenewed", "say", "siteResponse", "tell", "told", "turnedAway"}
)

// goFiles parses each Go file of the whole tree, that of e2e and tests included.
func goFiles(t *testing.T, look func(name string, text []byte, set *token.FileSet, file *ast.File)) {
	t.Helper()
	found := 0
	for _, name := range filesOf(t, func(name string) bool { return path.Ext(name) == ".go" && name != "internal/plain_test.go" }) {
		text, set := []byte(project.Read(t, name)), token.NewFileSet()
		file, err := parser.ParseFile(set, name, text, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		found++
		look(name, text, set, file)
	}
	if found < 500 {
		t.Errorf("found %d files", found)
	}
}

// filesOf returns the names of files of the project, without what is hidden or installed.
func filesOf(t *testing.T, wanted func(name string) bool) (names []string) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(project.Path(".")), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != "." && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "node_modules" || entry.Name() == "testdata"):
			return fs.SkipDir
		case !entry.IsDir() && wanted(name):
			names = append(names, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// riddlesIn returns the phrases of a text that have a plainer form, with that form.
func riddlesIn(text string) (found []string) {
	text = strings.Join(strings.Fields(text), " ")
	for phrase, better := range riddles {
		if match := phrase.FindString(text); match != "" {
			found = append(found, match+" ("+better+")")
		}
	}
	return found
}

func TestPagesHaveNoRiddles(t *testing.T) {
	pages := filesOf(t, func(name string) bool {
		return slices.Contains([]string{".md", ".html", ".yaml", ".yml", ".json", ".txt"}, path.Ext(name)) || name == "Makefile" || path.Dir(name) == "scripts"
	})
	if len(pages) < 25 {
		t.Fatalf("found %q", pages)
	}
	for _, name := range pages {
		for _, riddle := range riddlesIn(withoutOldNames(project.Read(t, name))) {
			t.Errorf("%s has: %s", name, riddle)
		}
	}
}

// withoutOldNames takes spans of code out of a page: the list of what was renamed has old names.
func withoutOldNames(text string) string {
	return regexp.MustCompile("`[^`\n]+`").ReplaceAllString(text, "``")
}

func TestCommentsAndMessagesHaveNoRiddles(t *testing.T) {
	goFiles(t, func(name string, _ []byte, set *token.FileSet, file *ast.File) {
		for _, group := range file.Comments {
			for _, riddle := range riddlesIn(group.Text()) {
				t.Errorf("%s: a comment has: %s", set.Position(group.Pos()), riddle)
			}
		}
		ast.Inspect(file, func(node ast.Node) bool {
			if literal, ok := node.(*ast.BasicLit); ok && literal.Kind == token.STRING {
				for _, riddle := range riddlesIn(literal.Value) {
					t.Errorf("%s: a text has: %s", set.Position(literal.Pos()), riddle)
				}
			}
			return true
		})
	})
}

func TestNamesAreOnesThatAReaderExpects(t *testing.T) {
	goFiles(t, func(_ string, _ []byte, set *token.FileSet, file *ast.File) {
		for id := range declared(file) {
			words := wordsOf(id.Name)
			if slices.Contains(strangeNames, id.Name) || slices.ContainsFunc(words, func(word string) bool { return slices.Contains(strangeWords, word) }) {
				t.Errorf("%s: %s", set.Position(id.Pos()), id.Name)
			}
		}
	})
}

// declared returns the names that a file declares.
func declared(file *ast.File) map[*ast.Ident]bool {
	names := make(map[*ast.Ident]bool)
	add := func(all ...*ast.Ident) {
		for _, id := range all {
			names[id] = true
		}
	}
	ast.Inspect(file, func(node ast.Node) bool {
		switch n := node.(type) {
		case *ast.FuncDecl:
			add(n.Name)
		case *ast.TypeSpec:
			add(n.Name)
		case *ast.ValueSpec:
			add(n.Names...)
		case *ast.Field:
			add(n.Names...)
		case *ast.AssignStmt:
			for _, left := range n.Lhs {
				if id, ok := left.(*ast.Ident); ok && n.Tok == token.DEFINE {
					add(id)
				}
			}
		}
		return true
	})
	return names
}

// wordsOf splits a name into its words, in lower case: userID has user and id.
func wordsOf(name string) (words []string) {
	for _, word := range regexp.MustCompile(`[A-Z]+[a-z0-9]*|[a-z0-9]+`).FindAllString(name, -1) {
		words = append(words, strings.ToLower(word))
	}
	return words
}

// Widths in columns. A tab is four columns wide.
const (
	widestComment = 100
	widestCode    = 120
	tabWidth      = 4
)

// wide lists the folders that still have wider lines of code, with " tests" behind the name for the
// tests in it. The list can only shrink: a test fails where a folder no longer belongs on it.
var wide = []string{
	".",
	". tests",
	"docs tests",
	"e2e tests",
	"e2e/bench",
	"e2e/bench tests",
	"e2e/install tests",
	"e2e/mutants",
	"e2e/redisstorage",
	"e2e/redisstorage tests",
	"e2e/install tests",
	"instagram",
	"instagram tests",
	"internal tests",
	"internal/address",
	"internal/address tests",
	"internal/answer",
	"internal/answer tests",
	"internal/attack",
	"internal/audience tests",
	"internal/cli",
	"internal/cli tests",
	"internal/doctor",
	"internal/doctor tests",
	"internal/endpoint",
	"internal/endpoint tests",
	"internal/finding",
	"internal/finding tests",
	"internal/flight tests",
	"internal/headerguard",
	"internal/headerguard tests",
	"internal/identity tests",
	"internal/inspect",
	"internal/inspect tests",
	"internal/lifecycle",
	"internal/lifecycle tests",
	"internal/limit tests",
	"internal/logformat tests",
	"internal/login",
	"internal/login tests",
	"internal/operator",
	"internal/operator tests",
	"internal/option",
	"internal/pathnorm",
	"internal/pathnorm tests",
	"internal/picture tests",
	"internal/placement tests",
	"internal/protect tests",
	"internal/redact",
	"internal/redact tests",
	"internal/refusal",
	"internal/refusal tests",
	"internal/request tests",
	"internal/returnpath tests",
	"internal/review",
	"internal/review tests",
	"internal/revocation",
	"internal/revocation tests",
	"internal/rotation tests",
	"internal/routes",
	"internal/routes tests",
	"internal/secretfile tests",
	"internal/session",
	"internal/session tests",
	"internal/sitetest",
	"internal/spelling tests",
	"internal/telemetry",
	"internal/telemetry tests",
	"internal/windowpage tests",
	"simulator",
	"simulator tests",
}

func TestLinesFitTheirWidth(t *testing.T) {
	first := make(map[string]string) // the first wide line of a folder
	goFiles(t, func(name string, text []byte, set *token.FileSet, file *ast.File) {
		folder, quoted := path.Dir(name), rawTexts(set, file)
		if strings.HasSuffix(name, "_test.go") {
			folder += " tests"
		}
		for i, line := range strings.Split(string(text), "\n") {
			width := utf8.RuneCountInString(strings.ReplaceAll(line, "\t", strings.Repeat(" ", tabWidth)))
			isComment := strings.HasPrefix(strings.TrimSpace(line), "// ")
			switch at := name + ":" + strconv.Itoa(i+1); {
			case quoted[i+1]: // a text has lines of its own
			case isComment && (strings.Contains(line, "https://") || strings.HasPrefix(path.Base(name), "example")): // an address, or output
			case isComment && width > widestComment:
				t.Errorf("%s: a comment of %d columns, more than %d", at, width, widestComment)
			case !isComment && width > widestCode && first[folder] == "":
				first[folder] = at
			}
		}
	})
	for folder, at := range first {
		if !slices.Contains(wide, folder) {
			t.Errorf("%s: more than %d columns", at, widestCode)
		}
	}
	for _, folder := range wide {
		if first[folder] == "" {
			t.Errorf("%s has no wide line any more: take it off the list", folder)
		}
	}
}

// rawTexts returns the lines within texts in back quotes.
func rawTexts(set *token.FileSet, file *ast.File) map[int]bool {
	lines := make(map[int]bool)
	ast.Inspect(file, func(node ast.Node) bool {
		literal, ok := node.(*ast.BasicLit)
		if ok && strings.HasPrefix(literal.Value, "`") && strings.Contains(literal.Value, "\n") {
			for i := set.Position(literal.Pos()).Line; i <= set.Position(literal.End()).Line; i++ {
				lines[i] = true
			}
		}
		return true
	})
	return lines
}
