package secretfile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestPath(t *testing.T) {
	for value, want := range map[string]string{
		"{file./run/secret}": "/run/secret", "{file.relative}": "relative", "{file.a b}": "a b",
		"": "", "secret": "", "{env.SECRET}": "", "{file.}": "", "{file./a}{file./b}": "", "x{file./a}": "", "{file./a}x": "", "{file./a{env.X}}": "",
	} {
		if path, ok := Path(value); ok != (want != "") || ok && path != want {
			t.Errorf("%s: %q, %v", value, path, ok)
		}
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestN18_EachWayToChangeAFileIsSeen(t *testing.T) {
	must := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	for name, change := range map[string]func(dir, file string){
		"written in place": func(_, file string) { write(t, file, "new\n") },
		"written in place, same size and time": func(_, file string) {
			info, err := os.Stat(file)
			must(err)
			write(t, file, "new\r\n"[:3]+"\n")
			must(os.Chtimes(file, time.Time{}, info.ModTime()))
		},
		"renamed over": func(dir, file string) {
			write(t, filepath.Join(dir, "next"), "new\r\n")
			must(os.Rename(filepath.Join(dir, "next"), file))
		},
	} {
		dir := t.TempDir()
		file := filepath.Join(dir, "secret")
		write(t, file, "old\n")
		change(dir, file)
		if got, err := Read(file); got != "new" || err != nil {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	// As Kubernetes does it: the file is a link into a folder, which is a link itself, and
	// that one is replaced.
	dir := t.TempDir()
	for version, content := range map[string]string{"..1": "old", "..2": "new"} {
		must(os.Mkdir(filepath.Join(dir, version), 0o700))
		write(t, filepath.Join(dir, version, "secret"), content)
	}
	must(os.Symlink("..1", filepath.Join(dir, "..data")))
	must(os.Symlink(filepath.Join("..data", "secret"), filepath.Join(dir, "secret")))
	if got, err := Read(filepath.Join(dir, "secret")); got != "old" || err != nil {
		t.Fatalf("%q, %v", got, err)
	}
	must(os.Symlink("..2", filepath.Join(dir, "..data_tmp")))
	must(os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
	must(os.RemoveAll(filepath.Join(dir, "..1")))
	if got, err := Read(filepath.Join(dir, "secret")); got != "new" || err != nil {
		t.Errorf("after the swap %q, %v", got, err)
	}
}

func TestReadRefusesWhatIsNoFileAndWaitsForNobody(t *testing.T) {
	dir := t.TempDir()
	pipe, large := pipeIn(t, dir), filepath.Join(dir, "large")
	write(t, large, strings.Repeat("x", maxSize+1))
	for _, path := range []string{dir, pipe, large, filepath.Join(dir, "none")} {
		if value, err := Read(path); err == nil || value != "" || strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %.10q, %v", path, value, err)
		}
		if Regular(path) != (path == large) {
			t.Errorf("%s: regular is %v", path, Regular(path))
		}
	}
}
