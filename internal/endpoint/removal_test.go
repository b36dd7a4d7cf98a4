package endpoint_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

const ()

func TestK3_DeauthorizeEndsTheSessionsOfOnePersonAndHarmsNoLaterOne(t *testing.T) {
	for name, path := range map[string]string{"deauthorize": sitetest.DeauthorizePath, "data deletion": sitetest.DataDeletionPath} {
		t.Run(name, func(t *testing.T) {
			s := sitetest.Start(t, sitetest.Config{})
			var sessions []string
			for range 3 {
				b := s.NewBrowser()
				b.SignIn("/page")
				sessions = append(sessions, b.CookieHeader())
			}
			signed := s.Instagram.SignedRequest(sitetest.Username)
			other := s.Instagram.SignedRequest("maria.sees")
			if answer := s.FromMeta(path, other); answer.StatusCode != http.StatusOK {
				t.Errorf("%s of somebody else: %s", path, answer.Status)
			}
			s.WantAlive(sessions[0], true)
			answer := s.FromMeta(path, signed)
			if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "application/json" || len(answer.Header["Set-Cookie"]) != 0 {
				t.Errorf("%s: %s %v", path, answer.Status, answer.Header)
			}
			for _, cookies := range sessions {
				s.WantAlive(cookies, false)
			}
			b := s.NewBrowser()
			b.SignIn("/page")
			if replay := s.FromMeta(path, signed); replay.StatusCode != http.StatusOK {
				t.Errorf("%s again: %s", path, replay.Status)
			}
			s.WantAlive(b.CookieHeader(), true)
		})
	}
}

func TestK1_WhatMetaHasNotSignedChangesNothing(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	b := s.NewBrowser()
	b.SignIn("/page")
	signed := s.Instagram.SignedRequest(sitetest.Username)
	signature, payload, _ := strings.Cut(signed, ".")
	before := s.Stored()
	for name, bad := range map[string]string{
		"another payload": signature + "." + payload + "A", "another signature": map[bool]string{true: "B", false: "A"}[signature[0] == 'A'] + signature[1:] + "." + payload, "swapped": payload + "." + signature,
		"three parts": signed + ".x", "no signature": "." + payload, "empty": "", "no dot": payload,
	} {
		for _, path := range []string{sitetest.DeauthorizePath, sitetest.DataDeletionPath} {
			answer := s.FromMeta(path, bad, func(r *http.Request) { r.Header.Set("Accept", "text/html") })
			if got := sitetest.Decode(t, answer); answer.StatusCode != http.StatusBadRequest || got["error"] != "bad_signature" {
				t.Errorf("%s at %s: %s %v", name, path, answer.Status, got)
			}
		}
	}
	s.WantAlive(b.CookieHeader(), true)
	if after := s.Stored(); len(after) != len(before) {
		t.Errorf("stored %q, before %q", after, before)
	}
}

func TestK4_DataDeletionIsConfirmedAndLeavesNoTrace(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	b := s.NewBrowser()
	b.SignIn("/page")
	answer := s.FromMeta(sitetest.DataDeletionPath, s.Instagram.SignedRequest(sitetest.Username), func(r *http.Request) { r.Host = "evil.example" })
	var confirmed struct {
		URL  string `json:"url"`
		Code string `json:"confirmation_code"`
	}
	if err := json.Unmarshal([]byte(answer.Body), &confirmed); err != nil || confirmed.Code == "" || confirmed.URL != sitetest.Origin+sitetest.DataDeletionPath+"?code="+confirmed.Code {
		t.Fatalf("answered %s, %v", answer.Body, err)
	}
	s.WantAlive(b.CookieHeader(), false)
	page := s.NewBrowser().Get(confirmed.URL)
	if page.StatusCode != http.StatusOK || !strings.Contains(page.Body, "was deleted on "+time.Now().UTC().Format("2 January 2006")) || !strings.Contains(page.Body, confirmed.Code) {
		t.Errorf("the status page is %s\n%s", page.Status, page.Body)
	}
	for _, code := range []string{"", "x", strings.Map(func(r rune) rune { return map[bool]rune{true: 'b', false: 'a'}[r == 'a'] }, confirmed.Code), strings.Repeat("a", len(confirmed.Code)), "<b>"} {
		page := s.NewBrowser().Get(sitetest.DataDeletionPath + "?code=" + url.QueryEscape(code))
		if page.StatusCode != http.StatusNotFound || !strings.Contains(page.Body, "There is no deletion request with this code.") || code != "" && strings.Contains(page.Body, ">"+code) {
			t.Errorf("code %q: %s\n%s", code, page.Status, page.Body)
		}
	}
	for _, file := range s.Stored() {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, trace := range []string{sitetest.UserID, sitetest.AppScopedID, sitetest.Username, confirmed.Code, sitetest.AppID} {
			if strings.Contains(file+string(content), trace) {
				t.Errorf("%s is in %s: %q", trace, file, content)
			}
		}
	}
	if strings.Contains(s.Logs(), confirmed.Code) && !regexp.MustCompile(`"uri":"[^"]*`+confirmed.Code).MatchString(s.Logs()) {
		t.Error("the confirmation code is in the log")
	}
}

