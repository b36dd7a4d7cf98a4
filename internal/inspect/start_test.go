package inspect_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/finding"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

// doctorOnSite returns what the doctor says about the routes of a site.
func doctorOnSite(t *testing.T, s *sitetest.Site, c sitetest.Config) []finding.Finding {
	t.Helper()
	file := filepath.Join(t.TempDir(), "Caddyfile")
	if err := os.WriteFile(file, []byte(s.Caddyfile(c)), 0o600); err != nil {
		t.Fatal(err)
	}
	found, err := sitetest.CheckRoutes(file)
	if err != nil {
		t.Fatal(err)
	}
	return found.Doctor
}

func protectingBlock(matcher string, more ...string) string {
	return strings.Replace(sitetest.DefaultBlock(strings.Join(more, "\n")), "instagram_auth", "instagram_auth "+matcher, 1)
}

// thirdParty is a handler that only this test knows. It answers, and fails the test if a check
// calls it.
type thirdParty struct{ called *bool }

var thirdPartyCalled bool

func (thirdParty) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.third_party", New: func() caddy.Module { return thirdParty{&thirdPartyCalled} }}
}

func (h thirdParty) ServeHTTP(w http.ResponseWriter, _ *http.Request, _ caddyhttp.Handler) error {
	*h.called = true
	_, err := w.Write([]byte("third party"))
	return err
}

func init() {
	caddy.RegisterModule(thirdParty{})
	httpcaddyfile.RegisterHandlerDirective("third_party", func(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
		h.Next()
		return thirdParty{&thirdPartyCalled}, nil
	})
	httpcaddyfile.RegisterDirectiveOrder("third_party", httpcaddyfile.Before, "respond")
}

const (
	basicAuth = "basic_auth {\n bob $2a$14$Zkx19XLiW6VYouLHR5NmfOFU0z2GTNmpkT/5qqR7hx4IjWJPDhjvG\n}\n"
	toProxy   = "reverse_proxy {upstream}\n"
)

