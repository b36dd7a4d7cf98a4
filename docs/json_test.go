package docs_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	instagramauth "github.com/caddy-instagram/caddy-instagram-auth"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/logformat"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/project"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

const jsonPage = "docs/json.md"

// TestTheJSONReferenceIsWhatTheGodocSays makes the page anew from the comments of the
// structs and the README's Caddyfile, and compares. `make reference` writes it.
func TestTheJSONReferenceIsWhatTheGodocSays(t *testing.T) {
	want := jsonReference(t)
	if os.Getenv("WRITE_REFERENCE") != "" {
		if err := os.WriteFile(jsonPage, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got := project.Read(t, jsonPage); got != want {
		t.Errorf("%s is not what the code says: run make reference", jsonPage)
	}
}

func jsonReference(t *testing.T) string {
	t.Helper()
	docs := structComments(t)
	kind := reflect.TypeFor[instagramauth.Handler]()
	var b strings.Builder
	fmt.Fprintf(&b, `# JSON

You can also configure Caddy in JSON, with the module `+"`http.handlers.instagram_auth`"+`. Caddy turns each Caddyfile into JSON. This is
the Caddyfile of the [README](../README.md#use-it), as `+"`caddy adapt`"+` prints it:

`+"```json\n%s\n```"+`

%s
A duration is text such as `+"`\"10s\"` or `\"7d\"`"+`, or a number of nanoseconds.
`, adaptedExample(t), kept(docs["Handler"]))
	writeFields(&b, kind, "", docs)
	writeFields(&b, reflect.TypeFor[logformat.Redactor](), "caddy.logging.encoders.instagram_auth", docs)
	return b.String()
}

// kept turns a struct's comment into a text of the page: without its first sentence, which
// says what the module is.
func kept(comment string) string {
	_, rest, _ := strings.Cut(comment, "\n\n")
	return "The handler" + strings.TrimPrefix(strings.TrimSpace(rest), "It") + "\n"
}

// writeFields writes the table of a struct's fields and then those of the structs in it.
func writeFields(b *strings.Builder, kind reflect.Type, path string, docs map[string]string) {
	heading := "The module"
	if path != "" {
		heading = "`" + path + "`"
	}
	fmt.Fprintf(b, "\n## %s\n\n| field | type | |\n|---|---|---|\n", heading)
	for field := range kind.Fields() {
		if name := jsonName(field); name != "" {
			comment := strings.ReplaceAll(strings.Join(strings.Fields(docs[kind.Name()+"."+field.Name]), " "), "|", `\|`)
			fmt.Fprintf(b, "| `%s` | %s | %s |\n", name, jsonType(field.Type), comment)
		}
	}
	for field := range kind.Fields() {
		if name := jsonName(field); name != "" && field.Type.Kind() == reflect.Struct {
			writeFields(b, field.Type, name, docs)
		}
	}
}

func jsonName(field reflect.StructField) string {
	name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
	return strings.TrimPrefix(name, "-")
}

func jsonType(kind reflect.Type) string {
	if kind == reflect.TypeFor[caddy.Duration]() {
		return "duration"
	}
	switch kind.Name() {
	case "RawMatcherSets":
		return "list of matcher sets"
	case "RawMessage":
		return "object"
	}
	switch kind.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "list of texts"
	case reflect.Map:
		return "object of texts"
	case reflect.Struct:
		return "object"
	}
	return cmp.Or(map[reflect.Kind]string{reflect.String: "text"}[kind.Kind()], kind.String())
}

// structComments returns the comments of the package's structs, by type, and of their
// fields, by type and field with a dot between.
func structComments(t *testing.T) map[string]string {
	t.Helper()
	comments := make(map[string]string)
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(names, "internal/logformat/logformat.go") {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, declaration := range file.Decls {
			types, ok := declaration.(*ast.GenDecl)
			if !ok || types.Tok != token.TYPE {
				continue
			}
			for _, spec := range types.Specs {
				kind := spec.(*ast.TypeSpec)
				comments[kind.Name.Name] = types.Doc.Text()
				if structure, ok := kind.Type.(*ast.StructType); ok {
					for _, field := range structure.Fields.List {
						for _, name := range field.Names {
							comments[kind.Name.Name+"."+name.Name] = field.Doc.Text()
						}
					}
				}
			}
		}
	}
	return comments
}

// adaptedExample returns the README's Caddyfile as JSON.
func adaptedExample(t *testing.T) string {
	t.Helper()
	match := project.Fence.FindStringSubmatch(project.Read(t, "README.md"))
	if match == nil {
		t.Fatal("the README has no Caddyfile")
	}
	config, err := sitetest.Adapt(match[2])
	if err != nil {
		t.Fatal(err)
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, config, "", "  "); err != nil {
		t.Fatal(err)
	}
	return pretty.String()
}

func TestEveryOptionOfTheJSONHasAComment(t *testing.T) {
	docs := structComments(t)
	var walk func(kind reflect.Type)
	walk = func(kind reflect.Type) {
		for field := range kind.Fields() {
			if jsonName(field) == "" {
				continue
			}
			if docs[kind.Name()+"."+field.Name] == "" {
				t.Errorf("%s.%s has no comment", kind.Name(), field.Name)
			}
			if field.Type.Kind() == reflect.Struct {
				walk(field.Type)
			}
		}
	}
	walk(reflect.TypeFor[instagramauth.Handler]())
}
