package sitetest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// Deauthorize sends what Meta sends when the person removes the app.
func (s *Site) Deauthorize() {
	s.T.Helper()
	request, err := http.NewRequest(http.MethodPost, Origin+"/instagram_auth/deauthorize", strings.NewReader("signed_request="+s.Instagram.SignedRequest(Username)))
	if err != nil {
		s.T.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if answer := s.NewBrowser().Do(request); answer.StatusCode != http.StatusOK {
		s.T.Fatalf("answered %s %s", answer.Status, answer.Body)
	}
}

// FromMeta sends a callback as Meta does, without cookies, and returns the answer.
func (s *Site) FromMeta(path, signed string, changes ...func(*http.Request)) Response {
	s.T.Helper()
	request, err := http.NewRequest(http.MethodPost, Origin+path, nil)
	if err != nil {
		s.T.Fatal(err)
	}
	SetBody(request, url.Values{"signed_request": {signed}}.Encode())
	for _, change := range changes {
		change(request)
	}
	return s.NewBrowser().Do(request)
}

// AgeCallbacks makes the stored records of callbacks older.
func (s *Site) AgeCallbacks(by time.Duration) {
	s.T.Helper()
	for _, file := range s.Stored() {
		if strings.Contains(file, "/callbacks/") {
			if err := os.WriteFile(file, fmt.Appendf(nil, "%d\n", time.Now().Add(-by).Unix()), 0o600); err != nil {
				s.T.Fatal(err)
			}
		}
	}
}

// SignedRequest returns a signed_request of Meta for a user at a time.
func SignedRequest(secret, user string, at time.Time) string {
	payload := base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"algorithm":"HMAC-SHA256","issued_at":%d,"user_id":"%s"}`, at.Unix(), user))
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(payload))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)) + "." + payload
}

// DeauthorizePath is the path of the deauthorize callback.
const DeauthorizePath = "/instagram_auth/deauthorize"

// DataDeletionPath is the path of the data deletion callback.
const DataDeletionPath = "/instagram_auth/data_deletion"