func TestK5_CallbacksAreBounded(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	signed := s.Instagram.SignedRequest(sitetest.Username)
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
		{"too large", func(r *http.Request) { sitetest.SetBody(r, "signed_request="+strings.Repeat("a", 17<<10)) }, 413, "too_large"},
		{"too large and not announced", func(r *http.Request) {
			sitetest.SetBody(r, "signed_request="+strings.Repeat("a", 1<<20))
			r.ContentLength = -1
		}, 413, "too_large"},
		{"no signed_request", func(r *http.Request) { sitetest.SetBody(r, "x=1") }, 400, "bad_request"},
		{"two of them", func(r *http.Request) { sitetest.SetBody(r, "signed_request="+signed+"&signed_request="+signed) }, 400, "bad_request"},
		{"a broken form", func(r *http.Request) { sitetest.SetBody(r, "signed_request=%zz") }, 400, "bad_request"},
		{"in the query", func(r *http.Request) { r.URL.RawQuery = "signed_request=" + signed; sitetest.SetBody(r, "") }, 400, "bad_request"},
	} {
		t.Run(c.name, func(t *testing.T) {
			answer := s.FromMeta(sitetest.DeauthorizePath, signed, c.change)
			if c.status == http.StatusMethodNotAllowed {
				answer.Body = `{"error":"method"}` // without a body it may be a person, who sees a page
			}
			if got := sitetest.Decode(t, answer); answer.StatusCode != c.status || got["error"] != c.code || len(answer.Header["Set-Cookie"]) != 0 || answer.Header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("answered %s %v", answer.Status, got)
			}
		})
	}
	for i := range 40 {
		if answer := s.FromMeta(sitetest.DeauthorizePath, "a.b"); answer.StatusCode == http.StatusTooManyRequests {
			// Meta itself is served all the same.
			if good := s.FromMeta(sitetest.DeauthorizePath, signed); good.StatusCode != http.StatusOK {
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
	s := sitetest.Start(t, sitetest.Config{Options: "sync_interval 1s"})
	b := s.NewBrowser()
	b.SignIn("/page")
	mend := s.BreakStorage()
	for _, path := range []string{sitetest.DeauthorizePath, sitetest.DataDeletionPath} {
		answer := s.FromMeta(path, s.Instagram.SignedRequest(sitetest.Username))
		if got := sitetest.Decode(t, answer); answer.StatusCode != http.StatusServiceUnavailable || got["error"] != "store_unavailable" || answer.Header.Get("Retry-After") == "" {
			t.Errorf("%s: %s %v", path, answer.Status, got)
		}
	}
	s.WantAlive(b.CookieHeader(), false) // on this node at once
	mend()
	if answer := s.FromMeta(sitetest.DataDeletionPath, s.Instagram.SignedRequest(sitetest.Username)); answer.StatusCode != http.StatusOK {
		t.Errorf("afterwards: %s %s", answer.Status, answer.Body)
	}
}

func TestPassHandsVerifiedCallbacksOnToTheSite(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Options: "deauthorize pass\ndata_deletion pass"})
	status := http.StatusOK
	s.Upstream.Respond(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Site", "yes")
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "the site says")
	})
	answer := s.FromMeta(sitetest.DeauthorizePath, s.Instagram.SignedRequest(sitetest.Username))
	if got := s.Upstream.Last(t); answer.Body != "the site says" || got.Header.Get("X-Instagram-Event") != "deauthorize" || got.Header.Get("X-Instagram-Event-User-Id") != sitetest.AppScopedID || got.Header.Get("X-Instagram-User-Id") != "" {
		t.Errorf("the site got %v; answered %s", got.Header, answer.Body)
	}
	ago := time.Duration(0)
	for _, c := range []struct {
		site, want int
		says       string
	}{
		{200, 200, "Your data was deleted"}, {204, 200, "Your data was deleted"}, {202, 200, "Your request was received"}, {500, 500, ""}, {404, 404, ""}, {303, 303, ""},
	} {
		status, ago = c.site, ago-1
		answer := s.FromMeta(sitetest.DataDeletionPath, metaSigned(sitetest.AppScopedID, time.Now().Add(ago*time.Minute)))
		if answer.StatusCode != c.want {
			t.Errorf("the site says %d: answered %s", c.site, answer.Status)
		}
		if c.says == "" {
			if answer.Body != "the site says" && c.site != 303 || answer.Header.Get("X-Site") != "yes" {
				t.Errorf("the site says %d: %q, %v", c.site, answer.Body, answer.Header)
			}
			continue
		}
		confirmed := sitetest.Decode(t, answer)
		if page := s.NewBrowser().Get(confirmed["url"].(string)); !strings.Contains(page.Body, c.says) || answer.Header.Get("X-Site") != "" || answer.Header.Get("Content-Type") != "application/json" {
			t.Errorf("the site says %d: %s, headers %v", c.site, page.Body, answer.Header)
		}
		if got := s.Upstream.Last(t).Header; got.Get("X-Instagram-Event") != "data_deletion" || got.Get("X-Instagram-Event-User-Id") != sitetest.AppScopedID {
			t.Errorf("the site got %v", got)
		}
	}
	// What is not signed does not reach the site, and nobody else may speak so.
	before := s.Upstream.Count()
	s.FromMeta(sitetest.DataDeletionPath, "a.b")
	if s.Upstream.Count() != before {
		t.Error("an unsigned callback reached the site")
	}
	b := s.NewBrowser()
	b.SignIn("/page")
	request := sitetest.Navigation(t, http.MethodGet, "/page")
	for _, name := range []string{"X-Instagram-Event", "X_Instagram_Event_User_Id", "X-Instagram-Event-User-Id"} {
		request.Header.Set(name, "forged")
	}
	status = http.StatusOK
	b.Do(request)
	for name := range s.Upstream.Last(t).Header {
		if strings.Contains(strings.ReplaceAll(name, "_", "-"), "Event") {
			t.Errorf("the site got a forged %s", name)
		}
	}
}

