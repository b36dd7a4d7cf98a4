package finding

import (
	"fmt"
	"slices"
	"strings"
)

// Attributes are those of a cookie that matter to a sign-in.
type attributes struct {
	value            string
	secure, httpOnly bool
	sameSite         string
	path, domain     string
}

// attributesOf reads the line of a cookie as browsers do: the last attribute of a name counts.
func attributesOf(line string) (name string, a attributes) {
	parts := strings.Split(line, ";")
	name, a.value, _ = strings.Cut(strings.TrimSpace(parts[0]), "=")
	for _, part := range parts[1:] {
		key, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		value = strings.TrimSpace(value)
		switch strings.ToLower(strings.TrimSpace(key)) {
		case "secure":
			a.secure = true
		case "httponly":
			a.httpOnly = true
		case "samesite":
			a.sameSite = strings.ToLower(value)
		case "path":
			a.path = value
		case "domain":
			a.domain = value
		}
	}
	return name, a
}

// Cookie compares a cookie as it was set with the cookies that get to the browser. by names what
// changes them.
func Cookie(by, set string, got []string) Finding {
	const leave = "do not change the cookies of instagram_auth, which are Secure, HttpOnly and SameSite=Lax already: change those of your site with header_down in its reverse_proxy"
	broken := func(how, why string) Finding {
		return Fault(fmt.Sprintf("%s %s: %s, and nobody can sign in", by, how, why), leave)
	}
	name, was := attributesOf(set)
	i := slices.IndexFunc(got, func(line string) bool { other, _ := attributesOf(line); return other == name })
	if i < 0 {
		return broken("removes Set-Cookie from responses", "the browser gets no login cookie")
	}
	_, is := attributesOf(got[i])
	prefixed := strings.HasPrefix(name, "__Host-")
	switch {
	case is.value != was.value:
		return broken("changes the values of cookies", "the login cookie cannot be read any more")
	case is.sameSite == "strict":
		return broken("rewrites Set-Cookie to SameSite=Strict", "the browser does not send the login cookie when it comes back from Instagram")
	case prefixed && is.domain != "":
		return broken("adds a Domain to Set-Cookie", "browsers refuse that for cookies of the prefix __Host-")
	case prefixed && is.path != was.path:
		return broken("changes the Path in Set-Cookie", "browsers refuse that for cookies of the prefix __Host-")
	case was.secure && !is.secure:
		return broken("removes Secure from Set-Cookie", "browsers refuse that for cookies of the prefix __Host-")
	case was.httpOnly && !is.httpOnly && prefixed:
		return broken("removes HttpOnly from Set-Cookie", "browsers refuse that for cookies of the prefix __Host-Http-")
	case is.sameSite == "none" && !is.secure:
		return broken("rewrites Set-Cookie to SameSite=None", "browsers refuse that on plain http")
	case is.sameSite == "none":
		return Doubt(by+" rewrites Set-Cookie to SameSite=None: pages of other sites can act with a visitor's session", leave)
	case is.domain != was.domain || is.path != was.path || is.httpOnly != was.httpOnly || is.sameSite != was.sameSite:
		return Doubt(by+" changes the attributes of the session cookie", leave)
	}
	return OK("")
}
