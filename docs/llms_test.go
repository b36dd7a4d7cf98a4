package docs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/project"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
)

// The index of the pages, for people and for language models.

const (
	indexPage = "docs/README.md"
	llmsPage  = "docs/llms.txt"
)

// indexLink is a link of a line of the index, and indexLine such a line: what a reader wants, and
// the rest.
var (
	indexLink = regexp.MustCompile(`\[([^\]]+)\]\(([^)]+)\)`)
	indexLine = regexp.MustCompile(`(?m)^- ([^:]+): (.+)$`)
)

func TestTheIndexHasEveryPage(t *testing.T) {
	var listed []string
	for _, link := range indexLink.FindAllStringSubmatch(project.Read(t, indexPage), -1) {
		listed = append(listed, filepath.Join("docs", link[2]))
	}
	for _, name := range append(project.Pages(t), llmsPage, "docs/evidence/README.md") {
		if name != indexPage && name != "README.md" && !strings.Contains("\n"+strings.Join(listed, "\n")+"\n", "\n"+name+"\n") {
			t.Errorf("%s is not in the index", name)
		}
	}
}

// TestTheTextForLanguageModelsIsCurrent makes the text anew from the grammar, the README's example,
// the table of refusals and the index, and compares. `make reference` writes it.
func TestTheTextForLanguageModelsIsCurrent(t *testing.T) {
	want := textForLanguageModels(t)
	if os.Getenv("WRITE_REFERENCE") != "" {
		if err := os.WriteFile(llmsPage, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got := project.Read(t, llmsPage); got != want {
		t.Errorf("%s is not what the other pages say: run make reference", llmsPage)
	}
}

func textForLanguageModels(t *testing.T) string {
	t.Helper()
	example := project.Fence.FindStringSubmatch(project.Read(t, "README.md"))
	if example == nil {
		t.Fatal("the README has no Caddyfile")
	}
	var b strings.Builder
	fmt.Fprintf(&b, `# instagram_auth

> A Caddy v2 HTTP handler (http.handlers.instagram_auth) that signs visitors in with Instagram. The site behind it gets the
> Instagram user ID and username as request headers and placeholders, and needs no login code. Sessions are encrypted cookies. The
> server stores no personal data.

Facts that are easily mistaken:

- Only Instagram professional accounts (business and creator) can sign in. Personal accounts cannot, since 2024-12-04.
- Before Meta's App Review only accounts that are invited as Instagram testers can sign in.
- app_id and app_secret are those of the Instagram app (API setup with Instagram login), not those of the Facebook app.
- Instagram tells no email address. The user ID is stable; the username can change, and change owner. IDs are text.
- The matcher of the directive says who must sign in. The handler runs on all paths of the site, and deletes forged identity
  headers everywhere. Put the block at the top level of the site.
- redirect_uri must equal the registered one to the last character. Its path must not be below path_prefix.
- The site gets X-Instagram-User-Id and X-Instagram-Username; placeholders are {http.auth.user.id} and {http.auth.user.username}.
- Link to /instagram_auth/login?return_to=/page to sign in. Sign out with a POST form to /instagram_auth/logout.
- A websocket or an event stream ends with its session: close code 1008 with the reason session_ended, or a closed stream. Ask
  /instagram_auth/userinfo whether the visitor is still signed in.
- Secrets are best written as {file./absolute/path} or {env.NAME}.

## Smallest configuration

    %s

## Grammar

    %s

## Refusals

Programs get JSON with error, message and request_id; login_required has login_url, too. Code and status:

`, indented(example[2]), indented(syntaxOf(t)))
	for _, code := range refusal.Codes() {
		fmt.Fprintf(&b, "- %s %d: %s\n", code, code.Status(), code.Text())
	}
	writeIndex(t, &b)
	return b.String()
}

// indented indents each line with text but the first, and leaves out empty ones at the end.
func indented(text string) string {
	return regexp.MustCompile(`\n(.)`).ReplaceAllString(strings.TrimSpace(text), "\n    $1")
}

// writeIndex writes the groups of the index with the addresses of the pages.
func writeIndex(t *testing.T, b *strings.Builder) {
	t.Helper()
	groups := strings.Split(project.Read(t, indexPage), "\n## ")
	if len(groups) < 6 {
		t.Fatalf("the index has %d groups", len(groups))
	}
	for _, group := range groups[1:] {
		heading, lines, _ := strings.Cut(group, "\n")
		fmt.Fprintf(b, "\n## %s\n\n", heading)
		for _, line := range indexLine.FindAllStringSubmatch(lines, -1) {
			for _, link := range indexLink.FindAllStringSubmatch(line[2], -1) {
				if at := filepath.ToSlash(filepath.Join("docs", link[2])); at != llmsPage {
					fmt.Fprintf(b, "- [%s](%s%s): %s\n", link[1], ourPages, at, line[1])
				}
			}
		}
	}
}
