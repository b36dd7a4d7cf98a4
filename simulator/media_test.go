package simulator_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
)

const mediaFields = "id,caption,media_type,media_url,permalink,thumbnail_url,timestamp,username"

// mediaList is what the media endpoint answers.
type mediaList struct {
	Data []struct {
		ID           string
		MediaType    string `json:"media_type"`
		MediaURL     string `json:"media_url"`
		Permalink    string
		ThumbnailURL string `json:"thumbnail_url"`
		Timestamp    string
		Username     string
	}
	Paging struct {
		Cursors struct{ Before, After string }
		Next    string
	}
}

func (i *instagram) media(query url.Values) (list mediaList) {
	i.t.Helper()
	got := i.get("/v25.0/me/media", query)
	if err := json.Unmarshal([]byte(got.body), &list); err != nil || got.StatusCode != http.StatusOK {
		i.t.Fatalf("no media: %s %s", got.Status, got.body)
	}
	return list
}

func TestMediaComeInPagesNewestFirst(t *testing.T) {
	i := start(t, nil)
	query := url.Values{"fields": {mediaFields}, "access_token": {i.token("jayposiris", authorization())}}
	first := i.media(query)
	if len(first.Data) != 25 || first.Paging.Cursors.Before != "0" || first.Paging.Cursors.After != "24" {
		t.Fatalf("first page: %d media, cursors %v", len(first.Data), first.Paging.Cursors)
	}
	if !strings.Contains(first.Paging.Next, "access_token=") || !strings.HasPrefix(first.Paging.Next, i.url+"/v25.0/me/media?") {
		t.Errorf("next = %q", first.Paging.Next)
	}
	query.Set("after", first.Paging.Cursors.After)
	second := i.media(query)
	if len(second.Data) != 5 || second.Paging.Next != "" {
		t.Fatalf("second page: %d media, next %q", len(second.Data), second.Paging.Next)
	}
	seen := make(map[string]bool)
	last := "9999"
	for _, m := range append(first.Data, second.Data...) {
		if n, err := strconv.ParseInt(m.ID, 10, 64); err != nil || n <= 1<<53 || seen[m.ID] {
			t.Errorf("media ID %q", m.ID)
		}
		if m.Timestamp >= last || m.Username != "jayposiris" || (m.MediaType == "VIDEO") != (m.ThumbnailURL != "") {
			t.Errorf("media = %+v after %s", m, last)
		}
		seen[m.ID], last = true, m.Timestamp
	}
}

func TestMediaOfOneselfByIDAndOfNobodyElse(t *testing.T) {
	i := start(t, nil)
	query := url.Values{"limit": {"1"}, "access_token": {i.token("jayposiris", authorization())}}
	for _, path := range []string{"/me/media", "/" + jayID + "/media", "/v25.0/" + jayScopedID + "/media"} {
		if got := i.get(path, query); got.StatusCode != http.StatusOK || strings.Count(got.body, `"id"`) != 1 {
			t.Errorf("%s = %s %s", path, got.Status, got.body)
		}
	}
	wantGraphError(t, i.get("/"+mariaID+"/media", query), 100, 33)
	none := url.Values{"access_token": {i.token("maria.sees", authorization())}}
	wantBody(t, i.get("/me/media", none), http.StatusOK, `{"data":[]}`+"\n")
}

func TestBadParametersOfMediaAreRefused(t *testing.T) {
	i := start(t, nil)
	token := i.token("jayposiris", authorization())
	for name, query := range map[string]url.Values{
		"unknown field":       {"fields": {"id,likes"}},
		"limit zero":          {"limit": {"0"}},
		"limit of letters":    {"limit": {"many"}},
		"cursor of letters":   {"after": {"x"}},
		"cursor negative":     {"after": {"-1"}},
		"cursor past the end": {"after": {"30"}},
	} {
		t.Run(name, func(t *testing.T) {
			query.Set("access_token", token)
			wantGraphError(t, i.get("/me/media", query), 100, 0)
		})
	}
}

func TestAddressesOfPicturesHaveTheSchemeAndHostThatTheClientUsed(t *testing.T) {
	i := start(t, nil)
	query := url.Values{"fields": {"media_url"}, "limit": {"1"}, "access_token": {i.token("jayposiris", authorization())}}
	for _, base := range []string{"http://graph.example.test:8080", "https://graph.example.test"} {
		w := httptest.NewRecorder()
		i.ServeHTTP(w, httptest.NewRequest(http.MethodGet, base+"/me/media?"+query.Encode(), nil))
		if !strings.Contains(w.Body.String(), `"media_url":"`+base+`/simulator/media/`) || !strings.Contains(w.Body.String(), `"next":"`+base+`/me/media?`) {
			t.Errorf("answer = %s", w.Body)
		}
	}
}

func TestPicturesOfMediaAreServed(t *testing.T) {
	i := start(t, nil)
	list := i.media(url.Values{"fields": {"media_url"}, "limit": {"1"}, "access_token": {i.token("jayposiris", authorization())}})
	got := i.do(http.NewRequest(http.MethodGet, list.Data[0].MediaURL, nil))
	if got.StatusCode != http.StatusOK || got.Header.Get("Content-Type") != "image/svg+xml" || !strings.HasPrefix(got.body, "<svg") {
		t.Errorf("picture = %s %q", got.Status, got.body)
	}
	for _, name := range []string{"x.svg", "1.png", ""} {
		if got := i.get("/simulator/media/"+name, nil); got.StatusCode != http.StatusNotFound {
			t.Errorf("%q = %s", name, got.Status)
		}
	}
}

func TestAPermalinkLeadsToThePicture(t *testing.T) {
	i := start(t, nil)
	media := i.media(url.Values{"fields": {"media_url,permalink"}, "limit": {"1"}, "access_token": {i.token("jayposiris", authorization())}}).Data[0]
	got := i.do(http.NewRequest(http.MethodGet, media.Permalink, nil))
	if want := strings.TrimPrefix(media.MediaURL, i.url); got.StatusCode != http.StatusFound || got.Header.Get("Location") != want {
		t.Errorf("permalink = %s to %q, want %q", got.Status, got.Header.Get("Location"), want)
	}
	for _, path := range []string{"/p/", "/p/x/", "/p/1/2/", "/p/%2F%2Fexample.com/"} {
		if got := i.get(path, nil); got.StatusCode != http.StatusBadRequest {
			t.Errorf("%s = %s", path, got.Status)
		}
	}
}
