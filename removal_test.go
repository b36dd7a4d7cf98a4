package instagramauth_test

import (
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

const (
	deauthorizePath = "/instagram_auth/deauthorize"
	deletionPath    = "/instagram_auth/data_deletion"
)

// setBody makes a form of a request.
func setBody(request *http.Request, body string) {
	request.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(body)), nil }
	request.Body, _ = request.GetBody()
	request.ContentLength = int64(len(body))
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
}

// fromMeta is a callback as Meta sends it: no browser, no cookies.
func (s *site) fromMeta(path, signed string, changes ...func(*http.Request)) response {
	s.t.Helper()
	request, err := http.NewRequest(http.MethodPost, origin+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	setBody(request, url.Values{"signed_request": {signed}}.Encode())
	for _, change := range changes {
		change(request)
	}
	return s.newBrowser().do(request)
}

func TestK3_DeauthorizeEndsTheSessionsOfOnePersonAndHarmsNoLaterOne(t *testing.T) {
	for name, path := range map[string]string{"deauthorize": deauthorizePath, "data deletion": deletionPath} {
		t.Run(name, func(t *testing.T) {
			s := startSite(t, siteConfig{})
			var sessions []string
			for range 3 {
				b := s.newBrowser()
				b.signIn("/page")
				sessions = append(sessions, b.cookieHeader())
			}
			signed := s.instagram.SignedRequest(username)
			other := s.instagram.SignedRequest("maria.sees")
			if answer := s.fromMeta(path, other); answer.StatusCode != http.StatusOK {
				t.Errorf("%s of somebody else: %s", path, answer.Status)
			}
			s.wantAlive(sessions[0], true)
			answer := s.fromMeta(path, signed)
			if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "application/json" || len(answer.Header["Set-Cookie"]) != 0 {
				t.Errorf("%s: %s %v", path, answer.Status, answer.Header)
			}
			for _, cookies := range sessions {
				s.wantAlive(cookies, false)
			}
			b := s.newBrowser()
			b.signIn("/page")
			if replay := s.fromMeta(path, signed); replay.StatusCode != http.StatusOK {
				t.Errorf("%s again: %s", path, replay.Status)
			}
			s.wantAlive(b.cookieHeader(), true)
		})
	}
}

func TestK1_WhatMetaHasNotSignedChangesNothing(t *testing.T) {
	s := startSite(t, siteConfig{})
	b := s.newBrowser()
	b.signIn("/page")
	signed := s.instagram.SignedRequest(username)
	signature, payload, _ := strings.Cut(signed, ".")
	before := s.stored()
	for name, bad := range map[string]string{
		"another payload": signature + "." + payload + "A", "another signature": map[bool]string{true: "B", false: "A"}[signature[0] == 'A'] + signature[1:] + "." + payload, "swapped": payload + "." + signature,
		"three parts": signed + ".x", "no signature": "." + payload, "empty": "", "no dot": payload,
	} {
		for _, path := range []string{deauthorizePath, deletionPath} {
			answer := s.fromMeta(path, bad, func(r *http.Request) { r.Header.Set("Accept", "text/html") })
			if got := decode(t, answer); answer.StatusCode != http.StatusBadRequest || got["error"] != "bad_signature" {
				t.Errorf("%s at %s: %s %v", name, path, answer.Status, got)
			}
		}
	}
	s.wantAlive(b.cookieHeader(), true)
	if after := s.stored(); len(after) != len(before) {
		t.Errorf("stored %q, before %q", after, before)
	}
}

// stored returns what this module keeps in the storage of a site, less the marker.
func (s *site) stored() (files []string) {
	s.t.Helper()
	err := filepath.WalkDir(filepath.Join(s.storage, "instagram_auth"), func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && entry.Name() != "marker" {
			files = append(files, path)
		}
		if os.IsNotExist(err) {
			return nil
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return files
}

func TestK4_DataDeletionIsConfirmedAndLeavesNoTrace(t *testing.T) {
	s := startSite(t, siteConfig{})
	b := s.newBrowser()
	b.signIn("/page")
	answer := s.fromMeta(deletionPath, s.instagram.SignedRequest(username), func(r *http.Request) { r.Host = "evil.example" })
	var confirmed struct {
		URL  string `json:"url"`
		Code string `json:"confirmation_code"`
	}
	if err := json.Unmarshal([]byte(answer.body), &confirmed); err != nil || confirmed.Code == "" || confirmed.URL != origin+deletionPath+"?code="+confirmed.Code {
		t.Fatalf("answered %s, %v", answer.body, err)
	}
	s.wantAlive(b.cookieHeader(), false)
	page := s.newBrowser().get(confirmed.URL)
	if page.StatusCode != http.StatusOK || !strings.Contains(page.body, "was deleted on "+time.Now().UTC().Format("2 January 2006")) || !strings.Contains(page.body, confirmed.Code) {
		t.Errorf("the status page is %s\n%s", page.Status, page.body)
	}
	for _, code := range []string{"", "x", strings.Map(func(r rune) rune { return map[bool]rune{true: 'b', false: 'a'}[r == 'a'] }, confirmed.Code), strings.Repeat("a", len(confirmed.Code)), "<b>"} {
		page := s.newBrowser().get(deletionPath + "?code=" + url.QueryEscape(code))
		if page.StatusCode != http.StatusNotFound || !strings.Contains(page.body, "There is no request for deletion with this code.") || code != "" && strings.Contains(page.body, ">"+code) {
			t.Errorf("code %q: %s\n%s", code, page.Status, page.body)
		}
	}
	for _, file := range s.stored() {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, trace := range []string{userID, appScopedID, username, confirmed.Code, appID} {
			if strings.Contains(file+string(content), trace) {
				t.Errorf("%s is in %s: %q", trace, file, content)
			}
		}
	}
	if strings.Contains(s.logs(), confirmed.Code) && !regexp.MustCompile(`"uri":"[^"]*`+confirmed.Code).MatchString(s.logs()) {
		t.Error("the confirmation code is in the log")
	}
}

func TestK5_CallbacksAreBounded(t *testing.T) {
	s := startSite(t, siteConfig{})
	signed := s.instagram.SignedRequest(username)
	for _, c := range []struct {
		name   string
		change func(*http.Request)
		status int
		code   string
	}{
		{"GET of deauthorize", func(r *http.Request) { r.Method = http.MethodGet }, 405, "method"},
		{"PUT", func(r *http.Request) { r.Method = http.MethodPut }, 405, "method"},
		{"JSON", func(r *http.Request) { r.Header.Set("Content-Type", "application/json") }, 415, "bad_type"},
		{"multipart", func(r *http.Request) { r.Header.Set("Content-Type", "multipart/form-data; boundary=x") }, 415, "bad_type"},
		{"no type", func(r *http.Request) { r.Header.Del("Content-Type") }, 415, "bad_type"},
		{"too large", func(r *http.Request) { setBody(r, "signed_request="+strings.Repeat("a", 17<<10)) }, 413, "too_large"},
		{"too large and not announced", func(r *http.Request) {
			setBody(r, "signed_request="+strings.Repeat("a", 1<<20))
			r.ContentLength = -1
		}, 413, "too_large"},
		{"no signed_request", func(r *http.Request) { setBody(r, "x=1") }, 400, "bad_request"},
		{"two of them", func(r *http.Request) { setBody(r, "signed_request="+signed+"&signed_request="+signed) }, 400, "bad_request"},
		{"a broken form", func(r *http.Request) { setBody(r, "signed_request=%zz") }, 400, "bad_request"},
		{"in the query", func(r *http.Request) { r.URL.RawQuery = "signed_request=" + signed; setBody(r, "") }, 400, "bad_request"},
	} {
		t.Run(c.name, func(t *testing.T) {
			answer := s.fromMeta(deauthorizePath, signed, c.change)
			if c.status == http.StatusMethodNotAllowed {
				answer.body = `{"error":"method"}` // without a body it may be a person, who sees a page
			}
			if got := decode(t, answer); answer.StatusCode != c.status || got["error"] != c.code || len(answer.Header["Set-Cookie"]) != 0 || answer.Header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("answered %s %v", answer.Status, got)
			}
		})
	}
	for i := range 40 {
		if answer := s.fromMeta(deauthorizePath, "a.b"); answer.StatusCode == http.StatusTooManyRequests {
			// Meta itself is served all the same.
			if good := s.fromMeta(deauthorizePath, signed); good.StatusCode != http.StatusOK {
				t.Errorf("a signed callback was answered %s", good.Status)
			}
			return
		} else if answer.StatusCode != http.StatusBadRequest {
			t.Fatalf("answer %d was %s", i, answer.Status)
		}
	}
	t.Error("nobody stops a flood of forged callbacks")
}

func TestK5_WithoutAStorageMetaIsAskedToComeBack(t *testing.T) {
	s := startSite(t, siteConfig{options: "sync_interval 1s"})
	b := s.newBrowser()
	b.signIn("/page")
	mend := s.breakStorage()
	for _, path := range []string{deauthorizePath, deletionPath} {
		answer := s.fromMeta(path, s.instagram.SignedRequest(username))
		if got := decode(t, answer); answer.StatusCode != http.StatusServiceUnavailable || got["error"] != "store_unavailable" || answer.Header.Get("Retry-After") == "" {
			t.Errorf("%s: %s %v", path, answer.Status, got)
		}
	}
	s.wantAlive(b.cookieHeader(), false) // on this node at once
	mend()
	if answer := s.fromMeta(deletionPath, s.instagram.SignedRequest(username)); answer.StatusCode != http.StatusOK {
		t.Errorf("afterwards: %s %s", answer.Status, answer.body)
	}
}

func TestPassHandsVerifiedCallbacksOnToTheSite(t *testing.T) {
	s := startSite(t, siteConfig{options: "deauthorize pass\ndata_deletion pass"})
	status := http.StatusOK
	s.upstream.respond(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Site", "yes")
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "the site says")
	})
	answer := s.fromMeta(deauthorizePath, s.instagram.SignedRequest(username))
	if got := s.upstream.last(t); answer.body != "the site says" || got.Header.Get("X-Instagram-Event") != "deauthorize" || got.Header.Get("X-Instagram-Event-User-Id") != appScopedID || got.Header.Get("X-Instagram-User-Id") != "" {
		t.Errorf("the site got %v; answered %s", got.Header, answer.body)
	}
	ago := time.Duration(0)
	for _, c := range []struct {
		site, want int
		says       string
	}{
		{200, 200, "Your data was deleted"}, {204, 200, "Your data was deleted"}, {202, 200, "Your request was received"}, {500, 500, ""}, {404, 404, ""}, {303, 303, ""},
	} {
		status, ago = c.site, ago-1
		answer := s.fromMeta(deletionPath, metaSigned(appScopedID, time.Now().Add(ago*time.Minute)))
		if answer.StatusCode != c.want {
			t.Errorf("the site says %d: answered %s", c.site, answer.Status)
		}
		if c.says == "" {
			if answer.body != "the site says" && c.site != 303 || answer.Header.Get("X-Site") != "yes" {
				t.Errorf("the site says %d: %q, %v", c.site, answer.body, answer.Header)
			}
			continue
		}
		confirmed := decode(t, answer)
		if page := s.newBrowser().get(confirmed["url"].(string)); !strings.Contains(page.body, c.says) || answer.Header.Get("X-Site") != "" || answer.Header.Get("Content-Type") != "application/json" {
			t.Errorf("the site says %d: %s, headers %v", c.site, page.body, answer.Header)
		}
		if got := s.upstream.last(t).Header; got.Get("X-Instagram-Event") != "data_deletion" || got.Get("X-Instagram-Event-User-Id") != appScopedID {
			t.Errorf("the site got %v", got)
		}
	}
	// What is not signed does not reach the site, and nobody else may speak so.
	before := s.upstream.count()
	s.fromMeta(deletionPath, "a.b")
	if s.upstream.count() != before {
		t.Error("an unsigned callback reached the site")
	}
	b := s.newBrowser()
	b.signIn("/page")
	request := navigation(t, http.MethodGet, "/page")
	for _, name := range []string{"X-Instagram-Event", "X_Instagram_Event_User_Id", "X-Instagram-Event-User-Id"} {
		request.Header.Set(name, "forged")
	}
	status = http.StatusOK
	b.do(request)
	for name := range s.upstream.last(t).Header {
		if strings.Contains(strings.ReplaceAll(name, "_", "-"), "Event") {
			t.Errorf("the site got a forged %s", name)
		}
	}
}

