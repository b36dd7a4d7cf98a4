package pathnorm

import (
	"net/url"
	"strings"
	"testing"
)

func parse(t testing.TB, target string) *url.URL {
	t.Helper()
	u, err := url.ParseRequestURI(target)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestN7_ScanTellsPlainPathsFromOthers(t *testing.T) {
	for target, want := range map[string]Verdict{
		"/": Plain, "/members": Plain, "/members/": Plain, "/caf%C3%A9": Plain, "/caf%c3%a9": Plain, "/caf%E9": Plain, "/a%20b": Plain, "/a/.well-known/x.php": Plain,
		"/.../x": Plain, "/a..b/..c": Plain, "/a.b": Plain, "/x.": Plain, "/%F0%9F%98%80": Plain, "/%E0%A0%80": Plain, "/%F0%90%80%80": Plain, "/%ED%95%9C": Plain, "/@me:x,y&z=1": Plain, "/x?a=../b;c//%2F": Plain,
		"/a//b": Ambiguous, "//a": Ambiguous, "/a/..": Ambiguous, "/a/.": Ambiguous, "/./a": Ambiguous, "/../a": Ambiguous, "/a%2Fb": Ambiguous, "/%6Dembers": Ambiguous,
		"/%61": Ambiguous, "/%7A": Ambiguous, "/%41": Ambiguous, "/%5A": Ambiguous, "/%30": Ambiguous, "/%39": Ambiguous, "/%60%7B%40%5B": Plain,
		"/a%2e": Ambiguous, "/a;b": Ambiguous, "/a%3Bb": Ambiguous, "/a%5Cb": Ambiguous, "/100%25": Ambiguous, "/a%00": Ambiguous, "/a%3Fb": Ambiguous, "/a%23b": Ambiguous,
		"/x.php/": Ambiguous, "/x.PHP/y": Ambiguous, "/x.phpy": Ambiguous,
		"/%C0%AF": Malformed, "/%C1%9C": Malformed, "/%E0%80%AF": Malformed, "/%F0%80%80%AF": Malformed, "/a/%C0": Malformed,
	} {
		if got := Scan(parse(t, target)); got != want {
			t.Errorf("%s: %d, want %d", target, got, want)
		}
	}
	for _, u := range []*url.URL{{}, {Path: "a"}, {Path: "*"}, {Opaque: "a"}, {Path: "/a\n", RawPath: "/a\n"}, {Path: "/a\x00", RawPath: "/a\x00"}} {
		if got := Scan(u); got != Malformed {
			t.Errorf("%#v: %d", u, got)
		}
	}
	if got := Scan(&url.URL{Path: "/a b", RawPath: "/a b"}); got != Plain {
		t.Errorf("a raw space: %d", got)
	}
	if got := Scan(&url.URL{Path: `/a\b`, RawPath: `/a\b`}); got != Ambiguous {
		t.Errorf("a raw backslash: %d", got)
	}
}

func TestN7_APlainPathCostsNoAllocation(t *testing.T) {
	for _, target := range []string{"/members/files/2026/report.pdf", "/caf%C3%A9/menu", "/caf%c3%a9/" + strings.Repeat("x", 15<<10)} {
		u := parse(t, target)
		if n := testing.AllocsPerRun(100, func() { Scan(u) }); n != 0 {
			t.Errorf("%.40s: %g allocations", target, n)
		}
	}
}

// forms returns all forms of an address.
func forms(t testing.TB, target string) (all map[string]bool, complete bool) {
	t.Helper()
	all = make(map[string]bool)
	over := AnyForm(parse(t, target), func(f Form) bool {
		all[f.Path] = true
		return false
	})
	return all, !over
}

func TestN7_EachWayToReadAPathIsAmongItsForms(t *testing.T) {
	for _, c := range []struct{ target, form string }{
		{"/members/..", "/members/..."},
		{"/members/%2e%2e", "/members/..."},
		{"/members//../x", "/members/x"},
		{"/a;x/b;y=1", "/a/b"},
		{"/a/..;/b", "/b"},
		{"/a%3Bx/b", "/a/b"},
		{"/a%3Bx%2Fy/b", "/a/b"},
		{"/a/%3Bx%2Fy/b", "/a/b"},
		{"/a//b/", "/a/b/"},
		{"/a/b/..", "/a/"},
		{"/a/b/.", "/a/b/"},
		{`/a%5C..%5Cb`, "/b"},
		{"/%6Dembers", "/%6Dembers"},
		{"/%256Dembers", "/members"},
		{"/a%00b", "/a"},
		{"/a%00b", "/ab"},
		{"/a%3Fb", "/a"},
		{"/a%23b", "/a"},
		{"/public/x%2Fy/%2e%2e/%2e%2e/members", "/members"},
		{"/public/x%2Fy/%2e%2e/%2e%2e/%6dembers", "/members"},
		{"/index.php/members", "/members"},
		{"/x/index.php/members/..", "/members/..."},
		{"/index.phpmembers", "/members"},
		{"/a%2ephp/members", "/members"},
		{"//host/members", "/members"},
		{"////host/members", "/members"},
	} {
		if all, complete := forms(t, c.target); !all[c.form] || !complete {
			t.Errorf("%s: no %s among %v", c.target, c.form, all)
		}
	}
}

func TestN7_ALongOrOddPathIsBounded(t *testing.T) {
	for _, target := range []string{
		"/" + strings.Repeat("a;b/..%2f%5c%00%3f%2523.php/", 600), "/" + strings.Repeat("a;b/..%2f%5c%00%3f%2523.php/", 280),
		strings.Repeat("/..", 2700), strings.Repeat("/;", 4000), strings.Repeat("/x.php", 1300), "/" + strings.Repeat("%25", 2700),
	} {
		asked, bytes := 0, 0
		AnyForm(parse(t, target), func(f Form) bool {
			asked++
			bytes += len(f.Path)
			return false
		})
		if asked > maxForms || bytes > maxWork {
			t.Errorf("%.40s: %d forms, %d bytes", target, asked, bytes)
		}
	}
	// A short path that can be read in many ways is given up after so many, and one that is too
	// long before the first.
	for target, want := range map[string]int{"/" + strings.Repeat("a;b/..%2f%5c%00%3f%2523.php/", 4): maxForms, "/" + strings.Repeat("a", maxLength): 0} {
		asked := 0
		if over := AnyForm(parse(t, target), func(Form) bool { asked++; return false }); !over || asked != want {
			t.Errorf("%.40s: given up %v, after %d forms, want %d", target, over, asked, want)
		}
	}
	// What is long and nearly plain stays within the bounds.
	for _, target := range []string{"/" + strings.Repeat("a", maxLength-1), "/" + strings.Repeat("a", 8000) + "//x.png", "/" + strings.Repeat("a", 6000) + "%2Fb", "/" + strings.Repeat("a", 2<<10) + ";v=1/b%2Fc"} {
		if all, complete := forms(t, target); !complete {
			t.Errorf("%.10s…%s: given up after %d forms", target, target[len(target)-8:], len(all))
		}
	}
}

func BenchmarkScan(b *testing.B) {
	u := parse(b, "/members/files/2026/report.pdf")
	b.ReportAllocs()
	for b.Loop() {
		Scan(u)
	}
}

func BenchmarkAnyForm(b *testing.B) {
	for name, target := range map[string]string{
		"short": "/projects/a%2Fb/x;v=1", "long": "/" + strings.Repeat("a;b/..%2f%5c%00%3f%2523.php/", 280), "dots": strings.Repeat("/..", 2700),
		"scripts": strings.Repeat("/x.php", 1300), "odd": "/a;b/..%2f%5c%00%3f%2523.php/x//%2e%2e/members",
	} {
		b.Run(name, func(b *testing.B) {
			u := parse(b, target)
			b.ReportAllocs()
			for b.Loop() {
				AnyForm(u, func(Form) bool { return false })
			}
		})
	}
}
