package instagram_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
)

// kept returns what the log keeps of an answer.
func kept(t *testing.T, status int, kind, body string) *instagram.Error {
	t.Helper()
	client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = []string{kind}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	})
	_, err := client.Exchange(t.Context(), redirectURI, plantedCode)
	return wantKind(t, err, instagram.BadAnswer)
}

func TestTheLogQuotesAnUnknownAnswer(t *testing.T) {
	const page = "text/html; charset=utf-8"
	for _, c := range []struct{ name, kind, body, want string }{
		{"title and text of a page", page, `<!DOCTYPE html><html id="facebook"><head><title>Facebook | Error</title><style>p { color: red }</style></head><body><h1>Sorry,</h1> something went&nbsp;wrong.<script>var a</script></body></html>`, "Facebook | Error Sorry, something went wrong."},
		{"title that is in the text", page, `<html><head><title>Sorry</title></head><body>Sorry, no.</body></html>`, "Sorry, no."},
		{"comment and attributes", page, `<!-- hidden --><p title="hidden">Seen</p>`, "Seen"},
		{"page that breaks off", page, `<html><head><title>Half</title></head><body>Text<script>var x = 1`, "Half Text"},
		{"text of a proxy", "text/plain", "upstream connect error or\tdisconnect/reset\r\nbefore headers", "upstream connect error or disconnect/reset before headers"},
		{"JSON of another API", "application/json", `{"meta": {"code": 400}}`, `{"meta": {"code": 400}}`},
		{"message of instagram.com", "application/json", `{"message":"checkpoint_required","status":"fail"}`, "checkpoint_required"},
		{"message with control characters", "application/json", `{"message":"a\u0000\u001b[31mb\u2028\n c"}`, "a [31mb c"},
		{"list", "application/json", `["no"]`, `["no"]`},
		{"broken", "application/json", `{"message":"no`, `{"message":"no`},
		{"empty", "application/json", ``, ""},
		{"bytes that are no text", "text/html", "<p>\xff\xfe\x00x</p>", "x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := kept(t, 400, c.kind, c.body); got.Message != c.want {
				t.Errorf("kept %q, want %q", got.Message, c.want)
			}
		})
	}
}

func TestT6_AnUnknownAnswerRevealsNoSecret(t *testing.T) {
	escaped := url.QueryEscape(plantedCode)
	for _, body := range []string{
		`{"x":"` + appSecret + `"}`, `{"x":"` + plantedCode + `"}`, `{"x":"client_secret=` + appSecret + `&code=` + escaped + `"}`, `{"x":"` + appSecret[:12] + `"}`, `{"` + plantedCode + `":1}`,
		// Tokens that the client has never sent or received.
		`{"data":{"access_token":"IGAAsomething_that-is-long0123456789"}}`, `{"token":"EAACEdEose0cBA1234567890"}`, `["IGQVJ.something~long=0123456789"]`,
		`{"message":"` + appSecret + `"}`, `{"message":"code ` + escaped + `"}`, `{"message":"\u0061\u0031b2c3d4e5f60718"}`,
		`<p>` + appSecret + `</p>`, `<title>` + plantedCode + `</title>`, `<p>&#97;1b2c3d4e5f60718293a4b5c6d7e8f90</p>`, `<a href="?code=` + escaped + `">x</a>`,
	} {
		for _, kind := range []string{"application/json", "text/html"} {
			got := kept(t, 400, kind, body)
			for _, text := range []string{got.Error(), got.Message} {
				for _, secret := range []string{appSecret[:8], plantedCode[:8], escaped[:8], "IGAAsomething", "EAACEdEose", "IGQVJ.some"} {
					if strings.Contains(text, secret) {
						t.Errorf("%s: %q tells %q", body, text, secret)
					}
				}
			}
		}
	}
	long := kept(t, 400, "text/plain", strings.Repeat("word ", 1000))
	if len(long.Message) > 200 || !strings.HasPrefix(long.Message, "word word") {
		t.Errorf("kept %d bytes", len(long.Message))
	}
}

// The answer of a user node is about a person.
func TestP2_AnUnknownUserNodeIsNotQuoted(t *testing.T) {
	for _, body := range []string{`["jayposiris"]`, `{"name":"Jay","username":"jayposiris","id":{}}`, `{"user":{"username":"jayposiris"}}`, `"jayposiris"`, `{"username":"jayposiris"`} {
		_, err := serve(t, answer(http.StatusOK, body)).User(t.Context(), instagram.Token{AccessToken: token})
		if err == nil || strings.Contains(err.Error(), "jayposiris") || strings.Contains(err.Error(), "Jay") {
			t.Errorf("%s: %v", body, err)
		}
	}
}

// Errors in the words of RFC 6749.
func TestErrorsInTheWordsOfOAuthAreRead(t *testing.T) {
	for _, c := range []struct {
		status       int
		body, remedy string
		kind         instagram.Kind
		temporary    bool
	}{
		{400, `{"error":"invalid_grant","error_description":"This authorization code has expired"}`, "had expired", instagram.Refused, false},
		{401, `{"error":"invalid_client","error_description":"Error validating client secret."}`, "app_secret is wrong", instagram.Refused, false},
		{400, `{"error":"invalid_scope"}`, "scope names a permission", instagram.Refused, false},
		{200, `{"error":"invalid_grant","error_description":"Invalid authorization code"}`, "was used, is too old", instagram.Refused, false},
		{400, `{"error":"invalid_request","error_description":"nobody knows","access_token":"T"}`, "", instagram.Refused, false},
		{503, `{"error":"temporarily_unavailable"}`, "Instagram failed", instagram.BadAnswer, true},
	} {
		_, err := serve(t, answer(c.status, c.body)).Exchange(t.Context(), redirectURI, plantedCode)
		got := wantKind(t, err, c.kind)
		if !strings.Contains(got.Remedy(), c.remedy) || got.Temporary() != c.temporary || got.Type == "" || !strings.Contains(c.body, got.Type) {
			t.Errorf("%s gives %+v, remedy %q", c.body, got, got.Remedy())
		}
	}
}

// instagram.com's own answer to an address that it distrusts comes with 401 and with 200.
func TestADistrustedAddressHasToWait(t *testing.T) {
	for _, status := range []int{401, 403, 429, 200} {
		for _, body := range []string{`{"message":"Please wait a few minutes before you try again.","status":"fail"}`, `{"status":"fail","require_login":true,"message":"Please wait a few minutes before you try again."}`} {
			client := serve(t, answer(status, body))
			_, errToken := client.Exchange(t.Context(), redirectURI, "code")
			_, errUser := client.User(t.Context(), instagram.Token{AccessToken: token})
			_, errRefresh := client.Refresh(t.Context(), instagram.Token{AccessToken: token})
			for _, err := range []error{errToken, errUser, errRefresh} {
				got := wantKind(t, err, instagram.BadAnswer)
				if !got.Temporary() || got.OfOnePerson() || got.InvalidToken() || status != 429 && !strings.Contains(got.Remedy(), "does not trust the IP address") {
					t.Errorf("%d: %+v, remedy %q", status, got, got.Remedy())
				}
			}
		}
	}
	// Other failures of this shape are not temporary.
	_, err := serve(t, answer(400, `{"message":"checkpoint_required","checkpoint_url":"/challenge/","status":"fail"}`)).Exchange(t.Context(), redirectURI, "code")
	if got := wantKind(t, err, instagram.BadAnswer); got.Temporary() || got.Message != "checkpoint_required" {
		t.Errorf("%+v", got)
	}
}
