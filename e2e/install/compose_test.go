package install

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// compose is what the tests read of compose.yaml.
type compose struct {
	Services map[string]struct {
		Image, User string
		Build       struct{ Context, Dockerfile string }
		Ports       []string
		Environment map[string]string
		Secrets     []string
		Volumes     []string
		Command     []string
		ReadOnly    bool     `yaml:"read_only"`
		CapDrop     []string `yaml:"cap_drop"`
		SecurityOpt []string `yaml:"security_opt"`
		DependsOn   []string `yaml:"depends_on"`
		Restart     string
		Sysctls     map[string]int
	}
	Secrets map[string]struct{ File string }
	Volumes map[string]any
}

func readCompose(t *testing.T) (c compose) {
	t.Helper()
	decoder := yaml.NewDecoder(strings.NewReader(read(t, "packaging/compose.yaml")))
	decoder.KnownFields(true)
	if err := decoder.Decode(&c); err != nil {
		t.Fatalf("compose.yaml: %v", err)
	}
	return c
}

func TestTheSecretsOfComposeAreThoseOfTheCaddyfile(t *testing.T) {
	c, caddyfile, gitignore := readCompose(t), read(t, "packaging/Caddyfile"), read(t, ".gitignore")
	var named []string
	for _, match := range regexp.MustCompile(`\{file\./run/secrets/([^}]+)\}`).FindAllStringSubmatch(caddyfile, -1) {
		named = append(named, match[1])
	}
	slices.Sort(named)
	given := slices.Sorted(slices.Values(c.Services["caddy"].Secrets))
	declared := slices.Sorted(maps.Keys(c.Secrets))
	if len(named) != 2 || !slices.Equal(named, given) || !slices.Equal(given, declared) {
		t.Errorf("the Caddyfile reads %q, the service gets %q, compose.yaml declares %q", named, given, declared)
	}
	for name, secret := range c.Secrets {
		if secret.File != "./secrets/"+name {
			t.Errorf("the secret %s is in %s", name, secret.File)
		}
	}
	if len(c.Services["site"].Secrets) > 0 {
		t.Error("the site behind gets secrets")
	}
	if !ignored(t, "packaging/secrets/session_secret") {
		t.Error("the build would get the secrets")
	}
	if !slices.Contains(strings.Fields(gitignore), "/packaging/secrets/") {
		t.Error("git would keep the secrets")
	}
}

func TestTheVariablesOfTheCaddyfileAreThoseOfCompose(t *testing.T) {
	c, caddyfile := readCompose(t), read(t, "packaging/Caddyfile")
	var used []string
	for _, match := range regexp.MustCompile(`\{(?:\$|env\.)(\w+)`).FindAllStringSubmatch(caddyfile, -1) {
		used = append(used, match[1])
	}
	slices.Sort(used)
	if used = slices.Compact(used); !slices.Equal(used, slices.Sorted(maps.Keys(c.Services["caddy"].Environment))) {
		t.Errorf("the Caddyfile uses %q, compose.yaml sets %q", used, c.Services["caddy"].Environment)
	}
}

func TestComposePublishesCaddyAloneAndKeepsItsData(t *testing.T) {
	c := readCompose(t)
	caddy, site := c.Services["caddy"], c.Services["site"]
	if want := []string{"80:80", "443:443", "443:443/udp"}; !slices.Equal(caddy.Ports, want) || len(site.Ports) > 0 {
		t.Errorf("ports %q, and %q of the site", caddy.Ports, site.Ports)
	}
	for _, volume := range caddy.Volumes {
		from, to, _ := strings.Cut(volume, ":")
		if _, named := c.Volumes[from]; named == strings.HasPrefix(from, ".") {
			t.Errorf("the volume %s is not declared", volume)
		}
		if strings.HasPrefix(from, "./") && !strings.HasSuffix(to, ":ro") {
			t.Errorf("Caddy may write to %s", from)
		}
	}
	if !slices.Contains(caddy.Volumes, "data:/data") || !slices.Contains(caddy.Volumes, "config:/config") {
		t.Errorf("volumes %q", caddy.Volumes)
	}
	for name, service := range c.Services {
		if !service.ReadOnly || !slices.Equal(service.CapDrop, []string{"ALL"}) || !slices.Equal(service.SecurityOpt, []string{"no-new-privileges:true"}) {
			t.Errorf("%s has more rights than it needs", name)
		}
	}
	if caddy.Build.Context != ".." || caddy.Build.Dockerfile != "packaging/Dockerfile" {
		t.Errorf("builds %s in %s", caddy.Build.Dockerfile, caddy.Build.Context)
	}
}

// Compose asks for these variables in each of its commands, also in exec.
func TestTheFileOfVariablesHasAllThatComposeAsksFor(t *testing.T) {
	_, file, _ := strings.Cut(commands(t, "Compose", 0), "\ncat > .env <<'END'\n")
	file, after, found := strings.Cut(file, "\nEND\n")
	required := regexp.MustCompile(`\$\{(\w+):\?`).FindAllStringSubmatch(read(t, "packaging/compose.yaml"), -1)
	if !found || len(required) < 2 || strings.Count("\n"+after, "\ndocker compose ") < 2 {
		t.Fatalf("no file .env before the commands, or %d variables", len(required))
	}
	for _, variable := range required {
		if !strings.Contains("\n"+file, "\n"+variable[1]+"=") {
			t.Errorf(".env lacks %s", variable[1])
		}
	}
	if !ignored(t, "packaging/.env") || !slices.Contains(strings.Fields(read(t, ".gitignore")), "/packaging/.env") {
		t.Error("the build or git would get .env")
	}
}

// After chown nobody but root may list the folder, so that the shell finds no file for a pattern.
func TestTheCommandsForComposeNeedNoListOfTheFolderThatTheyGiveAway(t *testing.T) {
	before, after, found := strings.Cut(commands(t, "Compose", 0), "sudo chown -R 10001 secrets")
	if !found || !strings.Contains(before, "\nchmod 400 secrets/*\n") || strings.Contains(after, "secrets/") {
		t.Errorf("before chown\n%s\nafter it\n%s", before, after)
	}
}
