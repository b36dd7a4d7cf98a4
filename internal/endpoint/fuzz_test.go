package endpoint_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/address"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/attack"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/audience"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/endpoint"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/lifecycle"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/request"
)

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
	paths, err := address.New("", []string{"https://example.test/auth/"})
	if err != nil {
		f.Fatal(err)
	}
	endpoints := &endpoint.Endpoints{Shared: lifecycle.Shared{Paths: paths}}
	for _, seed := range [][3]string{
		{"example.test", "same-origin", ""}, {"example.test", "none", ""}, {"example.test", "same-site", "https://example.test"}, {"example.test", "cross-site", "https://example.test"}, {"example.test", "", "https://example.test"}, {"example.test", "", "null"},
		{"example.test:443", "", "https://example.test"}, {"example.test:444", "", "https://example.test:444"}, {"evil.example", "", "https://evil.example"}, {"example.test", "", "http://example.test"}, {"example.test", "", ""}, {"example.test", "Same-Origin", ""}, {"example.test", " none", ""},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, host, site, from string) {
		r := headed(http.MethodPost, map[string]string{"Sec-Fetch-Site": site, "Origin": from})
		r.Host = host
		_, ours := paths.RedirectFor(host)
		self := ours && from == "https://example.test"
		want := (site == "same-origin" || site == "none") && (from == "" || from == "null" || self || !ours && audience.FromHost(from, host)) || site == "" && self
		if got := endpoints.IsOwnForm(&request.State{R: r}); got != want {
			t.Errorf("a form to %q from %q, %q is ours: %v, want %v", host, from, site, got, want)
		}
		// A link that asks for more is no more believed than that.
		if from == "" && site != "" && (&request.State{R: r}).IsForeign(paths) == want {
			t.Errorf("a link from %q is foreign: %v", site, !want)
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
		values, whole := attack.Parameters(body)
		bare, _, more := strings.Cut(kind, ";")
		isForm := strings.TrimSpace(attack.LowerASCII(bare)) == form
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
