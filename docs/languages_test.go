package docs_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/project"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
)

// TestThePageListsTheLanguagesThatThereAre compares the table of languages with their files, and
// their number with the one in the changes.
func TestThePageListsTheLanguagesThatThereAre(t *testing.T) {
	page := project.Read(t, "docs/pages.md")
	_, table, _ := strings.Cut(page, "\n| tag | language |\n|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	var want []string
	for _, tag := range slices.Sorted(slices.Values(refusal.Tags())) {
		want = append(want, fmt.Sprintf("| `%s` | %s |", tag, display.English.Languages().Name(language.MustParse(tag))))
	}
	if table != strings.Join(want, "\n") {
		t.Errorf("the page has\n%s\nthe files are those of\n%s", table, strings.Join(want, "\n"))
	}
	if number := fmt.Sprintf("in %d languages", len(want)); !strings.Contains(project.Read(t, "CHANGELOG.md"), number) {
		t.Errorf("the changes do not say %s", number)
	}
}
