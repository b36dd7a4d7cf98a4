package instagram_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
)

const (
	pictureURL = "https://scontent-ams2-1.cdninstagram.com/v/t51.2885-19/1_2_n.jpg?stp=dst-jpg_s206x206_tt6&efg=eyJ2In0%3D&_nc_ht=scontent-ams2-1.cdninstagram.com&oh=00_AQ&oe=6ABF3B6B"
	pngBytes   = "\x89PNG\r\n\x1a\n..."
)

func owner() instagram.Token { return instagram.Token{AccessToken: token, UserID: userID} }

func TestThePictureOfATokensOwner(t *testing.T) {
	escaped := strings.NewReplacer("/", `\/`, "&", `\u0026`).Replace(pictureURL) // as Instagram writes JSON
	for name, c := range map[string]struct {
		body, want string
		fails      bool
	}{
		"flat":                        {`{"user_id":"` + userID + `","id":"` + appScopedID + `","profile_picture_url":"` + escaped + `"}`, pictureURL, false},
		"wrapped":                     {`{"data":[{"user_id":"` + userID + `","profile_picture_url":"` + pictureURL + `"}]}`, pictureURL, false},
		"the app-scoped ID alone":     {`{"id":"` + appScopedID + `","profile_picture_url":"` + pictureURL + `"}`, pictureURL, false},
		"numbers":                     {`{"user_id":` + userID + `,"profile_picture_url":"` + pictureURL + `"}`, pictureURL, false},
		"no ID":                       {`{"profile_picture_url":"` + pictureURL + `"}`, pictureURL, false},
		"no picture":                  {`{"user_id":"` + userID + `"}`, "", false},
		"null":                        {`{"user_id":"` + userID + `","profile_picture_url":null}`, "", false},
		"empty":                       {`{"user_id":"` + userID + `","profile_picture_url":""}`, "", false},
		"a private account":           {`{"id":"` + appScopedID + `"}`, "", false},
		"another person":              {`{"user_id":"1","id":"2","profile_picture_url":"` + pictureURL + `"}`, "", true},
		"another person, in capitals": {`{"USER_ID":"` + userID + `","id":"2","profile_picture_url":"` + pictureURL + `"}`, "", true},
		"two people":                  {`{"user_id":"1","user_id":"` + userID + `","profile_picture_url":"` + pictureURL + `"}`, "", true},
		"an ID that is none":          {`{"user_id":{},"profile_picture_url":"` + pictureURL + `"}`, "", true},
		"a number":                    {`{"user_id":"` + userID + `","profile_picture_url":7}`, "", true},
		"the token in it":             {`{"user_id":"` + userID + `","profile_picture_url":"https://x.fbcdn.net/?t=` + token + `"}`, "", true},
		"the token as its host":       {`{"user_id":"` + userID + `","profile_picture_url":"https://` + token[:12] + `.test/"}`, "", true},
	} {
		client := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if got := r.URL.Query().Get("fields"); r.URL.Path != "/me" || got != "id,user_id,profile_picture_url" {
				t.Errorf("asked for %s of %s", got, r.URL.Path)
			}
			answer(200, c.body)(w, r)
		})
		got, err := client.Picture(t.Context(), owner(), appScopedID)
		if got.Address != c.want || (err != nil) != c.fails {
			t.Errorf("%s: %q, %v", name, got.Address, err)
		}
		if c.fails {
			if failure := wantKind(t, err, instagram.BadProfile); strings.Contains(failure.Error(), token[:12]) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if want := time.Unix(0x6ABF3B6B, 0); c.want != "" && !got.Expires.Equal(want) {
			t.Errorf("%s: runs out at %v", name, got.Expires)
		}
	}
}

