package secretfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

const (
	prefix, suffix = "{file.", "}"

	// maxSize is that of Caddy's placeholder.
	maxSize = 1 << 20
)

var (
	errNotRegular = errors.New("not a regular file")
	errTooLarge   = errors.New("the file is larger than 1 MiB")
)

// Path returns the path in a value that is one {file.…} placeholder and nothing else.
func Path(value string) (path string, ok bool) {
	rest, starts := strings.CutPrefix(value, prefix)
	path, ends := strings.CutSuffix(rest, suffix)
	return path, starts && ends && path != "" && !strings.ContainsAny(path, "{}")
}

// Regular reports whether a path leads to a file that can be read more than once, through
// symbolic links. What a pipe holds is gone after the first time.
func Regular(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// Read returns what a file holds, as Caddy's placeholder does. It follows symbolic links
// each time, so that it sees a link that leads to another file, and it reads the content
// each time, so that it sees a change that leaves size and time as they were.
func Read(path string) (string, error) {
	if info, err := os.Stat(path); err != nil {
		return "", withoutPath(err)
	} else if !info.Mode().IsRegular() {
		return "", errNotRegular // opening a pipe would wait for a writer
	}
	file, err := os.Open(path)
	if err != nil {
		return "", withoutPath(err)
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxSize+1))
	switch {
	case err != nil:
		return "", withoutPath(err)
	case len(content) > maxSize:
		return "", errTooLarge
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r"), nil
}

// withoutPath leaves out the path, which stands beside the error in the log.
func withoutPath(err error) error {
	if at, ok := errors.AsType[*os.PathError](err); ok {
		return fmt.Errorf("%s: %w", at.Op, at.Err)
	}
	return err
}
