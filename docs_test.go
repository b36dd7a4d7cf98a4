package instagramauth_test

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	instagramauth "github.com/caddy-instagram/caddy-instagram-auth"
)

func readme(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestTheREADMENamesEveryOption(t *testing.T) {
	text := readme(t)
	var walk func(kind reflect.Type)
	walk = func(kind reflect.Type) {
		for field := range kind.Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if name == "" {
				continue
			}
			if !strings.Contains(text, "`"+name) && !strings.Contains(text, " "+name+" ") && !strings.Contains(text, name+",") {
				t.Errorf("%s is not in the README", name)
			}
			if field.Type.Kind() == reflect.Struct {
				walk(field.Type)
			}
		}
	}
	walk(reflect.TypeFor[instagramauth.Handler]())
}

func TestTheREADMENamesEveryRefusal(t *testing.T) {
	text := readme(t)
	content, err := os.ReadFile("internal/refusal/table.go")
	if err != nil {
		t.Fatal(err)
	}
	codes := regexp.MustCompile(`Code = "([a-z_]+)"`).FindAllStringSubmatch(string(content), -1)
	if len(codes) < 15 {
		t.Fatalf("found %d codes", len(codes))
	}
	for _, code := range codes {
		if !strings.Contains(text, "| `"+code[1]+"` |") {
			t.Errorf("%s is not in the README's table", code[1])
		}
	}
}

func TestTheREADMEsCaddyfileIsValid(t *testing.T) {
	t.Setenv("INSTAGRAM_APP_ID", appID)
	t.Setenv("INSTAGRAM_APP_SECRET", appSecret)
	_, rest, _ := strings.Cut(readme(t), "## Configure it\n\n")
	block, _, _ := strings.Cut(rest, "\nThe matcher")
	if err := validate(strings.Replace(block, "example.com {", "http://example.com:"+port(freeAddr(t))+" {", 1), nil); err != nil {
		t.Error(err)
	}
}
