package cli

import (
	"context"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/certmagic"
)

// Shadow is a storage that reads another one and keeps what is written to itself. A configuration
// that is only looked at writes: Caddy makes a certificate authority for `tls internal`, and this
// module a marker.
type Shadow struct {
	behind certmagic.Storage

	mu      sync.Mutex
	written map[string][]byte // nil where the key was deleted
}

// ShadowModule is the name of Shadow as a storage module, once ShadowFor was called.
const ShadowModule = "instagram_auth_shadow"

var (
	registerShadow sync.Once
	latestShadow   atomic.Pointer[Shadow]
)

// ShadowFor makes a storage module that stands in front of a storage, for the configuration that
// is loaded next. Caddy does not list it, because only a command of this module registers it.
func ShadowFor(behind certmagic.Storage) {
	latestShadow.Store(&Shadow{behind: behind, written: make(map[string][]byte)})
	registerShadow.Do(func() { caddy.RegisterModule(shadowModule{}) })
}

type shadowModule struct{}

// CaddyModule returns the Caddy module information.
func (shadowModule) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "caddy.storage." + ShadowModule, New: func() caddy.Module { return new(shadowModule) }}
}

// CertMagicStorage implements caddy.StorageConverter.
func (shadowModule) CertMagicStorage() (certmagic.Storage, error) { return latestShadow.Load(), nil }

// Lock always succeeds: nobody else sees what is written here.
func (s *Shadow) Lock(context.Context, string) error { return nil }

// Unlock implements certmagic.Locker.
func (s *Shadow) Unlock(context.Context, string) error { return nil }

// Store keeps a value in memory.
func (s *Shadow) Store(_ context.Context, key string, value []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.written[key] = append([]byte{}, value...)
	return nil
}

// of returns what was written here.
func (s *Shadow) of(key string) (value []byte, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	value, known = s.written[key]
	return value, known
}

// Load returns what was written here, or what the storage has.
func (s *Shadow) Load(ctx context.Context, key string) ([]byte, error) {
	if value, known := s.of(key); value != nil {
		return slices.Clone(value), nil
	} else if known {
		return nil, fs.ErrNotExist
	}
	return s.behind.Load(ctx, key)
}

// Delete hides a key, and all keys below it.
func (s *Shadow) Delete(ctx context.Context, key string) error {
	below, _ := s.List(ctx, key, true) // fails where the key is no folder
	s.mu.Lock()
	defer s.mu.Unlock()
	s.written[key] = nil
	for _, name := range below {
		s.written[name] = nil
	}
	return nil
}

// Exists reports whether a key is there.
func (s *Shadow) Exists(ctx context.Context, key string) bool {
	if value, known := s.of(key); known {
		return value != nil
	}
	return s.behind.Exists(ctx, key)
}

// List returns the keys below a prefix.
func (s *Shadow) List(ctx context.Context, prefix string, recursive bool) ([]string, error) {
	keys, err := s.behind.List(ctx, prefix, recursive)
	s.mu.Lock()
	defer s.mu.Unlock()
	keys = slices.DeleteFunc(keys, func(key string) bool { value, known := s.written[key]; return known && value == nil })
	for key, value := range s.written {
		rest, below := strings.CutPrefix(key, strings.TrimSuffix(prefix, "/")+"/")
		if value == nil || prefix != "" && !below {
			continue
		}
		if prefix == "" {
			rest = key
		}
		if child, _, deep := strings.Cut(rest, "/"); deep && !recursive {
			key = strings.TrimSuffix(key, rest) + child
		}
		if !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
		err = nil
	}
	return keys, err
}

// Stat describes a key.
func (s *Shadow) Stat(ctx context.Context, key string) (certmagic.KeyInfo, error) {
	if value, known := s.of(key); value != nil {
		return certmagic.KeyInfo{Key: key, Modified: time.Now(), Size: int64(len(value)), IsTerminal: true}, nil
	} else if known {
		return certmagic.KeyInfo{}, fs.ErrNotExist
	}
	return s.behind.Stat(ctx, key)
}

// Interface guards
var (
	_ caddy.StorageConverter = shadowModule{}
	_ certmagic.Storage      = (*Shadow)(nil)
)
