// Command mutants breaks the lines that security depends on, one at a time, and shows
// that the tests notice. It changes nothing on the disk: each broken file is laid over the
// real one for one run of `go test`.
//
//	cd e2e && go run ./mutants [-only H1] [-dir ..]
//
// It prints a line for each mutant and fails if one survives.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

func main() {
	root := flag.String("dir", "..", "the project's folder")
	only := flag.String("only", "", "the one number of docs/security.md to try")
	parallel := flag.Int("parallel", 2, "how many mutants are tried at a time")
	flag.Parse()
	dir, err := filepath.Abs(*root)
	if err == nil {
		err = tryAll(dir, *only, *parallel)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func tryAll(dir, only string, parallel int) error {
	files, err := readSources(dir)
	if err != nil {
		return err
	}
	var (
		all      sync.WaitGroup
		mu       sync.Mutex
		tried    int
		survived []string
		places   = make(chan struct{}, parallel)
	)
	for _, m := range mutants {
		if only != "" && m.number != only {
			continue
		}
		all.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			began := time.Now()
			killers, err := m.try(dir, files)
			mu.Lock()
			defer mu.Unlock()
			tried++
			verdict := "killed by " + strings.Join(killers, ", ")
			if err != nil {
				verdict = "SURVIVED: " + err.Error()
				survived = append(survived, m.number+" "+m.what)
			}
			fmt.Printf("%-3s %-70s %s (%.0f s)\n", m.number, m.what, verdict, time.Since(began).Seconds())
		})
	}
	all.Wait()
	fmt.Printf("\n%d mutants, %d killed\n", tried, tried-len(survived))
	if len(survived) > 0 || tried == 0 {
		return fmt.Errorf("not killed: %s", strings.Join(survived, "; "))
	}
	return nil
}

// A mutant is one way to break the code. It names no file, so that a line can move to another
// one: the line is looked for in all of them.
type mutant struct {
	number string // the promise in docs/security.md that it breaks
	what   string
	old    string // what stands in one place of all the code
	new    string
	rooms  string // packages to test beside the line's own and those with tests of that number
}

// readSources returns the code that can be broken, by path below dir: all of its module but
// the tests.
func readSources(dir string) (map[string]string, error) {
	files := make(map[string]string)
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case path == "e2e" || path == ".git" && entry.IsDir():
			return fs.SkipDir
		case entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		content, err := os.ReadFile(filepath.Join(dir, path))
		files[path] = string(content)
		return err
	})
	return files, err
}

// broken returns the name of the file that the mutant is in, and what that file then is.
func (m mutant) broken(files map[string]string) (file, content string, err error) {
	var found []string
	for path, text := range files {
		for range strings.Count(text, m.old) {
			found = append(found, path)
		}
	}
	if len(found) != 1 {
		return "", "", fmt.Errorf("%s (%s): %q stands in %q, want one place", m.number, m.what, m.old, found)
	}
	return found[0], strings.Replace(files[found[0]], m.old, m.new, 1), nil
}

const timeout = 4 * time.Minute

var failedTest = regexp.MustCompile(`(?m)^--- FAIL: (\w+)`)

// try runs the tests of the mutant's number and returns those that fail. A mutant that
// does not even compile proves nothing and is an error.
func (m mutant) try(dir string, files map[string]string) (killers []string, err error) {
	file, content, err := m.broken(files)
	if err != nil {
		return nil, err
	}
	overlay, err := writeOverlay(filepath.Join(dir, file), content)
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(filepath.Dir(overlay))
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	rooms, err := m.testers(dir, file)
	if err != nil {
		return nil, err
	}
	arguments := append([]string{"test", "-vet=off", "-count=1", "-timeout=3m", "-overlay", overlay, "-run", `^(Test|Fuzz)([A-Z]\d+_)*` + m.number + "_"}, rooms...)
	command := exec.CommandContext(ctx, "go", arguments...)
	command.Dir = dir
	output, failed := command.CombinedOutput()
	for _, match := range failedTest.FindAllSubmatch(output, -1) {
		killers = append(killers, string(match[1]))
	}
	switch {
	case len(killers) > 0:
		return killers, nil
	case failed == nil:
		return nil, fmt.Errorf("all tests of %s in %s pass", m.number, strings.Join(rooms, " "))
	case strings.Contains(string(output), "panic: test timed out"):
		return []string{"a time-out"}, nil
	}
	return nil, fmt.Errorf("go test: %w\n%s", failed, last(string(output), 600))
}

// testers returns the packages whose tests shall notice: the line's own, those that the mutant
// names, and all others with a test of its number.
func (m mutant) testers(dir, file string) ([]string, error) {
	rooms := append([]string{"./" + filepath.Dir(file)}, strings.Fields(m.rooms)...)
	numbered := regexp.MustCompile(`(?m)^func (Test|Fuzz)([A-Z]\d+_)*` + m.number + "_")
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case path == "e2e" || path == ".git" && entry.IsDir():
			return fs.SkipDir
		case entry.IsDir() || !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		content, err := os.ReadFile(filepath.Join(dir, path))
		if room := "./" + filepath.Dir(path); numbered.Match(content) && !slices.Contains(rooms, room) {
			rooms = append(rooms, room)
		}
		return err
	})
	return rooms, err
}

// writeOverlay writes the broken content of a file and the list that `go test -overlay`
// reads, and returns the list's name.
func writeOverlay(file, content string) (string, error) {
	folder, err := os.MkdirTemp("", "mutant")
	if err != nil {
		return "", err
	}
	broken, list := filepath.Join(folder, "broken.go"), filepath.Join(folder, "overlay.json")
	text, err := json.Marshal(map[string]any{"Replace": map[string]string{file: broken}})
	if err == nil {
		err = os.WriteFile(broken, []byte(content), 0o600)
	}
	if err == nil {
		err = os.WriteFile(list, text, 0o600)
	}
	return list, err
}

func last(text string, n int) string { return text[max(0, len(text)-n):] }
