package redisstorage

import (
	"errors"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/certmagic"
)

func init() { caddy.RegisterModule(new(Storage)) }

// Storage is the module caddy.storage.e2e_redis.
type Storage struct {
	// Address is the server's host and port. Required.
	Address string `json:"address,omitempty"`

	store *store
}

// CaddyModule returns the module's ID and constructor.
func (*Storage) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "caddy.storage.e2e_redis", New: func() caddy.Module { return new(Storage) }}
}

// UnmarshalCaddyfile sets up the storage from Caddyfile tokens. Syntax:
//
//	storage e2e_redis {
//		address <host:port>
//	}
func (s *Storage) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the module's name
	for d.NextBlock(0) {
		if d.Val() != "address" {
			return d.Errf("unrecognized option %q", d.Val())
		}
		if !d.AllArgs(&s.Address) {
			return d.ArgErr()
		}
	}
	return nil
}

// Provision makes the client.
func (s *Storage) Provision(caddy.Context) error {
	if s.Address == "" {
		return errors.New("address: is missing")
	}
	s.store = newStore(s.Address)
	return nil
}

// CertMagicStorage returns the storage.
func (s *Storage) CertMagicStorage() (certmagic.Storage, error) { return s.store, nil }

// Cleanup closes the connections. It also runs where Provision failed.
func (s *Storage) Cleanup() error {
	if s.store == nil {
		return nil
	}
	return s.store.client.Close()
}

// Interface guards
var (
	_ caddy.Provisioner      = (*Storage)(nil)
	_ caddy.CleanerUpper     = (*Storage)(nil)
	_ caddy.StorageConverter = (*Storage)(nil)
	_ caddyfile.Unmarshaler  = (*Storage)(nil)
)
