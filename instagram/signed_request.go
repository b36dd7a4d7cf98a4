package instagram

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// What is wrong with a signed request. Texts carry nothing of the request, which
// names a person, and no secret. [P1]
var (
	// ErrSignature says that Meta did not sign the request: its form or its signature is wrong.
	ErrSignature = errors.New("signed request has no valid signature")

	// ErrSignedContent says that the signature is valid and the content is not.
	ErrSignedContent = errors.New("signed request has invalid content")
)

const (
	// signedAlgorithm is the one algorithm, spelled as Meta spells it.
	signedAlgorithm = "HMAC-SHA256"

	// maxAhead is how far Meta's clock may be ahead of this machine's. [K2]
	maxAhead = 10 * time.Minute
)

// SignedRequest names a user in Meta's deauthorize and data deletion callbacks.
type SignedRequest struct {
	// UserID is the app-scoped ID, decimal text.
	UserID string
	// IssuedAt is when Meta signed, in whole seconds.
	IssuedAt time.Time
}

// ParseSignedRequest reads the value of the field signed_request. It must be signed
// with one of the secrets. There is no limit on its age: a request that ends what was
// before it does no harm when it is replayed. [K3]
func ParseSignedRequest(signed string, secrets []string, now time.Time) (SignedRequest, error) {
	// Nothing is read of a payload before it is known to be Meta's. [K1]
	payload, ok := checkSignature(signed, secrets)
	if !ok {
		return SignedRequest{}, ErrSignature
	}
	content, err := decodePart(payload)
	if err != nil {
		return SignedRequest{}, fmt.Errorf("%w: no base64url", ErrSignedContent)
	}
	return readSigned(content, now)
}

// checkSignature returns the second part, still encoded, if one of the secrets signed it.
func checkSignature(signed string, secrets []string) (payload string, ok bool) {
	signature, payload, found := strings.Cut(signed, ".")
	if !found || payload == "" || strings.Contains(payload, ".") {
		return "", false
	}
	sum, err := decodePart(signature)
	if err != nil {
		return "", false
	}
	for _, secret := range secrets {
		if secret == "" {
			continue // anybody can sign with the empty secret
		}
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(payload)) // as it was sent, padding included
		// No early end: how long it takes does not tell which secret it was. [Z1]
		if hmac.Equal(sum, mac.Sum(nil)) {
			ok = true
		}
	}
	return payload, ok
}

// decodePart decodes base64url. Padding may be there or not; all else is strict: no
// line breaks, which the decoder would pass over, and no unused bits.
func decodePart(part string) ([]byte, error) {
	if strings.ContainsAny(part, "\r\n") {
		return nil, errBroken
	}
	encoding := base64.RawURLEncoding
	if strings.HasSuffix(part, "=") {
		encoding = base64.URLEncoding
	}
	return encoding.Strict().DecodeString(part)
}

// readSigned reads the content. Members that are not known are ignored. [K2]
func readSigned(content []byte, now time.Time) (SignedRequest, error) {
	var members members
	if unmarshalObject(content, &members) != nil {
		return SignedRequest{}, fmt.Errorf("%w: no JSON object", ErrSignedContent)
	}
	var algorithm string
	if err := json.Unmarshal(members["algorithm"], &algorithm); err != nil || algorithm != signedAlgorithm {
		return SignedRequest{}, fmt.Errorf("%w: algorithm", ErrSignedContent)
	}
	var user id
	if err := json.Unmarshal(members["user_id"], &user); err != nil || user == "" {
		return SignedRequest{}, fmt.Errorf("%w: user_id", ErrSignedContent)
	}
	// As text, because a float would take 1e300 and 1.5 for a time.
	seconds, err := strconv.ParseInt(string(members["issued_at"]), 10, 64)
	// Compared as numbers, because a time.Time of absurd seconds wraps around.
	if err != nil || seconds <= 0 || seconds > now.Add(maxAhead).Unix() {
		return SignedRequest{}, fmt.Errorf("%w: issued_at", ErrSignedContent)
	}
	return SignedRequest{string(user), time.Unix(seconds, 0)}, nil
}
