package instagram_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
)

// readContent is the second reading of what a signed request says: an object whose names come
// once each, byte for byte.
func readContent(content string, now time.Time) (user string, at int64, ok bool) {
	v, ok := parseJSON(content)
	if !ok || v.kind != 'o' {
		return "", 0, false
	}
	found := make(map[string]value)
	for _, m := range v.members {
		if _, twice := found[m.name]; twice {
			return "", 0, false
		}
		found[m.name] = m.value
	}
	algorithm, issued := found["algorithm"], found["issued_at"]
	user, ok = found["user_id"].id()
	at, err := strconv.ParseInt(issued.raw, 10, 64)
	inTime := err == nil && issued.kind == 'n' && at > 0 && at <= now.Unix()+600
	return user, at, ok && user != "" && algorithm.kind == 's' && algorithm.text == "HMAC-SHA256" && inTime
}

// Only requests that are signed with a configured secret are read, padded or not.
func FuzzK1_SignedByOneOfTheSecrets(f *testing.F) {
	secrets := []string{appSecret, "00112233445566778899aabbccddeeff", ""}
	for _, content := range []string{
		`{"algorithm":"HMAC-SHA256","expires":1291840400,"issued_at":1291836800,"user_id":"218471"}`, `{"algorithm":"HMAC-SHA256","issued_at":1291836800,"user_id":25025320793187218}`, `{"algorithm":"HMAC-SHA256","issued_at":1291836800,"user_id":"17841405793187218","user":{"country":"de","locale":"de_DE"}}`,
		`{"algorithm":"hmac-sha256","issued_at":1,"user_id":"1"}`, `{"algorithm":"HMAC-SHA256","issued_at":"1","user_id":"1"}`, `{"algorithm":"HMAC-SHA256","issued_at":1.0,"user_id":"1"}`, `{"algorithm":"HMAC-SHA256","issued_at":99999999999,"user_id":"1"}`, `{"algorithm":"HMAC-SHA256","issued_at":1,"user_id":null}`,
		`{"algorithm":"HMAC-SHA256","issued_at":1,"USER_ID":"1"}`, `{"algorithm":"HMAC-SHA256","issued_at":1,"user_id":"1","user_id":"2"}`, `{"algorithm":"HMAC-SHA256","issued_at":1,"user_id":"1","\u0075ser_id":"2"}`, `{"algorithm":"HMAC-SHA256","issued_at":1,"user_id":"1","USER_ID":"2"}`, `{"algorithm":"HMAC-SHA256","issued_at":1,"user_id":"\u0031"}`, ``, `{}`, `null`,
	} {
		for secret := range uint8(4) {
			f.Add(content, secret, secret%2 == 0, uint16(0), uint8(0))
		}
		f.Add(content, uint8(0), false, uint16(3), uint8(1))
	}
	f.Fuzz(func(t *testing.T, content string, which uint8, padded bool, at uint16, flip uint8) {
		encoding := base64.RawURLEncoding
		if padded {
			encoding = base64.URLEncoding
		}
		secret := append(secrets, "ffeeddccbbaa99887766554433221100")[which%4]
		payload := encoding.EncodeToString([]byte(content))
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(payload))
		request := []byte(encoding.EncodeToString(mac.Sum(nil)) + "." + payload)
		changed := flip != 0
		if changed {
			request[int(at)%len(request)] ^= flip
		}
		got, err := instagram.ParseSignedRequest(string(request), secrets, signedNow)
		user, issued, ok := readContent(content, signedNow)
		trusted := which%4 < 2 && payload != "" // nobody trusts the empty secret
		switch {
		case changed:
			// A changed byte breaks the signature, its encoding or the separator.
			if err == nil {
				t.Errorf("%q is taken for %+v", request, got)
			}
		case !trusted:
			if !errors.Is(err, instagram.ErrSignature) {
				t.Errorf("%q signed with %q: %+v, %v", content, secret, got, err)
			}
		case !ok:
			if !errors.Is(err, instagram.ErrSignedContent) {
				t.Errorf("%q: %+v, %v", content, got, err)
			}
		case err != nil || got.UserID != user || got.IssuedAt.Unix() != issued:
			t.Errorf("%q: %+v, %v; want %s at %d", content, got, err, user, issued)
		}
		if err != nil && (strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' || r > '~' }) || len(err.Error()) > 100) {
			t.Errorf("%q gives %q", request, err)
		}
	})
}
