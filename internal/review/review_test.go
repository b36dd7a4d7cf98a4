package review

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the texts in testdata anew")

const docs = "https://docs.example/"

// minimal is a block with the three required options.
func minimal() Site {
	return Site{
		RedirectURIs: []string{"https://example.com/auth/"},
		Deauthorize:  "/instagram_auth/deauthorize", DataDeletion: "/instagram_auth/data_deletion",
		Account: "/instagram_auth/account", Login: "/instagram_auth/login", Logout: "/instagram_auth/logout",
		Start: "/members", English: true, Lifetime: 7 * 24 * time.Hour,
	}
}

// full is a block with much in it: several hosts, a path prefix, many permissions.
func full() Site {
	return Site{
		Name: "Example Studio", Privacy: "/privacy", Terms: "https://example.com/terms", Help: "mailto:help@example.com",
		RedirectURIs: []string{"https://example.com/studio/cb/", "https://example.de/studio/cb/", "https://www.example.net:8443/studio/cb/"},
		Deauthorize:  "/studio/ig/deauthorize", DataDeletion: "/studio/ig/data_deletion",
		Account: "/studio/ig/account", Login: "/studio/ig/login", Logout: "/studio/ig/logout",
		Start:       "/studio/members",
		Permissions: []string{"instagram_business_basic", "instagram_business_manage_comments", "instagram_business_manage_insights"},
		StepUp:      []string{"instagram_business_content_publish", "instagram_business_manage_messages"},
		Required:    []string{"instagram_business_manage_comments"},
		Fields:      []string{"name", "followers_count", "profile_picture_url"},
		LoginPage:   true, Listed: true, English: true,
		Lifetime: 36*time.Hour + 30*time.Minute, Token: true, Forwarded: true, Revalidate: 6 * time.Hour, Picture: true,
		LogsAddress: LoggedHashed, LogsUserID: LoggedNever, LogsUsername: true,
	}
}

// wantLines fails the test for each line that is too wide, unless it is one word.
func wantLines(t *testing.T, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if width(line) > columns && len(strings.Fields(line)) > 1 {
			t.Errorf("%d columns: %s", width(line), line)
		}
		if strings.TrimRight(line, " ") != line {
			t.Errorf("a space at the end of %q", line)
		}
	}
}

func TestTheTextOfTwoSites(t *testing.T) {
	for name, site := range map[string]Site{"minimal": minimal(), "full": full()} {
		t.Run(name, func(t *testing.T) {
			got, file := Text(site, docs), filepath.Join("testdata", name+".txt")
			wantLines(t, got)
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil || got != string(want) {
				t.Errorf("%v: run go test ./internal/review -update, and read the difference\n%s", err, got)
			}
		})
	}
}

func TestEachPermissionHasAReasonASceneAndAStep(t *testing.T) {
	site := full()
	text := Text(site, docs)
	for _, permission := range append(site.Permissions, site.StepUp...) {
		if want := "\n  " + permission + "\n"; !strings.Contains(text, want) {
			t.Errorf("no text has the heading %q", want)
		}
		for section, next := range map[string]string{"\n4. SCRIPT FOR THE SCREENCAST\n": "\n5. ", "\n5. STEPS FOR THE REVIEWER\n": "\n6. "} {
			_, after, _ := strings.Cut(text, section)
			after, _, found := strings.Cut(after, next)
			if !found || !strings.Contains(strings.Join(strings.Fields(after), " "), permission) {
				t.Errorf("%s does not show %s", section, permission)
			}
		}
	}
	for _, permission := range site.StepUp {
		if !strings.Contains(text, "https://example.com/studio/ig/login?scope="+permission) {
			t.Errorf("no link asks for %s", permission)
		}
	}
}

