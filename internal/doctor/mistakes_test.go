package doctor_test

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

// Wrong inputs that people write, with the messages of Caddy and of the doctor.

// A mistake is a wrong input. What it does not say is as it should be.
type mistake struct {
	// line stands in the block, in the place of the option with its name.
	line string
	// changes are made to the whole Caddyfile, two by two.
	changes []string
	// says is in what Caddy says when it loads the file: an error, or lines in the log.
	says string
	// doctor is in what the doctor says, if that is not the same.
	doctor string
	// offline says that the doctor is not asked: it would ask Instagram.
	offline bool
	// right says that nothing is wrong, although it looks like that.
	right bool
}

// mistakeFile is what the changes are made to. The line of a mistake stands in mistakeLine.
const (
	mistakeFile = `{
	admin off
	auto_https off
	persist_config off
	storage file_system {storage}
	log default {
		output file {log}
		format json
	}
}
http://example.test:{port} {
	instagram_auth /members* {
		{line}
		app_id {id}
		app_secret {env.TEST_SECRET}
		redirect_uri https://example.test/auth/
		endpoints {endpoints}
		session {
			secret {session}
		}
	}
	respond hello
}
`
	mistakeLine = 13
)

// borders stand between the parts of a message, which the doctor puts together in its own way.
var borders = regexp.MustCompile(`^(?:ERROR|WARN): |; |: `)

// doctorSays returns what a line of the doctor has in it.
func (m *mistake) doctorSays() []string {
	if m.doctor != "" {
		return []string{m.doctor}
	}
	return borders.Split(m.says, -1)
}

func hasAll(line string, parts []string) bool {
	return !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(line, part) })
}

// bench is where mistakes are made.
type bench struct {
	t     *testing.T
	env   *sitetest.DoctorEnv
	port  string
	usual []string // what the doctor says without a mistake
}

func newBench(t *testing.T) *bench {
	t.Setenv("TEST_SECRET", sitetest.AppSecret)
	t.Setenv("TEST_ENDPOINTS", "https://mirror.test/instagram")
	b := &bench{t: t, env: sitetest.NewDoctorEnv(t, sitetest.Config{}), port: sitetest.Port(sitetest.FreeAddr(t))}
	says, lines := b.try(&mistake{})
	if says != "" {
		t.Fatalf("without a mistake Caddy says %s", says)
	}
	b.usual = lines
	return b
}

// caddyfile returns the file with a mistake.
func (b *bench) caddyfile(m *mistake, folder string) string {
	text := mistakeFile
	if m.line == "" {
		text = strings.Replace(text, "\t\t{line}\n", "", 1)
	}
	for _, option := range []string{"app_id", "app_secret", "redirect_uri", "endpoints", "session"} {
		if strings.HasPrefix(m.line, option) || strings.Contains(m.line, "\n"+option) {
			whole := regexp.MustCompile(`(?m)^\t\t` + option + ` (?:\{\n[^}]*(?:\{[^}]*\}[^}]*)*\n\t\t\}|.*)\n`)
			text = whole.ReplaceAllString(text, "")
		}
	}
	text = strings.Replace(text, "{line}", strings.ReplaceAll(m.line, "\n", "\n\t\t"), 1)
	if len(m.changes) > 0 {
		changed := strings.NewReplacer(m.changes...).Replace(text)
		if changed == text {
			b.t.Errorf("%q changes nothing", m.changes)
		}
		text = changed
	}
	return strings.NewReplacer("{storage}", b.env.Storage, "{log}", filepath.Join(folder, "log"), "{port}", b.port, "{id}", sitetest.AppID, "{endpoints}", b.env.Endpoints, "{session}", sitetest.DoctorSecret).Replace(text)
}

