package instagramauth_test

import (
	"strings"
	"testing"
)

func TestN17_CaddySaysWhatKeepsASignInFromWorking(t *testing.T) {
	members := protectingBlock("/members*")
	const (
		toProxy = "reverse_proxy {upstream}\n"
		noLogin = "ERROR: request_header takes the header Cookie away before this block: every sign-in ends as expired, and nobody is signed in"
		noUser  = " behind this block: your app does not learn who is signed in"
	)
	for name, c := range map[string]struct {
		siteConfig
		says []string
	}{
		"no cookies":              {siteConfig{block: "route {\nrequest_header -Cookie\n" + members + "\n" + toProxy + "}"}, []string{noLogin}},
		"no cookies by pattern":   {siteConfig{block: "route {\nrequest_header -cook*\n" + members + "\n" + toProxy + "}"}, []string{noLogin}},
		"no cookies for some":     {siteConfig{block: "@bot header User-Agent *bot*\nroute {\nrequest_header @bot -Cookie\n" + members + "\n" + toProxy + "}"}, []string{strings.Replace(noLogin, "ERROR", "WARN", 1)}},
		"no cookies elsewhere":    {siteConfig{block: "route {\nrequest_header /static/* -Cookie\n" + members + "\n" + toProxy + "}"}, nil},
		"other cookies":           {siteConfig{block: "route {\nrequest_header Cookie (.*) $1\n" + members + "\n" + toProxy + "}"}, []string{"WARN: request_header changes the header Cookie before this block"}},
		"no cookies behind":       {siteConfig{block: "request_header -Cookie\n" + members}, nil},
		"no cookies for the site": {siteConfig{block: members, after: "reverse_proxy {upstream} {\nheader_up -Cookie\n}"}, nil},
		"POST":                    {siteConfig{block: "method POST\n" + members}, []string{"ERROR: GET https://example.test/auth/ gets to this block as POST: it answers 405"}},
		"GET":                     {siteConfig{block: "method GET\n" + members}, []string{"ERROR: POST https://example.test/instagram_auth/deauthorize gets to this block as GET: it answers 405"}},
		"POST elsewhere":          {siteConfig{block: "method /api/* POST\n" + members}, nil},
		"no user":                 {siteConfig{block: "request_header -X-Instagram-*\n" + members}, []string{"WARN: request_header deletes X-Instagram-User-Id, X-Instagram-Username, X-Instagram-Event and 2 more" + noUser}},
		"no user before":          {siteConfig{block: "route {\nrequest_header -X-Instagram-*\n" + members + "\n" + toProxy + "}"}, nil},
		"no ID":                   {siteConfig{block: members, after: "reverse_proxy {upstream} {\nheader_up -X-Instagram-User-Id\n}"}, []string{"WARN: header_up deletes X-Instagram-User-Id" + noUser}},
		"an ID of the visitor":    {siteConfig{block: members, after: "reverse_proxy {upstream} {\nheader_up X-Instagram-User-Id {http.request.header.X-User}\n}"}, []string{"ERROR: header_up sets X-Instagram-User-Id behind this block to what the visitor sends: whoever is signed in can be anybody"}},
		"a fixed ID":              {siteConfig{block: members, after: "reverse_proxy {upstream} {\nheader_up X-Instagram-User-Id 1\n}"}, []string{"WARN: header_up changes X-Instagram-User-Id" + noUser}},
		"its own ID":              {siteConfig{block: members, after: "reverse_proxy {upstream} {\nheader_up X-Instagram-User-Id {http.auth.user.id}\n}"}, nil},
		"other headers":           {siteConfig{block: members, after: "reverse_proxy {upstream} {\nheader_up X-Real-IP {remote_host}\nheader_up -X-Other\n}"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := startSite(t, c.siteConfig)
			var said []string
			for _, line := range s.startLines() {
				if line.Level != "info" && line.Level != "debug" {
					said = append(said, line.String())
				}
			}
			if len(said) != len(c.says) {
				t.Fatalf("said %q, want %q", said, c.says)
			}
			told := doctorOnSite(t, s, c.siteConfig)
			for i, want := range c.says {
				if !strings.HasPrefix(said[i], want) {
					t.Errorf("said %q, want %q", said[i], want)
				}
				_, message, _ := strings.Cut(want, ": ")
				ok := false
				for _, f := range told {
					ok = ok || strings.HasPrefix(f.Message, message)
				}
				if !ok {
					t.Errorf("the doctor says %v, and not %s", told, message)
				}
			}
		})
	}
}
