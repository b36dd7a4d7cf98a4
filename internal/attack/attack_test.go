package attack_test

import (
	"slices"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/attack"
)

func TestR1_TheListOfReturnAttacksIsLong(t *testing.T) {
	all, err := attack.Returns("example.test")
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	distinct := len(slices.Compact(all))
	t.Logf("%d distinct addresses", distinct)
	if distinct < 500 {
		t.Errorf("only %d distinct addresses", distinct)
	}
}

// The reading of these addresses by the standard, worked out by hand. Without this, a reading
// that finds everything harmless would go unnoticed.
func TestR1_AddressesAreFollowedAsByBrowsers(t *testing.T) {
	const origin, page = "https://a.test", "/x/page"
	for address, want := range map[string][2]string{
		"":                    {origin, "/x/page"},
		"/":                   {origin, "/"},
		"y":                   {origin, "/x/y"},
		"?q":                  {origin, "/x/page"},
		"#f":                  {origin, "/x/page"},
		"../z":                {origin, "/z"},
		"/a/%2e%2E/b":         {origin, "/b"},
		"/a/.":                {origin, "/a/"},
		"/a/..":               {origin, "/"},
		"/.//b.test":          {origin, "//b.test"},
		"https:y":             {origin, "/x/y"},
		"https:/y":            {origin, "/y"},
		"/a?//b.test":         {origin, "/a"},
		"//b.test":            {"https://b.test", "/"},
		"///b.test/y":         {"https://b.test", "/y"},
		`/\b.test`:            {"https://b.test", "/"},
		`\\b.test`:            {"https://b.test", "/"},
		"/\t/b.test":          {"https://b.test", "/"},
		" //b.test":           {"https://b.test", "/"},
		"\x00//b.test":        {"https://b.test", "/"},
		"ht\ntps://b.test":    {"https://b.test", "/"},
		"http:b.test":         {"http://b.test", "/"},
		"http://a.test/":      {"http://a.test", "/"},
		"https:\\\\b.test":    {"https://b.test", "/"},
		"https://a.test:443/": {origin, "/"},
		"HTTPS://A.test/y/..": {origin, "/"},
		"https://a.test:444/": {"https://a.test:444", "/"},
		"//a.test@b.test/":    {"https://b.test", "/"},
		"//a.test?@b.test/":   {origin, "/"},
		"//[::1]:80/":         {"https://[::1]:80", "/"},
		"java\nscript:x":      {"javascript:", ""},
		"data:text/html,x":    {"data:", ""},
		"\x01javascript:x":    {"javascript:", ""},
	} {
		if end, path := attack.Follow(origin, page, address); [2]string{end, path} != want {
			t.Errorf("%q leads to %s %s, want %s", address, end, path, want)
		}
	}
}
