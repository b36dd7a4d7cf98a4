package install

import (
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// An instruction is one of a Dockerfile: its name in upper case, and the rest of its lines.
type instruction struct{ name, text string }

// parseDockerfile returns the instructions of a Dockerfile by stage.
func parseDockerfile(text string) (stages [][]instruction) {
	text = regexp.MustCompile(`(?m)^\s*#.*\n`).ReplaceAllString(text, "")
	for line := range strings.SplitSeq(strings.ReplaceAll(text, "\\\n", " "), "\n") {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name == "" {
			continue
		}
		if name = strings.ToUpper(name); name == "FROM" {
			stages = append(stages, nil)
		}
		last := len(stages) - 1
		stages[last] = append(stages[last], instruction{name, strings.TrimSpace(rest)})
	}
	return stages
}

// A builder does what the instructions say in a folder of its own, which takes the place of the
// image's root.
type builder struct {
	t       *testing.T
	root    string            // of the image that is being built
	stages  map[string]string // the roots of the stages before, by name
	workdir string
	args    []string // ARG and ENV
}

// inImage matches the folders of an image that the instructions write to.
var inImage = regexp.MustCompile(`(^|[\s="])(/(?:out|src|data|config|usr/local/bin)\b)`)

// run executes a RUN instruction with the shell, as Docker does.
func (b *builder) run(text string) {
	b.t.Helper()
	text = regexp.MustCompile(`--mount=\S+`).ReplaceAllString(text, "")
	text = inImage.ReplaceAllString(text, "${1}"+b.root+"${2}")
	text = strings.ReplaceAll(text, "10001:10001", fmt.Sprintf("%d:%d", os.Getuid(), os.Getgid()))
	command := exec.Command("/bin/sh", "-c", text)
	command.Dir = filepath.Join(b.root, b.workdir)
	command.Env = append(os.Environ(), "PATH="+filepath.Join(b.root, "usr/local/bin")+":"+os.Getenv("PATH"))
	command.Env = append(command.Env, b.args...)
	if out, err := command.CombinedOutput(); err != nil {
		b.t.Fatalf("RUN %s: %v\n%s", text, err, out)
	}
}

// copy executes a COPY instruction: of the context, or of a file of another stage.
func (b *builder) copy(text string) {
	b.t.Helper()
	fields := strings.Fields(text)
	stage, isStage := strings.CutPrefix(fields[0], "--from=")
	if !isStage {
		if text != ". ." {
			b.t.Fatalf("COPY %s: the test copies only the whole context", text)
		}
		copyContext(b.t, filepath.Join(b.root, b.workdir))
		return
	}
	content, err := os.ReadFile(filepath.Join(b.stages[stage], fields[1]))
	if err != nil {
		b.t.Fatalf("COPY %s: %v", text, err)
	}
	to := filepath.Join(b.root, fields[2])
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(to, content, 0o755); err != nil {
		b.t.Fatal(err)
	}
}

// copyContext copies the files of the checkout that .dockerignore does not name.
func copyContext(t *testing.T, to string) {
	t.Helper()
	list := exec.Command("git", "ls-files", "--cached", "--others", "--exclude-standard")
	list.Dir = project
	out, err := list.Output()
	if err != nil {
		t.Fatalf("git ls-files: %v", err)
	}
	for name := range strings.Lines(string(out)) {
		name = strings.TrimSpace(name)
		content, err := os.ReadFile(filepath.Join(project, name))
		if ignored(t, name) || os.IsNotExist(err) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(to, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// ignored reports whether Docker leaves a file out of what it sends to the build.
func ignored(t *testing.T, name string) bool {
	t.Helper()
	for line := range strings.Lines(read(t, "packaging/Dockerfile.dockerignore")) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		pattern, anywhere := strings.CutPrefix(line, "**/")
		for folder := name; folder != "."; folder = path.Dir(folder) {
			if folder == pattern || anywhere && path.Base(folder) == pattern {
				return true
			}
		}
	}
	return false
}

// buildImage follows the Dockerfile and returns the root of the last stage.
func buildImage(t *testing.T, to string) string {
	t.Helper()
	b := &builder{t: t, stages: make(map[string]string)}
	for i, stage := range parseDockerfile(read(t, "packaging/Dockerfile")) {
		b.root, b.workdir, b.args = filepath.Join(to, fmt.Sprint(i)), "", nil
		for _, folder := range []string{"", "usr/local/bin", "data", "config"} {
			if err := os.MkdirAll(filepath.Join(b.root, folder), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		for _, step := range stage {
			switch step.name {
			case "FROM":
				if _, name, named := strings.Cut(step.text, " AS "); named {
					b.stages[name] = b.root
				}
			case "ARG", "ENV":
				b.args = append(b.args, step.text)
			case "WORKDIR":
				b.workdir = step.text
				if err := os.MkdirAll(filepath.Join(b.root, b.workdir), 0o755); err != nil {
					t.Fatal(err)
				}
			case "RUN":
				b.run(step.text)
			case "COPY":
				b.copy(step.text)
			case "USER", "VOLUME", "EXPOSE", "CMD":
			default:
				t.Fatalf("the test does not know the instruction %s", step.name)
			}
		}
	}
	return b.root
}

func TestTheDockerfileNamesTheVersionsThatTheTestsUse(t *testing.T) {
	dockerfile, modules := read(t, "packaging/Dockerfile"), read(t, "e2e/go.mod")
	for argument, module := range map[string]string{"CADDY_VERSION": "github.com/caddyserver/caddy/v2", "XCADDY_VERSION": "github.com/caddyserver/xcaddy"} {
		tested := regexp.MustCompile(`(?m)^\s*` + regexp.QuoteMeta(module) + ` (v\S+)`).FindStringSubmatch(modules)
		if tested == nil || !strings.Contains(dockerfile, "ARG "+argument+"="+tested[1]+"\n") {
			t.Errorf("%s is not the one of e2e/go.mod, %q", argument, tested)
		}
	}
	caddy := regexp.MustCompile(`CADDY_VERSION=v(\d+\.\d+)\.`).FindStringSubmatch(dockerfile)
	if !strings.Contains(dockerfile, "\nFROM caddy:"+caddy[1]+"-alpine\n") {
		t.Errorf("the image of the last stage is not the one of Caddy %s", caddy[1])
	}
	oldest := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(modules)
	if !strings.Contains(dockerfile, "\nFROM golang:"+oldest[1]+" AS build\n") {
		t.Errorf("the image of the first stage is not the one of Go %s", oldest[1])
	}
}

func TestTheLastStageIsNotRoot(t *testing.T) {
	stages := parseDockerfile(read(t, "packaging/Dockerfile"))
	user, volumes := "", ""
	for _, step := range stages[len(stages)-1] {
		switch step.name {
		case "USER":
			user = step.text
		case "VOLUME":
			volumes = step.text
		}
	}
	if len(stages) != 2 || user != "10001:10001" || volumes != `["/data", "/config"]` {
		t.Errorf("%d stages, user %q, volumes %s", len(stages), user, volumes)
	}
}
