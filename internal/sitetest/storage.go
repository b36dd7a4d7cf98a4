package sitetest

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// StorageDir returns a folder for Caddy's storage. Caddy tidies it up in the background
// and may write into it for a moment after it has stopped, which t.TempDir calls a
// failure.
func StorageDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "storage")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := removeFolder(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// removeFolder removes a folder into which Caddy may still write for a moment.
func removeFolder(name string) (err error) {
	for range 100 {
		if err = os.RemoveAll(name); err == nil {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return err
}

// Stored returns what this module keeps in the storage of a site, less the marker.
func (s *Site) Stored() (files []string) {
	s.T.Helper()
	err := filepath.WalkDir(filepath.Join(s.Storage, "instagram_auth"), func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && entry.Name() != "marker" {
			files = append(files, path)
		}
		if os.IsNotExist(err) {
			return nil
		}
		return err
	})
	if err != nil {
		s.T.Fatal(err)
	}
	return files
}

// BreakStorage makes the storage of a site fail and returns what makes it work again.
func (s *Site) BreakStorage() (mend func()) {
	s.T.Helper()
	// A file where a folder should be: nothing can be read or written below it.
	return s.replaceStorage(func() error { return os.WriteFile(s.Storage, nil, 0o600) })
}

// replaceStorage moves the folder of the storage away, puts something else into its place, and
// returns what brings the folder back. It tries again where Caddy is just writing, which makes the
// folder anew.
func (s *Site) replaceStorage(put func() error) (back func()) {
	s.T.Helper()
	aside := s.Storage + ".aside"
	if err := os.Rename(s.Storage, aside); err != nil {
		s.T.Fatal(err)
	}
	s.T.Cleanup(func() { _ = os.RemoveAll(aside) })
	Eventually(s.T, "something else in the place of the storage", func() bool {
		return os.RemoveAll(s.Storage) == nil && put() == nil
	})
	return func() {
		s.T.Helper()
		Eventually(s.T, "the storage back in its place", func() bool {
			return os.RemoveAll(s.Storage) == nil && os.Rename(aside, s.Storage) == nil
		})
	}
}

// Unmount puts the storage of a site away, as a disk that is not mounted any more: an empty
// folder is left. mount brings it back.
func (s *Site) Unmount() (mount func()) {
	s.T.Helper()
	return s.replaceStorage(func() error { return os.Mkdir(s.Storage, 0o700) })
}

// Marker returns the file of the marker, "" if there is none.
func (s *Site) Marker() string {
	s.T.Helper()
	found, err := filepath.Glob(filepath.Join(s.Storage, "instagram_auth", "*", "marker"))
	if err != nil || len(found) > 1 {
		s.T.Fatalf("%q, %v", found, err)
	}
	return strings.Join(found, "")
}
