package docs_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/project"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

// The page about the handler's own paths shows requests and responses. Here the requests are sent.

const endpointsPage = "docs/endpoints.md"

var httpFence = regexp.MustCompile("(?ms)^```http\n(.*?)^```$")

// message is a request or a response of the page.
type message struct {
	first  string // the request line or the status line
	header [][2]string
	body   string
}

func parseMessage(text string) (m message) {
	head, body, _ := strings.Cut(text, "\n\n")
	lines := strings.Split(strings.TrimSpace(head), "\n")
	m.first, m.body = lines[0], strings.TrimSpace(body)
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ": ")
		m.header = append(m.header, [2]string{name, value})
	}
	return m
}

// values returns the values of a header, in their order.
func (m message) values(name string) (values []string) {
	for _, line := range m.header {
		if http.CanonicalHeaderKey(line[0]) == http.CanonicalHeaderKey(name) {
			values = append(values, line[1])
		}
	}
	return values
}

func TestTheRequestsOfTheEndpointsPageHaveTheResponsesThatItShows(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Matcher: "/members*", Options: "token {\n long_lived\n}"})
	visit := &reader{t: t, site: s}
	text := strings.NewReplacer("example.com", sitetest.Host, "https://www.instagram.com", s.Endpoints).Replace(project.Read(t, endpointsPage))
	fences := httpFence.FindAllStringSubmatch(text, -1)
	if len(fences) < 30 || len(fences)%2 != 0 {
		t.Fatalf("found %d requests and responses", len(fences))
	}
	for i := 0; i < len(fences); i += 2 {
		request, want := parseMessage(fences[i][1]), parseMessage(fences[i+1][1])
		got := visit.send(request)
		if status := got.Proto + " " + got.Status; status != want.first {
			t.Errorf("%s: answered %s, the page says %s", request.first, status, want.first)
		}
		for _, line := range want.header {
			if got, want := got.Header.Values(line[0]), want.values(line[0]); !slices.EqualFunc(got, want, isLike) {
				t.Errorf("%s: %s: %q, the page says %q", request.first, line[0], got, want)
			}
		}
		if !sameBody(got.Body, want.body) {
			t.Errorf("%s: the body is\n%s\nthe page says\n%s", request.first, got.Body, want.body)
		}
	}
}

// reader sends the requests of the page. Where one has a cookie, it does before what gives it one.
type reader struct {
	t    *testing.T
	site *sitetest.Site
	code string // of the last data deletion
}

func (r *reader) send(m message) sitetest.Response {
	r.t.Helper()
	browser := r.site.NewBrowser()
	method, target, _ := strings.Cut(strings.TrimSuffix(m.first, " HTTP/1.1"), " ")
	cookie := strings.Join(m.values("Cookie"), "")
	switch {
	case strings.Contains(cookie, "_login_"):
		back := sitetest.Query(r.t, browser.Begin("/members"))
		target = strings.NewReplacer("code=…", "code="+url.QueryEscape(back.Get("code")), "state=…", "state="+back.Get("state")).Replace(target)
	case cookie != "":
		browser.SignIn("/members")
		browser.Get("/members") // which takes away the mark of a login that has just been finished
	default:
		target = strings.Replace(target, "code=…", "code="+r.code, 1)
	}
	if strings.HasSuffix(target, "/picture") {
		r.site.PictureIs("https://scontent.cdninstagram.com/v/t51/picture.jpg")
	}
	request, err := http.NewRequest(method, sitetest.Origin+target, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	if m.body != "" {
		sitetest.SetBody(request, strings.Replace(m.body, "=…", "="+r.site.Instagram.SignedRequest(sitetest.Username), 1))
	}
	for _, line := range m.header {
		if line[0] != "Cookie" && line[0] != "Host" {
			request.Header.Set(line[0], line[1])
		}
	}
	answer := browser.Do(request)
	if strings.Contains(answer.Body, "confirmation_code") {
		r.code = sitetest.Decode(r.t, answer)["confirmation_code"].(string)
	}
	return answer
}

// isLike reports whether a text is that of the page, where … stands for any text but none.
func isLike(got, want string) bool {
	pattern := strings.ReplaceAll(regexp.QuoteMeta(want), "…", ".+")
	return regexp.MustCompile("(?s)^" + pattern + "$").MatchString(got)
}

// sameBody compares a body with that of the page: JSON by its members, in whatever order.
func sameBody(got, want string) bool {
	var gotObject, wantObject any
	if json.Unmarshal([]byte(want), &wantObject) != nil {
		return isLike(got, want)
	}
	return json.Unmarshal([]byte(got), &gotObject) == nil && sameValue(gotObject, wantObject)
}

func sameValue(got, want any) bool {
	switch want := want.(type) {
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok || len(object) != len(want) {
			return false
		}
		for name := range want {
			if !sameValue(object[name], want[name]) {
				return false
			}
		}
		return true
	case []any:
		list, ok := got.([]any)
		return ok && slices.EqualFunc(list, want, sameValue)
	case string:
		text, ok := got.(string)
		return ok && isLike(text, want)
	}
	return got == want
}

func TestTheEndpointsPageHasEachPathOfTheHandler(t *testing.T) {
	page := project.Read(t, endpointsPage)
	paths := regexp.MustCompile(`: "(/[a-z_]+)"`).FindAllStringSubmatch(project.Read(t, "internal/address/own.go"), -1)
	if len(paths) < 7 {
		t.Fatalf("found %d paths", len(paths))
	}
	for _, path := range paths {
		if !regexp.MustCompile("(?m)^(GET|POST) /instagram_auth" + path[1] + `\b`).MatchString(page) {
			t.Errorf("there is no request for %s", path[1])
		}
	}
}

func TestTheEndpointsPageHasTheStatusesOfTheTable(t *testing.T) {
	rows := regexp.MustCompile("(?m)^\\| (\\d{3}) \\| `([a-z_]+)` \\|").FindAllStringSubmatch(project.Read(t, endpointsPage), -1)
	if len(rows) < 30 {
		t.Fatalf("found %d rows", len(rows))
	}
	for _, row := range rows {
		if status := refusal.Code(row[2]).Status(); strconv.Itoa(status) != row[1] {
			t.Errorf("%s has the status %d, the page says %s", row[2], status, row[1])
		}
	}
}

func TestTheEndpointsPageNamesEveryRefusal(t *testing.T) {
	page := project.Read(t, endpointsPage)
	for _, code := range refusal.Codes() {
		if !strings.Contains(page, "`"+string(code)+"`") {
			t.Errorf("the page does not name %s", code)
		}
	}
}
