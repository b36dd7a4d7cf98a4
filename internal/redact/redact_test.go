package redact

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"
)

const (
	code   = "AQBx7-planted_Code0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_abcdefghijkl"
	old    = "ad7c8347d8b34e5498230c69c7cf66bc" // a code of Instagram's first years
	state  = "tFYg_7bFsWK4NSyFnsGBwNI7SjoNz4KIEZTwxQklZ_o"
	signed = "vlXgu64BQGFSQrY0ZcJBZASMvYvTHu9GQ0YM9rjPSso.eyJhbGdvcml0aG0iOiJITUFDLVNIQTI1NiIsInVzZXJfaWQiOiIyMTg0NzEifQ"
	token  = "IGAAZplanted0123456789abcdefghijklmnopqrstuvwxyz"
	cookie = "cGxhbnRlZCBzZXNzaW9uIG9mIHNvbWVib2R5IHdobyBpcyBzaWduZWQgaW4"
)

// secretsIn returns those of our values that a text has, however it is escaped.
func secretsIn(text string) (found []string) {
	for range 6 {
		for _, secret := range []string{code, old, state, signed, token, cookie} {
			if strings.Contains(text, secret) {
				found = append(found, secret)
			}
		}
		decoded, err := url.PathUnescape(text)
		if err != nil || decoded == text {
			break
		}
		text = decoded
	}
	return found
}

func redacted(text string) string { return string(Line([]byte(text))) }

