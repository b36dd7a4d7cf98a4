package install

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// yamlFiles returns the YAML files of .github and packaging, by their names in the project.
func yamlFiles(t *testing.T) map[string]*yaml.Node {
	t.Helper()
	files := make(map[string]*yaml.Node)
	for _, folder := range []string{".github", "packaging"} {
		err := fs.WalkDir(os.DirFS(project), folder, func(name string, entry fs.DirEntry, err error) error {
			if err != nil || !slices.Contains([]string{".yml", ".yaml"}, filepath.Ext(name)) {
				return err
			}
			var root yaml.Node
			if err := yaml.Unmarshal([]byte(read(t, name)), &root); err != nil {
				t.Errorf("%s: %v", name, err)
				return nil
			}
			files[name] = root.Content[0]
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(files) < 8 {
		t.Fatalf("found %d YAML files", len(files))
	}
	return files
}

// values returns the texts that stand behind a key, at any depth.
func values(node *yaml.Node, key string) (found []string) {
	if node.Kind == yaml.MappingNode {
		for i := 0; i < len(node.Content); i += 2 {
			if node.Content[i].Value == key && node.Content[i+1].Kind == yaml.ScalarNode {
				found = append(found, node.Content[i+1].Value)
			}
		}
	}
	for _, child := range node.Content {
		found = append(found, values(child, key)...)
	}
	return found
}

func TestEachLineThatAWorkflowRunsIsAScriptThatExists(t *testing.T) {
	script := regexp.MustCompile(`(?m)(?:^|[\s;&|])((?:scripts|\.ci)/[\w-]+)`)
	lines, named := 0, 0
	for name, root := range yamlFiles(t) {
		if !strings.HasPrefix(name, ".github/workflows/") {
			continue
		}
		for _, line := range values(root, "run") {
			lines++
			if strings.Contains(line, "${{") {
				t.Errorf("%s puts the value of an expression into a script; hand it on in a variable: %s", name, line)
			}
			syntax := exec.Command("bash", "-n")
			syntax.Stdin = strings.NewReader(line)
			if out, err := syntax.CombinedOutput(); err != nil {
				t.Errorf("%s: %v in %s\n%s", name, err, line, out)
			}
			for _, match := range script.FindAllStringSubmatch(line, -1) {
				named++
				if info, err := os.Stat(filepath.Join(project, match[1])); err != nil || info.Mode()&0o111 == 0 {
					t.Errorf("%s runs %s: %v", name, match[1], err)
				}
			}
		}
	}
	if lines < 7 || named < 2 {
		t.Errorf("found %d lines and %d scripts", lines, named)
	}
}

func TestEachScriptIsOneThatBashReads(t *testing.T) {
	scripts, err := filepath.Glob(filepath.Join(project, "scripts", "*"))
	if err != nil || len(scripts) < 5 {
		t.Fatalf("%d scripts, %v", len(scripts), err)
	}
	for _, name := range scripts {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(content), "#!/usr/bin/env bash\n") {
			continue
		}
		if out, err := exec.Command("bash", "-n", name).CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	}
}

func TestEachActionIsPinnedByItsCommit(t *testing.T) {
	pinned := regexp.MustCompile(`(?m)uses: ([\w./-]+@[0-9a-f]{40}) # v\d+\.\d+\.\d+$`)
	for name, root := range yamlFiles(t) {
		var want []string
		for _, match := range pinned.FindAllStringSubmatch(read(t, name), -1) {
			want = append(want, match[1])
		}
		if used := values(root, "uses"); !slices.Equal(used, want) {
			t.Errorf("%s uses %q; pinned by a commit, with the version behind it, are %q", name, used, want)
		}
	}
}

func TestEachWorkflowMayOnlyReadUnlessAJobSaysMore(t *testing.T) {
	for name := range yamlFiles(t) {
		if strings.HasPrefix(name, ".github/workflows/") && !strings.Contains(read(t, name), "\npermissions:\n  contents: read\njobs:\n") {
			t.Errorf("%s gives all jobs more than they need", name)
		}
	}
}

func TestTheReleaseAndTheVetJobHaveTheirFivePlatforms(t *testing.T) {
	for name, want := range map[string]string{
		"scripts/release":            "platforms=(linux/amd64 linux/arm64 darwin/arm64 windows/amd64 freebsd/amd64)\n",
		".github/workflows/test.yml": "platform: [windows/amd64, darwin/arm64, linux/arm64, linux/386, freebsd/amd64]\n",
	} {
		if !strings.Contains(read(t, name), want) {
			t.Errorf("%s has not %q", name, want)
		}
	}
}

func TestDependabotLooksAfterEachFolderWithDependencies(t *testing.T) {
	var config struct {
		Version int
		Updates []struct {
			Ecosystem   string `yaml:"package-ecosystem"`
			Directory   string
			Directories []string
		}
	}
	if err := yamlFiles(t)[".github/dependabot.yml"].Decode(&config); err != nil || config.Version != 2 {
		t.Fatalf("version %d, %v", config.Version, err)
	}
	watched := make(map[string]bool)
	for _, update := range config.Updates {
		for _, folder := range append(update.Directories, update.Directory) {
			watched[update.Ecosystem+" "+folder] = true
		}
	}
	list := exec.Command("git", "ls-files", "--cached", "--others", "--exclude-standard")
	list.Dir = project
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]string{"go.mod": "gomod", "package.json": "npm", "Dockerfile": "docker"}
	found := 0
	for name := range strings.FieldsSeq(string(out)) {
		kind, known := kinds[filepath.Base(name)]
		if !known {
			continue
		}
		found++
		if folder := filepath.Join("/", filepath.Dir(name)); !watched[kind+" "+folder] {
			t.Errorf("nobody looks for updates of %s in %s", kind, folder)
		}
	}
	if found < 5 || !watched["github-actions /"] {
		t.Errorf("found %d files; watched are %v", found, watched)
	}
}

// An issue form must have what GitHub asks for, or nobody sees it.
func TestEachIssueFormIsComplete(t *testing.T) {
	forms := 0
	for name, root := range yamlFiles(t) {
		if !strings.HasPrefix(name, ".github/ISSUE_TEMPLATE/") || strings.HasSuffix(name, "/config.yml") {
			continue
		}
		forms++
		var form struct {
			Name, Description string
			Labels            []string
			Body              []struct {
				Type, ID    string
				Attributes  map[string]any
				Validations struct{ Required bool }
			}
		}
		if err := root.Decode(&form); err != nil || form.Name == "" || form.Description == "" || len(form.Body) == 0 {
			t.Errorf("%s: %v, or a field is missing", name, err)
		}
		seen, required := make(map[string]bool), 0
		for _, field := range form.Body {
			if field.Type == "markdown" {
				if field.Attributes["value"] == nil {
					t.Errorf("%s: a text is empty", name)
				}
				continue
			}
			if !slices.Contains([]string{"textarea", "input", "dropdown", "checkboxes"}, field.Type) || field.ID == "" || seen[field.ID] || field.Attributes["label"] == nil {
				t.Errorf("%s: the field %q has no known type, no ID of its own or no label", name, field.ID)
			}
			if options, ok := field.Attributes["options"].([]any); (field.Type == "dropdown") != (ok && len(options) > 1) {
				t.Errorf("%s: the options of %s are %v", name, field.ID, options)
			}
			seen[field.ID] = true
			if field.Validations.Required {
				required++
			}
		}
		if required == 0 {
			t.Errorf("%s can be sent empty", name)
		}
	}
	if forms != 3 {
		t.Errorf("%d forms", forms)
	}
}
