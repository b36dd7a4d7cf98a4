package operator_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

func TestN18_TheFingerprintsOfTheSecretsAreInTheLogAndTheCommandsOutput(t *testing.T) {
	file := sitetest.NewSecretFile(t, sitetest.OlderSecret)
	options := "session {\n secret {file." + file.Path + "} a-short-and-simple-secret-0123456789\n}"
	s, admin := sitetest.StartWithAdmin(t, sitetest.Config{Options: options})
	lines := s.Logged("secrets are being rotated: older secrets are still accepted")
	if len(lines) != 1 {
		t.Fatalf("%d lines at load", len(lines))
	}
	older, newer := session.Fingerprint(sitetest.OlderSecret), session.Fingerprint(sitetest.NewerSecret)
	app, _ := lines[0]["app_secrets"].([]any)
	own, _ := lines[0]["session_secrets"].([]any)
	if len(app) != 1 || app[0] != session.Fingerprint(sitetest.AppSecret) || len(own) != 2 || own[0] != older || own[1] != "weak" {
		t.Errorf("line = %v", lines[0])
	}
	sessions := func() string {
		t.Helper()
		out, err := sitetest.RunCaddy(t, nil, io.Discard, "sessions", "--address", admin)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(strings.Fields(out), " ")
	}
	if out := sessions(); !strings.Contains(out, sitetest.RedirectURI+" "+session.Fingerprint(sitetest.AppSecret)+" "+older+" weak") {
		t.Errorf("sessions says %s", out)
	}
	file.Write(sitetest.NewerSecret)
	s.WaitLogged(sitetest.SecretChanged, 1)
	if out := sessions(); !strings.Contains(out, newer+" weak (previous: "+older+")") {
		t.Errorf("after the change sessions says %s", out)
	}
	s.Load(sitetest.Config{Admin: admin})
	if out := sessions(); !strings.Contains(out, session.Fingerprint(sitetest.AppSecret)+" from app_secret") {
		t.Errorf("without a session secret it says %s", out)
	}
	if lines := s.Logged("secrets loaded"); len(lines) != 1 {
		t.Errorf("%d lines at the second load", len(lines))
	}
	_, answer := sitetest.AskAdmin(t, http.MethodGet, admin+"/instagram_auth/sessions", "")
	if text := fmt.Sprint(answer); strings.Contains(text, sitetest.AppSecret) || !strings.Contains(text, session.Fingerprint(sitetest.AppSecret)) {
		t.Errorf("the admin endpoint answers %s", text)
	}
}
