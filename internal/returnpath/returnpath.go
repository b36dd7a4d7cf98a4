// Package returnpath decides which address a visitor may be sent back to after a
// login. It is pure: it asks nobody and keeps nothing.
package returnpath

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// MaxLength is the longest address that is kept whole, in bytes. It fits into a login cookie,
// and with that cookie into the 4 KB that many proxies allow for the headers of a response.
// Of a longer one the path is kept if it fits. Nothing is ever cut in the middle. [R3]
const MaxLength = 2048

// Root is where a visitor goes whose address is not accepted.
const Root = "/"

// Safe returns the path form of an address: the address itself if it is one, the
// rest behind the origin if it begins with one of origins ("https://example.com",
// scheme, host and port exactly), and Root for everything else. It keeps what it
// returns byte for byte, except that it encodes what only an encoded address can
// hold: spaces and bytes outside ASCII, which reading a parameter has decoded. [R1]
func Safe(address string, origins ...string) string {
	for _, origin := range origins {
		if rest, own := strings.CutPrefix(address, origin); own && strings.HasPrefix(rest, "/") {
			address = rest
			break
		}
	}
	if address = whole(address); len(address) <= MaxLength {
		address = whole(Encode(address))
	}
	if OK(address) {
		return address
	}
	return Root
}

// whole returns an address that is not too long as it is, and the path of a longer one.
func whole(address string) string {
	if len(address) > MaxLength {
		address, _ = split(address)
	}
	return address
}

// Encode percent-encodes spaces and all bytes outside ASCII.
func Encode(address string) string {
	outside := func(b byte) bool { return b == ' ' || b >= utf8.RuneSelf }
	if !slices.ContainsFunc([]byte(address), outside) {
		return address
	}
	var encoded strings.Builder
	for _, b := range []byte(address) {
		if outside(b) {
			fmt.Fprintf(&encoded, "%%%02X", b)
		} else {
			encoded.WriteByte(b)
		}
	}
	return encoded.String()
}

// split parts an address where browsers do: behind its path, at the first "?" or "#".
func split(address string) (path, rest string) {
	if end := strings.IndexAny(address, "?#"); end >= 0 {
		return address[:end], address[end:]
	}
	return address, ""
}

// OK reports whether an address is a path of the same origin, with or without
// query and fragment, however a browser reads it. [R1, R3]
func OK(address string) bool {
	if len(address) == 0 || len(address) > MaxLength || address[0] != '/' || strings.HasPrefix(address, "//") {
		return false
	}
	// Browsers drop tabs and newlines, so that "/\t/host" leads elsewhere.
	if strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return false
	}
	path, rest := split(address)
	// Browsers take a backslash for a slash, so that "/\host" leads elsewhere. Behind the
	// path they do not: a query leads nowhere, whatever stands in it.
	if strings.Contains(path, `\`) || !validEscapes(path) {
		return false
	}
	if _, fragment, _ := strings.Cut(rest, "#"); !validEscapes(fragment) {
		return false // clients that parse a Location strictly would not follow it
	}
	u, err := url.Parse(path)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" {
		return false
	}
	// A path such as "/.//host" becomes "//host" where somebody resolves the dots.
	// path.Clean would join the slashes and hide that, so the dots are resolved by hand.
	return !strings.HasPrefix(withoutDots(u.EscapedPath()), "//")
}

// Path returns the path that a browser ends up at with an address that is OK: without
// query and fragment, dots resolved, escapes undone.
func Path(address string) string {
	path, _ := split(address)
	path, err := url.PathUnescape(withoutDots(path))
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
