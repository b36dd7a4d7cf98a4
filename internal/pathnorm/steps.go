package pathnorm

import (
	"iter"
	"net/url"
	"path"
	"strings"
)

// The steps of which a normalization is made. Each returns its text itself if there is nothing
// to do.

// decode decodes a raw path as Go, and with it Caddy, does.
func decode(raw string) string {
	if decoded, err := url.PathUnescape(raw); err == nil {
		return decoded
	}
	return raw
}

// decodeLeniently decodes whatever is an escape and leaves everything else as it is.
func decodeLeniently(text string) string {
	return decodeSome(text, func(byte) bool { return true })
}

// decodeOrdinary leaves those escapes that are special. A path is never asked about in its raw
// encoding: /%C3%BCber and /über are one path to all servers.
func decodeOrdinary(raw string) string {
	return decodeSome(raw, func(c byte) bool { return !special(c) })
}

func decodeSome(text string, which func(byte) bool) string {
	if !strings.Contains(text, "%") {
		return text
	}
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if c, ok := unhex(text[i:]); ok && which(c) {
			out = append(out, c)
			i += 2
			continue
		}
		out = append(out, text[i])
	}
	return string(out)
}

// slashes takes backslashes for slashes, as browsers, Windows and many libraries do.
func slashes(text string) string { return strings.ReplaceAll(text, `\`, "/") }

// backslashes does so in a raw path, for servers that leave an encoded slash as it is.
var backslashes = strings.NewReplacer(`\`, "/", "%5C", "/", "%5c", "/")

// endings returns a text with what may end a path early: NUL in programs written in C, and ? and #
// where a program parses a decoded address again. Some programs drop a NUL, and those that parse
// as browsers do drop tabs and line breaks.
func endings(text string) []string {
	all := []string{text}
	for _, end := range [...]string{"\x00", "?", "#"} {
		if before, _, found := strings.Cut(text, end); found {
			all = append(all, before)
		}
	}
	return append(all, strings.ReplaceAll(text, "\x00", ""), withoutBreaks.Replace(text))
}

var withoutBreaks = strings.NewReplacer("\t", "", "\n", "", "\r", "")

// cutParameters removes what follows a semicolon in each segment, as Java servers do; with escapes
// an encoded one, too.
func cutParameters(text string, escapes bool) string {
	if !strings.Contains(text, ";") && !(escapes && strings.Contains(text, "%3")) {
		return text
	}
	segments := strings.Split(text, "/")
	for i, segment := range segments {
		end := strings.IndexByte(segment, ';')
		if escapes {
			if encoded := strings.Index(strings.ToUpper(segment), "%3B"); encoded >= 0 && (end < 0 || encoded < end) {
				end = encoded
			}
		}
		if end >= 0 {
			segments[i] = segment[:end]
		}
	}
	return strings.Join(segments, "/")
}

// clean resolves dots and joins slashes, as Caddy's matchers do. Those matchers need no help, but
// expressions compare a path as it is.
func clean(text string) string {
	cleaned := path.Clean(text)
	if cleaned != "/" && strings.HasSuffix(text, "/") {
		cleaned += "/"
	}
	return cleaned
}

// resolveDots resolves dot segments by RFC 3986: an empty segment is one that ".." removes. With
// escapes, encoded dots are dots, too, as in the WHATWG's URL standard.
func resolveDots(text string, escapes bool) string {
	if !strings.Contains(text, "/.") && !(escapes && strings.Contains(text, "/%2")) {
		return text
	}
	segments := strings.Split(text, "/")
	out := segments[:1:1]
	for i, segment := range segments[1:] {
		dots := dotsOf(segment, escapes)
		if dots == 2 && len(out) > 1 {
			out = out[:len(out)-1]
		}
		if dots == 0 {
			out = append(out, segment)
		} else if i == len(segments)-2 {
			out = append(out, "") // dots at the end leave the slash before them
		}
	}
	return strings.Join(out, "/")
}

// dotsOf returns 1 or 2 for a dot segment and 0 for all others.
func dotsOf(segment string, escapes bool) int {
	if escapes && len(segment) >= 3 && len(segment) <= 6 {
		segment = strings.ReplaceAll(strings.ToLower(segment), "%2e", ".")
	}
	if segment == "." || segment == ".." {
		return len(segment)
	}
	return 0
}

// standIn puts an ordinary segment in the place of each dot segment. Many routers give dots no
// meaning, and Caddy's matchers would resolve them.
func standIn(text string) string {
	if !strings.Contains(text, "/.") {
		return text
	}
	segments := strings.Split(text, "/")
	for i := range segments {
		if dotsOf(segments[i], false) != 0 {
			segments[i] = "..."
		}
	}
	return strings.Join(segments, "/")
}

// afterScripts goes through what follows each ".php" in a path. A PHP application routes by that
// (PATH_INFO), and Symfony's does so wherever the name of its script stands, with a slash behind
// it or without.
func afterScripts(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := range len(text) {
			if !scriptEnd(text[i:]) {
				continue
			}
			rest := text[i+len(".php"):]
			if rest[0] != '/' {
				rest = "/" + rest
			}
			if !yield(rest) {
				return
			}
		}
	}
}

// afterAuthority returns the path that is left of //host/path without the host. The number of
// slashes does not matter to browsers.
func afterAuthority(text string) (string, bool) {
	if !strings.HasPrefix(text, "//") {
		return "", false
	}
	text = strings.TrimLeft(text, "/")
	if i := strings.IndexByte(text, '/'); i >= 0 {
		return text[i:], true
	}
	return "/", true
}
