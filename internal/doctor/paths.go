package doctor

import (
	"fmt"
	"strings"
)

// What people write as paths, and what they then protect.

// Paths looks at the paths of a matcher.
func Paths(paths []string) (found []Finding) {
	for _, path := range paths {
		if f := lookAtPath(path, paths); f.Status != Fine {
			found = append(found, f)
		}
	}
	if len(found) == 0 {
		found = []Finding{OK("protected: %s", strings.Join(paths, " "))}
	}
	return found
}

func lookAtPath(path string, all []string) Finding {
	bare, below := strings.CutSuffix(path, "/*")
	switch {
	case strings.Contains(path, "{"):
		// Only a request tells.
	case strings.ContainsAny(path, " \t"):
		return Fault(fmt.Sprintf("%q is one path with a space in it", path), "write several paths without quotes: path /members* /account*")
	case strings.Contains(path, "?"):
		return Fault(path+" matches no address: a path ends before the question mark", "match the query with the matcher query")
	case strings.HasPrefix(path, "^") || strings.HasSuffix(path, "$") || strings.Contains(path, ".*") && strings.ContainsAny(path, "(|") || strings.Contains(path, "/.*"):
		return Fault(path+" is a regular expression, and path does not take any", "write path_regexp instead of path")
	case strings.Contains(path, "://"):
		return Fault(path+" matches no address: it is a whole address, and not a path", "write what follows the host")
	case !strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "*"):
		return Fault(path+" matches no address: a path begins with a slash", "write /"+path)
	case below && bare != "" && !covered(bare, all):
		return Doubt(fmt.Sprintf("%s is protected, and %s itself is not", path, bare), fmt.Sprintf("write %s %s if both are meant", bare, path))
	case !strings.Contains(path, "*") && path != "/" && !isFile(path) && !covered(strings.TrimSuffix(path, "/")+"/x", all):
		return Doubt(path+" protects this one address, and nothing below it", fmt.Sprintf("write %s* if all of it is meant", path))
	}
	return OK("")
}

// isFile reports whether a path ends in the name of a file.
func isFile(path string) bool { return strings.Contains(path[strings.LastIndex(path, "/")+1:], ".") }

// covered reports whether one of the patterns is for a path, too.
func covered(path string, patterns []string) bool {
	for _, pattern := range patterns {
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
