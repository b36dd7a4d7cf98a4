// Package example contains the files of the demo, so that the demo runs in any folder.
package example

import "embed"

// Files has the Caddyfile of the demo and the folder site, which it serves.
//
//go:embed Caddyfile site
var Files embed.FS