// try makes a mistake and returns what Caddy says, and the lines of the doctor that are not fine.
func (b *bench) try(m *mistake) (says string, lines []string) {
	b.t.Helper()
	folder := b.t.TempDir()
	file := filepath.Join(folder, "Caddyfile")
	text := b.caddyfile(m, folder)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
	var out string
	if !m.offline {
		var err error
		out, err = sitetest.RunCaddy(b.t, nil, io.Discard, "doctor", "--config", file)
		if (err != nil) != strings.Contains(out, "✗") {
			b.t.Errorf("%v:\n%s", err, out)
		}
	}
	for text := range strings.Lines(out) {
		text = strings.TrimSpace(strings.ReplaceAll(text, file, "Caddyfile"))
		if (strings.HasPrefix(text, "✗") || strings.HasPrefix(text, "!")) && !slices.Contains(b.usual, text) {
			lines = append(lines, text)
		}
	}
	return strings.ReplaceAll(b.load(file, text, filepath.Join(folder, "log")), folder+"/", ""), lines
}

// load has Caddy load a file and returns what it says.
func (b *bench) load(file, text, log string) string {
	b.t.Helper()
	config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), map[string]any{"filename": file})
	if err != nil {
		return err.Error()
	}
	err = caddy.Load(config, true)
	if problem := caddy.Stop(); problem != nil {
		b.t.Fatal(problem)
	}
	if err != nil {
		return err.Error()
	}
	var lines []string
	content, _ := os.ReadFile(log)
	for text := range strings.Lines(string(content)) {
		var line sitetest.StartLine
		if err := json.Unmarshal([]byte(text), &line); err == nil && line.Logger == "http.handlers.instagram_auth" && (line.Level == "warn" || line.Level == "error") {
			lines = append(lines, line.String())
		}
	}
	return strings.Join(lines, "\n")
}

// check makes a mistake and looks at what is said.
func (b *bench) check(t *testing.T, m *mistake) {
	t.Helper()
	b.t = t
	says, lines := b.try(m)
	m.says, m.doctor = strings.ReplaceAll(m.says, "{port}", b.port), strings.ReplaceAll(m.doctor, "{port}", b.port)
	if (m.says == "") != (says == "") && !m.right || !strings.Contains(says, m.says) {
		t.Errorf("Caddy says %q\nand should say %q", says, m.says)
	}
	all := strings.Join(lines, "\n")
	if wants := m.doctorSays(); !slices.ContainsFunc(lines, func(line string) bool { return hasAll(line, wants) }) && !m.right && !m.offline {
		t.Errorf("the doctor says %q\nand should say %q", all, wants)
	}
	if m.right && (says != "" || all != "") {
		t.Errorf("nothing is wrong, and Caddy says %q, the doctor %q", says, all)
	}
	if m.line != "" && strings.Contains(says, "Caddyfile:") && !regexp.MustCompile(`Caddyfile:(?:1[3-9]|2\d)\b`).MatchString(says) {
		t.Errorf("the line is not there: %q", says)
	}
	if strings.Contains(says+all, sitetest.AppSecret) || strings.Contains(says+all, sitetest.DoctorSecret) || strings.Contains(says+all, "SuperSecretValue") {
		t.Errorf("a secret is repeated: %q, %q", says, all)
	}
	for _, line := range lines {
		for _, wall := range []string{"parsing caddyfile tokens", "loading http app", "route 0", "provision http"} {
			if strings.Contains(line, wall) {
				t.Errorf("the doctor's line is a wall: %s", line)
			}
		}
	}
	input := m.line
	if len(m.changes) > 0 {
		input = strings.TrimPrefix(input+fmt.Sprintf(" [%q]", m.changes), " ")
	}
	t.Logf("\n| `%s` | %s | %s |", cell(input), cell(says), cell(all))
}

// cell puts a text into a cell of a table.
func cell(text string) string {
	text = strings.NewReplacer("\n\t", " ⏎ ", "\n", " ⏎ ", "|", "\\|", "\t", " ").Replace(text)
	if _, inside, wall := strings.Cut(text, "provision http.handlers.instagram_auth: "); wall {
		text = "… " + inside
	}
	return text
}

func TestAMistakeIsExplained(t *testing.T) {
	b := newBench(t)
	for _, all := range [][]mistake{mistakenNames, mistakenValues, mistakenAddresses, mistakenSecrets, mistakenPlaces, mistakenSites} {
		for number, m := range all {
			t.Run(fmt.Sprint(number), func(t *testing.T) { b.check(t, &m) })
		}
	}
}
