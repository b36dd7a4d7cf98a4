package instagramauth_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// recipes returns the Caddyfiles that a page has under a heading, each as the configuration
// of a test site: the hosts, the app and the upstream are the test's, and all else is as it
// is written.
func recipes(t *testing.T, name, heading string) (all []siteConfig) {
	t.Helper()
	_, section, found := strings.Cut(page(t, name), "\n## "+heading+"\n")
	if !found {
		t.Fatalf("%s has no %q", name, heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	for _, match := range fence.FindAllStringSubmatch(section, -1) {
		all = append(all, recipeSite(t, match[2]))
	}
	if len(all) == 0 {
		t.Fatalf("%s has no Caddyfile under %q", name, heading)
	}
	return all
}

// siteOpening is the line with which a recipe's site begins.
var siteOpening = regexp.MustCompile(`(?m)^(?:http://)?example\.com \{$`)

// recipeSite makes a test site of a recipe.
func recipeSite(t *testing.T, caddyfile string) (c siteConfig) {
	t.Helper()
	at := siteOpening.FindStringIndex(caddyfile)
	if at == nil {
		t.Fatalf("no site in\n%s", caddyfile)
	}
	global := strings.TrimSpace(caddyfile[:at[0]])
	c.global = strings.TrimSuffix(strings.TrimPrefix(global, "{"), "}")
	inner := strings.TrimSuffix(strings.TrimSpace(caddyfile[at[1]:]), "}")
	c.block = strings.NewReplacer(
		"{env.INSTAGRAM_APP_ID}", appID, "{env.INSTAGRAM_APP_SECRET}", appSecret, "https://example.com/auth/", redirectURI+"\nendpoints {endpoints}",
		"localhost:3000", "{upstream}",
	).Replace(inner)
	c.after = "# The recipe is the whole site."
	return c
}

func TestH1_TheRecipesForRoutesBesideTheBlockHold(t *testing.T) {
	for i, c := range recipes(t, "docs/site.md", "Routes beside the block") {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			c.global += "\nservers {\n protocols h1 h2c\n}"
			s := startSite(t, c)
			s.wantForgedHeadersDeleted(t)
			b := s.newBrowser()
			if answer := b.fetch("/members"); answer.StatusCode != http.StatusUnauthorized {
				t.Errorf("members without a session: %s", answer.Status)
			}
			b.signIn("/members")
			if answer := b.get("/members"); answer.body != "hello "+username {
				t.Errorf("members = %s %q", answer.Status, answer.body)
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
	for _, id := range []string{userID, neighbourID} {
		if err := os.Mkdir(filepath.Join(folder, prefix+id), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, prefix+id, "letter.txt"), []byte("for "+id), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder, "for " + neighbourID
}

// waysToTheNeighbour are addresses, behind a public path or none, that try to leave one's own folder.
func waysToTheNeighbour(below, prefix string) (all []string) {
	for _, up := range []string{"", "../", "%2e%2e/", "..%2f", "%2e%2e%2f", "x/../../", "..%5c", "..\\", "./../", "/", "/../", "..;/", "%00/../", "x/..%5c..%5c"} {
		all = append(all, below+up+prefix+neighbourID+"/letter.txt")
	}
	return append(all, "/"+prefix+neighbourID+"/letter.txt", "//"+prefix+neighbourID+"/letter.txt", below+"../../"+prefix+neighbourID+"/letter.txt")
}

// reads returns the addresses at which a visitor with this cookie gets a text.
func (s *site) reads(t *testing.T, text, cookie string, addresses []string) (open []string) {
	t.Helper()
	for _, address := range addresses {
		for _, method := range []string{"GET", "POST"} {
			answer := s.raw(t, method+" "+address+" HTTP/1.1\r\nHost: example.test\r\nConnection: close\r\nAccept: */*\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\nCookie: "+cookie+"\r\nContent-Length: 0\r\n\r\n")
			if strings.Contains(answer.body, text) {
				open = append(open, method+" "+address)
			}
		}
	}
	return open
}

func TestH7_NobodyReadsAnotherVisitorsFolder(t *testing.T) {
	for i, c := range recipes(t, "docs/site.md", "A folder for each visitor") {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			const prefix = "visitor-"
			folder, neighbours := visitorFiles(t, prefix)
			below := "/"
			if strings.Contains(c.block, "/files/*") {
				below = "/files/"
			}
			c.block = strings.NewReplacer("/srv/files", folder, "/srv/public", t.TempDir()).Replace(c.block)
			public := c
			public.block = regexp.MustCompile(`instagram_auth [^{]*\{`).ReplaceAllString(c.block, "instagram_auth /members* {")
			for what, config := range map[string]siteConfig{"as written": c, "where the path is public": public} {
				s := startSite(t, config)
				if own := s.reads(t, "for "+userID, cookieFor(t, somebody()), []string{below + "letter.txt"}); len(own) == 0 {
					t.Errorf("%s: nobody reads their own letter", what)
				}
				for who, cookie := range map[string]string{"a stranger": "", "somebody": cookieFor(t, somebody()), "rubbish": sessionCookie + "=x"} {
					if open := s.reads(t, neighbours, cookie, waysToTheNeighbour(below, prefix)); len(open) > 0 {
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
		"root before the block":          {wholeBlock("", "") + "\nroot * " + plain + "/{http.auth.user.id}\nfile_server", "", cookieFor(t, somebody())},
		"a public path without a prefix": {wholeBlock("/members*", "") + "\nhandle {\nroot * " + plain + "/{http.auth.user.id}\nfile_server\n}", "", ""},
		"vars before the block":          {"vars folder {http.auth.user.id}\n" + wholeBlock("", "") + "\nhandle {\nroot * " + plain + "/{vars.folder}\nfile_server\n}", "", cookieFor(t, somebody())},
		"rewrite, behind the block":      {"root * " + prefixed + "\n" + wholeBlock("", "") + "\nhandle {\nrewrite * /" + prefix + "{http.auth.user.id}{uri}\nfile_server\n}", prefix, cookieFor(t, somebody())},
		"try_files, behind the block":    {"root * " + prefixed + "\n" + wholeBlock("", "") + "\nhandle {\ntry_files /" + prefix + "{http.auth.user.id}{path} =404\nfile_server\n}", prefix, cookieFor(t, somebody())},
	} {
		s := startSite(t, siteConfig{block: c.block, after: "# nothing"})
		if open := s.reads(t, neighbours, c.cookie, waysToTheNeighbour("/", c.prefix)); len(open) == 0 {
			t.Errorf("%s: is closed; the page may say so", name)
		}
	}
	// With the prefix the wrong order is closed, for everybody.
	s := startSite(t, siteConfig{block: wholeBlock("", "") + "\nroot * " + prefixed + "/" + prefix + "{http.auth.user.id}\nfile_server", after: "# nothing"})
	for _, cookie := range []string{"", cookieFor(t, somebody())} {
		if open := s.reads(t, "for ", cookie, append(waysToTheNeighbour("/", prefix), "/letter.txt")); len(open) > 0 {
			t.Errorf("root before the block, with a prefix: %q", open)
		}
	}
}
