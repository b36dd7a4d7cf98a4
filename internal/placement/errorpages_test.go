package placement_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

const secretPage = "FOR MEMBERS ALONE"

// errorSite is a site whose refusals end in its own handle_errors.
type errorSite struct {
	*sitetest.Site
	bodies atomic.Int64 // of requests to the upstream's error pages
}

// startErrorSite runs a recipe with a folder of pages, one of error pages, and an app, all of
// which have a page for members.
func startErrorSite(t *testing.T, c sitetest.Config, options string) *errorSite {
	t.Helper()
	www, errors := t.TempDir(), t.TempDir()
	for name, text := range map[string]string{
		filepath.Join(www, "members", "page.html"): secretPage, filepath.Join(www, "members", "index.html"): secretPage,
		filepath.Join(www, "404.html"): "not found", filepath.Join(errors, "401.html"): "sorry 401", filepath.Join(errors, "403.html"): "sorry 403",
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c.Block = strings.NewReplacer("/srv/www", www, "/srv/errors", errors, "endpoints {endpoints}", "endpoints {endpoints}\n"+options).Replace(c.Block)
	s := &errorSite{Site: sitetest.Start(t, c)}
	s.Upstream.Respond(func(w http.ResponseWriter, r *http.Request) {
		if code, isError := strings.CutPrefix(r.URL.Path, "/errors/"); isError {
			if body, _ := io.ReadAll(r.Body); len(body) > 0 || r.ContentLength > 0 || r.URL.RawQuery != "" || r.Method != http.MethodGet {
				s.bodies.Add(1)
			}
			_, _ = fmt.Fprint(w, "sorry ", code)
			return
		}
		_, _ = fmt.Fprint(w, secretPage)
	})
	return s
}

// attack asks for the page of members in all ways with a cookie. Each answer must have the
// status and nothing of the page; it returns those that do not.
func (s *errorSite) attack(t *testing.T, cookie string, status int) (leaks []string) {
	t.Helper()
	client := s.NewBrowser()
	client.HTTP.Jar = nil
	headers := [][2]string{{"X-A", "1"}, {"Range", "bytes=0-"}, {"Range", "bytes=4-7,9-12"}, {"Range", "bytes=999-"}, {"If-None-Match", `"x"`}, {"If-None-Match", "*"}, {"If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT"}}
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PROPFIND"} {
		for _, path := range []string{"/members/page.html", "/members/", "/members/index.html?a=/errors/x", "/MEMBERS/page.html", "/%6dembers/page.html", "/members//page.html", "/members/./page.html", "/members/page.html?errors=401"} {
			for _, header := range headers {
				request, err := http.NewRequest(method, sitetest.Origin+path, strings.NewReader("body"))
				if err != nil {
					t.Fatal(err)
				}
				request.Header = http.Header{"Accept": {"application/json"}, "Content-Type": {"text/plain"}, "Cookie": {cookie}, header[0]: {header[1]}}
				answer := client.Do(request)
				what := fmt.Sprint(method, " ", path, " ", header)
				if answer.StatusCode != status || strings.Contains(answer.Body, secretPage[:4]) || strings.Contains(answer.Body, secretPage[4:8]) {
					leaks = append(leaks, fmt.Sprintf("%s: %s %.40q", what, answer.Status, answer.Body))
				}
				if method == http.MethodHead && answer.ContentLength == int64(len(secretPage)) {
					leaks = append(leaks, what+": has the length of the page")
				}
			}
		}
	}
	return leaks
}

// refusalsOfAPage are the kinds of answer that a protected page may end in: options that bring it
// about, and how to get there.
var refusalsOfAPage = map[int]struct {
	options string
	cookie  bool
}{
	http.StatusUnauthorized:       {"", false},
	http.StatusForbidden:          {"deny " + sitetest.UserID, true},
	http.StatusServiceUnavailable: {"sync_interval 1s\non_storage_failure deny 2s", true},
}

func TestA4_TheSitesErrorPagesHandOutNoProtectedPage(t *testing.T) {
	for i, c := range recipes(t, "docs/pages.md", "Your site's error pages") {
		for status, refusal := range refusalsOfAPage {
			t.Run(fmt.Sprint(i, " ", status), func(t *testing.T) {
				s := startErrorSite(t, c, refusal.options)
				cookie := ""
				if refusal.cookie {
					cookie = sitetest.CookieFor(t, sitetest.Somebody())
				}
				if status == http.StatusServiceUnavailable {
					if page := s.With(cookie); page.StatusCode >= 400 && page.StatusCode != http.StatusNotFound {
						t.Fatalf("before the storage fails: %s", page.Status)
					}
					s.BreakStorage()
					sitetest.Eventually(t, "a refusal", func() bool {
						request := sitetest.Navigation(t, http.MethodGet, "/members/")
						request.Header.Set("Cookie", cookie)
						return s.NewBrowser().Do(request).StatusCode == status
					})
				}
				if leaks := s.attack(t, cookie, status); len(leaks) > 0 {
					t.Errorf("%d answers are no refusal: %q", len(leaks), leaks[:min(len(leaks), 8)])
				}
				if n := s.bodies.Load(); n > 0 {
					t.Errorf("%d requests for an error page had the visitor's body, query or method", n)
				}
				request := sitetest.Navigation(t, http.MethodPost, "/members/page.html")
				request.Header = http.Header{"Accept": {"application/json"}, "Cookie": {cookie}}
				want := fmt.Sprint("sorry ", status)
				if status == http.StatusServiceUnavailable && strings.Contains(c.Block, "file_server") {
					want = "" // there is no such file
				}
				if answer := s.NewBrowser().Do(request); answer.Body != want || answer.StatusCode != status {
					t.Errorf("error page = %s %q, want %q", answer.Status, answer.Body, want)
				}
			})
		}
	}
}

// TestA4_TheFormsThatThePageWarnsOfAreOpen shows that the forms that the page warns of hand
// out the page in Caddy, so that the test above can fail.
func TestA4_TheFormsThatThePageWarnsOfAreOpen(t *testing.T) {
	for name, handle := range map[string]string{
		"reverse_proxy":            "reverse_proxy {upstream}",
		"a rewrite of others":      "@notFound expression {err.status_code} == 404\nrewrite @notFound /404.html\nfile_server",
		"try_files with the path":  "try_files /{err.status_code}.html {path}\nfile_server",
		"the status of the app":    "rewrite * /errors/{err.status_code}\nreverse_proxy {upstream}",
		"file_server and no pages": "file_server",
	} {
		s := startErrorSite(t, sitetest.Config{Block: "root * /srv/www\n" + wholeBlock("/members*", "errors handle") + "\nfile_server\nhandle_errors {\n" + handle + "\n}", After: "# nothing"}, "")
		if leaks := s.attack(t, "", http.StatusUnauthorized); len(leaks) == 0 {
			t.Errorf("%s: is closed; the page may say so", name)
		}
	}
	// The form that names its codes leaves refusals alone.
	s := startErrorSite(t, sitetest.Config{Block: "root * /srv/www\n" + wholeBlock("/members*", "errors handle") + "\nfile_server\nhandle_errors 404 {\nrewrite * /404.html\nfile_server\n}", After: "# nothing"}, "")
	if leaks := s.attack(t, "", http.StatusUnauthorized); len(leaks) > 0 {
		t.Errorf("handle_errors 404: %q", leaks)
	}
}
