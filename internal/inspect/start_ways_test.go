package inspect_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

// TestN17_NoWayPastABlockIsSilent: what a real Caddy answers to somebody without a session, Caddy
// says at start.
func TestN17_NoWayPastABlockIsSilent(t *testing.T) {
	members := protectingBlock("/members*")
	files := t.TempDir()
	if err := errors.Join(os.Mkdir(filepath.Join(files, "members"), 0o700), os.WriteFile(filepath.Join(files, "members", "a"), []byte("hello"), 0o600)); err != nil {
		t.Fatal(err)
	}
	first := func(matcher string) string {
		return matcher + "\nroute {\nreverse_proxy @m {upstream}\n" + members + "\n}"
	}
	for _, c := range []struct {
		name, request string // headers are separated by |
		site          sitetest.Config
	}{
		{"intercept", "GET /members/a", sitetest.Config{Block: "route {\nintercept {\n@s status 302\nhandle_response @s {\n" + toProxy + "}\n}\n" + members + "\n}"}},
		{"intercept, any status", "GET /members/a", sitetest.Config{Block: "route {\nintercept {\nhandle_response {\n" + toProxy + "}\n}\n" + members + "\n}"}},
		{"a proxy that rewrites to one page", "GET /members/a", sitetest.Config{Block: "route {\nreverse_proxy /members/a* {upstream} {\nrewrite /app.html\n}\n" + members + "\n}"}},
		{"forward_auth that is down", "GET /members/a", sitetest.Config{Block: "route {\nforward_auth 127.0.0.1:1 {\n uri /auth\n}\n" + members + "\n}\nhandle_errors {\n" + toProxy + "}"}},
		{"request_header Host", "GET /members/a", sitetest.Config{Block: "@m {\nhost example.test\npath /members*\n}\nroute {\nrequest_header Host other.test\n" + protectingBlock("@m") + "\n}"}},
		{"request_header Host by header", "GET /members/a|X-Pass: other.test", sitetest.Config{Block: "@m {\nhost example.test\npath /members*\n}\nroute {\nrequest_header Host {http.request.header.X-Pass}\n" + protectingBlock("@m") + "\n}"}},
		{"a variable with a header", "GET /members/a|X-Pass: yes", sitetest.Config{Block: first("vars pass {http.request.header.X-Pass}\n@m vars pass yes")}},
		{"a variable with a header, as a placeholder", "GET /members/a|X-Pass: yes", sitetest.Config{Block: first("vars pass {http.request.header.X-Pass}\n@m vars {vars.pass} yes")}},
		{"a rewrite to a variable with a header", "GET /x|X-Pass: /a", sitetest.Config{Block: "handle_path /public/* {\nrespond no 403\n}\nroute {\nvars pass {http.request.header.X-Pass}\nrewrite /members/a /public{vars.pass}\nreverse_proxy /public/a {upstream}\n" + members + "\n}"}},
		{"client_ip in vars", "GET /members/a", sitetest.Config{Block: first("@m vars {client_ip} 127.0.0.1")}},
		{"client_ip as a variable", "GET /members/a", sitetest.Config{Block: first("@m vars client_ip 127.0.0.1")}},
		{"client_ip in an expression", "GET /members/a", sitetest.Config{Block: first("@m expression {client_ip}.startsWith(\"127.\")")}},
		{"uri in vars", "GET /members/a?x=1", sitetest.Config{Block: first("@m vars {uri} /members/a?x=1")}},
		{"uri in vars_regexp", "GET /members/a?x=1", sitetest.Config{Block: first("@m vars_regexp {uri} x=1")}},
		{"uri in an expression", "GET /members/a?x=1", sitetest.Config{Block: first("@m expression {uri}.contains(\"x=1\")")}},
		{"orig_uri in an expression", "GET /members/a?x=1", sitetest.Config{Block: first("@m expression {http.request.orig_uri}.contains(\"x=1\")")}},
		{"scheme", "GET /members/a", sitetest.Config{Block: first("@m vars {scheme} http")}},
		{"hostport", "GET /members/a|Host: example.test:8080", sitetest.Config{Block: first("@m vars {hostport} example.test:8080")}},
		{"a header in a path matcher", "GET /members/a|X-Pass: a", sitetest.Config{Block: first("@m path /members/{http.request.header.X-Pass}")}},
		{"a header as a variable's value", "GET /members/a|X-Pass: /members/a", sitetest.Config{Block: first("@m vars {path} {http.request.header.X-Pass}")}},
		{"a header in a host matcher", "GET /members/a|X-Pass: example", sitetest.Config{Block: first("@m host {http.request.header.X-Pass}.test")}},
		{"a prefix from a header", "GET /members/public/a|X-Pass: members", sitetest.Config{Block: "route {\nuri strip_prefix {http.request.header.X-Pass}\nreverse_proxy /public/* {upstream}\n" + members + "\n}"}},
		{"a replacement from a header", "GET /members/a|X-Pass: public", sitetest.Config{Block: "route {\nuri replace members {http.request.header.X-Pass}\nreverse_proxy /public/* {upstream}\n" + members + "\n}"}},
		{"a method from a header", "GET /members/a|X-Pass: put", sitetest.Config{Block: "@m method PUT\nroute {\nmethod {http.request.header.X-Pass}\nreverse_proxy @m {upstream}\n" + members + "\n}"}},
		{"a body that is too large", "GET /members/a|Content-Length: 9|Content-Type: text/plain", sitetest.Config{Block: "request_body {\nmax_size 5\n}\n" + members + "\nhandle_errors {\nroot " + files + "\nfile_server\n}"}},
		{"another host of the site", "GET /members/a|Host: other.test", sitetest.Config{Block: "respond no 403", After: "#", Extra: "http://example.test:{port}, http://other.test:{port} {\n@m host other.test\nroute {\nreverse_proxy @m {upstream}\n" + members + "\nrespond no 403\n}\n}"}},
		{"a host in capitals", "GET /members/a|Host: EXAMPLE.TEST", sitetest.Config{Block: "@m `{host} == \"example.test\" && path(\"/members*\")`\n" + protectingBlock("@m")}},
		{"the message of an error", "GET /members/a", sitetest.Config{Block: "route {\nerror /members/a \"closed\" 403\n" + members + "\n}\nhandle_errors {\n@m vars {err.message} closed\n" + "reverse_proxy @m {upstream}\n}"}},
		{"a file of a name that nobody knows", "GET /members/a", sitetest.Config{Block: "root /\n@m not file /{http.request.header.X-Pass}x\n" + first("")[1:]}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := sitetest.Start(t, c.site)
			parts := strings.Split(c.request, "|")
			if !strings.Contains(c.request, "|Host:") {
				parts = append(parts, "Host: "+sitetest.Host)
			}
			answer := s.Raw(t, strings.Join(append([]string{parts[0] + " HTTP/1.1"}, parts[1:]...), "\r\n")+"\r\nConnection: close\r\n\r\n"+"123456789")
			if !strings.Contains(answer.Body, "hello") {
				t.Errorf("not a way past the block: %s %q", answer.Status, answer.Body)
			}
			lines := s.StartLines()
			if !slices.ContainsFunc(lines, func(l sitetest.StartLine) bool {
				return (l.Level == "error" || l.Level == "warn") && (strings.Contains(l.Msg, "NOT protected") || strings.Contains(l.Msg, "without a session") || strings.Contains(l.Msg, "this check cannot tell whether /") || strings.Contains(l.Msg, "this check cannot tell whether handle_errors"))
			}) {
				t.Errorf("silent: %v", lines)
			}
		})
	}
}
