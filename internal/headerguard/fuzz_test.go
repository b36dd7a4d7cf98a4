package headerguard_test

import (
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/headerguard"
)

// folded is a header name as the most careless server reads it, by a pattern of the test's
// own.
func folded(name string) string {
	return regexp.MustCompile(`[^a-z0-9]`).ReplaceAllString(strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r | 0x20
		}
		return r
	}, latin(name)), "-")
}

// latin makes a letter of each byte, so that patterns see bytes.
func latin(s string) string {
	runes := make([]rune, len(s))
	for i := range len(s) {
		runes[i] = rune(s[i])
	}
	return string(runes)
}

func isOurs(name string) bool {
	return folded(name) == "x-instagram-user-id" || folded(name) == "x-instagram-username"
}

func FuzzC9_HeaderNames(f *testing.F) {
	for _, seed := range []string{
		"X-Instagram-User-Id", "x_instagram.user id", "X-Instagram-User-Id-", "", "\xff", "X-ınstagram-User-Id", "X-Instagram‐User-Id", "X-Instagram-Username", "x-INSTAGRAM_username", "X\x00Instagram\tUser~Id", "X-Instagram-User-Id ", " X-Instagram-User-Id", "X-Instagram-User-ıd", "X\xadInstagram\xffUser\x80Id",
	} {
		f.Add(seed)
	}
	g := newGuard(f)
	f.Fuzz(func(t *testing.T, name string) {
		others := http.Header{"Accept": {"x", "y"}, "X-Instagram-User-Agent": {""}, "X-Instagram-Usernames": nil}
		headers := others.Clone()
		headers[name] = []string{"x"}
		trailers := headers.Clone()
		g.Strip(headers, nil)
		g.StripTrailers(&http.Request{Trailer: trailers})
		if !isOurs(name) {
			others[name] = []string{"x"}
		}
		if !reflect.DeepEqual(headers, others) || !reflect.DeepEqual(trailers, others) {
			t.Errorf("%q: left the headers %v and the trailers %v, want %v", name, headers, trailers, others)
		}
		if folded(name) != headerguard.Fold(name) {
			t.Errorf("%q folds to %q, want %q", name, headerguard.Fold(name), folded(name))
		}
		// And what an earlier handler has set stays in its own spelling alone.
		kept := http.Header{name: {"x"}}
		g.Strip(kept, func(canonical string) bool { return true })
		if exact := name == "X-Instagram-User-Id" || name == "X-Instagram-Username"; (len(kept) == 1) != (exact || !isOurs(name)) {
			t.Errorf("%q: kept %v", name, kept)
		}
	})
}

// A proxy behind us drops every header that Connection names.
func FuzzH3_Connection(f *testing.F) {
	for _, seed := range []string{"close", "keep-alive, X-Instagram-User-Id", "x_instagram_user_id,upgrade", ",,X-Instagram-Username ,", "", "X-Instagram-User-Id", "a b,\tX-Instagram-User-Id\t", "X-Instagram-User-Id;q=1"} {
		f.Add(seed, "")
		f.Add("upgrade", seed)
	}
	options := func(lines []string, foreign bool) (all []string) {
		for option := range strings.SplitSeq(strings.Join(lines, ","), ",") {
			if option = strings.Trim(option, " \t"); option != "" && !(foreign && isOurs(option)) {
				all = append(all, option)
			}
		}
		return all
	}
	g := newGuard(f)
	f.Fuzz(func(t *testing.T, one, two string) {
		sent := []string{one, two}
		headers := http.Header{"Connection": slices.Clone(sent)}
		g.CleanConnection(headers)
		left := headers["Connection"]
		if got, want := options(left, false), options(sent, true); !slices.Equal(got, want) {
			t.Errorf("%q becomes %q", sent, left)
		}
		if slices.Equal(options(sent, false), options(sent, true)) && !slices.Equal(left, sent) {
			t.Errorf("%q, in which nothing is ours, becomes %q", sent, left)
		}
	})
}

func FuzzH4_Value(f *testing.F) {
	for _, seed := range []string{"", "jay", "a b", "\r\nX-Admin: 1", "ä", "%", "%41", "\x00\xff", strings.Repeat("x", 256), strings.Repeat("ä", 43), "{env.HOME}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		got, ok := headerguard.EncodeValue(value)
		if back, err := url.PathUnescape(got); ok && (err != nil || back != value || len(got) > 256 || !regexp.MustCompile(`^[!-~]*$`).MatchString(got)) {
			t.Errorf("%q becomes %q, which is read as %q, %v", value, got, back, err)
		}
		if short := len(value) <= 256/3; short && !ok {
			t.Errorf("%q does not fit", value)
		}
	})
}

func FuzzC9_CutCookies(f *testing.F) {
	for _, seed := range []string{"S=1", "a=1; S=2; b", "S", ";;S;;", `a="; S=1"`, "a=1;S_=", " S\t=1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		headers := http.Header{"Cookie": {line}}
		headerguard.CutCookies(headers, ours)
		left := headers.Get("Cookie")
		var want, got []string
		for pair := range strings.SplitSeq(line, ";") {
			if name, _, _ := strings.Cut(pair, "="); !ours(strings.Trim(name, " \t")) && strings.Trim(pair, " \t") != "" {
				want = append(want, strings.Trim(pair, " \t"))
			}
		}
		for pair := range strings.SplitSeq(left, ";") {
			if pair = strings.Trim(pair, " \t"); pair != "" {
				got = append(got, pair)
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%q becomes %q: %q, want %q", line, left, got, want)
		}
	})
}