// startCases are configurations that load, with the messages of Caddy at start.
func startCases() []startCase {
	members := protectingBlock("/members*")
	return []startCase{
		{"another handler first in a route", sitetest.Config{Block: "route {\nfile_server /members/*\n" + members + "\n}"}, []string{`ERROR: /members/* is NOT protected: file_server answers first | move instagram_auth above file_server, or put both into a route block, instagram_auth first`}},
		{"another handler in front of a path of max_age", sitetest.Config{Block: "route {\nfile_server /billing/*\n" + protectingBlock("/members*", "max_age 10m /billing*") + "\n}"}, []string{`ERROR: /billing/* is NOT protected: file_server answers first | move instagram_auth above file_server, or put both into a route block, instagram_auth first`}},
		{"a proxy first in a route", sitetest.Config{Block: "route {\n" + toProxy + members + "\n}"}, []string{`ERROR: https://example.test/auth/, https://example.test/instagram_auth/deauthorize and https://example.test/instagram_auth/data_deletion are answered by reverse_proxy before they reach this block | move that out of their way, or choose other paths for them`, `ERROR: /members* is NOT protected: reverse_proxy answers first | move instagram_auth above reverse_proxy, or put both into a route block, instagram_auth first`}},
		{"ordered after the proxy", sitetest.Config{Global: "order instagram_auth after reverse_proxy", Block: members}, []string{`ERROR: https://example.test/auth/, https://example.test/instagram_auth/deauthorize and https://example.test/instagram_auth/data_deletion are answered by reverse_proxy before they reach this block | move that out of their way, or choose other paths for them`, `ERROR: /members* is NOT protected: reverse_proxy answers first | move instagram_auth above reverse_proxy, or put both into a route block, instagram_auth first`}},
		{"two paths in one pair of quotes", sitetest.Config{Block: "@m path \"/members* /account*\"\n" + protectingBlock("@m")}, []string{`ERROR: "/members* /account*" is one path with a space in it | write several paths without quotes: path /members* /account*`}},
		{"two paths in one pair of quotes, quoted", sitetest.Config{Block: protectingBlock(`"/members* /account*"`)}, []string{`ERROR: "/members* /account*" is one path with a space in it | write several paths without quotes: path /members* /account*`}},
		{"below a folder alone", sitetest.Config{Block: protectingBlock("/members/*")}, []string{`WARN: /members/* is protected, and /members itself is not | write /members /members/* if both are meant`}},
		{"path below a folder alone", sitetest.Config{Block: "@m path /members/*\n" + protectingBlock("@m")}, []string{`WARN: /members/* is protected, and /members itself is not | write /members /members/* if both are meant`}},
		{"a folder alone", sitetest.Config{Block: protectingBlock("/members")}, []string{`WARN: /members protects this one address, and nothing below it | write /members* if all of it is meant`}},
		{"both", sitetest.Config{Block: "@m path /members /members/*\n" + protectingBlock("@m")}, nil},
		{"a regular expression as a path", sitetest.Config{Block: "@m path ^/members/.*$\n" + protectingBlock("@m")}, []string{`ERROR: ^/members/.*$ is a regular expression, and path does not take any | write path_regexp instead of path`}},
		{"a block in handle_errors", sitetest.Config{Block: "handle_errors {\n" + members + "\n}"}, []string{`ERROR: nothing is protected: this block is in handle_errors, which only errors reach | move instagram_auth out of handle_errors`}},
		{"content in handle_errors", sitetest.Config{Block: protectingBlock("/members*", "errors handle") + "\nhandle_errors {\nroot * /srv\nfile_server\n}"}, []string{`ERROR: /members* is NOT protected: handle_errors serves it, by file_server | rewrite to an error page in handle_errors before file_server`}},
		{"content in handle_errors for 401", sitetest.Config{Block: protectingBlock("/members*", "errors handle") + "\nhandle_errors 401 {\n" + toProxy + "}"}, []string{`ERROR: /members* is NOT protected: handle_errors serves it, by reverse_proxy | rewrite to an error page in handle_errors before reverse_proxy`}},
		{"content in handle_errors for 404", sitetest.Config{Block: protectingBlock("/members*", "errors handle") + "\nhandle_errors 404 {\n" + toProxy + "}"}, []string{`ERROR: errors handle is set, but no handle_errors answers: visitors see an empty page | add a handle_errors block for 4xx and 5xx to the site, or delete the option errors`}},
		{"a page in handle_errors", sitetest.Config{Block: protectingBlock("/members*", "errors handle") + "\nhandle_errors {\nrewrite * /{err.status_code}.html\n" + toProxy + "}"}, nil},
		{"a text in handle_errors", sitetest.Config{Block: protectingBlock("/members*", "errors handle") + "\nhandle_errors {\nrespond \"{err.status_code}\"\n}"}, nil},
		{"content in handle_errors without the option", sitetest.Config{Block: members + "\nhandle_errors {\n" + toProxy + "}"}, nil},
		{"no handle_errors", sitetest.Config{Block: protectingBlock("/members*", "errors handle")}, []string{`ERROR: errors handle is set, but no handle_errors answers: visitors see an empty page | add a handle_errors block for 4xx and 5xx to the site, or delete the option errors`}},
		{"a folder of the visitor too early", sitetest.Config{Block: "root * /srv/{http.auth.user.id}\nrewrite * /{http.auth.user.id}{uri}\n" + members}, []string{`ERROR: {http.auth.user.…} has no value in root and rewrite, which come before this block | move instagram_auth above it, or put both into a route block, instagram_auth first`}},
		{"handle by user", sitetest.Config{Block: "@me vars {http.auth.user.id} 123\nhandle @me {\n" + toProxy + "}\nhandle {\n" + members + "\n" + toProxy + "}", After: "respond 404"}, []string{`WARN: /members* is answered by reverse_proxy without a session where this is so: vars {http.auth.user.id} | fine if you want this; otherwise move instagram_auth above reverse_proxy`, `ERROR: {http.auth.user.…} has no value in a matcher, which comes before this block | move instagram_auth above it, or put both into a route block, instagram_auth first`}},
		{"a header of the user, later", sitetest.Config{Block: members, After: "header X-User {http.auth.user.id}\n" + toProxy}, []string{`ERROR: {http.auth.user.…} has no value in header, which comes before this block | move instagram_auth above it, or put both into a route block, instagram_auth first`}},
		{"a deferred header of the user", sitetest.Config{Block: members, After: "header >X-User {http.auth.user.id}\n" + toProxy}, nil},
		{"another site", sitetest.Config{Block: members, Extra: "http://admin.test {\n reverse_proxy {upstream}\n}"}, []string{`ERROR: admin.test passes requests for / on to {upstream}, not through this block: anybody who asks there can set its headers | put instagram_auth there, too, or delete the headers in that reverse_proxy with header_up, or with request_header where no request of this block passes: X-Instagram-User-Id, X-Instagram-Username, X-Instagram-Event, X-Instagram-Event-User-Id, X-Instagram-Event-Issued-At`}},
		{"another site without headers", sitetest.Config{Block: members, Extra: "http://admin.test {\n request_header -X-Instagram-*\n reverse_proxy {upstream}\n}"}, nil},
		{"another branch to the upstream", sitetest.Config{Block: "handle /api/* {\n" + toProxy + "}\nhandle {\n" + members + "\n" + toProxy + "}"}, nil},
		{"another site with a part of the upstreams", sitetest.Config{Block: members, After: "reverse_proxy {upstream} 127.0.0.1:9", Extra: "http://admin.test {\n reverse_proxy 127.0.0.1:9\n}"}, []string{`ERROR: admin.test passes requests for / on to localhost:9, not through this block: anybody who asks there can set its headers | put instagram_auth there, too, or delete the headers in that reverse_proxy with header_up, or with request_header where no request of this block passes: X-Instagram-User-Id, X-Instagram-Username, X-Instagram-Event, X-Instagram-Event-User-Id, X-Instagram-Event-Issued-At`}},
		{"named", sitetest.Config{Global: "}\n&(site) {\n" + members + "\n", Block: "invoke site"}, nil},
		{"a named route that answers", sitetest.Config{Global: "}\n&(site) {\n" + toProxy, Block: "route {\ninvoke site\n" + members + "\n}"}, []string{`ERROR: https://example.test/auth/, https://example.test/instagram_auth/deauthorize and https://example.test/instagram_auth/data_deletion are answered by reverse_proxy before they reach this block | move that out of their way, or choose other paths for them`, `ERROR: /members* is NOT protected: reverse_proxy answers first | move instagram_auth above reverse_proxy, or put both into a route block, instagram_auth first`}},
		{"a named route that answers elsewhere", sitetest.Config{Global: "}\n&(site) {\n" + toProxy, Block: members, After: "invoke site"}, nil},
		{"a named route for a path", sitetest.Config{Global: "}\n&(site) {\n" + toProxy, Block: "route {\ninvoke /members/open site\n" + members + "\n" + toProxy + "}"}, []string{`ERROR: /members/open is NOT protected: reverse_proxy answers first | move instagram_auth above reverse_proxy, or put both into a route block, instagram_auth first`}},
		{"handle_path", sitetest.Config{Block: "handle_path /members/* {\n" + protectingBlock("", "path_prefix /members/login") + "\n" + toProxy + "}"}, []string{`ERROR: https://example.test/auth/ is answered by reverse_proxy before it reaches this block | move that out of its way, or choose another path for it`}},
		{"handle_path, redirect URI below", sitetest.Config{Block: "handle_path /auth/* {\n" + protectingBlock("", "path_prefix /auth/login") + "\n" + toProxy + "}"}, nil},
		{"handle_path, matcher of the whole path", sitetest.Config{Block: "handle_path /app/* {\n" + strings.Replace(protectingBlock("/app/members*", "path_prefix /app/login"), sitetest.Callback, "/app/auth/", 1) + "\n" + toProxy + "}", Redirects: []string{sitetest.Origin + "/app/auth/"}}, nil},
		{"handle_path, a sibling", sitetest.Config{Block: "handle /members/* {\n" + toProxy + "}\nhandle {\n" + members + "\n" + toProxy + "}"}, []string{`ERROR: /members/* is NOT protected: reverse_proxy answers first | move instagram_auth above reverse_proxy, or put both into a route block, instagram_auth first`}},
		{"uri first", sitetest.Config{Block: "uri strip_prefix /app\n" + members}, nil},
		{"a rewrite to what is protected", sitetest.Config{Block: "rewrite /m /members/a\n" + members}, nil},
		{"subroutes", sitetest.Config{Block: "route {\nroute /members/* {\nroute {\n" + toProxy + "}\n}\n" + members + "\n}"}, []string{`ERROR: /members/* is NOT protected: reverse_proxy answers first | move instagram_auth above reverse_proxy, or put both into a route block, instagram_auth first`}},
		{"subroutes, right", sitetest.Config{Block: "route {\nroute {\nroute {\n" + members + "\n}\n}\n" + toProxy + "}"}, nil},
		{"a wildcard host", sitetest.Config{Extra: "http://*.example.test {\n" + strings.ReplaceAll(members, sitetest.Origin, "https://a.example.test") + "\n" + toProxy + "}", Block: "respond hello", After: "#"}, []string{`INFO: of *.example.test, visitors can sign in only on a.example.test: visitors of the others are sent there | list a redirect_uri for each host that visitors sign in on, and register it with Meta; fine as it is if all of them should go to the other host`}},
		{"a wildcard host with a host first", sitetest.Config{Extra: "http://*.example.test {\n@a host a.example.test\nhandle @a {\n" + toProxy + "}\nhandle {\n" + strings.ReplaceAll(members, sitetest.Origin, "https://a.example.test") + "\n" + toProxy + "}\n}", Block: "respond hello", After: "#"}, []string{`ERROR: https://a.example.test/auth/, https://a.example.test/instagram_auth/deauthorize and https://a.example.test/instagram_auth/data_deletion are answered by reverse_proxy before they reach this block | move that out of their way, or choose other paths for them`, `ERROR: /members* is NOT protected: reverse_proxy answers first | move instagram_auth above reverse_proxy, or put both into a route block, instagram_auth first`, `INFO: of *.example.test, visitors can sign in only on a.example.test: visitors of the others are sent there | list a redirect_uri for each host that visitors sign in on, and register it with Meta; fine as it is if all of them should go to the other host`}},
		{"two hosts, one of them open", sitetest.Config{Redirects: nil, Block: "@other host other.test\nroute {\nreverse_proxy @other {upstream}\n" + strings.Replace(members, sitetest.RedirectURI, sitetest.RedirectURI+" https://other.test/auth/", 1) + "\n}"}, []string{`ERROR: https://other.test/auth/ is answered by reverse_proxy before it reaches this block | move that out of its way, or choose another path for it`, `ERROR: on other.test /members* is NOT protected: reverse_proxy answers first | move instagram_auth above reverse_proxy, or put both into a route block, instagram_auth first`}},
		{"two hosts", sitetest.Config{Block: strings.Replace(members, sitetest.RedirectURI, sitetest.RedirectURI+" https://other.test/auth/", 1)}, nil},
		{"try_files =404", sitetest.Config{Block: "try_files {path} =404\n" + members}, []string{`ERROR: https://example.test/auth/, https://example.test/instagram_auth/deauthorize and https://example.test/instagram_auth/data_deletion are answered by try_files before they reach this block | move that out of their way, or choose other paths for them`}},
		{"try_files", sitetest.Config{Block: "try_files {path} /index.html\n" + members, After: "file_server"}, nil},
		{"try_files behind", sitetest.Config{Block: "route {\n" + members + "\ntry_files {path} =404\nfile_server\n}"}, nil},
		{"basic_auth first", sitetest.Config{Block: basicAuth + members}, []string{`WARN: this check cannot tell whether https://example.test/auth/ reaches this block: basic_auth comes before it | make sure that it lets this address pass`, `ERROR: https://example.test/instagram_auth/deauthorize and https://example.test/instagram_auth/data_deletion are answered by basic_auth before they reach this block | move that out of their way, or choose other paths for them`}},
		{"basic_auth for a part", sitetest.Config{Block: strings.Replace(basicAuth, "basic_auth", "basic_auth /members/*", 1) + members}, nil},
		{"redir first", sitetest.Config{Block: "redir /members/* /new\n" + members}, nil},
		{"redir of a part", sitetest.Config{Block: "redir /members/old/* /members/new\n" + members}, nil},
		{"redir of all", sitetest.Config{Block: "redir https://elsewhere.test{uri}\n" + members}, []string{`ERROR: https://example.test/auth/, https://example.test/instagram_auth/deauthorize and https://example.test/instagram_auth/data_deletion are answered by redir before they reach this block | move that out of their way, or choose other paths for them`, `ERROR: no visitor reaches this block: redir answers /members* first | move instagram_auth above redir`}},
		{"error first", sitetest.Config{Block: "route {\nerror /members/* 403\n" + members + "\n}"}, nil},
		{"respond 403 first", sitetest.Config{Block: "route {\nrespond /members/secret* 403\n" + members + "\n" + toProxy + "}"}, nil},
		{"request_body too small", sitetest.Config{Block: "request_body {\nmax_size 100B\n}\n" + members}, []string{`ERROR: https://example.test/instagram_auth/deauthorize and https://example.test/instagram_auth/data_deletion are answered by request_body before they reach this block | move that out of their way, or choose other paths for them`}},
		{"request_body", sitetest.Config{Block: "request_body {\nmax_size 10MB\n}\n" + members}, nil},
		{"php_fastcgi", sitetest.Config{Block: members, After: "root * /srv\nphp_fastcgi 127.0.0.1:9999\nfile_server"}, nil},
		{"php_fastcgi below", sitetest.Config{Block: protectingBlock("/members/*"), After: "root * /srv\nphp_fastcgi 127.0.0.1:9999\nfile_server"}, []string{`WARN: /members/* is protected, and /members itself is not | write /members /members/* if both are meant`}},
		{"php_fastcgi first", sitetest.Config{Block: "root * /srv\nroute {\nphp_fastcgi 127.0.0.1:9999\n" + members + "\nfile_server\n}"}, []string{`WARN: this check cannot tell whether https://example.test/auth/, https://example.test/instagram_auth/deauthorize and https://example.test/instagram_auth/data_deletion reach this block: php_fastcgi comes before it | make sure that it lets these addresses pass`, `WARN: /members* is answered by php_fastcgi without a session where this is so: there is a file index.php | fine if you want this; otherwise move instagram_auth above php_fastcgi`}},
		{"php_fastcgi of a part first", sitetest.Config{Block: "root * /srv\nroute {\nphp_fastcgi /members/* 127.0.0.1:9999\n" + members + "\nfile_server\n}"}, []string{`WARN: /members/* is answered by php_fastcgi without a session where this is so: there is a file index.php | fine if you want this; otherwise move instagram_auth above php_fastcgi`}},
		{"forward_auth", sitetest.Config{Block: "forward_auth 127.0.0.1:9999 {\n uri /auth\n}\n" + members}, nil},
		{"forward_auth for a part", sitetest.Config{Block: "forward_auth /members/admin* 127.0.0.1:9999 {\n uri /auth\n}\n" + members}, nil},
		{"forward_auth first", sitetest.Config{Block: "route {\nforward_auth 127.0.0.1:9999 {\n uri /auth\n}\n" + members + "\n}"}, []string{`WARN: this check cannot tell whether https://example.test/auth/, https://example.test/instagram_auth/deauthorize and https://example.test/instagram_auth/data_deletion reach this block: forward_auth comes before it | make sure that it lets these addresses pass`}},
		{"forward_auth for a part first", sitetest.Config{Block: "route {\nforward_auth /members/admin* 127.0.0.1:9999 {\n uri /auth\n}\n" + members + "\n}"}, nil},
		{"an error page for each language", sitetest.Config{Block: protectingBlock("/members*", "errors handle") + "\nhandle_errors {\nrewrite * /errors/{http.request.header.Accept-Language}.html\n" + toProxy + "}"}, []string{`WARN: this check cannot tell whether handle_errors serves /members*, by reverse_proxy: it depends on what the request was rewritten to | rewrite to an error page in handle_errors before reverse_proxy`}},
		{"a third party first", sitetest.Config{Block: "route {\nthird_party\n" + members + "\n}"}, []string{`WARN: this check cannot tell whether https://example.test/auth/, https://example.test/instagram_auth/deauthorize and https://example.test/instagram_auth/data_deletion reach this block: third_party comes before it | make sure that it lets these addresses pass`, `WARN: this check cannot tell whether /members* needs a session: third_party comes before this block | make sure that it answers no request itself, or move instagram_auth above it`}},
		{"a third party for a part first", sitetest.Config{Block: "route {\nthird_party /members/api*\n" + members + "\n}"}, []string{`WARN: this check cannot tell whether /members/api* needs a session: third_party comes before this block | make sure that it answers no request itself, or move instagram_auth above it`}},
		{"a third party behind", sitetest.Config{Block: members, After: "third_party"}, nil},
		{"a header first", sitetest.Config{Block: "@m header X-Pass *\nroute {\nreverse_proxy @m {upstream}\n" + members + "\n}"}, []string{`WARN: /members* is answered by reverse_proxy without a session where this is so: header X-Pass | fine if you want this; otherwise move instagram_auth above reverse_proxy`}},
		{"a cookie first", sitetest.Config{Block: "@m header_regexp Cookie pass=1\nroute {\nreverse_proxy @m {upstream}\n" + members + "\n}"}, []string{`WARN: /members* is answered by reverse_proxy without a session where this is so: header Cookie | fine if you want this; otherwise move instagram_auth above reverse_proxy`}},
		{"a method first", sitetest.Config{Block: "@m method POST\nroute {\nreverse_proxy @m {upstream}\n" + members + "\n}"}, []string{`ERROR: https://example.test/instagram_auth/deauthorize and https://example.test/instagram_auth/data_deletion are answered by reverse_proxy before they reach this block | move that out of their way, or choose other paths for them`, `WARN: /members* is answered by reverse_proxy without a session where this is so: method POST | fine if you want this; otherwise move instagram_auth above reverse_proxy`}},
		{"a query first", sitetest.Config{Block: "@m query x=1\nroute {\nreverse_proxy @m {upstream}\n" + members + "\n}"}, []string{`WARN: /members* is answered by reverse_proxy without a session where this is so: query x | fine if you want this; otherwise move instagram_auth above reverse_proxy`}},
		{"client_ip first", sitetest.Config{Block: "@m client_ip 10.0.0.0/8\nroute {\nreverse_proxy @m {upstream}\n" + members + "\n}"}, []string{`WARN: /members* is answered by reverse_proxy without a session where this is so: client_ip | fine if you want this; otherwise move instagram_auth above reverse_proxy`}},
		{"a method in the block's matcher", sitetest.Config{Block: "@m {\npath /members*\nmethod GET\n}\n" + protectingBlock("@m")}, []string{`WARN: /members* is answered by reverse_proxy without a session where this is so: the matcher of this block does not match (method GET) | fine if you want this; otherwise let the matcher look at the path only`}},
		{"not in the block's matcher", sitetest.Config{Block: "@m not path /public*\n" + protectingBlock("@m")}, nil},
		{"everything", sitetest.Config{}, nil},
		{"everything, a part first", sitetest.Config{Block: "route {\nreverse_proxy /public* {upstream}\n" + protectingBlock("") + "\n}"}, []string{`WARN: /public* is answered by reverse_proxy without a session, in front of this block | move instagram_auth above reverse_proxy; if you want this, put it into its own handle block`}},
		{"handoff", sitetest.Config{Block: protectingBlock("", "after_login handoff")}, nil},
		{"an exception for a header", sitetest.Config{Block: "@m {\npath /members*\nnot header Authorization *\n}\n" + protectingBlock("@m")}, []string{`INFO: /members* is answered by reverse_proxy without a session where the matcher of this block has an exception for it | fine if you want this; otherwise let the matcher look at the path only`}},
		{"a header in the block's matcher", sitetest.Config{Block: "@m {\npath /members*\nheader Accept *html*\n}\n" + protectingBlock("@m")}, []string{`WARN: /members* is answered by reverse_proxy without a session where this is so: the matcher of this block does not match (header Accept) | fine if you want this; otherwise let the matcher look at the path only`}},
		// Found by the generator.
		{"two patterns meet, and a header decides", sitetest.Config{Block: "rewrite /members/a* {http.request.header.X-Pass}\nroute {\nreverse_proxy /public* {upstream}\n" + protectingBlock("/members/*.php") + "\n}", After: "respond 404"}, []string{`WARN: /members/a.php is answered by reverse_proxy without a session where this is so: what the request was rewritten to | fine if you want this; otherwise move instagram_auth above reverse_proxy`}},
		{"a route in the block's own branch", sitetest.Config{Block: "handle * {\nroute {\nreverse_proxy /public* {upstream}\n" + protectingBlock("") + "\n}\n}"}, []string{`WARN: /public* is answered by reverse_proxy without a session, in front of this block | move instagram_auth above reverse_proxy; if you want this, put it into its own handle block`}},
		{"reached below a prefix that is cut off", sitetest.Config{Block: "handle_path /members/* {\nrespond 403\n}\nroute {\nuri strip_prefix /app\n" + members + "\n}"}, nil},
		{"a regular expression and an ending meet", sitetest.Config{Block: "@r path_regexp (?i)^/app/m\n@p path *.php\nroute {\nreverse_proxy @r {upstream}\n" + protectingBlock("@p") + "\n}"}, []string{`ERROR: /app/m.php is NOT protected: reverse_proxy answers first | move instagram_auth above reverse_proxy, or put both into a route block, instagram_auth first`}},
		{"all of it before a block for all", sitetest.Config{Global: "order instagram_auth after reverse_proxy", Block: "@c header_regexp Cookie pass\n@x header X-Pass *\nroot * /srv\nrespond \"CONTENT\"\nuri * path_regexp /a+ /members\nreverse_proxy @c {upstream}\n" + protectingBlock("", "errors handle"), After: "reverse_proxy @x {upstream}\nhandle_errors {\nrespond sorry\n}"}, []string{`ERROR: https://example.test/auth/, https://example.test/instagram_auth/deauthorize and https://example.test/instagram_auth/data_deletion are answered by respond before they reach this block | move that out of their way, or choose other paths for them`, `ERROR: every address is NOT protected: respond answers first | move instagram_auth above respond, or put both into a route block, instagram_auth first`}},
		{"a fallback file leads to the block", sitetest.Config{Block: "try_files {path} /members/a\nroute /members/a {\n" + protectingBlock("") + "\n}"}, []string{`WARN: this check cannot tell whether https://example.test/auth/, https://example.test/instagram_auth/deauthorize and https://example.test/instagram_auth/data_deletion reach this block: reverse_proxy comes before it | make sure that it lets these addresses pass`}},
		{"everything in a branch", sitetest.Config{Block: "handle /members* {\n" + strings.Replace(protectingBlock("", "path_prefix /members/login"), sitetest.Callback, "/members/auth/", 1) + "\n" + toProxy + "}", Redirects: []string{sitetest.Origin + "/members/auth/"}}, nil},
	}
}

