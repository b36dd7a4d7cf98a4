package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/project"
)

// What the pages, and whatever else people read, link to is there.

// ourPages is the address of the project's pages in a browser.
const ourPages = "https://github.com/caddy-instagram/caddy-instagram-auth/blob/main/"

// written returns the names of all files of the project with one of some endings.
func written(t *testing.T, endings ...string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "node_modules" || strings.HasPrefix(entry.Name(), ".") && path != "." && entry.Name() != ".github"):
			return filepath.SkipDir
		case !entry.IsDir() && slices.Contains(endings, filepath.Ext(path)):
			names = append(names, path)
		}
		return nil
	})
	if err != nil || len(names) == 0 {
		t.Fatalf("%d files, %v", len(names), err)
	}
	return names
}

// missing says what is not there of a link from a page, "" if all is.
func missing(t *testing.T, from, link string) string {
	t.Helper()
	target, heading, _ := strings.Cut(link, "#")
	path := filepath.Join(filepath.Dir(from), target)
	if ours, ok := strings.CutPrefix(target, ourPages); ok {
		path = filepath.FromSlash(ours)
	} else if strings.Contains(target, ":") {
		return "" // somebody else's
	}
	if target == "" {
		path = from
	}
	if _, err := os.Stat(path); err != nil {
		return "it is not there"
	}
	if heading != "" && !slices.Contains(headings(project.Read(t, path)), heading) {
		return "it has no such heading"
	}
	return ""
}

func TestEveryPathAndHeadingThatAPageLinksToExists(t *testing.T) {
	link := regexp.MustCompile(`\]\(<?([^)\s>]+)>?[^)]*\)|(?m:^\[[^\]]+\]: (\S+))|(?:href|src)="([^"]+)"`)
	found := 0
	for _, name := range written(t, ".md") {
		for _, match := range link.FindAllStringSubmatch(withoutCode(project.Read(t, name)), -1) {
			found++
			to := match[1] + match[2] + match[3]
			if problem := missing(t, name, to); problem != "" {
				t.Errorf("%s links to %s: %s", name, to, problem)
			}
		}
	}
	if found < 100 {
		t.Errorf("found %d links", found)
	}
}

func TestEveryAddressOfAPageOfOursExists(t *testing.T) {
	address := regexp.MustCompile(regexp.QuoteMeta(ourPages) + `[\w./-]*(#[\w-]+)?`)
	for _, name := range written(t, ".md", ".yaml", ".json", ".go", ".html") {
		if name == "docs_links_test.go" {
			continue // it has one that is made up
		}
		for _, to := range address.FindAllString(project.Read(t, name), -1) {
			if to = strings.TrimRight(to, "."); to == ourPages {
				continue
			}
			if problem := missing(t, name, to); problem != "" {
				t.Errorf("%s has the address %s: %s", name, to, problem)
			}
		}
	}
}

// withoutCode takes blocks and spans of code out of a page.
func withoutCode(text string) string {
	text = regexp.MustCompile("(?ms)^ *```.*?^ *```$").ReplaceAllString(text, "")
	return regexp.MustCompile("`[^`\n]+`").ReplaceAllStringFunc(text, func(span string) string {
		return strings.Map(func(r rune) rune {
			if r == '[' || r == ']' || r == '(' || r == ')' || r == '"' {
				return ' '
			}
			return r
		}, span)
	})
}

// headings returns the anchors of a page as GitHub makes them.
func headings(text string) (anchors []string) {
	text = regexp.MustCompile("(?ms)^ *```.*?^ *```$").ReplaceAllString(text, "")
	times := make(map[string]int)
	for _, match := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
		plain := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(match[1]), "")
		anchor := strings.ReplaceAll(plain, " ", "-")
		n := times[anchor]
		if times[anchor]++; n > 0 {
			anchor += "-" + strconv.Itoa(n)
		}
		anchors = append(anchors, anchor)
	}
	return anchors
}