func TestThePictureIsAskedForAsTheNodeIs(t *testing.T) {
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/"+userID {
			t.Errorf("asked for %s", r.URL.Path)
		}
		answer(200, `{}`)(w, r)
	}, func(c *instagram.Config) { c.Node = instagram.NodeID })
	if got, err := client.Picture(t.Context(), owner(), ""); got.Address != "" || err != nil {
		t.Errorf("%v, %v", got, err)
	}
	_, err := client.Picture(t.Context(), instagram.Token{AccessToken: token}, "")
	wantKind(t, err, instagram.BadProfile)

	var asked atomic.Int32
	display := serve(t, func(http.ResponseWriter, *http.Request) { asked.Add(1) }, basicDisplay)
	if got, err := display.Picture(t.Context(), owner(), ""); got.Address != "" || err != nil || asked.Load() != 0 {
		t.Errorf("basic_display: %v, %v after %d calls", got, err, asked.Load())
	}
	refused := serve(t, answer(400, `{"error":{"message":"expired","type":"OAuthException","code":190}}`))
	_, err = refused.Picture(t.Context(), owner(), "")
	if failure := wantKind(t, err, instagram.Refused); !failure.InvalidToken() {
		t.Errorf("error = %v", err)
	}
}

// What may be asked for and redirected to. A simulator on this machine is the only one whose
// own host counts.
func TestT3_TheHostsOfPictures(t *testing.T) {
	instagramOwn := func(c *instagram.Config) { c.Endpoints = instagram.Endpoints{} }
	mirror := func(c *instagram.Config) { c.Endpoints.Graph = "https://mirror.example/graph" }
	local := func(*instagram.Config) {}
	for _, c := range []struct {
		graph   func(*instagram.Config)
		address string
		ok      bool
	}{
		{instagramOwn, pictureURL, true},
		{instagramOwn, "https://scontent.cdninstagram.com/", true},
		{instagramOwn, "https://scontent-fra3-1.xx.fbcdn.net/v/t51.2885-15/1_n.jpg?_nc_cat=1&oe=655FD404", true},
		{instagramOwn, "https://instagram.fsrg6-1.fna.fbcdn.net/v/a.heic?stp=dst-jpg", true},
		{mirror, "https://scontent.cdninstagram.com/a%2Fb", true},
		{local, "https://scontent.cdninstagram.com/a", true},
		{local, "http://127.0.0.1:1/a", true},
		{local, "https://127.0.0.1/a", true},

		{instagramOwn, "http://127.0.0.1:1/a", false},
		{instagramOwn, "https://127.0.0.1/a", false},
		{instagramOwn, "https://localhost/a", false},
		{instagramOwn, "https://graph.instagram.com/a", false},
		{mirror, "https://mirror.example/a", false},
		{mirror, "http://localhost/a", false},
		{local, "http://localhost/a", false},
		{local, "http://127.0.0.2/a", false},
		{local, "http://[::1]/a", false},
		{local, "http://127.0.0.1@evil.test/a", false},
		{local, "http://127.1/a", false},
		{instagramOwn, "http://scontent.cdninstagram.com/a", false},
		{instagramOwn, "HTTPS://scontent.cdninstagram.com/a", false},
		{instagramOwn, "https://scontent.CDNinstagram.com/a", false},
		{instagramOwn, "https://cdninstagram.com/a", false},
		{instagramOwn, "https://.cdninstagram.com/a", false},
		{instagramOwn, "https://fbcdn.net/a", false},
		{instagramOwn, "https://evilfbcdn.net/a", false},
		{instagramOwn, "https://evil-cdninstagram.com/a", false},
		{instagramOwn, "https://cdninstagram.com.evil.test/a", false},
		{instagramOwn, "https://x.cdninstagram.com.evil.test/a", false},
		{instagramOwn, "https://x.cdninstagram.com./a", false},
		{instagramOwn, "https://x.cdninstagram.com:443/a", false},
		{instagramOwn, "https://x.cdninstagram.com:8443/a", false},
		{instagramOwn, "https://x.cdninstagram.com@evil.test/a", false},
		{instagramOwn, "https://evil.test@x.cdninstagram.com/a", false},
		{instagramOwn, "https://@x.cdninstagram.com/a", false},
		{instagramOwn, `https://evil.test\.cdninstagram.com/a`, false},
		{instagramOwn, `https://evil.test\@x.cdninstagram.com/a`, false},
		{instagramOwn, "https://evil.test%2f.cdninstagram.com/a", false},
		{instagramOwn, "https://evil.test/.cdninstagram.com/a", false},
		{instagramOwn, "https://evil.test?x.cdninstagram.com/a", false},
		{instagramOwn, "https://evil.test#x.cdninstagram.com/a", false},
		{instagramOwn, "https://x.cdninstagram.com/a#b", false},
		{instagramOwn, "https://x.cdninstagram.com", false},
		{instagramOwn, "https://x.cdninstagram.com?a", false},
		{instagramOwn, "https:/x.cdninstagram.com/a", false},
		{instagramOwn, "https:x.cdninstagram.com/a", false},
		{instagramOwn, "https:///x.cdninstagram.com/a", false},
		{instagramOwn, "https:\\\\x.cdninstagram.com/a", false},
		{instagramOwn, "//x.cdninstagram.com/a", false},
		{instagramOwn, "x.cdninstagram.com/a", false},
		{instagramOwn, " https://x.cdninstagram.com/a", false},
		{instagramOwn, "https://x.cdninstagram.com/a b", false},
		{instagramOwn, "https://x.cdninstagram.com/a\r\nx: y", false},
		{instagramOwn, "https://x.cdninstagram.com/\u00e9", false},
		{instagramOwn, "https://x.cdn\u0131nstagram.com/a", false},
		{instagramOwn, "https://x_y.cdninstagram.com/a", false},
		{instagramOwn, "ftp://x.cdninstagram.com/a", false},
		{instagramOwn, "javascript:alert(1)//x.cdninstagram.com/a", false},
		{instagramOwn, "https://x.cdninstagram.com/" + strings.Repeat("a", 2048), false},
	} {
		// The answer of an Instagram that is asked at another address than it has.
		client := clientWith(t, c.graph, fmt.Sprintf(`{"user_id":%q,"profile_picture_url":%s}`, userID, quoted(c.address)))
		got, err := client.Picture(t.Context(), owner(), "")
		if c.ok && (err != nil || got.Address != c.address) || !c.ok && (err == nil || got.Address != "") {
			t.Errorf("%q: %q, %v", c.address, got.Address, err)
		}
		if !c.ok {
			if _, err := client.FetchPicture(t.Context(), c.address); err == nil {
				t.Errorf("%q was fetched", c.address)
			} else if failure := wantKind(t, err, instagram.BadAnswer); failure.Status != 0 {
				t.Errorf("%q was asked for: %v", c.address, err)
			}
		}
	}
}

