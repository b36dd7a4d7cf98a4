package protect_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
)

// FuzzN7_ServeMuxOpensNothing lets Go's own router judge: an address that needs no session must
// not be one of a page that the matcher protects. (Caddy ignores the case of letters, and it does
// not.)
func FuzzN7_ServeMuxOpensNothing(f *testing.F) {
	content, err := os.ReadFile("../../e2e/routers/spellings.txt")
	if err != nil {
		f.Fatal(err)
	}
	for line := range strings.Lines(string(content)) {
		if strings.HasPrefix(line, "/") {
			f.Add(strings.TrimSpace(line))
		}
	}
	members, others := protecting(f, "path", `["/members*"]`), protecting(f, "not", `[{"path": ["/public/*"]}]`)
	f.Fuzz(func(t *testing.T, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil || u.Host != "" || u.Opaque != "" {
			return
		}
		v := visitOf("/")
		*v.R.URL, *v.OriginalURL = *u, *u
		place := mux(t, u)
		if place == "secret" && !members.Required(v) {
			t.Errorf("%q is a page of members", target)
		}
		if place != "" && place != "public" && u.Path == strings.ToLower(u.Path) && !others.Required(v) {
			t.Errorf("%q is not public", target)
		}
		if *v.R.URL != *u || *v.OriginalURL != *u {
			t.Errorf("%q has become %v", target, v.R.URL)
		}
	})
}

// mux returns where Go's router takes the address that reverse_proxy sends on; nowhere if it
// redirects to another.
func mux(t *testing.T, u *url.URL) (place string) {
	routes := http.NewServeMux()
	for pattern, name := range map[string]string{"/members": "secret", "/members/": "secret", "/members/files/{id}": "secret", "/public/": "public", "/": "other"} {
		routes.HandleFunc(pattern, func(http.ResponseWriter, *http.Request) { place = name })
	}
	sent, err := url.ParseRequestURI(u.RequestURI())
	if err != nil {
		return "nowhere" // what reverse_proxy cannot send reaches nobody
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.URL, r.RequestURI = sent, u.RequestURI()
	routes.ServeHTTP(httptest.NewRecorder(), r)
	return place
}
