package finding

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	id     = "990602627938098"
	secret = "a1b2c3d4e5f60718293a4b5c6d7e8f90"
)

func TestCredentialsAreLookedAtAndNeverRepeated(t *testing.T) {
	for _, c := range []struct {
		id      string
		secrets []string
		status  Status
		says    string
	}{
		{id, []string{secret}, Fine, "number"},
		{id, []string{secret, strings.ToUpper(secret)}, Look, "app_secret 2"},
		{secret, []string{id}, Wrong, "swapped"},
		{secret, []string{secret}, Wrong, "not a number"},
		{id + "\n", []string{secret}, Wrong, "space"},
		{id, []string{secret + " "}, Wrong, "app_secret 1 has a space"},
		{id, []string{strings.Repeat("0123", 8)}, Fine, "32 hex digits"},
		{id, []string{id}, Wrong, "app_secret 1 is a number"},
		{id, []string{secret, id}, Wrong, "app_secret 2 is a number"},
		{"", []string{secret}, Wrong, "not a number"},
		{id, []string{secret[1:]}, Look, "32 hex digits"},
	} {
		f := Credentials(c.id, c.secrets)
		if f.Status != c.status || !strings.Contains(f.Message, c.says) || (f.Remedy == "") != (c.status == Fine) {
			t.Errorf("%q and %q: %+v", c.id, c.secrets, f)
		}
		if strings.Contains(f.Message+f.Remedy, secret) {
			t.Errorf("%+v has the secret in it", f)
		}
	}
}

func TestAMinuteIsFarEnoughForAClock(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for apart, status := range map[time.Duration]Status{
		0: Fine, time.Minute: Fine, -time.Minute: Fine, 61 * time.Second: Wrong, -61 * time.Second: Wrong, 24 * time.Hour: Wrong,
	} {
		if f := Clock(now.Add(apart), now); f.Status != status {
			t.Errorf("%v apart: %+v", apart, f)
		}
	}
}

func TestUnfilteredFieldsOfALogAreFound(t *testing.T) {
	query := `{"filter":"query","actions":[{"parameter":"code","type":"replace"},{"parameter":"state","type":"delete"}]}`
	for encoder, want := range map[string][]string{
		``:                                  carriers,
		`{"format":"json"}`:                 carriers,
		`{"format":"filter","fields":{}}`:   carriers,
		`{"format":"instagram_auth"}`:       nil,
		`{"format":"filter","fields":true}`: carriers,
		`{"format":"filter","fields":{"request":{"filter":"delete"},"resp_headers":{"filter":"delete"}}}`:                                            nil,
		`{"format":"filter","fields":{"request>uri":` + query + `,"request>headers":{"filter":"delete"},"resp_headers>Location":{"filter":"hash"}}}`: nil,
		`{"format":"filter","fields":{"request>uri":` + strings.Replace(query, "state", "page", 1) + `,"request>headers>Referer":` + query + `}}`:    {"request>uri", "resp_headers>Location"},
	} {
		if got := Unfiltered(json.RawMessage(encoder)); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", encoder, got, want)
		}
	}
}

func TestAddressesAreComparedByteForByte(t *testing.T) {
	const want = "https://example.test/auth/"
	for got, says := range map[string]string{
		want: "", "https://example.test/auth": "slash", "https://example.test/Auth/": "capital", "https://example.test/": "not on", "http://example.test/auth/": "not on",
	} {
		if how := Differs(got, want); (how == "") != (says == "") || !strings.Contains(how, says) {
			t.Errorf("%s: %q", got, how)
		}
	}
}

func TestPathsThatAreNotWhatTheySeem(t *testing.T) {
	for paths, want := range map[string]string{
		"/members":                "warning /members protects this one address, and nothing below it",
		"/members/":               "warning /members/ protects this one address, and nothing below it",
		"/members/*":              "warning /members/* is protected, and /members itself is not",
		"/members*":               "",
		"/members,/members/*":     "",
		"/m*,/members/*":          "",
		"/members/*,/members*":    "",
		"/members/*,*bers":        "",
		"/members/*,*/members":    "",
		"/members/*,*others":      "warning /members/* is protected, and /members itself is not",
		"/members/*,*all/members": "warning /members/* is protected, and /members itself is not",
		"/Members,/members/*":     "",
		"*":                       "",
		"/*":                      "",
		"/":                       "",
		"/a/list.html":            "",
		"*.pdf":                   "",
		"/a/*/b":                  "",
		"/users/{path.0}/":        "",
		"/list.*":                 "",
		"/members/* /account*":    `error "/members/* /account*" is one path with a space in it`,
		"members*":                "error members* matches no address: a path begins with a slash",
		"https://a.test/members":  "error https://a.test/members matches no address: it is a whole address, and not a path",
		"/members?page=1":         "error /members?page=1 matches no address: a path ends before the question mark",
		"^/members":               "error ^/members is a regular expression, and path does not take any",
		"/(a|b)/.*":               "error /(a|b)/.* is a regular expression, and path does not take any",
	} {
		var got []string
		all := strings.Split(paths, ",")
		for _, path := range all {
			f := Path(path)
			if border, ok := BorderOf(path, all); ok && f.Status == Fine {
				f = border.Finding
			}
			if f.Status != Fine {
				got = append(got, string(f.Status)+" "+f.Message)
			}
			if (f.Remedy == "") != (f.Status == Fine) {
				t.Errorf("%s: %+v", paths, f)
			}
		}
		if strings.Join(got, "; ") != want {
			t.Errorf("%s: %q, want %q", paths, got, want)
		}
	}
}

func TestAFaultIsToldOnceAndInOneLine(t *testing.T) {
	var r Report
	r.Add("a", "one", Fault("said \x1b[2J\r\nby others", "mend it"), OK("well"))
	r.Add("a", "two", Fault("the same from another side", "mend it"), OK("well"))
	r.Add("b", "one", Fault("at another, unrecognized option \""+secret+"\"", "mend it"))
	var twice Report
	if twice.Add("a", "one", Fault("this", "mend it"), Fault("that", "mend it")); twice.Count(Wrong) != 2 {
		t.Errorf("two faults of one check are %+v", twice)
	}
	r.Add("b", "two", Fault("another", "do something else"))
	var lines []string
	for _, f := range r.Findings {
		lines = append(lines, f.Instance+" "+f.Check+" "+string(f.Status))
	}
	if want := []string{"a one error", "a one ok", "a two ok", "b one error", "b two error"}; !slices.Equal(lines, want) {
		t.Errorf("lines = %q, want %q", lines, want)
	}
	if r.Count(Wrong) != 3 || r.Count(Fine) != 2 || r.Count(Look) != 0 {
		t.Errorf("report = %+v", r)
	}
	text := r.Text()
	if !strings.Contains(text, "  ✗ one: said  [2J  by others: mend it\n") || strings.ContainsAny(text, "\x1b\r") {
		t.Errorf("text = %q", text)
	}
	if lines := strings.Split(text, "\n"); lines[0] != "a" || lines[4] != "b" || strings.Count(text, "\na\n")+strings.Count(text, "\nb\n") != 1 {
		t.Errorf("each instance is named once, in front of its findings: %q", lines)
	}
	if strings.Contains(text, secret) {
		t.Error("what looks like a secret is repeated")
	}
	if r.JSON(failing{}) == nil {
		t.Error("a failing writer is not reported")
	}
}

// failing is a writer that fails.
type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("full") }