func TestP1_WhatIsSecretIsRedacted(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"/auth/?code=" + code + "&state=" + state + "#_", "/auth/?code=REDACTED&state=REDACTED#_"},
		{`{"uri":"/auth/?code=` + code + `\u0026state=` + state + `","size":1}`, `{"uri":"/auth/?code=REDACTED\u0026state=REDACTED","size":1}`},
		{"code=" + code + "&x=1", "code=REDACTED&x=1"},
		{code, "REDACTED"},
		{"a=1;code=" + old + ";b", "a=1;code=REDACTED;b"},
		{"?x=1&amp;code=" + old + "&quot;", "?x=1&amp;code=REDACTED&quot;"},
		{"{&quot;state&quot;:&quot;" + state + "&quot;}", "{&quot;state&quot;:&quot;REDACTED&quot;}"},
		// An address in an address, escaped once, twice and more, in both cases.
		{"/login?return_to=%2Fauth%2F%3Fcode%3D" + old + "%26state%3D" + state + "%26a%3D1&b=2", "/login?return_to=%2Fauth%2F%3Fcode%3DREDACTED%26state%3DREDACTED%26a%3D1&b=2"},
		{"u=%252Fauth%252f%253Fcode%253d" + old + "%2526x", "u=%252Fauth%252f%253Fcode%253dREDACTED%2526x"},
		{"u=%25252Fauth%25253Fcode%25253D" + old + "%252526x", "u=%25252Fauth%25253Fcode%25253DREDACTED%252526x"},
		{"u=%3fcode%3d" + old + "%23_", "u=%3fcode%3dREDACTED%23_"},
		{"u=%7B%22code%22%3A%22" + old + "%22%2C%22a%22%3A1%7D", "u=%7B%22code%22%3A%22REDACTED%22%2C%22a%22%3A1%7D"},
		// A name, a value that is escaped in part.
		{"?c%6fde=" + old, "?c%6fde=REDACTED"},
		{"?%63%6F%64%65=" + old, "?%63%6F%64%65=REDACTED"},
		{"?%2563ode%253D" + old, "?%2563ode%253DREDACTED"},
		{"?code=%41D7c8347d8b34e5498230c69c7cf66%62c&x", "?code=REDACTED&x"},
		{"?CODE=" + old + "&State=" + state, "?CODE=REDACTED&State=REDACTED"},
		{"?code[]=" + old + "&code%5B0%5D=" + old, "?code[]=REDACTED&code%5B0%5D=REDACTED"},
		{`x=1\u0026code\u003d` + old + `\u0026y`, `x=1\u0026code\u003dREDACTED\u0026y`},
		{`x=1\\u0026code\\u003d` + old + `\\u0026y`, `x=1\\u0026code\\u003dREDACTED\\u0026y`},
		{`x=1\x26code\x3d` + old, `x=1\x26code\x3dREDACTED`},
		// Lines, tabs and bodies within a line.
		{`{"error":"Get \"https://a.test/?code=` + old + `\": EOF"}`, `{"error":"Get \"https://a.test/?code=REDACTED\": EOF"}`},
		{`"body":"a\ncode=` + old + `\nstate=` + state + `"`, `"body":"a\ncode=REDACTED\nstate=REDACTED"`},
		{`"body":"a\tcode:\t` + old + `\f"`, `"body":"a\tcode:\tREDACTED\f"`},
		{"INFO\tcode=" + old + "\t{}", "INFO\tcode=REDACTED\t{}"},
		{`form-data; name=\"code\"\r\n\r\n` + old + `\r\n--x`, `form-data; name=\"code\"\r\n\r\nREDACTED\r\n--x`},
		{"form-data; name=\"signed_request\"\r\n\r\n" + signed + "\r\n--x", "form-data; name=\"signed_request\"\r\n\r\nREDACTED\r\n--x"},
		// What a visitor writes before a value or in its name, so that it is not seen.
		{"?code=%00" + old, "?code=%00REDACTED"},
		{"?code=%01%7f" + old + "&state=%c2%a0" + state, "?code=%01%7fREDACTED&state=%c2%a0REDACTED"},
		{`?code=\u0000` + old, `?code=\u0000REDACTED`},
		{"?code%00=" + old, "?code%00=REDACTED"},
		{"code\u00a0=" + old, "code\u00a0=REDACTED"},
		{`code\xa0=` + old, `code\xa0=REDACTED`},
		{`code\u00a0=` + old, `code\u00a0=REDACTED`},
		{"?code%C2%A0=%e2%80%8b" + old, "?code%C2%A0=%e2%80%8bREDACTED"},
		{`{"co\u0064e":"` + old + `","st\u0061te":"` + state + `"}`, `{"co\u0064e":"REDACTED","st\u0061te":"REDACTED"}`},
		{`{"body":"{\"co\\u0064e\":\"` + old + `\"}"}`, `{"body":"{\"co\\u0064e\":\"REDACTED\"}"}`},
		{`?\u0063ode=` + old, `?\u0063ode=REDACTED`},
		{`?\\u0063ode=` + old, `?\\u0063ode=REDACTED`},
		// Forms in parts.
		{`name="code"\r\nContent-Type: text/plain\r\n\r\n` + old + `\r\n`, `name="code"\r\nContent-Type: text/plain\r\n\r\nREDACTED\r\n`},
		{`{"body":"form-data; name=\"code\"\r\nContent-Type: text/plain; charset=utf-8\r\nX-A: b\r\n\r\n` + old + `\r\n"}`, `{"body":"form-data; name=\"code\"\r\nContent-Type: text/plain; charset=utf-8\r\nX-A: b\r\n\r\nREDACTED\r\n"}`},
		{`form-data; name=\"signed_request\"; filename=\"a\"\r\n\r\n` + signed, `form-data; name=\"signed_request\"; filename=\"a\"\r\n\r\nREDACTED`},
		{`form-data; filename=a; name=code\r\n\r\n` + old, `form-data; filename=a; name=code\r\n\r\nREDACTED`},
		{`form-data; name=code; filename=x\r\nContent-Type: a/b\r\n\r\n` + old, `form-data; name=code; filename=x\r\nContent-Type: a/b\r\n\r\nREDACTED`},
		{"form-data; name=code\r\n\r\n" + old, "form-data; name=code\r\n\r\nREDACTED"},
		// A field of log_append.
		{`"my_cookies":"theme=dark; demo=` + cookie + `"`, `"my_cookies":"theme=dark; demo=REDACTED"`},
		// Values of programs.
		{`{"form":{"code":["` + old + `","` + code[:40] + `"],"state":["x","` + state + `"]}}`, `{"form":{"code":["REDACTED","REDACTED"],"state":["x","REDACTED"]}}`},
		{`{"code": "` + old + `"}`, `{"code": "REDACTED"}`},
		{`{"a":"{\"code\":\"` + old + `\"}"}`, `{"a":"{\"code\":\"REDACTED\"}"}`},
		{`"{\\\"code\\\":\\\"` + old + `\\\"}"`, `"{\\\"code\\\":\\\"REDACTED\\\"}"`},
		{"map[code:[" + old + " " + code[:50] + "] state:[" + state + "]]", "map[code:[REDACTED REDACTED] state:[REDACTED]]"},
		{`url.Values{"code":[]string{"` + old + `", "` + old + `"}, "a":1}`, `url.Values{"code":[]string{"REDACTED", "REDACTED"}, "a":1}`},
		{"&{Code:" + old + " State:" + state + "}", "&{Code:REDACTED State:REDACTED}"},
		{`"code"=>"` + old + `", 'state' => '` + state + `'`, `"code"=>"REDACTED", 'state' => 'REDACTED'`},
		// Signed requests, tokens and secrets.
		{"signed_request=" + signed + "&x", "signed_request=REDACTED&x"},
		{`"signedRequest":"` + signed + `"`, `"signedRequest":"REDACTED"`},
		{"/me?fields=id&access_token=" + token, "/me?fields=id&access_token=REDACTED"},
		{"access_token=990602627938098|" + old + "&a", "access_token=REDACTED&a"},
		{`"X-Instagram-Access-Token":["` + token[2:] + `xx"]`, `"X-Instagram-Access-Token":["REDACTED"]`},
		{`"HTTP_X_INSTAGRAM_ACCESS_TOKEN":"` + token[4:] + `xxxx"`, `"HTTP_X_INSTAGRAM_ACCESS_TOKEN":"REDACTED"`},
		{`"X-Anything":["` + token + `"]`, `"X-Anything":["REDACTED"]`},
		{`"login":"` + code + `"`, `"login":"REDACTED"`},
		{`"Authorization":["Bearer ` + signed + `"]`, `"Authorization":["Bearer REDACTED"]`},
		{`"app_secret":["` + old + `"]`, `"app_secret":["REDACTED"]`},
		{`"secret":["correct-horse-battery-staple-and-so-on","Correct-horse-battery-staple-and-so-on", "` + strings.Repeat("another-one.", 4) + `"]`, `"secret":["REDACTED","REDACTED", "REDACTED"]`},
		{"client_secret=" + old + "&", "client_secret=REDACTED&"},
		// Cookies.
		{"__Host-Http-instagram_auth_login_abcdefgh=" + cookie + "; Path=/", "__Host-Http-instagram_auth_login_abcdefgh=REDACTED; Path=/"},
		{`"Cookie":["a=1; demo=` + cookie + `; theme=dark; other=` + cookie + `"],"Etag":["x=` + cookie + `"]`, `"Cookie":["a=1; demo=REDACTED; theme=dark; other=REDACTED"],"Etag":["x=` + cookie + `"]`},
		{`"Set-Cookie":["demo=` + cookie + `; Path=/","demo2=` + cookie + `; Path=/"]`, `"Set-Cookie":["demo=REDACTED; Path=/","demo2=REDACTED; Path=/"]`},
		{`GET / HTTP/1.1\r\nCookie: a=1; demo=` + cookie + `\r\nIf-Match: x=` + cookie, `GET / HTTP/1.1\r\nCookie: a=1; demo=REDACTED\r\nIf-Match: x=` + cookie},
		{`"Cookie":["` + token + `; demo=` + cookie + `"]`, `"Cookie":["REDACTED; demo=REDACTED"]`},
		{`"Cookie":["demo=` + cookie + `"],"code":"` + old + `","etag":"x=` + old + `"`, `"Cookie":["demo=REDACTED"],"code":"REDACTED","etag":"x=` + old + `"`},
		{`Header:map[Accept:[*/*] Cookie:[demo=` + cookie + `] Via:[y=` + cookie + `]]`, `Header:map[Accept:[*/*] Cookie:[demo=REDACTED] Via:[y=` + cookie + `]]`},
	} {
		if got := redacted(c.line); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.line, got, c.want)
		}
	}
}

