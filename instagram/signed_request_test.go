package instagram_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
)

const (
	issuedAt     = 1_800_000_000
	signedFields = `"algorithm":"HMAC-SHA256","issued_at":1800000000`
)

// signedNow is a moment after the requests of these tests were signed.
var signedNow = time.Unix(issuedAt+5, 0)

// sign signs a payload that is already encoded.
func sign(secret, payload string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(payload))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)) + "." + payload
}

// signed encodes and signs a content.
func signed(secret, content string) string {
	return sign(secret, base64.RawURLEncoding.EncodeToString([]byte(content)))
}

func usualRequest() string { return signed(appSecret, `{"user_id":"218471",`+signedFields+`}`) }

// wantNoRequest fails the test unless a request is refused for this reason, with a
// text that gives away neither secret nor payload.
func wantNoRequest(t *testing.T, request string, secrets []string, want error) {
	t.Helper()
	got, err := instagram.ParseSignedRequest(request, secrets, signedNow)
	if !errors.Is(err, want) || got != (instagram.SignedRequest{}) {
		t.Errorf("%q gives %+v, %v; want %v", request, got, err, want)
		return
	}
	_, payload, _ := strings.Cut(request, ".")
	for _, private := range append([]string{payload, "218471"}, secrets...) {
		if private != "" && strings.Contains(err.Error(), private) {
			t.Errorf("%q tells %q", err, private)
		}
	}
}

