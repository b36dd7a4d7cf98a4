package inspect_test

import (
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

// The words for what is found name what stands in the Caddyfile.
func TestCaddyNamesWhatIsInTheWay(t *testing.T) {
	members := protectingBlock("/members*")
	for name, c := range map[string]struct {
		sitetest.Config
		says string
	}{
		"abort":                 {sitetest.Config{Block: "route {\nabort /a*\n" + members + "\n}"}, "ERROR: https://example.test/auth/ is answered by abort before it reaches this block"},
		"an empty page":         {sitetest.Config{Block: "route {\nrespond /a* 204\n" + members + "\n}"}, "ERROR: https://example.test/auth/ is answered by respond before it reaches this block"},
		"another host":          {sitetest.Config{Block: "@m {\npath /members*\nhost other.test\n}\n" + protectingBlock("@m")}, "ERROR: nothing is protected: the matcher of this block is for the host other.test, which has no redirect_uri here | remove host from the matcher"},
		"a contradiction":       {sitetest.Config{Block: "@m {\npath /members*\nnot path /members*\n}\n" + protectingBlock("@m")}, "ERROR: nothing is protected: no address matches the matcher of this block and those of the routes around it | compare the matcher with the addresses of your pages: one address must match all of its lines"},
		"two paths that differ": {sitetest.Config{Block: "@m {\npath /members/*\npath_regexp ^/account\n}\n" + protectingBlock("@m")}, "ERROR: nothing is protected: no address matches the matcher"},
		"a logo for members":    {sitetest.Config{Block: protectingBlock("/members*", "site {\nlogo /members/logo.svg\nprivacy /privacy\nhelp https://help.test/members\n}")}, "WARN: site logo: /members/logo.svg needs a session, and visitors who are not signed in see it on the pages | exclude the path from the matcher of instagram_auth, or write the address of a public page"},
		"two stars":             {sitetest.Config{Block: protectingBlock("/members/**")}, "WARN: /members/** is protected, and /members itself is not | write /members /members/* if both are meant"},
	} {
		t.Run(name, func(t *testing.T) {
			s := sitetest.Start(t, c.Config)
			var said []string
			for _, line := range s.StartLines() {
				if line.Level != "info" && line.Level != "debug" {
					said = append(said, line.String())
				}
			}
			if len(said) != 1 || !strings.HasPrefix(said[0], c.says) {
				t.Errorf("said %q, want %q", said, c.says)
			}
		})
	}
}
