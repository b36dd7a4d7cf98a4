package faultystorage

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"
	"time"

	"github.com/caddyserver/certmagic"
)

// The faults, as they stand in the fault file.
const (
	Slow     = "slow"      // every operation takes 3 s, whatever its context says, and works
	Failing  = "failing"   // every operation fails
	Garbage  = "garbage"   // what is read is nonsense; what is written arrives
	ReadOnly = "read-only" // nothing can be written
)

// slowness is longer than anybody should wait for a storage.
const slowness = 3 * time.Second

var errDown = errors.New("the storage is down")

// store is a storage in files, and its faults.
type store struct {
	files certmagic.FileStorage
	fault string // a file
}

// meet returns the fault of the moment, after the wait that it means, and the error of
// an operation that reads.
func (s *store) meet() (fault string, err error) {
	text, _ := os.ReadFile(s.fault) // none is none
	switch fault = strings.TrimSpace(string(text)); fault {
	case Slow:
		time.Sleep(slowness)
	case Failing:
		err = errDown
	}
	return fault, err
}

// change is meet for an operation that writes.
func (s *store) change(key string) error {
	fault, err := s.meet()
	if fault == ReadOnly {
		return &fs.PathError{Op: "write", Path: key, Err: syscall.EROFS}
	}
	return err
}

func (s *store) Lock(ctx context.Context, name string) error {
	if err := s.change(name); err != nil {
		return err
	}
	return s.files.Lock(ctx, name)
}

func (s *store) Unlock(ctx context.Context, name string) error {
	if err := s.change(name); err != nil {
		return err
	}
	return s.files.Unlock(ctx, name)
}

func (s *store) Store(ctx context.Context, key string, value []byte) error {
	if err := s.change(key); err != nil {
		return err
	}
	return s.files.Store(ctx, key, value)
}

func (s *store) Delete(ctx context.Context, key string) error {
	if err := s.change(key); err != nil {
		return err
	}
	return s.files.Delete(ctx, key)
}

func (s *store) Load(ctx context.Context, key string) ([]byte, error) {
	switch fault, err := s.meet(); {
	case err != nil:
		return nil, err
	case fault == Garbage:
		return bytes.Repeat([]byte{0xde, 0xad, 0}, 333), nil
	}
	return s.files.Load(ctx, key)
}

// garbage are keys that nobody has written; each ends in something of a length that a
// real name may have.
func garbage(prefix string) (keys []string) {
	name := strings.Repeat("Zz9-", 20)
	for _, key := range []string{
		"", "/", "..", "../../../etc/passwd", name, "0029000000/" + name, "0029000000/\x00\xff", "9999999999/" + name,
		"-000000001/" + name, "0029000000/deeper/" + name, strings.Repeat("long", 5000),
	} {
		keys = append(keys, prefix+"/"+key)
	}
	return append(keys, "", name, path.Dir(prefix))
}

func (s *store) List(ctx context.Context, prefix string, recursive bool) ([]string, error) {
	switch fault, err := s.meet(); {
	case err != nil:
		return nil, err
	case fault == Garbage:
		return garbage(prefix), nil
	}
	return s.files.List(ctx, prefix, recursive)
}

func (s *store) Exists(ctx context.Context, key string) bool {
	fault, err := s.meet()
	return err == nil && (fault == Garbage || s.files.Exists(ctx, key))
}

func (s *store) Stat(ctx context.Context, key string) (certmagic.KeyInfo, error) {
	switch fault, err := s.meet(); {
	case err != nil:
		return certmagic.KeyInfo{}, err
	case fault == Garbage:
		return certmagic.KeyInfo{Key: "garbage", Size: -1}, nil
	}
	return s.files.Stat(ctx, key)
}

func (s *store) String() string { return "faulty storage in " + s.files.Path }

// Interface guard
var _ certmagic.Storage = (*store)(nil)
