// Package faultystorage is a storage for Caddy in files that fails on command, for tests
// alone: whoever writes the name of a fault into its fault file breaks it, and mends it
// by emptying the file.
package faultystorage

import (
	"errors"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/certmagic"
)

func init() { caddy.RegisterModule(new(Storage)) }

// Storage is the module caddy.storage.e2e_faulty.
type Storage struct {
	// Root is the folder of the files. Required.
	Root string `json:"root,omitempty"`

	// Fault is the fault file. Where there is none, nothing fails. Required.
	Fault string `json:"fault,omitempty"`
}

// CaddyModule returns the module's ID and constructor.
func (*Storage) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "caddy.storage.e2e_faulty", New: func() caddy.Module { return new(Storage) }}
}

// UnmarshalCaddyfile sets up the storage from Caddyfile tokens. Syntax:
//
//	storage e2e_faulty {
//		root  <folder>
//		fault <file>
//	}
func (s *Storage) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the module's name
	options := map[string]*string{"root": &s.Root, "fault": &s.Fault}
	for d.NextBlock(0) {
		option := options[d.Val()]
		if option == nil {
			return d.Errf("unrecognized option %q", d.Val())
		}
		if !d.AllArgs(option) {
			return d.ArgErr()
		}
	}
	return nil
}

// CertMagicStorage returns the storage.
func (s *Storage) CertMagicStorage() (certmagic.Storage, error) {
	if s.Root == "" || s.Fault == "" {
		return nil, errors.New("root and fault are required")
	}
	return &store{files: certmagic.FileStorage{Path: s.Root}, fault: s.Fault}, nil
}

// Interface guards
var (
	_ caddy.StorageConverter = (*Storage)(nil)
	_ caddyfile.Unmarshaler  = (*Storage)(nil)
)
