package placement_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/project"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

// recipes returns the Caddyfiles that a page has under a heading, each as the configuration
// of a test site: the hosts, the app and the upstream are the test's, and all else is as it
// is written.
func recipes(t *testing.T, name, heading string) (all []sitetest.Config) {
	t.Helper()
	_, section, found := strings.Cut(project.Read(t, name), "\n## "+heading+"\n")
	if !found {
		t.Fatalf("%s has no %q", name, heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	for _, match := range project.Fence.FindAllStringSubmatch(section, -1) {
		all = append(all, sitetest.RecipeSite(t, match[2]))
	}
	if len(all) == 0 {
		t.Fatalf("%s has no Caddyfile under %q", name, heading)
	}
	return all
}

func TestH1_TheRecipesForRoutesBesideTheBlockHold(t *testing.T) {
	for i, c := range recipes(t, "docs/site.md", "Routes beside the block") {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			c.Global += "\nservers {\n protocols h1 h2c\n}"
			s := sitetest.Start(t, c)
			s.WantForgedHeadersDeleted(t)
			b := s.NewBrowser()
			if answer := b.Fetch("/members"); answer.StatusCode != http.StatusUnauthorized {
				t.Errorf("members without a session: %s", answer.Status)
			}
			b.SignIn("/members")
			if answer := b.Get("/members"); answer.Body != "hello "+sitetest.Username {
				t.Errorf("members = %s %q", answer.Status, answer.Body)
			}
		})
	}
}

const neighbourID = "17841405822304914"

// visitorFiles makes a folder with a letter for each of two visitors, and returns what the
// neighbour's says.
func visitorFiles(t *testing.T, prefix string) (folder, neighbours string) {
	t.Helper()
	folder = t.TempDir()
	for _, id := range []string{sitetest.UserID, neighbourID} {
		if err := os.Mkdir(filepath.Join(folder, prefix+id), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, prefix+id, "letter.txt"), []byte("for "+id), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder, "for " + neighbourID
}

// waysToTheNeighbour are addresses, behind a public path or none, that try to leave one's own
// folder.
func waysToTheNeighbour(below, prefix string) (all []string) {
	for _, up := range []string{"", "../", "%2e%2e/", "..%2f", "%2e%2e%2f", "x/../../", "..%5c", "..\\", "./../", "/", "/../", "..;/", "%00/../", "x/..%5c..%5c"} {
		all = append(all, below+up+prefix+neighbourID+"/letter.txt")
	}
	return append(all, "/"+prefix+neighbourID+"/letter.txt", "//"+prefix+neighbourID+"/letter.txt", below+"../../"+prefix+neighbourID+"/letter.txt")
}

func TestH7_NobodyReadsAnotherVisitorsFolder(t *testing.T) {
	for i, c := range recipes(t, "docs/site.md", "A folder for each visitor") {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			const prefix = "visitor-"
			folder, neighbours := visitorFiles(t, prefix)
			below := "/"
			if strings.Contains(c.Block, "/files/*") {
				below = "/files/"
			}
			c.Block = strings.NewReplacer("/srv/files", folder, "/srv/public", t.TempDir()).Replace(c.Block)
			public := c
			public.Block = regexp.MustCompile(`instagram_auth [^{]*\{`).ReplaceAllString(c.Block, "instagram_auth /members* {")
			for what, config := range map[string]sitetest.Config{"as written": c, "where the path is public": public} {
				s := sitetest.Start(t, config)
				if own := s.Reads(t, "for "+sitetest.UserID, sitetest.CookieFor(t, sitetest.Somebody()), []string{below + "letter.txt"}); len(own) == 0 {
					t.Errorf("%s: nobody reads their own letter", what)
				}
				for who, cookie := range map[string]string{"a stranger": "", "somebody": sitetest.CookieFor(t, sitetest.Somebody()), "rubbish": sitetest.SessionCookie + "=x"} {
					if open := s.Reads(t, neighbours, cookie, waysToTheNeighbour(below, prefix)); len(open) > 0 {
						t.Errorf("%s: %s reads %q", what, who, open)
					}
				}
			}
		})
	}
}

// TestH7_WhatThePageWarnsOfIsSo shows that the ways that the page warns of are open in
// Caddy, so that the test above can fail.
func TestH7_TheFormsThatThePageWarnsOfAreOpen(t *testing.T) {
	const prefix = "visitor-"
	plain, neighbours := visitorFiles(t, "")
	prefixed, _ := visitorFiles(t, prefix)
	for name, c := range map[string]struct{ block, prefix, cookie string }{
		"root before the block":          {wholeBlock("", "") + "\nroot * " + plain + "/{http.auth.user.id}\nfile_server", "", sitetest.CookieFor(t, sitetest.Somebody())},
		"a public path without a prefix": {wholeBlock("/members*", "") + "\nhandle {\nroot * " + plain + "/{http.auth.user.id}\nfile_server\n}", "", ""},
		"vars before the block":          {"vars folder {http.auth.user.id}\n" + wholeBlock("", "") + "\nhandle {\nroot * " + plain + "/{vars.folder}\nfile_server\n}", "", sitetest.CookieFor(t, sitetest.Somebody())},
		"rewrite, behind the block":      {"root * " + prefixed + "\n" + wholeBlock("", "") + "\nhandle {\nrewrite * /" + prefix + "{http.auth.user.id}{uri}\nfile_server\n}", prefix, sitetest.CookieFor(t, sitetest.Somebody())},
		"try_files, behind the block":    {"root * " + prefixed + "\n" + wholeBlock("", "") + "\nhandle {\ntry_files /" + prefix + "{http.auth.user.id}{path} =404\nfile_server\n}", prefix, sitetest.CookieFor(t, sitetest.Somebody())},
	} {
		s := sitetest.Start(t, sitetest.Config{Block: c.block, After: "# nothing"})
		if open := s.Reads(t, neighbours, c.cookie, waysToTheNeighbour("/", c.prefix)); len(open) == 0 {
			t.Errorf("%s: is closed; the page may say so", name)
		}
	}
	// With the prefix the wrong order is closed, for everybody.
	s := sitetest.Start(t, sitetest.Config{Block: wholeBlock("", "") + "\nroot * " + prefixed + "/" + prefix + "{http.auth.user.id}\nfile_server", After: "# nothing"})
	for _, cookie := range []string{"", sitetest.CookieFor(t, sitetest.Somebody())} {
		if open := s.Reads(t, "for ", cookie, append(waysToTheNeighbour("/", prefix), "/letter.txt")); len(open) > 0 {
			t.Errorf("root before the block, with a prefix: %q", open)
		}
	}
}
