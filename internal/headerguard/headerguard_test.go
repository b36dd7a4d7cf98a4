package headerguard_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/headerguard"
)

func newGuard(t testing.TB, names ...string) *headerguard.Guard {
	t.Helper()
	if names == nil {
		names = []string{"X-Instagram-User-Id", "X-Instagram-Username"}
	}
	g, err := headerguard.New(names...)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestNamesThatWouldBreakARequestAreRefused(t *testing.T) {
	for _, names := range [][]string{{""}, {"X User"}, {"X:User"}, {"X\r\nUser"}, {"X.User"}, {"Ä"}, {"Host"}, {"connection"}, {"COOKIE"}, {"Content-Length"}, {"Transfer_Encoding"}, {"X-User", "x_user"}, {"X-User", "X-User"}} {
		if _, err := headerguard.New(names...); err == nil {
			t.Errorf("%q is accepted", names)
		}
	}
}

func TestA6_HeadersThatTheRequestNeedsAreRefusedByFamily(t *testing.T) {
	for _, name := range []string{
		"Origin", "Forwarded", "X-Real-IP", "x_real_ip", "Range", "Expect", "Authorization", "If-Match", "If-None-Match", "if_modified_since", "If-Range", "Sec-Fetch-Site", "Sec-WebSocket-Key",
		"SEC_CH_UA", "Accept", "Accept-Encoding", "Accept-Language", "Content-Type", "Content-Encoding", "Content_Length", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Port", "X_Forwarded_Proto", "X-Forwarded-Prefix",
	} {
		if _, err := headerguard.New(name); err == nil {
			t.Errorf("%q is accepted", name)
		}
	}
	for _, name := range []string{"X-Instagram-User-Id", "Remote-User", "X-Acceptance", "X-Origin", "Iffy", "Second", "Contents", "X-User-Range", "X-Forwarded"} {
		if _, err := headerguard.New(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestH2_EverySpellingIsStripped(t *testing.T) {
	g := newGuard(t)
	for _, separator := range []string{"-", "_", ".", "~", "!", "'", "*", "+", "|", "^", "`", "#", "$", "%", "&", " ", "\x00", ":"} {
		for _, name := range []string{"X-Instagram-User-Id", "x-instagram-user-id", "X-INSTAGRAM-USER-ID", "x-Instagram-uSer-iD"} {
			spelled := strings.ReplaceAll(name, "-", separator)
			headers := http.Header{spelled: {"forged"}, "X-Instagram-User-Idx": {"kept"}, "X-Instagram-User": {"kept"}, "Other": {"kept"}}
			g.Strip(headers, nil)
			if len(headers) != 3 || headers[spelled] != nil {
				t.Errorf("%q: left %v", spelled, headers)
			}
		}
	}
}

func TestH1_WhatAnEarlierHandlerSetIsKeptAndItsLookAlikesGo(t *testing.T) {
	g := newGuard(t)
	headers := http.Header{"X-Instagram-User-Id": {"ours"}, "X_instagram_user_id": {"forged"}, "x-instagram-user-id": {"forged"}, "X-Instagram-Username": {"forged"}}
	g.Strip(headers, func(name string) bool { return name == "X-Instagram-User-Id" })
	if want := (http.Header{"X-Instagram-User-Id": {"ours"}}); !reflect.DeepEqual(headers, want) {
		t.Errorf("left %v", headers)
	}
}

func TestH3_OurNamesLeaveConnection(t *testing.T) {
	g := newGuard(t)
	for _, c := range []struct{ sent, want []string }{
		{[]string{"close, X-Instagram-User-Id"}, []string{"close"}},
		{[]string{"x_instagram.user-id"}, nil},
		{[]string{"X-Instagram-User-Id , keep-alive,\tTE", "upgrade"}, []string{"keep-alive, TE", "upgrade"}},
		{[]string{"X-Instagram-User-Id", "Upgrade"}, []string{"Upgrade"}},
		{[]string{"keep-alive ,Upgrade,,"}, []string{"keep-alive ,Upgrade,,"}},
		{nil, nil},
	} {
		headers := http.Header{}
		if c.sent != nil {
			headers["Connection"] = c.sent
		}
		g.CleanConnection(headers)
		if got := headers["Connection"]; !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q becomes %q, want %q", c.sent, got, c.want)
		}
	}
}

func TestH1_TrailersAreStrippedNowAndAtTheEndOfTheBody(t *testing.T) {
	g := newGuard(t)
	r := httptest.NewRequest(http.MethodPost, "/", io.NopCloser(strings.NewReader("body")))
	r.ContentLength = -1
	r.Trailer = http.Header{"X-Instagram-User-Id": nil, "Other": nil}
	g.StripTrailers(r)
	if _, announced := r.Trailer["X-Instagram-User-Id"]; announced || len(r.Trailer) != 1 {
		t.Errorf("announced trailers: %v", r.Trailer)
	}
	r.Trailer["X_instagram_user_id"] = []string{"forged"} // as net/http does at the end
	if body, err := io.ReadAll(r.Body); err != nil || string(body) != "body" {
		t.Errorf("body = %q, %v", body, err)
	}
	if len(r.Trailer) != 1 {
		t.Errorf("trailers at the end: %v", r.Trailer)
	}
	for _, known := range []*http.Request{
		httptest.NewRequest(http.MethodPost, "/", strings.NewReader("body")),
		httptest.NewRequest(http.MethodPost, "/", http.NoBody), // of length 0
		{ContentLength: -1}, // without a body
	} {
		before := known.Body
		if g.StripTrailers(known); known.Body != before {
			t.Errorf("a body that has no trailers, of length %d, is wrapped", known.ContentLength)
		}
	}
}

// lateTrailer is a body as net/http makes it: what the client sent behind the body stands in
// the request once a read has returned the end, and not before.
type lateTrailer struct {
	io.Reader
	request *http.Request
}

func (l lateTrailer) Close() error { return nil }

func (l lateTrailer) Read(b []byte) (int, error) {
	n, err := l.Reader.Read(b)
	if err != nil {
		l.request.Trailer["X-Instagram-User-Id"] = []string{"forged"}
	}
	return n, err
}

func TestH1_ATrailerThatComesWithTheEndOfTheBodyIsStripped(t *testing.T) {
	r := &http.Request{ContentLength: -1, Trailer: http.Header{"Other": {"kept"}}}
	r.Body = lateTrailer{strings.NewReader("body"), r}
	newGuard(t).StripTrailers(r)
	if body, err := io.ReadAll(r.Body); err != nil || string(body) != "body" {
		t.Errorf("body = %q, %v", body, err)
	}
	if want := (http.Header{"Other": {"kept"}}); !reflect.DeepEqual(r.Trailer, want) {
		t.Errorf("trailers at the end: %v", r.Trailer)
	}
}

func ours(name string) bool { return name == "S" || strings.HasPrefix(name, "S_") }

func TestH5_OtherCookiesKeepTheirBytes(t *testing.T) {
	for _, c := range []struct{ sent, want string }{
		{`a="x y"; S=1; b=ü; c`, `a="x y"; b=ü; c`},
		{"S=1", ""}, {"S=1; S_login=2", ""}, {"S", ""}, {" S=1 ; ", ""},
		{"S=1; a=1", "a=1"}, {"a=1; S=1", "a=1"}, {"a=1;S=1;b=2", "a=1;b=2"}, {"a=1;  S=1;  b=2", "a=1;  b=2"},
		{"S=1; S=2; a=1; S_x=3", "a=1"}, {"a=1; S=x=y; b", "a=1; b"},
		{"a=S; s=1; Sx=1; b=S=1", "a=S; s=1; Sx=1; b=S=1"}, {"", ""}, {" a=1 ; ", " a=1 ; "}, {";;", ";;"},
	} {
		headers := http.Header{"Cookie": {c.sent}}
		headerguard.CutCookies(headers, ours)
		got, present := headers["Cookie"]
		if strings.Join(got, "|") != c.want || present != (c.want != "" || c.sent == "") {
			t.Errorf("%q becomes %q, want %q", c.sent, got, c.want)
		}
	}
	headers := http.Header{"Cookie": {"a=1", "S=1", "b=2; S=2"}}
	headerguard.CutCookies(headers, ours)
	if got := headers["Cookie"]; !reflect.DeepEqual(got, []string{"a=1", "b=2"}) {
		t.Errorf("several lines become %q", got)
	}
	headerguard.CutCookies(http.Header{}, ours)
}

// CutOne gets the place of our pair, and leaves what CutCookies leaves.
func TestH5_APairWhosePlaceIsKnownIsCutAsIfItHadBeenLookedFor(t *testing.T) {
	for _, c := range []struct {
		lines []string
		line  int
		pair  string // from behind the semicolon in front of it to the one behind it
	}{
		{[]string{"S=1"}, 0, "S=1"}, {[]string{" S=1 "}, 0, " S=1 "}, {[]string{"S=1; a=1"}, 0, "S=1"}, {[]string{"S=1;"}, 0, "S=1"},
		{[]string{"a=1; S=1"}, 0, " S=1"}, {[]string{"a=1;S=1;b=2"}, 0, "S=1"}, {[]string{"a=1;  S=1;  b=2"}, 0, "  S=1"}, {[]string{"a=1; S=1;"}, 0, " S=1"},
		{[]string{"S=1", "a=1"}, 0, "S=1"}, {[]string{"a=1", "S=1"}, 1, "S=1"}, {[]string{"a=1", "b=2; S=1", "c=3"}, 1, " S=1"}, {[]string{"a=1", " S=1;;", "c=3"}, 1, " S=1"},
	} {
		searched := http.Header{"Cookie": slices.Clone(c.lines)}
		headerguard.CutCookies(searched, ours)
		cut := http.Header{"Cookie": slices.Clone(c.lines)}
		start := strings.Index(c.lines[c.line], c.pair)
		headerguard.CutOne(cut, c.line, start, start+len(c.pair))
		if !reflect.DeepEqual(cut, searched) {
			t.Errorf("%q becomes %q, want %q", c.lines, cut["Cookie"], searched["Cookie"])
		}
	}
}

// What is cut out of a line must not cost a copy of the line each time.
func TestS9_CuttingManyCookiesCostsNoMoreThanOne(t *testing.T) {
	line := strings.Repeat("S=1; a=1; ", 100_000)
	headers := http.Header{"Cookie": {""}}
	if n := testing.AllocsPerRun(10, func() {
		headers["Cookie"][0] = line
		headerguard.CutCookies(headers, ours)
	}); n > 1 {
		t.Errorf("%v allocations", n)
	}
	if got := headers.Get("Cookie"); got != strings.TrimSuffix(strings.Repeat("a=1; ", 100_000), "; ") {
		t.Errorf("%d bytes are left", len(got))
	}
}

func TestH4_ValuesBecomeVisibleASCII(t *testing.T) {
	for value, want := range map[string]string{
		"": "", "jay.posiris_1": "jay.posiris_1", "a b": "a%20b", "ä": "%C3%A4", "\r\nX-Admin: 1": "%0D%0AX-Admin:%201", "\x00": "%00", "100%": "100%25", "{env.HOME}": "{env.HOME}", "\x7f": "%7F",
		strings.Repeat("x", 256): strings.Repeat("x", 256), "!": "!", "~": "~", "! ~": "!%20~",
		strings.Repeat("ä", 42) + "xxxx": strings.Repeat("%C3%A4", 42) + "xxxx", // 256 bytes
	} {
		if got, ok := headerguard.EncodeValue(value); got != want || !ok {
			t.Errorf("%q becomes %q, %v", value, got, ok)
		}
	}
	for _, value := range []string{strings.Repeat("x", 257), strings.Repeat("ä", 43), strings.Repeat("ä", 42) + "xxxxx", strings.Repeat("ä", 200)} {
		if _, ok := headerguard.EncodeValue(value); ok {
			t.Errorf("%d bytes fit", len(value))
		}
	}
}

func TestAnEncodedValueIsMadeInOnePiece(t *testing.T) {
	value := strings.Repeat("ä", 40)
	if n := testing.AllocsPerRun(100, func() { headerguard.EncodeValue(value) }); n > 2 { // its bytes, and the text
		t.Errorf("%v allocations", n)
	}
}

func TestNothingIsAllocatedWhereNothingIsOurs(t *testing.T) {
	g := newGuard(t)
	headers := http.Header{"Accept": {"*/*"}, "Connection": {"keep-alive"}, "User-Agent": {"x"}, "X-Instagram-User-Agent": {"x"}}
	request := &http.Request{Header: headers}
	if n := testing.AllocsPerRun(100, func() {
		g.Strip(headers, nil)
		g.CleanConnection(headers)
		g.StripTrailers(request)
		headerguard.CutCookies(headers, ours)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestH1_AGuardOfTwoKnowsTheHeadersOfBoth(t *testing.T) {
	one, _ := headerguard.New("X-One", "X-Both")
	two, _ := headerguard.New("X-Number-Two", "X_Both")
	both := two.With(one.With(nil))
	for name, want := range map[string]bool{"X-One": true, "x~one": true, "X-Number_Two": true, "X.Both": true, "X-Three": false, "X-Number-Six": false} {
		r := &http.Request{Header: http.Header{name: {"1"}}}
		if got := both.Concerns(r); got != want {
			t.Errorf("header %s: %v", name, got)
		}
		r = &http.Request{Header: http.Header{"Connection": {"close, " + name}}}
		if got := both.Concerns(r); got != want {
			t.Errorf("Connection %s: %v", name, got)
		}
	}
	if one.Concerns(&http.Request{Header: http.Header{"X-Number-Two": {"1"}}}) {
		t.Error("the first guard has changed")
	}
	body := io.NopCloser(strings.NewReader(""))
	for _, c := range []struct {
		r    *http.Request
		want bool
	}{
		{&http.Request{ContentLength: -1, Body: body}, true}, // trailers may come with its end
		{&http.Request{ContentLength: 3, Body: body}, false},
		{&http.Request{ContentLength: 0, Body: http.NoBody}, false},
		{&http.Request{Trailer: http.Header{"X-One": nil}}, true},
	} {
		if got := both.Concerns(c.r); got != c.want {
			t.Errorf("%+v: %v", c.r, got)
		}
	}
	r := &http.Request{Header: http.Header{"User-Agent": {"x"}, "Accept": {"*/*"}, "Connection": {"keep-alive"}}}
	if n := testing.AllocsPerRun(100, func() { both.Concerns(r) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
