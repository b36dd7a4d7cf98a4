package inspect_test

import (
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

func TestN17_CaddySaysWhatKeepsASignInFromWorking(t *testing.T) {
	members := protectingBlock("/members*")
	const (
		toProxy = "reverse_proxy {upstream}\n"
		noLogin = "ERROR: request_header removes the header Cookie before this block: every sign-in fails as expired, and nobody is signed in"
		noUser  = " after this block: your app does not learn who is signed in"
	)
	for name, c := range map[string]struct {
		sitetest.Config
		says []string
	}{
		"no cookies":              {sitetest.Config{Block: "route {\nrequest_header -Cookie\n" + members + "\n" + toProxy + "}"}, []string{noLogin}},
		"no cookies by pattern":   {sitetest.Config{Block: "route {\nrequest_header -cook*\n" + members + "\n" + toProxy + "}"}, []string{noLogin}},
		"no cookies for some":     {sitetest.Config{Block: "@bot header User-Agent *bot*\nroute {\nrequest_header @bot -Cookie\n" + members + "\n" + toProxy + "}"}, []string{strings.Replace(noLogin, "ERROR", "WARN", 1)}},
		"no cookies elsewhere":    {sitetest.Config{Block: "route {\nrequest_header /static/* -Cookie\n" + members + "\n" + toProxy + "}"}, nil},
		"other cookies":           {sitetest.Config{Block: "route {\nrequest_header Cookie (.*) $1\n" + members + "\n" + toProxy + "}"}, []string{"WARN: request_header changes the header Cookie before this block"}},
		"no cookies behind":       {sitetest.Config{Block: "request_header -Cookie\n" + members}, nil},
		"no cookies for the site": {sitetest.Config{Block: members, After: "reverse_proxy {upstream} {\nheader_up -Cookie\n}"}, nil},
		"POST":                    {sitetest.Config{Block: "method POST\n" + members}, []string{"ERROR: GET https://example.test/auth/ reaches this block as POST: it answers 405"}},
		"GET":                     {sitetest.Config{Block: "method GET\n" + members}, []string{"ERROR: POST https://example.test/instagram_auth/deauthorize reaches this block as GET: it answers 405"}},
		"POST elsewhere":          {sitetest.Config{Block: "method /api/* POST\n" + members}, nil},
		"no user":                 {sitetest.Config{Block: "request_header -X-Instagram-*\n" + members}, []string{"WARN: request_header deletes X-Instagram-User-Id, X-Instagram-Username, X-Instagram-Event and 2 more" + noUser}},
		"no user before":          {sitetest.Config{Block: "route {\nrequest_header -X-Instagram-*\n" + members + "\n" + toProxy + "}"}, nil},
		"no ID":                   {sitetest.Config{Block: members, After: "reverse_proxy {upstream} {\nheader_up -X-Instagram-User-Id\n}"}, []string{"WARN: header_up deletes X-Instagram-User-Id" + noUser}},
		"an ID of the visitor":    {sitetest.Config{Block: members, After: "reverse_proxy {upstream} {\nheader_up X-Instagram-User-Id {http.request.header.X-User}\n}"}, []string{"ERROR: header_up sets X-Instagram-User-Id after this block to what the visitor sends: a signed-in visitor can pose as anybody"}},
		"a fixed ID":              {sitetest.Config{Block: members, After: "reverse_proxy {upstream} {\nheader_up X-Instagram-User-Id 1\n}"}, []string{"WARN: header_up changes X-Instagram-User-Id" + noUser}},
		"its own ID":              {sitetest.Config{Block: members, After: "reverse_proxy {upstream} {\nheader_up X-Instagram-User-Id {http.auth.user.id}\n}"}, nil},
		"other headers":           {sitetest.Config{Block: members, After: "reverse_proxy {upstream} {\nheader_up X-Real-IP {remote_host}\nheader_up -X-Other\n}"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := sitetest.Start(t, c.Config)
			var said []string
			for _, line := range s.StartLines() {
				if line.Level != "info" && line.Level != "debug" {
					said = append(said, line.String())
				}
			}
			if len(said) != len(c.says) {
				t.Fatalf("said %q, want %q", said, c.says)
			}
			findings := doctorOnSite(t, s, c.Config)
			for i, want := range c.says {
				if !strings.HasPrefix(said[i], want) {
					t.Errorf("said %q, want %q", said[i], want)
				}
				_, message, _ := strings.Cut(want, ": ")
				ok := false
				for _, f := range findings {
					ok = ok || strings.HasPrefix(f.Message, message)
				}
				if !ok {
					t.Errorf("the doctor says %v, and not %s", findings, message)
				}
			}
		})
	}
}