func TestP1_WhatIsNoSecretStays(t *testing.T) {
	for _, line := range []string{
		`form-data; name=\"other\"\r\n\r\n` + old, `form-data; name=\"code\"\r\n\r\nshort\r\n--x\r\nform-data; name=\"other\"\r\n\r\n` + old,
		"", "x", "/?code=SUMMER-SALE-2026", "/?code=550e8400-e29b-41d4", "zipcode=" + old, "promo_code=" + old, "&xcode=" + old, "promo-code=" + old, "upstate=" + state,
		"?promo%5Fcode=" + old, "?a%3Dzipcode%3D" + old, `"status_code":"` + old + `"`,
		"?state=https%3A%2F%2Fwww.example.com%2Fpages%2Fhome%2Findex.html", "state=north-rhine-westphalia",
		`"code":"UNABLE_TO_VERIFY_LEAF_SIGNATURE_NOW"`, `"state":"waiting_for_the_next_message_of_the_peer"`,
		`{"code":123456789012345678901234567890123456789}`, `{"state":[1, 123456789012345678901234567890123456789]}`, `{"code":[1e+123456789012345678901234567890123456789]}`,
		`"Etag":["` + old + `"]`, "/assets/" + old + ".js", "id=" + old, "sha256:" + old + old, "the code " + old, "code is " + old,
		`"code":"","Content-Security-Policy-Report-Only":[""]`, `"state":{"` + old + `":1}`, "?code=&" + old + "=1", "/?code=" + old[:MinLength-1],
		"?q=" + strings.Repeat("%D0%B4", 100), "code_challenge=" + state, "code_verifier=" + state,
		strings.Repeat("%", 100), strings.Repeat("%3D", 100), strings.Repeat("25", 100), "code=" + strings.Repeat("%25", 9) + "3D",
	} {
		if got := redacted(line); got != line {
			t.Errorf("%s\nbecame %s", line, got)
		}
	}
}

