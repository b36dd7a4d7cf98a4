package cli

import "github.com/caddyserver/certmagic"

// Storage is Caddy's.
type Storage = certmagic.Storage

// StorageFolder returns the folder of a storage, if it is one.
func StorageFolder(storage Storage) (folder string, ok bool) {
	if files, ok := storage.(*certmagic.FileStorage); ok {
		return files.Path, true
	}
	return "", false
}