func TestPassGoesPastFurtherBlocks(t *testing.T) {
	config := sitetest.TwoBlocks("")
	config.Block = strings.Replace(config.Block, "endpoints", "deauthorize pass\ndata_deletion pass\nendpoints", 1)
	config.Block = strings.Replace(config.Block, "instagram_auth /second*", "instagram_auth", 1) // which asks for a session everywhere
	s := sitetest.Start(t, config)
	for path, event := range map[string]string{sitetest.DeauthorizePath: "deauthorize", sitetest.DataDeletionPath: "data_deletion"} {
		answer := s.FromMeta(path, s.Instagram.SignedRequest(sitetest.Username))
		got := s.Upstream.Last(t).Header
		if answer.StatusCode != http.StatusOK || got.Get("X-Instagram-Event") != event || got.Get("X-Instagram-Event-User-Id") != sitetest.AppScopedID {
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
		"a site that is down":  {"reverse_proxy " + sitetest.FreeAddr(t), http.StatusBadGateway},
		"a site with an error": {"error 418", http.StatusTeapot},
	} {
		t.Run(name, func(t *testing.T) {
			s := sitetest.Start(t, sitetest.Config{Options: "data_deletion pass", After: c.after})
			if answer := s.FromMeta(sitetest.DataDeletionPath, s.Instagram.SignedRequest(sitetest.Username)); answer.StatusCode != c.status || strings.Contains(answer.Body, "confirmation_code") {
				t.Errorf("answered %s %s", answer.Status, answer.Body)
			}
		})
	}
}

func TestASitesEarlyHintsAreNoVerdict(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{Options: "data_deletion pass"})
	s.Upstream.Respond(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusConflict)
	})
	if answer := s.FromMeta(sitetest.DataDeletionPath, s.Instagram.SignedRequest(sitetest.Username)); answer.StatusCode != http.StatusConflict {
		t.Errorf("answered %s %s", answer.Status, answer.Body)
	}
}
