package doctor_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/doctor"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

func TestTheDoctorSaysThatGoIsOld(t *testing.T) {
	usual := doctor.OfModule.Go
	t.Cleanup(func() { doctor.OfModule.Go = usual })
	doctor.OfModule.Go = "go1.26.0"
	env := sitetest.NewDoctorEnv(t, sitetest.Config{})
	out, _, err := sitetest.RunCommand(t, "doctor", "--config", env.File())
	if err != nil {
		t.Errorf("a warning is no failure: %v", err)
	}
	sitetest.WantFault(t, "!", out, "build: ", "Go 1.26.0", "GOTOOLCHAIN=go1.26.")
}

func TestTheDoctorNamesTheGatesThatItCannotSee(t *testing.T) {
	env := sitetest.NewDoctorEnv(t, sitetest.Config{})
	out, _, err := sitetest.RunCommand(t, "doctor", "--json", "--config", env.File())
	var report struct {
		Checks []struct{ Check, Status, Message, Remedy, Instance string }
	}
	if problem := json.Unmarshal([]byte(out), &report); err != nil || problem != nil {
		t.Fatal(err, problem)
	}
	var all string
	gates := 0
	for _, check := range report.Checks {
		if check.Check != "meta" {
			continue
		}
		gates++
		all += check.Message
		if check.Status != "info" || check.Instance != "" || !strings.Contains(check.Remedy, "docs/before-you-start.md#") {
			t.Errorf("%+v", check)
		}
	}
	for _, gate := range []string{"App Review", "Business Verification", "Access Verification", "Data Use Checkup"} {
		if gates != 4 || !strings.Contains(all, gate) {
			t.Errorf("%d gates, %s: %s", gates, gate, all)
		}
	}
}
