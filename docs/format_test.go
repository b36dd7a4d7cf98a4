package docs_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/project"
)

// Every Caddyfile that readers copy looks as `caddy fmt` writes it.

// TestEveryCaddyfileOfThePagesPassesCaddyFmt formats each example, and compares. An example of the
// kind `block` is a fragment, and is formatted as one. `make format` writes what it wants.
func TestEveryCaddyfileOfThePagesPassesCaddyFmt(t *testing.T) {
	found := 0
	for _, name := range written(t, ".md") {
		page := project.Read(t, name)
		want := project.Fence.ReplaceAllStringFunc(page, func(fence string) string {
			found++
			match := project.Fence.FindStringSubmatch(fence)
			return "```caddyfile" + match[1] + "\n" + string(caddyfile.Format([]byte(match[2]))) + "```"
		})
		wantFormatted(t, name, page, want)
	}
	if found < 30 {
		t.Errorf("found %d Caddyfiles", found)
	}
}

func TestEveryCaddyfileOfTheExamplesPassesCaddyFmt(t *testing.T) {
	found := 0
	for _, name := range written(t, "", ".Caddyfile") {
		if base := filepath.Base(name); base == "Caddyfile" || filepath.Ext(base) == ".Caddyfile" {
			found++
			text := project.Read(t, name)
			wantFormatted(t, name, text, string(caddyfile.Format([]byte(text))))
		}
	}
	if found < 3 {
		t.Errorf("found %d Caddyfiles", found)
	}
}

// wantFormatted compares a file with what it should be, and writes that if WRITE_FORMAT is set.
func wantFormatted(t *testing.T, name, got, want string) {
	t.Helper()
	if got == want {
		return
	}
	if os.Getenv("WRITE_FORMAT") != "" {
		if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	wanted := strings.Split(want, "\n")
	for i, line := range strings.Split(got, "\n") {
		if i >= len(wanted) || line != wanted[i] {
			t.Errorf("%s: caddy fmt would change line %d, %q: run make format", name, i+1, line)
			return
		}
	}
}
