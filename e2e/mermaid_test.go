package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// mermaidRender renders a diagram into the page. Its value is "", or the error of mermaid.
const mermaidRender = `mermaid.render("diagram", %q).then(
	({svg}) => { document.body.innerHTML = svg; return document.querySelector("svg").textContent.length < 50 ? "it shows nothing" : "" },
	problem => String(problem))`

var mermaidFence = regexp.MustCompile("(?ms)^```mermaid\n(.*?)^```$")

// TestEveryDiagramOfThePagesCanBeDrawn draws what GitHub draws for readers.
func TestEveryDiagramOfThePagesCanBeDrawn(t *testing.T) {
	script, err := os.ReadFile("mermaid/node_modules/mermaid/dist/mermaid.min.js")
	if err != nil {
		t.Fatalf("%v: run npm ci in e2e/mermaid", err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/mermaid.js" {
			w.Header().Set("Content-Type", "text/javascript")
			_, _ = w.Write(script)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, `<!doctype html><title>diagram</title><script src="/mermaid.js"></script><body></body>`)
	}))
	defer server.Close()
	tab := newBrowser(t, "")
	draw := func(source string) (problem string) {
		run(t, tab, chromedp.Navigate(server.URL))
		return ask(t, tab, chromedp.Evaluate[string](fmt.Sprintf(mermaidRender, source), chromedp.EvalAwaitPromise))
	}
	found := 0
	for _, name := range pagesOfDocs(t) {
		page, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range mermaidFence.FindAllStringSubmatch(string(page), -1) {
			found++
			if problem := draw(match[1]); problem != "" {
				t.Errorf("%s: %s\n%s", name, problem, match[1])
			}
		}
	}
	if found < 2 {
		t.Errorf("found %d diagrams", found)
	}
	if problem := draw("sequenceDiagram\n    A->>B\n"); !strings.Contains(problem, "Parse error") {
		t.Errorf("of a broken diagram it says %q", problem)
	}
}

// pagesOfDocs returns the paths of all pages of the documentation.
func pagesOfDocs(t *testing.T) (names []string) {
	t.Helper()
	for _, pattern := range []string{"../*.md", "../docs/*.md", "../docs/*/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		names = append(names, found...)
	}
	return names
}
