package instagramauth_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

func TestN18_TheFingerprintsOfTheSecretsAreInTheLogAndTheCommandsOutput(t *testing.T) {
	file := sitetest.NewSecretFile(t, sitetest.OlderSecret)
	options := "session {\n secret {file." + file.Path + "} a-short-and-simple-secret-0123456789\n}"
	s, admin := sitetest.StartWithAdmin(t, sitetest.Config{Options: options})
	lines := s.Logged("keys are being changed: older secrets are still accepted")
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
	if out := sessions(); !strings.Contains(out, newer+" weak (former: "+older+")") {
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

// The doctor runs in another shell than Caddy.
func TestTheDoctorSaysThatItSeesOtherSecretsThanCaddy(t *testing.T) {
	k := newClinic(t, sitetest.Config{})
	t.Setenv("ROTATION_TEST_SECRET", sitetest.OlderSecret)
	admin := sitetest.FreeAddr(t)
	changes := []string{"admin localhost:2019", "admin " + admin, clinicSecret, "{env.ROTATION_TEST_SECRET}", "tls internal", "", "example.test {", "http://example.test:" + sitetest.Port(sitetest.FreeAddr(t)) + " {"}
	file := k.file(changes...)
	report := func() string {
		t.Helper()
		out, _ := sitetest.RunCaddy(t, nil, io.Discard, "doctor", "--config", file)
		for _, secret := range []string{sitetest.AppSecret, sitetest.OlderSecret, sitetest.NewerSecret} {
			if strings.Contains(out, secret) {
				t.Error("a secret is in the report")
			}
		}
		return out
	}
	older, newer := session.Fingerprint(sitetest.OlderSecret), session.Fingerprint(sitetest.NewerSecret)
	if out := report(); !strings.Contains(out, "session secret "+older+"; {env.ROTATION_TEST_SECRET}: the doctor has read what this shell has") {
		t.Errorf("without a Caddy:\n%s", out)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	config, err := sitetest.Adapt(string(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := caddy.Load(config, true); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = caddy.Stop() })
	if out := report(); !strings.Contains(out, "✓ secrets: fingerprints: app_secret "+session.Fingerprint(sitetest.AppSecret)+"; session secret "+older+"; the running Caddy has the same") {
		t.Errorf("with the same secrets:\n%s", out)
	}
	t.Setenv("ROTATION_TEST_SECRET", sitetest.NewerSecret)
	out := report()
	if !strings.Contains(out, "! secrets: the running Caddy has other secrets") || !strings.Contains(out, "session secret "+older+"; here it is") ||
		!strings.Contains(out, newer) || !strings.Contains(out, "use {file./absolute/path}") {
		t.Errorf("with other secrets:\n%s", out)
	}
}