// plantedRequest is a callback with all that a visitor may bring.
func plantedRequest(t *testing.T) *http.Request {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, "https://example.test/auth/?code="+code+"&code="+old+"&state="+state, strings.NewReader("signed_request="+signed))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{
		"Referer": {r.URL.String()}, "Cookie": {"theme=dark; demo=" + cookie, "__Host-Http-instagram_auth=" + cookie}, "Authorization": {"Bearer " + token},
		"Content-Type": {"application/x-www-form-urlencoded"}, "X-Token": {token}, "X-Original-Url": {"/login?to=" + url.QueryEscape(r.URL.String())},
	}
	return r
}

func TestP1_WhateverAProgramPrintsOfARequest(t *testing.T) {
	r := plantedRequest(t)
	dump, err := httputil.DumpRequest(r, true)
	if err != nil {
		t.Fatal(err)
	}
	_ = r.ParseForm()
	values := []any{r.URL.String(), r.URL, r.URL.Query(), r.Form, r.Header, string(dump), r.URL.RawQuery, &url.Error{Op: "Get", URL: r.URL.String(), Err: http.ErrHandlerTimeout}}
	for _, value := range values {
		asJSON, _ := json.Marshal(value)
		inJSON, _ := json.Marshal(string(asJSON))
		lines := []string{string(asJSON), string(inJSON)}
		for _, verb := range []string{"%v", "%+v", "%s", "%q", "%#v"} {
			text := fmt.Sprintf(verb, value)
			inJSON, _ := json.Marshal(text)
			lines = append(lines, text, string(inJSON), fmt.Sprintf("%q", text), url.QueryEscape(text), url.QueryEscape(url.QueryEscape(text)))
		}
		for _, line := range lines {
			was := json.Valid([]byte(line))
			got := redacted(line)
			if found := secretsIn(got); len(found) > 0 {
				t.Errorf("%T: %q is left in\n%s", value, found, got)
			}
			if was && !json.Valid([]byte(got)) {
				t.Errorf("%T: no JSON any more: %s", value, got)
			}
		}
	}
}

func TestALineIsChangedInPlaceWithoutAllocations(t *testing.T) {
	hit := "/auth/?code=" + code + "&state=" + state + " Cookie: a=" + cookie
	for name, text := range map[string]string{"without a hit": accessLine, "with hits": hit} {
		line := make([]byte, len(text))
		if n := testing.AllocsPerRun(100, func() {
			copy(line, text)
			Line(line)
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

const accessLine = `{"level":"info","ts":1764171507.123,"logger":"http.log.access.log0","msg":"handled request","request":{"remote_ip":"203.0.113.7","remote_port":"51234","client_ip":"203.0.113.7","proto":"HTTP/2.0","method":"GET","host":"example.test","uri":"/members/photos?page=2\u0026sort=new","headers":{"User-Agent":["Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"],"Accept":["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"],"Accept-Encoding":["gzip, deflate, br, zstd"],"Cookie":["REDACTED"],"Referer":["https://example.test/members/"],"Sec-Fetch-Mode":["navigate"]},"tls":{"resumed":false,"version":772,"cipher_suite":4865,"proto":"h2","server_name":"example.test","ech":false}},"bytes_read":0,"user_id":"17841405793187218","duration":0.004321,"size":5123,"status":200,"resp_headers":{"Server":["Caddy"],"Content-Type":["text/html; charset=utf-8"],"Cache-Control":["private"],"Vary":["Cookie"]}}`

func BenchmarkLine(b *testing.B) {
	line := []byte(accessLine)
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		Line(line)
	}
}

// A visitor chooses what a line has in it, and how much of it. Twice as much takes about
// twice as long: with a look back at the whole line for each value, these would take minutes.
func TestALineThatAVisitorMadeTakesNoLongerThanItsLength(t *testing.T) {
	value := strings.Repeat("a1", MinLength/2)
	for _, part := range []string{"%3D", "code%3D", "%2525253D", "a=" + value + "; ", `"` + value + `","`, `","`, "[]string{", "%5B%5Dstring%7B", value + " ", "code=" + value + "&", "e\"", "cookie\"", "%", "25", "\\u003d"} {
		line := []byte(`"Cookie":["` + strings.Repeat(part, (1<<18)/len(part)))
		began := time.Now()
		Line(line)
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("256 KB of %s took %v", part, took)
		} else {
			t.Logf("256 KB of %s: %v", part, took)
		}
	}
}
