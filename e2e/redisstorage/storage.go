// Package redisstorage keeps Caddy's storage in Redis. It is made for the cluster
// tests: one server, no password, no TLS, and a server that does not answer is an
// error after a second.
//
// A file is a hash with its value and time. A directory is a sorted set of the names
// in it, those of directories with a slash at the end, so that a list reads one set
// and never walks all keys.
package redisstorage

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

const (
	fileKey      = "caddy:file:"
	directoryKey = "caddy:directory:"
	lockKey      = "caddy:lock:"
)

// store is a certmagic.Storage.
type store struct {
	client *redis.Client
	mu     sync.Mutex
	held   map[string]*lease // by the name of the lock
}

// newStore makes a store and does not ask the server yet: Caddy must start while it
// is down.
func newStore(address string) *store {
	return &store{held: make(map[string]*lease), client: redis.NewClient(&redis.Options{
		Addr: address, DialTimeout: timeout, ReadTimeout: timeout, WriteTimeout: timeout, PoolTimeout: timeout,
		// What is tried again, and when, is up to those who use the storage.
		MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true, DisableIdentity: true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}, // a service's, not a server's
	})}
}

const timeout = time.Second

// Store writes a file and enters it into its directories.
func (s *store) Store(ctx context.Context, key string, value []byte) error {
	key = clean(key)
	_, err := s.client.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.HSet(ctx, fileKey+key, "value", value, "modified", time.Now().UnixNano())
		for name := key; name != ""; {
			// The directory's own name is the next to enter, with its slash.
			directory, child := split(name)
			p.ZAdd(ctx, directoryKey+directory, redis.Z{Member: child})
			name = directory
		}
		return nil
	})
	return wrap(ctx, "storing", key, err)
}

// Load reads a file.
func (s *store) Load(ctx context.Context, key string) ([]byte, error) {
	value, err := s.client.HGet(ctx, fileKey+clean(key), "value").Bytes()
	return value, wrap(ctx, "loading", key, err)
}

// deletion removes a file or a directory with all that is in it, and then the
// directories above that have become empty.
var deletion = redis.NewScript(`
	local files, directories, key = ARGV[1], ARGV[2], ARGV[3]
	local function drop(name)
		redis.call('DEL', files .. name)
		for _, child in ipairs(redis.call('ZRANGE', directories .. name .. '/', 0, -1)) do
			drop(name .. '/' .. string.gsub(child, '/$', ''))
		end
		redis.call('DEL', directories .. name .. '/')
	end
	drop(key)
	while key ~= '' do
		local parent, name = string.match(key, '^(.-)([^/]+)$')
		redis.call('ZREM', directories .. parent, name, name .. '/')
		if redis.call('EXISTS', directories .. parent) == 1 then break end
		key = string.gsub(parent, '/$', '')
	end
	return 0`)

// Delete removes a file or a directory. What is not there is no error.
func (s *store) Delete(ctx context.Context, key string) error {
	return wrap(ctx, "deleting", key, deletion.Run(ctx, s.client, nil, fileKey, directoryKey, clean(key)).Err())
}

// Exists tells whether there is a file or a directory.
func (s *store) Exists(ctx context.Context, key string) bool {
	_, err := s.Stat(ctx, key)
	return err == nil
}

// List lists what is in a directory, with directories, as the file system does.
func (s *store) List(ctx context.Context, key string, recursive bool) (keys []string, err error) {
	key = clean(key)
	directory := key + "/"
	if key == "" {
		directory = ""
	}
	children, err := s.client.ZRange(ctx, directoryKey+directory, 0, -1).Result()
	if err != nil {
		return nil, wrap(ctx, "listing", key, err)
	}
	if len(children) == 0 {
		// A set without members does not exist; a file has nothing in it.
		_, err := s.Stat(ctx, key)
		return nil, err
	}
	for _, child := range children {
		keys = append(keys, path.Join(key, child))
		if recursive && strings.HasSuffix(child, "/") {
			below, err := s.List(ctx, path.Join(key, child), true)
			if err != nil {
				return keys, err
			}
			keys = append(keys, below...)
		}
	}
	return keys, nil
}

// Stat tells what a key is.
func (s *store) Stat(ctx context.Context, key string) (certmagic.KeyInfo, error) {
	key = clean(key)
	values, err := s.client.HMGet(ctx, fileKey+key, "value", "modified").Result()
	if err != nil {
		return certmagic.KeyInfo{}, wrap(ctx, "asking for", key, err)
	}
	if value, ok := values[0].(string); ok {
		text, _ := values[1].(string)
		modified, _ := strconv.ParseInt(text, 10, 64)
		return certmagic.KeyInfo{Key: key, Size: int64(len(value)), Modified: time.Unix(0, modified), IsTerminal: true}, nil
	}
	n, err := s.client.Exists(ctx, directoryKey+key+"/").Result()
	if err == nil && n == 0 {
		err = redis.Nil
	}
	return certmagic.KeyInfo{Key: key}, wrap(ctx, "asking for", key, err)
}

// String says where the storage is, for logs.
func (s *store) String() string { return "redis " + s.client.Options().Addr }

// clean brings a key into its one form.
func clean(key string) string { return strings.Trim(path.Clean("/"+key), "/") }

// split returns the directory of a key, "" or with a slash at the end, and the name
// within it. A key that is a directory itself keeps its slash.
func split(key string) (directory, name string) {
	i := strings.LastIndexByte(strings.TrimSuffix(key, "/"), '/') + 1
	return key[:i], key[i:]
}

// wrap adds what was attempted, and says in the words of certmagic that something is
// not there, and in those of the context that its time is over: the client gives the
// deadline to the connection, whose time-out is another error and can come first.
func wrap(ctx context.Context, attempt, key string, err error) error {
	if err == nil {
		return nil
	}
	if err == redis.Nil {
		err = fs.ErrNotExist
	} else if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		err = context.DeadlineExceeded
	}
	return fmt.Errorf("%s %s: %w", attempt, key, err)
}

var _ certmagic.Storage = (*store)(nil)