func TestTheNotesFitTheBlock(t *testing.T) {
	const review = "you need no review"
	for _, c := range []struct {
		name   string
		change func(*Site)
		has    string
		hasNot string
	}{
		{"nothing", func(*Site) {}, review, "leads to another server"},
		{"a button", func(s *Site) { s.LoginPage = true }, `Press "Sign in with Instagram"`, "add login_page"},
		{"no button", func(*Site) {}, "add login_page", `"Sign in with Instagram"`},
		{"own templates", func(s *Site) { s.LoginPage, s.OwnPages = true, true }, "[the words of the button]", `"Sign in with Instagram"`},
		{"own machine", func(s *Site) { s.RedirectURIs = []string{"http://localhost:8080/auth/"} }, "your own machine", "served over https"},
		{"a list", func(s *Site) { s.Listed = true }, "Let the account of the reviewer in", ""},
		{"everybody", func(*Site) {}, review, "Let the account of the reviewer in"},
		{"elsewhere", func(s *Site) { s.Elsewhere = true }, "endpoints leads to another server", ""},
		{"German", func(s *Site) { s.LoginPage, s.English = true, false }, "captions in English", `"Sign in with Instagram"`},
		{"a permission nobody can use", func(s *Site) { s.StepUp = []string{"instagram_business_manage_insights"} }, "gets no access token", "must be seen in use"},
		{"a permission with a token", func(s *Site) {
			s.StepUp, s.Forwarded, s.Token = []string{"instagram_business_manage_insights"}, true, true
		}, "must be seen in use", "gets no access token"},
		{"not the basic one", func(s *Site) { s.Permissions = []string{"instagram_business_manage_insights"} }, "scope does not contain instagram_business_basic", ""},
		{"a permission nobody knows", func(s *Site) { s.StepUp = []string{"instagram_business_new"} }, "can [what the permission allows]", ""},
		{"a privacy policy", func(s *Site) { s.Privacy = "https://example.com/p" }, "\n    https://example.com/p\n", "Meta asks for a privacy policy"},
		{"a handoff", func(s *Site) { s.Handoff, s.Start, s.Forwarded = true, "", true }, "[the page of your site that shows both]", "session cookie"},
		{"a kept token", func(s *Site) { s.Token = true }, "stay in its memory as well, until two days", "is dropped"},
		{"a dropped token", func(*Site) {}, "is dropped", "in its memory"},
		{"a picture", func(s *Site) { s.Picture = true }, "holds it, or its address, and uses it for ten minutes", ""},
		{"no logs", func(s *Site) { s.LogsUserID, s.LogsAddress = LoggedNever, LoggedNever }, "neither IP address nor account ID", ""},
		{"pseudonyms", func(s *Site) { s.LogsUserID, s.LogsAddress = LoggedHashed, LoggedHashed }, "contain pseudonyms of the IP address and account ID", ""},
		{"no address at all", func(s *Site) { s.RedirectURIs = nil }, "[your site]", ""},
		{"an address that is none", func(s *Site) { s.RedirectURIs = []string{"::"} }, "[your site]", ""},
		{"Basic Display", func(s *Site) { s.BasicDisplay = true }, "switched that API off on 2024-12-04", "SCREENCAST"},
	} {
		t.Run(c.name, func(t *testing.T) {
			site := minimal()
			c.change(&site)
			text := Text(site, docs)
			wantLines(t, text)
			flat := text + strings.Join(strings.Fields(text), " ")
			if !strings.Contains(flat, c.has) || c.hasNot != "" && strings.Contains(flat, c.hasNot) {
				t.Errorf("want %q, and not %q:\n%s", c.has, c.hasNot, text)
			}
		})
	}
}

func TestDurationsAreInWords(t *testing.T) {
	for d, want := range map[time.Duration]string{
		time.Minute: "1 minute", 24 * time.Hour: "1 day", 36 * time.Hour: "1 day and 12 hours", 90 * time.Second: "1 minute and 30 seconds",
		366 * 24 * time.Hour: "366 days", 25*time.Hour + time.Minute: "1 day, 1 hour and 1 minute",
	} {
		if got := duration(d); got != want {
			t.Errorf("%v: %s", d, got)
		}
	}
}