type startCase struct {
	name string
	site sitetest.Config
	want []string // level, message and remedy of each line
}

// TestN17_CaddySaysWhatIsOpen: configurations that load, and protect less than they seem to.
func TestN17_CaddySaysWhatIsOpen(t *testing.T) {
	for _, c := range startCases() {
		t.Run(c.name, func(t *testing.T) {
			thirdPartyCalled = false
			s := sitetest.Start(t, c.site)
			var said []string
			lines := s.StartLines()
			for _, line := range lines {
				said = append(said, strings.ReplaceAll(line.String(), "localhost:"+sitetest.Port(s.Upstream.Addr), "{upstream}"))
			}
			if !slices.Equal(said, c.want) {
				text, _ := json.Marshal(said)
				t.Errorf("GOT %q %s", c.name, text)
			}
			c.wantSame(t, lines, doctorOnSite(t, s, c.site))
			if thirdPartyCalled {
				t.Error("a handler by others was called")
			}
		})
	}
}

// enumeration separates addresses in a line.
var enumeration = regexp.MustCompile(`, | and `)

// wantSame fails the test unless the doctor says what Caddy says at start. It names addresses one
// by one, and where directives stand.
func (c startCase) wantSame(t *testing.T, lines []sitetest.StartLine, found []finding.Finding) {
	t.Helper()
	marks := map[string]finding.Status{"error": finding.Wrong, "warn": finding.Look, "info": finding.Look}
	for i, line := range lines {
		if (line.More != "") != (i == 0 && line.Level != "info") {
			t.Errorf("line %d names more: %q", i, line.More)
		}
		if !slices.ContainsFunc(found, func(f finding.Finding) bool {
			return f.Status == marks[line.Level] && (strings.HasPrefix(f.Message, line.Msg) || strings.HasPrefix(f.Message, enumeration.Split(line.Msg, 2)[0]) && strings.Contains(line.Msg, " this block"))
		}) {
			t.Errorf("the doctor does not say %q: %v", line, found)
		}
	}
	for _, f := range found {
		if f.Status == finding.Wrong && len(lines) == 0 {
			t.Errorf("only the doctor says %q", f.Message)
		}
	}
}
