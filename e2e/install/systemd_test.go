package install

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// analyze runs systemd-analyze on caddy.service and its drop-ins: their texts by their names.
func analyze(t *testing.T, files map[string]string, args ...string) string {
	t.Helper()
	folder := t.TempDir()
	for name, text := range files {
		file := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		// systemd-analyze looks whether the program is there.
		if err := os.WriteFile(file, []byte(strings.ReplaceAll(text, "/usr/bin/caddy", "/bin/true")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.Command("systemd-analyze", append(args, filepath.Join(folder, "caddy.service"))...).CombinedOutput()
	if err != nil {
		t.Fatalf("systemd-analyze %q: %v\n%s", args, err, out)
	}
	return string(out)
}

// packagesUnit is what matters of the unit of Debian's package.
const packagesUnit = "[Unit]\nDescription=Caddy\n\n[Service]\nType=notify\nUser=caddy\nExecStart=/usr/bin/caddy run --config /etc/caddy/Caddyfile\n"

const dropIn = "caddy.service.d/instagram_auth.conf"

func TestSystemdUnderstandsEachLineOfTheUnitAndOfTheDropIn(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"the unit":    {"caddy.service": read(t, "packaging/systemd/caddy.service")},
		"the drop-in": {"caddy.service": packagesUnit, dropIn: read(t, "packaging/systemd/instagram_auth.conf")},
	} {
		if said := analyze(t, files, "verify"); said != "" {
			t.Errorf("%s: %s", name, said)
		}
	}
	misspelt := strings.Replace(read(t, "packaging/systemd/instagram_auth.conf"), "LoadCredential", "LoadCredentials", 1)
	if said := analyze(t, map[string]string{"caddy.service": packagesUnit, dropIn: misspelt}, "verify"); !strings.Contains(said, "LoadCredentials") {
		t.Errorf("systemd says nothing of a misspelt line of the drop-in: %q", said)
	}
}

func TestTheUnitLeavesCaddyFewRights(t *testing.T) {
	said := analyze(t, map[string]string{"caddy.service": read(t, "packaging/systemd/caddy.service")}, "security", "--offline=yes")
	match := regexp.MustCompile(`Overall exposure level for caddy.service: (\d+\.\d+)`).FindStringSubmatch(said)
	if match == nil {
		t.Fatalf("systemd-analyze says %s", said)
	}
	if level, err := strconv.ParseFloat(match[1], 64); err != nil || level > 2 { // of 10
		t.Errorf("the exposure is %s, %v", match[1], err)
	}
}

func TestTheCredentialsOfTheUnitAreThoseOfTheCaddyfile(t *testing.T) {
	find := func(name, pattern string) (found []string) {
		for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(read(t, name), -1) {
			found = append(found, match[1])
		}
		slices.Sort(found)
		return found
	}
	used := find("packaging/systemd/Caddyfile", `\{file\./run/credentials/caddy\.service/([^}]+)\}`)
	if len(used) != 2 {
		t.Errorf("the Caddyfile uses %q", used)
	}
	for _, name := range []string{"packaging/systemd/caddy.service", "packaging/systemd/instagram_auth.conf"} {
		if given := find(name, `(?m)^LoadCredential=(\w+):/etc/caddy/secrets/\w+$`); !slices.Equal(given, used) {
			t.Errorf("%s gives %q, the Caddyfile uses %q", name, given, used)
		}
	}
}
