package redact

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
)

// FuzzLine looks for a panic, a line that grows, JSON that breaks and a second pass that
// finds something more.
func FuzzLine(f *testing.F) {
	for _, seed := range []string{
		accessLine, "/?code=" + code + "&state=" + state, `{"code":["` + old + `","` + old + `"],"Cookie":["a=` + cookie + `"]}`, `"\u0026code\u003d` + old + `"`,
		"%253Fcode%253D" + old + "%2526", `name=\"code\"\r\n\r\n` + old, "code=%25252525" + old, `{"code":` + strings.Repeat("1", 40) + `}`, `{"code":[1e+` + strings.Repeat("1", 40) + `]}`, `[]string{"` + old + `"}`, "&quot;code&quot;:&quot;" + old,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		given := bytes.Clone(line)
		got := Line(line)
		if len(got) > len(given) || (len(got) == len(given)) != bytes.Equal(got, given) {
			t.Fatalf("%q became %q", given, got)
		}
		if json.Valid(given) && !json.Valid(got) {
			t.Fatalf("%s is no JSON: %s", given, got)
		}
		// What is left is what stood there, between the words that were put in.
		rest := given
		for i, part := range bytes.Split(got, []byte(Word)) {
			at := bytes.Index(rest, part)
			if at < 0 || i == 0 && at != 0 {
				t.Fatalf("%q has %q, which is not in %q", got, part, rest)
			}
			rest = rest[at+len(part):]
		}
	})
}

// FuzzPlanted plants a code into any surroundings, and escapes them once or twice.
func FuzzPlanted(f *testing.F) {
	f.Add("GET /auth/", "#_", byte(0))
	f.Add(`{"a":"b`, `"}`, byte(1))
	f.Add("a%2", "f", byte(2))
	f.Add(`\`, "\n", byte(3))
	f.Fuzz(func(t *testing.T, before, after string, how byte) {
		line := before + "?code=" + old + "&state=" + state + "&" + after
		for range how % 4 {
			line = url.QueryEscape(line)
		}
		if how&4 != 0 {
			quoted, _ := json.Marshal(line)
			line = string(quoted)
		}
		if strings.Contains(before+after, old) || strings.Contains(before+after, state) {
			return
		}
		if got := string(Line([]byte(line))); strings.Contains(got, old) || strings.Contains(got, state) {
			t.Errorf("%q\nbecame %q", line, got)
		}
	})
}
