package docs_test

import (
	"go/ast"
	goconst "go/constant"
	"go/token"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/project"
)

// On the pages of limits and of privacy, a comment that readers do not see stands behind a number.
// It names the constant of the code that the number comes from.

// marked is a number with its unit, and the room and the name of its constant.
var marked = regexp.MustCompile(`(\d[\d,]*) ?(\w*) <!-- (\S+)\.(\w+) -->`)

var units = map[string]int64{
	"": 1, "bytes": 1, "characters": 1, "KB": 1 << 10, "MB": 1 << 20, "second": int64(time.Second), "seconds": int64(time.Second),
	"minute": int64(time.Minute), "minutes": int64(time.Minute), "hour": int64(time.Hour), "hours": int64(time.Hour), "days": 24 * int64(time.Hour),
}

func TestTheLimitsOfThePageAreThoseOfTheCode(t *testing.T) {
	wantNumbersOfTheCode(t, "docs/limits.md", 65)
}

// wantNumbersOfTheCode compares the marked numbers of a page, of which there are so many at least,
// with the constants that they name.
func wantNumbersOfTheCode(t *testing.T, name string, least int) {
	t.Helper()
	sources := project.Sources(t)
	page := project.Read(t, name)
	found := marked.FindAllStringSubmatch(page, -1)
	if len(found) < least || len(found) != strings.Count(page, "<!--") {
		t.Errorf("%d of %d numbers are marked as they should be", len(found), strings.Count(page, "<!--"))
	}
	for _, match := range found {
		number, err := strconv.ParseInt(strings.ReplaceAll(match[1], ",", ""), 10, 64)
		unit, known := units[match[2]]
		if err != nil || !known {
			t.Errorf("%s: no number with a unit", match[0])
			continue
		}
		room := strings.Replace(match[3], "root", ".", 1)
		if value, ok := valueOf(sources[room], match[4]); !ok || value != number*unit {
			t.Errorf("the page says %s %s; %s.%s is %d", match[1], match[2], match[3], match[4], value)
		}
	}
}

// valueOf returns the value of a constant of a package, in nanoseconds where it is a duration.
func valueOf(files []*ast.File, name string) (value int64, ok bool) {
	constants := make(map[string]ast.Expr)
	for _, file := range files {
		for _, declaration := range file.Decls {
			group, isGroup := declaration.(*ast.GenDecl)
			if !isGroup || group.Tok != token.CONST {
				continue
			}
			for _, spec := range group.Specs {
				names := spec.(*ast.ValueSpec)
				for i, value := range names.Values {
					constants[names.Names[i].Name] = value
				}
			}
		}
	}
	return goconst.Int64Val(goconst.ToInt(evaluate(constants, constants[name])))
}

// evaluate returns the value of an expression of constants and units of time.
func evaluate(constants map[string]ast.Expr, e ast.Expr) goconst.Value {
	switch e := e.(type) {
	case *ast.BasicLit:
		return goconst.MakeFromLiteral(e.Value, e.Kind, 0)
	case *ast.Ident:
		return evaluate(constants, constants[e.Name])
	case *ast.ParenExpr:
		return evaluate(constants, e.X)
	case *ast.SelectorExpr:
		return map[string]goconst.Value{
			"Second": goconst.MakeInt64(int64(time.Second)), "Minute": goconst.MakeInt64(int64(time.Minute)), "Hour": goconst.MakeInt64(int64(time.Hour)),
		}[e.Sel.Name]
	case *ast.BinaryExpr:
		x, y := evaluate(constants, e.X), evaluate(constants, e.Y)
		switch {
		case x == nil || y == nil:
			return goconst.MakeUnknown()
		case e.Op == token.SHL:
			by, _ := goconst.Uint64Val(y)
			return goconst.Shift(x, e.Op, uint(by))
		case e.Op == token.QUO && x.Kind() == goconst.Int && y.Kind() == goconst.Int:
			return goconst.BinaryOp(x, token.QUO_ASSIGN, y) // as Go divides integers
		}
		return goconst.BinaryOp(x, e.Op, y)
	}
	return goconst.MakeUnknown()
}