// said is a transport with one answer.
type said string

func (s said) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(string(s)))}, nil
}

func clientWith(t *testing.T, change func(*instagram.Config), body string) *instagram.Client {
	t.Helper()
	c := config(instagram.InstagramLogin)
	c.Endpoints.Graph, c.Transport = "http://127.0.0.1:9", said(body)
	change(&c)
	client, err := instagram.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// quoted writes a text as JSON, byte for byte where that is possible.
func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\r", `\r`, "\n", `\n`).Replace(s) + `"`
}

func TestWhenTheAddressOfAPictureRunsOut(t *testing.T) {
	for query, want := range map[string]int64{
		"oe=655FD404": 0x655FD404, "a=1&oe=655fd404&b": 0x655FD404, "": 0, "oe=": 0, "oe=0": 0, "oe=xyz": 0, "oe=-1": 0, "oe=FFFFFFFFFF": 0, "xoe=655FD404": 0, "oe=655FD404%20": 0,
	} {
		client := clientWith(t, func(*instagram.Config) {}, `{"profile_picture_url":"https://x.fbcdn.net/oe=1?`+query+`"}`)
		got, err := client.Picture(t.Context(), owner(), "")
		if err != nil || want == 0 && !got.Expires.IsZero() || want != 0 && got.Expires.Unix() != want {
			t.Errorf("%q: %v, %v", query, got.Expires, err)
		}
	}
}

func TestPicturesAreKnownByTheirBytes(t *testing.T) {
	var declared, body string
	host := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = []string{declared}
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(host.Close)
	client := clientWith(t, func(*instagram.Config) {}, "")
	jpeg, avif := "\xff\xd8\xff\xe0\x00\x10JFIF", "\x00\x00\x00\x1cftypavif\x00\x00\x00\x00"
	for _, c := range []struct{ declared, body, want string }{
		{"image/jpeg", jpeg, "image/jpeg"}, {"IMAGE/JPEG; q=1", jpeg, "image/jpeg"}, {"image/png", pngBytes, "image/png"}, {"image/gif", "GIF89a\x01\x00", "image/gif"},
		{"image/webp", "RIFF\x10\x00\x00\x00WEBPVP8 ", "image/webp"}, {"image/avif", avif, "image/avif"}, {"image/avif", strings.Replace(avif, "avif", "avis", 1), "image/avif"},
		// What it says counts less than what it is.
		{"image/jpeg", pngBytes, "image/png"}, {"image/png", avif, "image/avif"},

		{"image/svg+xml", "<svg/>", ""}, {"image/png", "<svg/>", ""}, {"image/jpeg", "<html>", ""}, {"image/jpeg", " \n<!doctype html>", ""}, {"image/jpeg", "", ""},
		{"text/html", jpeg, ""}, {"", jpeg, ""}, {"image/*", jpeg, ""}, {"image/jpeg, text/html", jpeg, ""}, {"image/heic", strings.Replace(avif, "avif", "heic", 1), ""},
		{"image/avif", strings.Replace(avif, "avif", "heic", 1), ""}, {"video/mp4", strings.Replace(avif, "avif", "mp42", 1), ""}, {"image/bmp", "BM....", ""}, {"image/avif", "\x00\x00\x00\x1cftyp", ""},
		{"application/octet-stream", pngBytes, ""}, {"image/png", "{}", ""}, {"image/x-icon", "\x00\x00\x01\x00", ""},
	} {
		declared, body = c.declared, c.body
		got, err := client.FetchPicture(t.Context(), host.URL+"/p")
		if got.Type != c.want || (err == nil) != (c.want != "") || err == nil && string(got.Content) != c.body {
			t.Errorf("%q %q: %q, %v", c.declared, c.body, got.Type, err)
		}
	}
}

func TestT4_APictureHasALimit(t *testing.T) {
	for name, c := range map[string]struct {
		send http.HandlerFunc
		kind instagram.Kind
	}{
		"1 MB": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, pngBytes+strings.Repeat("x", 1<<20-len(pngBytes)))
		}, 0},
		"a byte more": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, pngBytes+strings.Repeat("x", 1<<20-len(pngBytes)+1))
		}, instagram.BadAnswer},
		"a broken-off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, pngBytes)
		}, instagram.Unreachable},
		"packed": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = io.WriteString(z, pngBytes)
			_ = z.Close()
		}, instagram.BadAnswer},
		"part of one": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusPartialContent)
			_, _ = io.WriteString(w, pngBytes)
		}, instagram.BadAnswer},
		"in slow motion": {func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, pngBytes)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, instagram.TimedOut},
		"silence":       {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, instagram.TimedOut},
		"large headers": {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", 1<<16)) }, instagram.Unreachable},
	} {
		host := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "image/png")
			if r.Header.Get("Accept-Encoding") != "" || r.Header.Get("Cookie") != "" || r.Header.Get("Authorization") != "" || r.Header.Get("Referer") != "" {
				t.Errorf("%s: the request has %v", name, r.Header)
			}
			c.send(w, r)
		}))
		client := clientWith(t, func(c *instagram.Config) {
			if c.Timeout = 20 * time.Second; name == "silence" || name == "in slow motion" {
				c.Timeout = 300 * time.Millisecond
			}
		}, "")
		got, err := client.FetchPicture(t.Context(), host.URL+"/p")
		host.Close()
		if c.kind == 0 {
			if err != nil || got.Type != "image/png" || len(got.Content) != 1<<20 {
				t.Errorf("%s: %d bytes, %v", name, len(got.Content), err)
			}
			continue
		}
		if failure := wantKind(t, err, c.kind); failure.Endpoint != instagram.PictureEndpoint {
			t.Errorf("%s: %v", name, err)
		}
	}
}