func TestPassGoesPastFurtherBlocks(t *testing.T) {
	config := twoBlocks("")
	config.block = strings.Replace(config.block, "endpoints", "deauthorize pass\ndata_deletion pass\nendpoints", 1)
	config.block = strings.Replace(config.block, "instagram_auth /second*", "instagram_auth", 1) // which asks for a session everywhere
	s := startSite(t, config)
	for path, event := range map[string]string{deauthorizePath: "deauthorize", deletionPath: "data_deletion"} {
		answer := s.fromMeta(path, s.instagram.SignedRequest(username))
		got := s.upstream.last(t).Header
		if answer.StatusCode != http.StatusOK || got.Get("X-Instagram-Event") != event || got.Get("X-Instagram-Event-User-Id") != appScopedID {
			t.Errorf("%s: answered %s; the site got %v", path, answer.Status, got)
		}
	}
}

func TestADeletionThatNobodyCarriesOutIsNotConfirmed(t *testing.T) {
	for name, c := range map[string]struct {
		after  string
		status int
	}{
		"nobody behind":        {"vars x y", http.StatusInternalServerError},
		"a site that is down":  {"reverse_proxy " + freeAddr(t), http.StatusBadGateway},
		"a site with an error": {"error 418", http.StatusTeapot},
	} {
		t.Run(name, func(t *testing.T) {
			s := startSite(t, siteConfig{options: "data_deletion pass", after: c.after})
			if answer := s.fromMeta(deletionPath, s.instagram.SignedRequest(username)); answer.StatusCode != c.status || strings.Contains(answer.body, "confirmation_code") {
				t.Errorf("answered %s %s", answer.Status, answer.body)
			}
		})
	}
}

func TestASitesEarlyHintsAreNoVerdict(t *testing.T) {
	s := startSite(t, siteConfig{options: "data_deletion pass"})
	s.upstream.respond(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusConflict)
	})
	if answer := s.fromMeta(deletionPath, s.instagram.SignedRequest(username)); answer.StatusCode != http.StatusConflict {
		t.Errorf("answered %s %s", answer.Status, answer.body)
	}
}
