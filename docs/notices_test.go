package docs_test

import (
	"go/ast"
	"go/types"
	"regexp"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/project"
)

// Log lines on which the operator has to act say what to do, and are on the troubleshooting page.

// demand is a log line at WARN or ERROR in the source.
type demand struct {
	at, message string
	remedy      bool
	text        string // of the remedy, where it stands there itself
}

// demands finds the log lines of the product at WARN or ERROR: entries of notices.go, and calls of
// a logger.
func demands(t *testing.T) (found []demand) {
	t.Helper()
	for _, file := range code(t) {
		ast.Inspect(file, func(node ast.Node) bool {
			d, ok := demandOf(node)
			if ok {
				d.at = project.Positions.Position(node.Pos()).String()
				found = append(found, d)
			}
			return true
		})
	}
	return found
}

func demandOf(node ast.Node) (d demand, ok bool) {
	switch n := node.(type) {
	case *ast.CompositeLit:
		if n.Type == nil || strings.TrimPrefix(types.ExprString(n.Type), "telemetry.") != "Notice" || len(n.Elts) != 3 {
			return d, false
		}
		level := strings.TrimPrefix(types.ExprString(n.Elts[1]), "telemetry.")
		return demand{message: constant(n.Elts[0]), remedy: types.ExprString(n.Elts[2]) != `""`, text: constant(n.Elts[2])}, strings.EqualFold(level, "actionNeeded") || strings.EqualFold(level, "actionUrgent")
	case *ast.CallExpr:
		selector, _ := n.Fun.(*ast.SelectorExpr)
		if selector == nil || !isLoudCall(selector, n.Args) {
			return d, false
		}
		for _, arg := range n.Args {
			if text := constant(arg); d.message == "" && text != "" {
				d.message = text
			}
			d.remedy = d.remedy || strings.Contains(strings.ToLower(types.ExprString(arg)), "remedy")
		}
		return d, true
	}
	return d, false
}

// isLoudCall reports whether a call of a method logs at WARN or ERROR.
func isLoudCall(method *ast.SelectorExpr, args []ast.Expr) bool {
	logger := regexp.MustCompile(`(?i)(log|s?logger)(\(\))?$`).MatchString(types.ExprString(method.X))
	if name := method.Sel.Name; logger && len(args) > 0 && (name == "Warn" || name == "Error" || name == "WarnContext" || name == "ErrorContext") {
		return true
	}
	return len(args) > 1 && logger && method.Sel.Name == "Log" && regexp.MustCompile(`\.(Warn|Error)Level$|\.Level(Warn|Error)$`).MatchString(types.ExprString(args[0]))
}

func TestEachLineThatAsksSomethingOfTheOperatorHasARemedyAndIsOnThePage(t *testing.T) {
	text := project.Read(t, "docs/troubleshooting.md")
	found := demands(t)
	if len(found) < 35 {
		t.Fatalf("found %d lines: %v", len(found), found)
	}
	for _, d := range found {
		if !d.remedy {
			t.Errorf("%s: %q has no remedy", d.at, d.message)
		}
		if d.message == "" || !strings.Contains(text, "`"+d.message+"`") {
			t.Errorf("%s: %q is not on the troubleshooting page", d.at, d.message)
		}
		if !strings.Contains(text, d.text) {
			t.Errorf("%s: the remedy %q is not on the troubleshooting page", d.at, d.text)
		}
	}
}

// TestALevelIsDecidedByWhoHasToAct keeps the handler's levels in notices.go.
func TestALevelIsDecidedByWhoHasToAct(t *testing.T) {
	for _, file := range project.Sources(t)["."] {
		ast.Inspect(file, func(node ast.Node) bool {
			call, ok := node.(*ast.CallExpr)
			if !ok {
				return true
			}
			selector, ok := call.Fun.(*ast.SelectorExpr)
			if ok && types.ExprString(selector.X) == "h.logger" && (isLoudCall(selector, call.Args) || selector.Sel.Name == "Info") {
				t.Errorf("%s: %s.%s: write a notice, which says who has to act", project.Positions.Position(call.Pos()), types.ExprString(selector.X), selector.Sel.Name)
			}
			return true
		})
	}
}
