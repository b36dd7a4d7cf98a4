package revocation

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"
)

const (
	// maxSnapshot is how many bytes of a snapshot are read: those of ten million entries, or more.
	maxSnapshot = 1 << 30

	// maxLine is longer than any line of a snapshot.
	maxLine = 64 << 10

	// staleLock is the age at which a lock is that of a process that was killed.
	staleLock = time.Minute

	// appendAttempts is how often lines are written again because another process has just put
	// another file in the place of the one that they were written to.
	appendAttempts = 10
)

const snapshotHeading = "# The revoked sessions that this node knows, encrypted. Caddy's instagram_auth reads it when it " +
	"starts while its storage is down.\n"

var (
	errNotAFile = errors.New("it is not a regular file")
	errReplaced = errors.New("other processes keep replacing it")
	errTooLarge = fmt.Errorf("it is larger than %d MiB; the rest was not read", maxSnapshot>>20)
)

// A snapshotFile is a file of lines. Several processes may append to it and replace it at the same
// time, and none of their lines is lost:
//
// Whoever appends looks afterwards whether the file is still in its place, and appends again to the
// one that has taken it. Whoever replaces it copies what was appended meanwhile, again after the
// new file is in place. Only one process replaces it at a time.
type snapshotFile struct {
	path string
	// appending is held by appends of this process, and while one file takes another's place.
	appending sync.Mutex
}

// append writes lines behind those that are there, and returns the size of the file.
func (f *snapshotFile) append(lines []byte) (size int64, err error) {
	f.appending.Lock()
	defer f.appending.Unlock()
	for range appendAttempts {
		file, err := f.openToAppend()
		if err != nil {
			return 0, err
		}
		// One that was cut off in the middle must not take the first new line with it.
		_, err = file.Write(append([]byte{'\n'}, lines...))
		info, statErr := file.Stat()
		there, thereErr := os.Lstat(f.path) // before Close: another file could get the same number after it
		if err = errors.Join(err, statErr, file.Close()); err != nil {
			return 0, err
		}
		if thereErr == nil && os.SameFile(there, info) {
			return info.Size(), nil
		}
	}
	return 0, errReplaced
}

// openToAppend opens the file, and makes it if there is none.
func (f *snapshotFile) openToAppend() (*os.File, error) {
	for range appendAttempts {
		file, err := f.open(os.O_WRONLY | os.O_APPEND)
		if !errors.Is(err, fs.ErrNotExist) {
			return file, err
		}
		if err := os.MkdirAll(filepath.Dir(f.path), 0o700); err != nil {
			return nil, err
		}
		file, err = os.OpenFile(f.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, fs.ErrExist) {
			continue // another process has just made it
		}
		if err == nil {
			_, err = file.WriteString(snapshotHeading)
		}
		return file, err
	}
	return nil, errReplaced
}

// open opens the file if it is a regular one. Nobody can have it open another one by a link, or
// wait for a pipe.
func (f *snapshotFile) open(flag int) (file *os.File, err error) {
	for range appendAttempts {
		if file, err = f.tryOpen(flag); !errors.Is(err, errReplaced) {
			break
		}
	}
	return file, err
}

func (f *snapshotFile) tryOpen(flag int) (*os.File, error) {
	before, err := os.Lstat(f.path)
	if err != nil {
		return nil, err
	}
	if !before.Mode().IsRegular() {
		return nil, errNotAFile
	}
	file, err := os.OpenFile(f.path, flag, 0)
	if err != nil {
		return nil, err
	}
	if info, err := file.Stat(); err != nil || !os.SameFile(before, info) {
		_ = file.Close()
		return nil, errors.Join(errReplaced, err)
	}
	return file, nil
}

// read calls each for every line. It returns fs.ErrNotExist if there is no file.
func (f *snapshotFile) read(each func(line []byte)) error {
	file, err := f.open(os.O_RDONLY)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = readLines(file, each)
	return err
}

// readLines calls each for every line, and returns where the last whole one ends. A line that is
// too long is given as an empty one.
func readLines(from io.Reader, each func(line []byte)) (end int64, err error) {
	reader := bufio.NewReaderSize(io.LimitReader(from, maxSnapshot), maxLine)
	var tooLong bool
	for read := int64(0); ; {
		line, err := reader.ReadSlice('\n')
		read += int64(len(line))
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			tooLong = true
			continue
		case err == nil:
			end = read
		case !errors.Is(err, io.EOF):
			return end, err
		case len(line) == 0 && !tooLong:
			return end, tooLarge(read)
		}
		if line = trimLine(line); tooLong {
			line = []byte{0}
		}
		if tooLong = false; len(line) > 0 {
			each(line)
		}
		if err != nil {
			return end, tooLarge(read)
		}
	}
}

