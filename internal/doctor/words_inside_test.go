package doctor

import (
	"encoding/json"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

func TestMatchersAreSaidInWords(t *testing.T) {
	for text, want := range map[string]string{
		`{"expression": {"expr": "{path} == '/a'", "name": "m"}}`:               "an expression",
		`{"path": ["/a", "/b", "/c", "/d", "/e"], "not": [{"path": ["/a/b"]}]}`: "not path /a/b and path /a, /b, /c and 2 more",
		`{"header": {"Authorization": ["Bearer x"]}, "method": ["GET"]}`:        "header and method GET",
	} {
		var set caddy.ModuleMap
		if err := json.Unmarshal([]byte(text), &set); err != nil {
			t.Fatal(err)
		}
		if got := inWordsOf(set); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}
