package docs_test

import (
	"go/ast"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/project"
)

func TestEveryRemedyIsOnTheTroubleshootingPage(t *testing.T) {
	text := project.Read(t, "docs/troubleshooting.md")
	for _, remedy := range remediesAtStart(t) {
		if !strings.Contains(text, remedy) {
			t.Errorf("%q is part of a remedy at start, and not on the page", remedy)
		}
	}
	found := remedies(t)
	if len(found) < 30 {
		t.Fatalf("found %d remedies: %q", len(found), found)
	}
	for _, remedy := range found {
		if !strings.Contains(text, remedy) {
			t.Errorf("%q is a remedy, and not on the page", remedy)
		}
	}
}

// code returns the Go files in which messages stand. The doctor's page has its own.
func code(t *testing.T) (files []*ast.File) {
	t.Helper()
	for room, all := range project.Sources(t) {
		if strings.HasPrefix(room, "cmd") || strings.HasPrefix(room, "example") || room == "simulator" {
			continue
		}
		for _, file := range all {
			if name := filepath.ToSlash(project.Positions.Position(file.Pos()).Filename); room != "internal/doctor" && room != "internal/finding" || name == "internal/finding/paths.go" {
				files = append(files, file)
			}
		}
	}
	return files
}

// constant returns the value of an expression that is a constant text, "" of any other.
func constant(node ast.Node) string {
	switch e := node.(type) {
	case *ast.BasicLit:
		if e.Kind == token.STRING {
			if value, err := strconv.Unquote(e.Value); err == nil {
				return value
			}
		}
	case *ast.BinaryExpr:
		if left, right := constant(e.X), constant(e.Y); e.Op == token.ADD && left != "" && right != "" {
			return left + right
		}
	}
	return ""
}

// isSentence leaves out names, and what Instagram's messages are recognised by.
func isSentence(s string) bool { return len(s) > 30 && strings.Contains(s, " ") }

// sentences returns the texts within a node, the parts of a sum as one.
func sentences(node ast.Node) (found []string) {
	ast.Inspect(node, func(inside ast.Node) bool {
		s := constant(inside)
		if isSentence(s) {
			found = append(found, s)
		}
		return s == ""
	})
	return found
}

// remedies returns what stands in functions, variables and constants that are called
// remedies, and beside the word "remedy" in a call.
func remedies(t *testing.T) (found []string) {
	t.Helper()
	isRemedy := regexp.MustCompile(`(?i)remed(y|ies)`).MatchString
	for _, file := range code(t) {
		ast.Inspect(file, func(node ast.Node) bool {
			switch n := node.(type) {
			case *ast.FuncDecl:
				if isRemedy(n.Name.Name) {
					found = append(found, sentences(n.Body)...)
				}
			case *ast.ValueSpec:
				if isRemedy(n.Names[0].Name) {
					found = append(found, sentences(n)...)
				}
			case *ast.CallExpr:
				if at := slices.IndexFunc(n.Args, func(arg ast.Expr) bool { return constant(arg) == "remedy" }); at >= 0 && at+1 < len(n.Args) {
					found = append(found, sentences(n.Args[at+1])...)
				}
			}
			return true
		})
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// remediesAtStart returns the parts of the remedies of what is said at start: the second argument
// of Fault and Doubt, outside the doctor's own checks.
func remediesAtStart(t *testing.T) (parts []string) {
	t.Helper()
	verb := regexp.MustCompile(`%[a-z]`)
	for _, file := range code(t) {
		ast.Inspect(file, func(node ast.Node) bool {
			call, ok := node.(*ast.CallExpr)
			if !ok || len(call.Args) != 2 || !slices.Contains([]string{"Fault", "Doubt"}, calledName(call.Fun)) {
				return true
			}
			ast.Inspect(call.Args[1], func(inside ast.Node) bool {
				for _, part := range verb.Split(constant(inside), -1) {
					if part = strings.Trim(part, " :/"); len(part) > 12 {
						parts = append(parts, part)
					}
				}
				return true
			})
			return true
		})
	}
	if len(parts) < 20 {
		t.Fatalf("found %d parts: %q", len(parts), parts)
	}
	return parts
}

// calledName returns the name of a function that is called, without that of its package.
func calledName(function ast.Expr) string {
	switch f := function.(type) {
	case *ast.SelectorExpr:
		return f.Sel.Name
	case *ast.Ident:
		return f.Name
	}
	return ""
}

// TestEveryMessageOfTheTroubleshootingPageIsOne finds the messages that the page quotes in
// the code, so that a search for a message finds it by its words.
func TestEveryMessageOfTheTroubleshootingPageIsOne(t *testing.T) {
	messages := patterns(t)
	quoted := regexp.MustCompile("`([^`]+)`")
	_, rest, _ := strings.Cut(project.Read(t, "docs/troubleshooting.md"), "\n### Logins and callbacks\n")
	ours, _, _ := strings.Cut(rest, "\n## No message at all\n")
	found := 0
	for _, row := range regexp.MustCompile(`(?m)^\| (.*?) \|`).FindAllStringSubmatch(ours, -1) {
		for _, quote := range quoted.FindAllStringSubmatch(row[1], -1) {
			message := quote[1]
			if !isSentence(message) || message == "module not registered: http.handlers.instagram_auth" || message == "unrecognized directive: instagram_auth" {
				continue // a single word, or a message of Caddy's
			}
			found++
			if !slices.ContainsFunc(messages, func(p *regexp.Regexp) bool { return p.MatchString(message) }) {
				t.Errorf("%q is no message of the code", message)
			}
		}
	}
	if found < 15 {
		t.Errorf("found %d messages", found)
	}
}

// patterns returns the texts of the code as patterns, anything in the place of a verb.
func patterns(t *testing.T) (all []*regexp.Regexp) {
	t.Helper()
	verb := regexp.MustCompile(`%\+?[a-z]`)
	for _, file := range code(t) {
		ast.Inspect(file, func(node ast.Node) bool {
			if s := constant(node); len(verb.ReplaceAllString(s, "")) > 15 {
				all = append(all, regexp.MustCompile(verb.ReplaceAllString(regexp.QuoteMeta(s), ".*")+"$"))
			}
			return true
		})
	}
	return all
}