func tooLarge(read int64) error {
	if read >= maxSnapshot {
		return errTooLarge
	}
	return nil
}

// trimLine cuts the line's end off. What is for people is no line.
func trimLine(line []byte) []byte {
	for len(line) > 0 && (line[len(line)-1] == '\n' || line[len(line)-1] == '\r') {
		line = line[:len(line)-1]
	}
	if len(line) > 0 && line[0] == '#' {
		return nil
	}
	return line
}

// replace puts a file with other lines in the place of the file. build gets the old lines, writes
// the new ones, and returns where the last old line that it has read ends. What is appended to the
// old file meanwhile is kept. If another process is replacing the file, replace does nothing, and
// returns 0.
func (f *snapshotFile) replace(build func(old io.Reader, to io.Writer) (read int64, err error)) (size int64, err error) {
	if err := os.MkdirAll(filepath.Dir(f.path), 0o700); err != nil {
		return 0, err
	}
	unlock, err := f.lock()
	if unlock == nil {
		return 0, err
	}
	defer unlock()
	name := f.path + ".new"
	_ = os.Remove(name) // of a process that was killed
	fresh, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, err
	}
	moved := false
	defer func() {
		_ = fresh.Close()
		if !moved {
			_ = os.Remove(name)
		}
	}()
	old := f.openOld()
	from := io.Reader(bytes.NewReader(nil))
	if old != nil {
		defer old.Close()
		from = old
	}
	buffered := bufio.NewWriterSize(fresh, 1<<20)
	_, _ = buffered.WriteString(snapshotHeading) // Flush has the error
	read, err := build(from, buffered)
	if err := errors.Join(err, buffered.Flush(), fresh.Sync()); err != nil {
		return 0, err
	}
	if moved, err = f.takePlace(fresh, old, read); err != nil {
		return 0, err
	}
	info, err := os.Lstat(f.path)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// openOld opens the file that is to be replaced. Where there is none, it makes one, because another
// process may be about to. It returns nil for one that cannot be read, whose lines are lost.
func (f *snapshotFile) openOld() *os.File {
	if made, err := f.openToAppend(); err == nil {
		_ = made.Close()
	}
	old, err := f.open(os.O_RDONLY)
	if err != nil {
		return nil
	}
	return old
}

// lock keeps other processes from replacing the file. unlock is nil if one of them does so now, or
// with an error.
func (f *snapshotFile) lock() (unlock func(), err error) {
	name := f.path + ".lock"
	for range 2 {
		file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err == nil {
			_ = file.Close()
			return func() { _ = os.Remove(name) }, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		info, err := os.Lstat(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue // released just now: to remove it would remove that of the next process
		}
		if err == nil && time.Since(info.ModTime()).Abs() < staleLock {
			return nil, nil
		}
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return nil, nil
}

// takePlace moves a new file to the place of the old one, and copies what was appended to that.
func (f *snapshotFile) takePlace(fresh, old *os.File, read int64) (moved bool, err error) {
	f.appending.Lock()
	defer f.appending.Unlock()
	copyRest := func() error {
		if old == nil {
			return nil
		}
		n, err := io.Copy(fresh, io.NewSectionReader(old, read, maxSnapshot))
		read += n
		return err
	}
	if err := copyRest(); err != nil {
		return false, err
	}
	// Whoever took so long that their lock was taken for an old one must not move another's file.
	info, err := fresh.Stat()
	if err != nil {
		return false, err
	}
	if there, err := os.Lstat(fresh.Name()); err != nil || !os.SameFile(there, info) {
		return true, errReplaced // and nothing of this one is left to remove
	}
	if runtime.GOOS == "windows" { // where open files keep their names
		err := fresh.Close()
		if old != nil {
			_ = old.Close()
			old = nil
		}
		if err != nil {
			return false, err
		}
	}
	if err := os.Rename(fresh.Name(), f.path); err != nil {
		return false, err
	}
	return true, copyRest()
}
