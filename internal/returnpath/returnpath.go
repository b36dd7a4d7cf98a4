// Package returnpath decides which address a visitor may be sent back to after a
// login. It is pure: it asks nobody and keeps nothing.
package returnpath

import (
	"net/url"
	"strings"
)

// MaxLength is the longest address that is accepted, in bytes. A longer one is
// refused as a whole and never cut. [R3]
const MaxLength = 2048

// Root is where a visitor goes whose address is not accepted.
const Root = "/"

// Safe returns the path form of an address: the address itself if it is one, the
// rest behind the origin if it begins with one of origins ("https://example.com",
// scheme, host and port exactly), and Root for everything else. It keeps what it
// returns byte for byte. [R1]
func Safe(address string, origins ...string) string {
	for _, origin := range origins {
		if rest, own := strings.CutPrefix(address, origin); own && strings.HasPrefix(rest, "/") {
			address = rest
			break
		}
	}
	if OK(address) {
		return address
	}
	return Root
}

// OK reports whether an address is a path of the same origin, with or without
// query and fragment, however a browser reads it. [R1, R3]
func OK(address string) bool {
	if len(address) == 0 || len(address) > MaxLength || address[0] != '/' || strings.HasPrefix(address, "//") {
		return false
	}
	for _, b := range []byte(address) {
		// Browsers drop tabs and newlines and take a backslash for a slash, so
		// that "/\t/host" and "/\host" lead elsewhere.
		if b <= ' ' || b >= 0x7f || b == '\\' {
			return false
		}
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" {
		return false
	}
	// A path such as "/.//host" becomes "//host" where somebody resolves the dots.
	// path.Clean would join the slashes and hide that, so the dots are resolved by hand.
	return !strings.HasPrefix(withoutDots(u.EscapedPath()), "//") && validEscapes(address)
}

// Path returns the path that a browser ends up at with an address that is OK: without
// query and fragment, dots resolved, escapes undone.
func Path(address string) string {
	if end := strings.IndexAny(address, "?#"); end >= 0 {
		address = address[:end]
	}
	path, err := url.PathUnescape(withoutDots(address))
	if err != nil {
		return Root
	}
	return path
}

// withoutDots resolves "." and ".." as browsers do: slashes stay as they are.
func withoutDots(p string) string {
	var out []string
	segments := strings.Split(p, "/")[1:]
	for i, segment := range segments {
		switch decodeDots(segment) {
		case ".":
		case "..":
			if len(out) > 0 {
				out = out[:len(out)-1]
			}
		default:
			out = append(out, segment)
			continue
		}
		if i == len(segments)-1 {
			out = append(out, "") // dots at the end leave the slash before them
		}
	}
	return "/" + strings.Join(out, "/")
}

// decodeDots undoes the one escape that browsers undo before they look for dots.
func decodeDots(segment string) string {
	if len(segment) > len("%2e%2e") {
		return segment
	}
	return strings.ReplaceAll(strings.ToLower(segment), "%2e", ".")
}

// validEscapes reports whether every percent sign begins an escape.
func validEscapes(s string) bool {
	_, err := url.PathUnescape(s)
	return err == nil
}
