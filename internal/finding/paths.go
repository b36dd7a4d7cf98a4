package finding

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// Path looks at a path of a matcher by itself.
func Path(path string) Finding {
	switch {
	case strings.Contains(path, "{"):
		// Only a request tells.
	case strings.Contains(path, " /") || strings.Contains(path, "\t/"):
		return Fault(fmt.Sprintf("%q is one path with a space in it", path), "write several paths without quotes: path /members* /account*")
	case strings.Contains(path, "?"):
		return Fault(path+" matches no address: a path ends before the question mark", "match the query with the matcher query")
	case strings.HasPrefix(path, "^") || strings.HasSuffix(path, "$") || strings.Contains(path, ".*") && strings.ContainsAny(path, "(|") || strings.Contains(path, "/.*"):
		return Fault(path+" is a regular expression, and path does not take any", "write path_regexp instead of path")
	case strings.Contains(path, "://"):
		return Fault(path+" matches no address: it is a whole address, and not a path", "write what follows the host")
	case !strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "*"):
		return Fault(path+" matches no address: a path begins with a slash", "write /"+path)
	case escape.MatchString(path):
		return escaped(path)
	}
	return OK("")
}

// escape matches an escaped character in a path.
var escape = regexp.MustCompile("%[0-9A-Fa-f]{2}")

// escaped is for a path that is compared with the address as browsers escape it. Its wildcard ends
// at a slash, as it does nowhere else.
func escaped(path string) Finding {
	decoded, err := url.PathUnescape(strings.ReplaceAll(path, "%*", "*"))
	switch {
	case err == nil && !strings.ContainsAny(decoded, "%?") && strings.Count(decoded, "/") == strings.Count(path, "/"):
		if strings.Contains(decoded, " ") {
			decoded = fmt.Sprintf("%q", decoded)
		}
		return Doubt(path+" is compared with addresses as they are escaped, and protects nothing below it", "write it decoded: "+decoded)
	case strings.Contains(path, "*"):
		return Doubt(path+" is compared with addresses as they are escaped: its * ends at the next slash", "write path_regexp instead of path if more is meant")
	}
	return OK("")
}

// Border is where the protection of a path ends earlier than people think.
type Border struct {
	Inside, Outside string // addresses on both sides
	// Folder says that the address outside is that of a folder, where a file server has no content.
	Folder  bool
	Finding Finding
}

// BorderOf returns the border of a path of a matcher; ok is false if it has none, because other
// paths cover what lies beyond.
func BorderOf(path string, all []string) (b Border, ok bool) {
	once := starOnce(path)
	bare, below := strings.CutSuffix(once, "/*")
	beyond := strings.TrimSuffix(path, "/") + "/x"
	switch {
	case strings.Contains(path, "{"):
	case below && bare != "" && !strings.Contains(bare, "*") && !covered(bare, all):
		return Border{bare + "/x", bare, true, Doubt(fmt.Sprintf("%s is protected, and %s itself is not", path, bare), fmt.Sprintf("write %s %s if both are meant", bare, once))}, true
	case !strings.Contains(path, "*") && path != "/" && !isFile(path) && !covered(beyond, all):
		return Border{path, beyond, false, Doubt(path+" protects this one address, and nothing below it", fmt.Sprintf("write %s* if all of it is meant", path))}, true
	}
	return b, false
}

// starOnce returns a pattern with one star at its end, where more mean the same.
func starOnce(pattern string) string {
	if strings.HasSuffix(pattern, "**") {
		return strings.TrimRight(pattern, "*") + "*"
	}
	return pattern
}

// isFile reports whether a path ends in the name of a file.
func isFile(path string) bool { return strings.Contains(path[strings.LastIndex(path, "/")+1:], ".") }

// covered reports whether one of the patterns is for a path, too.
func covered(path string, patterns []string) bool {
	for _, pattern := range patterns {
		pattern = starOnce(pattern)
		front, prefix := strings.CutSuffix(pattern, "*")
		back, suffix := strings.CutPrefix(pattern, "*")
		if strings.EqualFold(pattern, path) || pattern == "*" ||
			prefix && len(path) >= len(front) && strings.EqualFold(path[:len(front)], front) ||
			suffix && len(path) >= len(back) && strings.EqualFold(path[len(path)-len(back):], back) {
			return true
		}
	}
	return false
}
