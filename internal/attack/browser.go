package attack

import "strings"

// Follow says where a browser ends that follows an address from the page at path of
// origin, which is an https one: the origin, and the path with its dots resolved. Of an
// address that is no web page, such as a script, the origin is the scheme alone.
//
// It is a second reading of the URL standard (https://url.spec.whatwg.org), as far as it
// matters here, and has nothing in common with net/url: control characters at the ends
// go, tabs and newlines go everywhere, a backslash is a slash, and any number of slashes
// may stand in front of a host.
func Follow(origin, path, address string) (endOrigin, endPath string) {
	address = strings.TrimFunc(address, func(r rune) bool { return r <= ' ' })
	address = strings.NewReplacer("\t", "", "\n", "", "\r", "").Replace(address)
	scheme, rest := "https", address
	if i := strings.IndexByte(address, ':'); i > 0 && isScheme(address[:i]) {
		scheme, rest = strings.ToLower(address[:i]), address[i+1:]
	}
	if end := strings.IndexAny(rest, "?#"); end >= 0 {
		rest = rest[:end]
	}
	rest = strings.ReplaceAll(rest, `\`, "/")
	switch {
	case scheme == "https" && !strings.HasPrefix(rest, "//"):
		return origin, resolve(path, rest)
	case scheme != "https" && scheme != "http":
		return scheme + ":", ""
	}
	authority, path, _ := strings.Cut(strings.TrimLeft(rest, "/"), "/")
	host := strings.ToLower(authority[strings.LastIndexByte(authority, '@')+1:])
	port := map[string]string{"https": ":443", "http": ":80"}[scheme]
	return scheme + "://" + strings.TrimSuffix(host, port), resolve("/", "/"+path)
}

func isScheme(s string) bool {
	for i, r := range s {
		letter := 'a' <= r|0x20 && r|0x20 <= 'z'
		if !letter && (i == 0 || !strings.ContainsRune("0123456789+-.", r)) {
			return false
		}
	}
	return true
}

// resolve applies a reference without query to the path of a page.
func resolve(page, reference string) string {
	if reference == "" {
		return page
	}
	var segments []string
	if !strings.HasPrefix(reference, "/") {
		segments = strings.Split(page, "/")[1:]
		segments = segments[:len(segments)-1]
	} else {
		reference = reference[1:]
	}
	given := strings.Split(reference, "/")
	for i, segment := range given {
		switch strings.ReplaceAll(strings.ToLower(segment), "%2e", ".") {
		case "..":
			segments = segments[:max(len(segments)-1, 0)]
		case ".":
		default:
			segments = append(segments, segment)
			continue
		}
		if i == len(given)-1 {
			segments = append(segments, "")
		}
	}
	return "/" + strings.Join(segments, "/")
}
