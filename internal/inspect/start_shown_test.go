package inspect_test

import (
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/finding"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

// shownCases are sites with a way to protected pages that is found behind the block, or in front of
// it, and a part of the line that reports it; "" where there is nothing to report.
var shownCases = []struct {
	name string
	site sitetest.Config
	says string
}{
	{"an index for every error", sitetest.Config{Block: "@m not path /public/*\n" + protectingBlock("@m"), After: "root * /srv\nfile_server\nhandle_errors 404 {\nrewrite * /index.html\nfile_server\n}"}, "error /public/"},
	{"an error page for every error", sitetest.Config{Block: "@m not path /public/*\n" + protectingBlock("@m"), After: "root * /srv\nfile_server\nhandle_errors {\nrewrite * /{err.status_code}.html\nfile_server\n}"}, ""},
	{"a protected page for errors", sitetest.Config{Block: protectingBlock("/members*"), After: "root * /srv\nfile_server\nhandle_errors {\nrewrite * /members/index.html\nfile_server\n}"}, "error / shows /members/index.html, which is protected, to everybody, by file_server | rewrite to a page that is not protected in handle_errors"},
	{"a protected page for errors of try_files", sitetest.Config{Block: "root * /srv\ntry_files {path} =404\n" + protectingBlock("/members*"), After: "file_server\nhandle_errors {\nrewrite * /members/a.html\nfile_server\n}"}, "shows /members/a.html"},
	{"a prefix that is cut off", sitetest.Config{Block: protectingBlock("/members*"), After: "handle_path /app* {\n" + toProxy + "}\nhandle {\n" + toProxy + "}"}, "warning /app/members may show /members, which is protected, to everybody, by reverse_proxy | protect /app/members, too, or give it another folder or upstream"},
	{"a prefix to another upstream", sitetest.Config{Block: protectingBlock("/members*"), After: "handle_path /app* {\nreverse_proxy 127.0.0.1:9\n}\nhandle {\n" + toProxy + "}"}, ""},
	{"a prefix to the same folder", sitetest.Config{Block: "root * /srv\nhandle_path /static/* {\nfile_server\n}\nhandle {\n" + protectingBlock("/members*") + "\nfile_server\n}", After: "#"}, "warning /static/members may show /members"},
	{"a prefix to another folder", sitetest.Config{Block: "root * /srv\nhandle_path /static/* {\nroot * /static\nfile_server\n}\nhandle {\n" + protectingBlock("/members*") + "\nfile_server\n}", After: "#"}, ""},
	{"try_files", sitetest.Config{Block: "root * /srv\n@m not path /public/*\n" + protectingBlock("@m"), After: "handle /public/* {\ntry_files {path} /members/index.html\nfile_server\n}\nhandle {\nfile_server\n}"}, "error /public/ shows /members/index.html"},
	{"a rewrite", sitetest.Config{Block: protectingBlock("/members*"), After: "handle /x* {\nrewrite * /members/a\n" + toProxy + "}\nhandle {\n" + toProxy + "}"}, "error /x shows /members/a, which is protected, to everybody, by reverse_proxy"},
	{"a rewrite of a proxy", sitetest.Config{Block: protectingBlock("/members*"), After: "reverse_proxy /x* {upstream} {\nrewrite /members/a\n}\n" + toProxy}, "error /x shows /members/a"},
	{"an app of one page", sitetest.Config{Block: "root * /srv\n" + protectingBlock("/members*"), After: "try_files {path} /index.html\nfile_server"}, ""},
	{"an app of one page, all of it protected", sitetest.Config{Block: "root * /srv\n" + protectingBlock(""), After: "try_files {path} /index.html\nfile_server"}, ""},
	{"intercept with what is protected", sitetest.Config{Block: "intercept {\n@d status 401 302\nhandle_response @d {\nrewrite * /members/a.html\nfile_server\n}\n}\nhandle {\n" + protectingBlock("/members*") + "\n" + toProxy + "}", After: "#"}, "error /members* is NOT protected: intercept answers instead of this block, by file_server | move instagram_auth above intercept"},
	{"intercept with the proxy", sitetest.Config{Block: "route {\nintercept {\nhandle_response {\n" + toProxy + "}\n}\n" + protectingBlock("/members*") + "\n" + toProxy + "}", After: "#"}, "error https://example.test/auth/, https://example.test/instagram_auth/deauthorize and https://example.test/instagram_auth/data_deletion never get the answer"},
	{"intercept with a text", sitetest.Config{Block: "route {\nintercept {\n@d status 302\nhandle_response @d {\nrespond no\n}\n}\n" + protectingBlock("/members*") + "\n" + toProxy + "}", After: "#"}, "never get the answer of this block: intercept replaces it"},
	{"intercept by a header", sitetest.Config{Block: "route {\nintercept {\n@d header X-Send *\nhandle_response @d {\n" + toProxy + "}\n}\n" + protectingBlock("/members*") + "\n" + toProxy + "}", After: "#"}, "warning /members* is answered by intercept instead of this block, by reverse_proxy, where this is so: the headers that intercept looks at"},
	{"intercept of errors of the site", sitetest.Config{Block: "route {\nintercept {\n@e status 5xx\nhandle_response @e {\nrespond Sorry 503\n}\n}\n" + protectingBlock("/members*") + "\n" + toProxy + "}", After: "#"}, ""},
	{"intercept with a page for refusals", sitetest.Config{Block: "route {\nintercept {\n@e status 401 403\nhandle_response @e {\nrewrite * /401.html\nfile_server\n}\n}\n" + protectingBlock("/members*") + "\n" + toProxy + "}", After: "#"}, ""},
	{"a variable in a path", sitetest.Config{Block: "@m path {env.NO_SUCH_VARIABLE}/members*\n" + protectingBlock("@m")}, "warning "},
	{"the host in a path", sitetest.Config{Block: "@m path /{host}*\n" + protectingBlock("@m")}, "-wrong"},
	{"an escaped slash", sitetest.Config{Block: protectingBlock("/a%2Fb/*")}, "warning /a%2fb/* is compared with addresses as they are escaped: its * ends at the next slash | write path_regexp"},
	{"an escaped letter", sitetest.Config{Block: protectingBlock("/m%C3%BCnchen*")}, "warning /m%c3%bcnchen* is compared with addresses as they are escaped, and protects nothing below it | write it decoded: /münchen*"},
	{"a space", sitetest.Config{Block: protectingBlock(`"/my files*"`)}, ""},
	{"nested too deeply", sitetest.Config{Block: "route {\n" + strings.Repeat("route {\n", 100) + protectingBlock("/members*") + strings.Repeat("\n}", 100) + "\n}"}, "nested too deeply to follow"},
}

// TestN17_WhatIsShownElsewhereIsTold: a page may be protected at its own address and shown at
// another one.
func TestN17_WhatIsShownElsewhereIsTold(t *testing.T) {
	for _, tt := range shownCases {
		t.Run(tt.name, func(t *testing.T) {
			found := checksOn(t, tt.site)
			said := findingsIn(found.AtStart)
			switch {
			case tt.says == "-wrong":
				if strings.Contains(said, "error ") {
					t.Error(said)
				}
			case tt.says == "":
				for _, f := range found.AtStart {
					if f.Status != finding.Fine && !f.Quiet {
						t.Error(f)
					}
				}
			case !strings.Contains(said, tt.says):
				t.Errorf("%q is not in\n%s", tt.says, said)
			case strings.HasPrefix(tt.says, "warning ") && strings.Contains(said, "error "), strings.Contains(tt.says, "protected") && strings.Contains(findingsIn(found.Doctor), "ok protected: "):
				t.Error(said, findingsIn(found.Doctor))
			}
		})
	}
}
