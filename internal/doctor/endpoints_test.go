package doctor_test

import (
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

func TestTheDoctorLooksAtTheVersionOfTheGraph(t *testing.T) {
	for path, words := range map[string][]string{
		"/v2.5":        {"✗", "version v2.5 of the graph ended before 2025-09-12"},
		"/v19.0":       {"✗", "version v19.0 of the graph ended on 2026-05-21", "changelog"},
		"/v25.0/v25.0": {"✗", "more than one version"},
		"/v25.0/me":    {"✗", "a path after the version"},
		"/v99.0":       {"!", "not known to this version of the handler"},
		"/v25":         {"!", "not in the form of a version"},
		"":             {"✓", "has no version"},
	} {
		env := sitetest.NewDoctorEnv(t, sitetest.Config{})
		block := "endpoints {\nauthorize " + env.Endpoints + "/oauth/authorize\ntoken " + env.Endpoints + "/oauth/access_token\ngraph " + env.Endpoints + path + "\n}"
		out, err := sitetest.RunCaddy(t, nil, io.Discard, "doctor", "--config", env.File("endpoints "+env.Endpoints, block))
		if (err == nil) != (words[0] != "✗") || !slices.ContainsFunc(strings.Split(out, "\n"), func(line string) bool {
			return strings.Contains(line, words[0]+" endpoints: ") && !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(line, word) })
		}) {
			t.Errorf("%s: %v\n%s", path, err, out)
		}
	}
}
