package instagramauth

import (
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/attack"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/audience"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/endpoint"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/lifecycle"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/request"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

func FuzzR3_SafeReturn(f *testing.F) {
	h := provisioned(f)
	addresses, err := attack.Returns("example.test")
	if err != nil {
		f.Fatal(err)
	}
	for i := 0; i < len(addresses); i += 10 {
		f.Add(addresses[i]) // all of them would take the fuzzer's first half minute
	}
	for _, own := range []string{"/auth/", "/auth/.", "/%61uth/", "/x/../auth/?x", "https://example.test/auth/#x", "/instagram_auth", "/instagram%5fauth/login", "/instagram_auth/x/..", "/.%2e/instagram_auth/logout"} {
		f.Add(own)
	}
	f.Fuzz(func(t *testing.T, address string) { wantArrival(t, address, h.settings.paths.Safe(address)) })
}

// lowerASCII is strings.ToLower for ASCII alone: some letters beyond it, such as the Kelvin
// sign, have an ASCII letter as their lower case.
func lowerASCII(s string) string {
	b := []byte(s)
	for i := range b {
		if 'A' <= b[i] && b[i] <= 'Z' {
			b[i] += 'a' - 'A'
		}
	}
	return string(b)
}

// headed returns a request of a method with headers, those without a value left out.
func headed(method string, headers map[string]string) *http.Request {
	r := &http.Request{Method: method, Host: "example.test", Header: make(http.Header)}
	for name, value := range headers {
		if value != "" {
			r.Header.Set(name, value)
		}
	}
	return r
}

func FuzzL2_OwnForm(f *testing.F) {
	h := provisioned(f)
	for _, seed := range [][3]string{
		{"example.test", "same-origin", ""}, {"example.test", "none", ""}, {"example.test", "same-site", "https://example.test"}, {"example.test", "cross-site", "https://example.test"}, {"example.test", "", "https://example.test"}, {"example.test", "", "null"},
		{"example.test:443", "", "https://example.test"}, {"example.test:444", "", "https://example.test:444"}, {"evil.example", "", "https://evil.example"}, {"example.test", "", "http://example.test"}, {"example.test", "", ""}, {"example.test", "Same-Origin", ""}, {"example.test", " none", ""},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, host, site, from string) {
		r := headed(http.MethodPost, map[string]string{"Sec-Fetch-Site": site, "Origin": from})
		r.Host = host
		_, ours := h.settings.paths.RedirectFor(host)
		self := ours && from == "https://example.test"
		want := (site == "same-origin" || site == "none") && (from == "" || from == "null" || self || !ours && audience.FromHost(from, host)) || site == "" && self
		if got := h.endpoints.IsOwnForm(&request.State{R: r}); got != want {
			t.Errorf("a form to %q from %q, %q is ours: %v, want %v", host, from, site, got, want)
		}
		// A link that asks for more is no more believed than that.
		if from == "" && site != "" && (&request.State{R: r}).IsForeign(h.settings.paths) == want {
			t.Errorf("a link from %q is foreign: %v", site, !want)
		}
	})
}

func FuzzX1_AccessList(f *testing.F) {
	for _, list := range []string{"17841405793187218", "@jayposiris", "@JayPosiris\n1", "", "@", "1 ", "١", "0x1", "@a b", "17841405793187218\n@maria.sees\n25025320793187218", strings.Repeat("1", 33), "1\n\n2"} {
		f.Add(list, "17841405793187218", "25025320793187218", "jayposiris")
		f.Add(list, "1784140579318721", "", "JAYPOSIRIS")
	}
	entry := regexp.MustCompile(`^([0-9]{1,32}|@[A-Za-z0-9._]{1,30})$`)
	f.Fuzz(func(t *testing.T, list, id, scoped, name string) {
		entries := strings.Split(list, "\n")
		bad := slices.ContainsFunc(entries, func(e string) bool { return !entry.MatchString(e) })
		p, err := lifecycle.ParseAccounts("allow", entries)
		if (err != nil) != bad {
			t.Fatalf("%q: %v", entries, err)
		}
		if bad || !entry.MatchString(id) || id[0] == '@' || scoped != "" && (!entry.MatchString(scoped) || scoped[0] == '@') || !entry.MatchString("@"+name) {
			return // nobody has such an ID or name
		}
		want := slices.ContainsFunc(entries, func(e string) bool {
			return e == id || e == scoped || lowerASCII(e) == "@"+lowerASCII(name)
		})
		if got := p.Includes(&session.Identity{UserID: id, AppScopedID: scoped, Username: name}); got != want {
			t.Errorf("%q includes %s, %s, %s: %v", entries, id, scoped, name, got)
		}
	})
}

func FuzzK5_SignedBody(f *testing.F) {
	const form = "application/x-www-form-urlencoded"
	for _, kind := range []string{form, form + "; charset=UTF-8", "Application/X-WWW-Form-URLEncoded", "multipart/form-data; boundary=x", "", form + ";", form + "; a; b", "text/plain"} {
		f.Add(kind, "signed_request=a.b")
	}
	for _, body := range []string{"", "signed_request=", "signed_request=a&signed_request=b", "signed%5frequest=a.b", "x=1&signed_request=a%2Eb&y", "signed_request=%", "signed_request=a;b", "signed_request", "Signed_Request=a.b", "signed_request=" + strings.Repeat("a", request.MaxForm)} {
		f.Add(form, body)
	}
	f.Fuzz(func(t *testing.T, kind, body string) {
		v := &request.State{W: httptest.NewRecorder(), R: httptest.NewRequest(http.MethodPost, "/instagram_auth/deauthorize", strings.NewReader(body))}
		v.R.Header.Set("Content-Type", kind)
		signed, code := endpoint.ReadSignedRequest(v)
		values, whole := parameters(body)
		bare, _, more := strings.Cut(kind, ";")
		isForm := strings.TrimSpace(lowerASCII(bare)) == form
		want := isForm && len(body) <= 16384 && whole && len(values["signed_request"]) == 1
		if code == "" && !want || code != "" && want && !more {
			t.Fatalf("%q, %q: answered %q", kind, body, code)
		}
		if code != "" {
			if signed != "" {
				t.Errorf("%q, %q: %q is read and refused", kind, body, signed)
			}
			return
		}
		left, err := io.ReadAll(v.R.Body)
		if signed != values["signed_request"][0] || err != nil || string(left) != body || v.R.ContentLength != int64(len(body)) {
			t.Errorf("%q, %q: read %q, left %q for the site, %v", kind, body, signed, left, err)
		}
	})
}