func TestK1_WhatOneOfTheSecretsSignedIsRead(t *testing.T) {
	want := instagram.SignedRequest{UserID: "218471", IssuedAt: time.Unix(issuedAt, 0)}
	usual := usualRequest()
	signature, payload, _ := strings.Cut(usual, ".")
	padded := base64.URLEncoding.EncodeToString([]byte(`{"user_id":"218471",` + signedFields + ` }`))
	if !strings.HasSuffix(padded, "=") {
		t.Fatal("this payload needs no padding")
	}
	for name, c := range map[string]struct {
		request string
		secrets []string
	}{
		"right":                     {usual, []string{appSecret}},
		"second of two secrets":     {usual, []string{"another", appSecret}},
		"first of two secrets":      {usual, []string{appSecret, "another"}},
		"padded signature":          {signature + "=." + payload, []string{appSecret}},
		"padded payload":            {sign(appSecret, padded), []string{appSecret}},
		"members that are not ours": {signed(appSecret, `{"expires":0,"user":{"country":"de","user_id":"7"},"USER_ID":"8","user_id":"218471","x":[1e999],`+signedFields+`}`), []string{appSecret}},
		"spaces around the object":  {signed(appSecret, " {\"user_id\":\"218471\",\n"+signedFields+"}\n"), []string{appSecret}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := instagram.ParseSignedRequest(c.request, c.secrets, signedNow)
			if err != nil || got.UserID != want.UserID || !got.IssuedAt.Equal(want.IssuedAt) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestK1_WhatNobodySignedIsRefused(t *testing.T) {
	usual := usualRequest()
	signature, payload, _ := strings.Cut(usual, ".")
	padded := base64.URLEncoding.EncodeToString([]byte(`{"user_id":"218471",` + signedFields + ` }`))
	for name, request := range map[string]string{
		"nothing":                      "",
		"a dot":                        ".",
		"no dot":                       signature + payload,
		"three parts":                  usual + "." + payload,
		"three parts, signed":          sign(appSecret, payload+"."+payload),
		"an empty third part":          usual + ".",
		"an empty first part":          "." + usual,
		"swapped parts":                payload + "." + signature,
		"empty signature":              "." + payload,
		"empty payload":                signature + ".",
		"empty payload, signed":        sign(appSecret, ""),
		"half a signature":             signature[:len(signature)/2] + "." + payload,
		"a signature and more":         signature + "AAAA." + payload,
		"other secret":                 signed("another", `{"user_id":"218471",`+signedFields+`}`),
		"empty secret":                 signed("", `{"user_id":"218471",`+signedFields+`}`),
		"signature of the JSON itself": signatureOf(`{"user_id":"218471",`+signedFields+`}`) + "." + payload,
		"signature in hex":             fmt.Sprintf("%x.%s", sha256.Sum256([]byte(payload)), payload),
		"standard base64":              strings.NewReplacer("-", "+", "_", "/").Replace(signatureWithDash(t)),
		"too much padding":             signature + "==." + payload,
		"line break in the signature":  signature[:9] + "\n" + signature[9:] + "." + payload,
		"space in front":               " " + usual,
		"line break behind":            usual + "\n",
		"unused bits of the signature": sameBytes(signature) + "." + payload,
		"padding was signed, not sent": strings.TrimRight(sign(appSecret, padded), "="),
		"padding was sent, not signed": sign(appSecret, strings.TrimRight(padded, "=")) + "=",
	} {
		t.Run(name, func(t *testing.T) {
			wantNoRequest(t, request, []string{appSecret, ""}, instagram.ErrSignature)
		})
	}
	wantNoRequest(t, usual, nil, instagram.ErrSignature)
	wantNoRequest(t, usual, []string{}, instagram.ErrSignature)
}

func TestK1_NoBitOfEitherPartCanChange(t *testing.T) {
	usual := usualRequest()
	if _, err := instagram.ParseSignedRequest(usual, []string{appSecret}, signedNow); err != nil {
		t.Fatal(err)
	}
	for i := range usual {
		for bit := range 8 {
			wantNoRequest(t, flipBit(usual, i, bit), []string{appSecret}, instagram.ErrSignature)
		}
	}
}

// The algorithm stands in the payload, so it is believed only once the signature by
// the one algorithm is right. A request that is signed by another one has no chance.
func TestK1_TheSignatureComesBeforeTheContent(t *testing.T) {
	for _, content := range []string{`{"algorithm":"none","user_id":"1","issued_at":1}`, `{`, ``, "\x00", `[]`} {
		wantNoRequest(t, signed("another", content), []string{appSecret}, instagram.ErrSignature)
		wantNoRequest(t, "."+base64.RawURLEncoding.EncodeToString([]byte(content)), []string{appSecret}, instagram.ErrSignature)
		if content != "" {
			wantNoRequest(t, signed(appSecret, content), []string{appSecret}, instagram.ErrSignedContent)
		}
	}
	for _, payload := range []string{"e30\n", "e30+", "e31", "e30===", "{}", "e30= ", "="} {
		wantNoRequest(t, sign(appSecret, payload), []string{appSecret}, instagram.ErrSignedContent)
	}
}

func TestK2_TheAlgorithmIsTheOne(t *testing.T) {
	for _, member := range []string{
		`"algorithm":"none",`, `"algorithm":"HMAC-SHA1",`, ``, `"algorithm":"hmac-sha256",`, `"algorithm":"HMAC-SHA256 ",`, `"algorithm":"",`, `"algorithm":null,`, `"algorithm":["HMAC-SHA256"],`,
		`"ALGORITHM":"HMAC-SHA256",`, `"algorithm":"none","algorithm":"HMAC-SHA256",`, `"algorithm":"HMAC-SHA256","algorithm":"HMAC-SHA256",`,
	} {
		wantNoRequest(t, signed(appSecret, `{`+member+`"user_id":"218471","issued_at":1800000000}`), []string{appSecret}, instagram.ErrSignedContent)
	}
}

func TestK2_IDsStayText(t *testing.T) {
	for raw, want := range map[string]string{
		`"218471"`: "218471", `218471`: "218471", `0`: "0",
		`17841405822304914`: "17841405822304914", `17841405822304915`: "17841405822304915", `"17841405822304915"`: "17841405822304915",
		`99999999999999999999999999999999`: strings.Repeat("9", 32), `"` + strings.Repeat("9", 32) + `"`: strings.Repeat("9", 32),
		`1.0`: "", `1.5`: "", `1e3`: "", `17841405822304915.0`: "", `-1`: "", `""`: "", `"x"`: "", `"1.5"`: "", `" 1"`: "", `"+1"`: "", `null`: "", `true`: "", `["1"]`: "", `{"id":"1"}`: "",
		`"` + strings.Repeat("9", 33) + `"`: "", strings.Repeat("9", 33): "", `"1\n"`: "", `"١"`: "",
	} {
		request := signed(appSecret, `{"user_id":`+raw+`,`+signedFields+`}`)
		if want == "" {
			wantNoRequest(t, request, []string{appSecret}, instagram.ErrSignedContent)
			continue
		}
		if got, err := instagram.ParseSignedRequest(request, []string{appSecret}, signedNow); err != nil || got.UserID != want {
			t.Errorf("%s became %q, %v", raw, got.UserID, err)
		}
	}
	for _, members := range []string{``, `"USER_ID":"218471",`, `"user":{"id":"218471"},`, `"user_id":"218471","user_id":"218471",`} {
		wantNoRequest(t, signed(appSecret, `{`+members+signedFields+`}`), []string{appSecret}, instagram.ErrSignedContent)
	}
}

func TestK2_TheTimeIsOneOfThePast(t *testing.T) {
	limit := signedNow.Add(10 * time.Minute).Unix()
	for raw, good := range map[string]bool{
		`1800000000`: true, `1`: true, `1291836800`: true, fmt.Sprint(limit): true,
		fmt.Sprint(limit + 1): false, `1800000000000`: false, fmt.Sprint(int64(math.MaxInt64)): false, `9223372036854775808`: false, `99999999999999999999999999`: false,
		`0`: false, `-1`: false, `-0`: false, `-9223372036854775808`: false, `1800000000.0`: false, `1.8e9`: false, `1e300`: false, `1e-5`: false,
		`"1800000000"`: false, `null`: false, `""`: false, `true`: false, `[1800000000]`: false, `{}`: false,
	} {
		request := signed(appSecret, `{"user_id":"218471","algorithm":"HMAC-SHA256","issued_at":`+raw+`}`)
		if !good {
			wantNoRequest(t, request, []string{appSecret}, instagram.ErrSignedContent)
			continue
		}
		if got, err := instagram.ParseSignedRequest(request, []string{appSecret}, signedNow); err != nil || fmt.Sprint(got.IssuedAt.Unix()) != raw {
			t.Errorf("%s became %v, %v", raw, got.IssuedAt, err)
		}
	}
	wantNoRequest(t, signed(appSecret, `{"user_id":"218471","algorithm":"HMAC-SHA256"}`), []string{appSecret}, instagram.ErrSignedContent)
}

func TestK2_WhatFollowsTheObjectIsRefused(t *testing.T) {
	object := `{"user_id":"218471",` + signedFields + `}`
	for _, content := range []string{object + `{}`, object + object, object + `x`, object + "\x00", object + `,`, `[` + object + `]`, `{"data":[` + object + `]}`, `"` + `x` + `"`, `null`, object[1:], object[:len(object)-1], `{"a":1,,` + object[1:], `{"a" 1,` + object[1:]} {
		wantNoRequest(t, signed(appSecret, content), []string{appSecret}, instagram.ErrSignedContent)
	}
}

// openssl and base64 share no line of code with us.
func TestK1_OpenSSLSignsTheSame(t *testing.T) {
	shell := func(command, stdin string) string {
		run := exec.Command("sh", "-c", command)
		run.Stdin, run.Env = strings.NewReader(stdin), []string{"PATH=/usr/local/bin:/usr/bin:/bin", "SECRET=" + appSecret}
		out, err := run.Output()
		if err != nil {
			t.Fatalf("%s: %v", command, err)
		}
		return string(out)
	}
	const unpadded = ` | tr -d '=\n' | tr '+/' '-_'`
	const withPadding = ` | tr -d '\n' | tr '+/' '-_'`
	for _, content := range []string{
		`{"algorithm":"HMAC-SHA256","expires":1800003600,"issued_at":1800000000,"user_id":"17841405822304915"}`,
		`{"algorithm":"HMAC-SHA256","issued_at":1800000000,"user_id":17841405822304915}`,
		`{"user_id":"17841405822304915","algorithm":"HMAC-SHA256","issued_at":1800000000,"note":"??>>~~ÿ"}`,
	} {
		for _, text := range []string{unpadded, withPadding} {
			payload := shell("base64 -w0"+text, content)
			signature := shell(`openssl dgst -sha256 -hmac "$SECRET" -binary | base64 -w0`+text, payload)
			got, err := instagram.ParseSignedRequest(signature+"."+payload, []string{appSecret}, signedNow)
			if err != nil || got.UserID != "17841405822304915" || got.IssuedAt.Unix() != issuedAt {
				t.Errorf("%s became %+v, %v", content, got, err)
			}
			wantNoRequest(t, signature+"."+payload, []string{appSecret + "x"}, instagram.ErrSignature)
		}
	}
}

// signedID is an ID as it may come, and as which it has to stand in the content: as a float
// it might become its neighbour.
var signedID = regexp.MustCompile(`^[0-9]{1,32}$`)

func FuzzK1_SignedRequest(f *testing.F) {
	usual := usualRequest()
	for _, seed := range []string{usual, usual + "=", "", ".", "..", "a.b", usual + "." + usual, strings.Replace(usual, ".", "=.", 1)} {
		f.Add(seed, ``)
	}
	for _, content := range []string{`{"user_id":"218471",` + signedFields + `}`, `{"user_id":218471,` + signedFields + `}`, `{"user_id":1e400,` + signedFields + `}`, `{"issued_at":1e300}`, `{`, `null`, `{"user_id":{"a":[]}}{}`, `{"a":1,"a":2}`} {
		f.Add("", content)
	}
	f.Fuzz(func(t *testing.T, request, content string) {
		// What nobody signed never gets through.
		if got, err := instagram.ParseSignedRequest(request, []string{appSecret}, signedNow); err == nil && strings.ReplaceAll(request, "=", "") != usual {
			t.Errorf("%q is taken for %+v", request, got)
		}
		// And what is signed is used only if it can be.
		got, err := instagram.ParseSignedRequest(signed(appSecret, content), []string{appSecret}, signedNow)
		switch {
		case err == nil && (!signedID.MatchString(got.UserID) || !strings.Contains(content, got.UserID) || got.IssuedAt.After(signedNow.Add(10*time.Minute)) || got.IssuedAt.Unix() <= 0):
			t.Errorf("%q gives %+v", content, got)
		case err != nil && content != "" && !errors.Is(err, instagram.ErrSignedContent):
			t.Errorf("%q: %v", content, err)
		}
	})
}

// sameBytes changes a bit of a signature's last character that base64 does not use.
func sameBytes(signature string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := len(signature) - 1
	return signature[:last] + string(alphabet[strings.IndexByte(alphabet, signature[last])|1])
}

// flipBit changes one bit of a text.
func flipBit(s string, at, bit int) string {
	b := []byte(s)
	b[at] ^= 1 << bit
	return string(b)
}

// signatureOf signs what should have been encoded first.
func signatureOf(content string) string {
	signature, _, _ := strings.Cut(sign(appSecret, content), ".")
	return signature
}

// signatureWithDash returns a request that looks different in standard base64.
func signatureWithDash(t *testing.T) string {
	t.Helper()
	for i := range 1000 {
		request := signed(appSecret, fmt.Sprintf(`{"user_id":"218471","x":%d,%s}`, i, signedFields))
		if signature, _, _ := strings.Cut(request, "."); strings.ContainsAny(signature, "-_") {
			return request
		}
	}
	t.Fatal("no signature has a dash or an underscore")
	return ""
}
