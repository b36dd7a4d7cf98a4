package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

// front answers in the place of a simulator where an answer must be no HTTP that a
// server of Go's would send.
type front struct {
	*simulator.Simulator
	behind atomic.Int64 // what is added to Instagram's clock

	mu  sync.Mutex
	raw map[simulator.Endpoint]string
}

// answer has an endpoint answer with these bytes, and with its own again where there are
// none.
func (f *front) answer(endpoint simulator.Endpoint, raw string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.raw[endpoint] = raw
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	endpoint := map[string]simulator.Endpoint{
		"/oauth/access_token": simulator.Token, "/me": simulator.UserNode,
		"/access_token": simulator.LongLived, "/refresh_access_token": simulator.Refresh,
	}[r.URL.Path]
	f.mu.Lock()
	raw := f.raw[endpoint]
	f.mu.Unlock()
	if raw == "" {
		f.Simulator.ServeHTTP(w, r)
		return
	}
	_, _ = io.Copy(io.Discard, r.Body)
	connection, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	_, _ = io.WriteString(connection, raw)
	_ = connection.Close()
}

// certificates are those that Instagram can show: a good one, one that nobody knows, and
// a good one of another host.
type certificates struct {
	good, unknown, elsewhere tls.Certificate
	file                     string // of the authorities that Caddy knows
}

func newCertificates(t *testing.T) *certificates {
	t.Helper()
	c := &certificates{
		good: newCertificate(t, "127.0.0.1"), unknown: newCertificate(t, "127.0.0.1"), elsewhere: newCertificate(t, "elsewhere.test"),
		file: filepath.Join(t.TempDir(), "authorities.pem"),
	}
	var authorities strings.Builder
	for _, known := range []tls.Certificate{c.good, c.elsewhere} {
		_ = pem.Encode(&authorities, &pem.Block{Type: "CERTIFICATE", Bytes: known.Certificate[0]})
	}
	if err := os.WriteFile(c.file, []byte(authorities.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return c
}

// newCertificate makes a certificate that signs itself.
func newCertificate(t *testing.T, host string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	if host == "127.0.0.1" {
		template.IPAddresses = append(template.IPAddresses, []byte{127, 0, 0, 1})
	} else {
		template.DNSNames = []string{host}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// overTLS serves the site's Instagram over TLS, too. show changes the certificate.
func (s *faultSite) overTLS(t *testing.T, first *tls.Certificate) (origin string, show func(*tls.Certificate)) {
	t.Helper()
	var shown atomic.Pointer[tls.Certificate]
	shown.Store(first)
	server := httptest.NewUnstartedServer(s.front)
	// StartTLS puts a certificate of its own into Certificates, which this goes before.
	server.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		return &tls.Config{Certificates: []tls.Certificate{*shown.Load()}}, nil
	}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Config.SetKeepAlivesEnabled(false) // so that each call meets the certificate of the moment
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL, func(c *tls.Certificate) { shown.Store(c) }
}

// sessions opens and makes session cookies of a site's with tokens, by a clock.
func (s *faultSite) sessions(now func() time.Time) *session.Cookies {
	s.t.Helper()
	cookies, err := session.New(session.Config{
		Secrets: []string{appSecret}, Instance: s.app + " /instagram_auth", Name: "instagram_auth", Lifetime: 7 * 24 * time.Hour, Tokens: true, Now: now,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return cookies
}

// sessionOf returns what the cookie of a visitor holds.
func (s *faultSite) sessionOf(v *visitor) session.Session {
	s.t.Helper()
	cookies := s.sessions(time.Now)
	found := cookies.Find([]string{cookie + "=" + v.cookies[cookie]})
	opened, ok := cookies.Open(&found, nil)
	if !ok {
		s.t.Fatalf("%s has no session", v.name)
	}
	return opened
}

// age makes the session of a visitor as old as if they had signed in some time ago.
func (s *faultSite) age(v *visitor, by time.Duration) {
	s.t.Helper()
	aged := s.sessionOf(v)
	then := func() time.Time { return time.Now().Add(-by) }
	aged.Token.Issued = then().Truncate(time.Second)
	_, line, _, err := s.sessions(then).Create(aged)
	if err != nil {
		s.t.Fatal(err)
	}
	pair, _, _ := strings.Cut(line, ";")
	v.cookies[cookie] = strings.TrimPrefix(pair, cookie+"=")
}
