package refusal

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
)

// SiteConfig describes the site as the operator wrote it.
type SiteConfig struct{ Name, Logo, Accent, Privacy, Terms, Help string }

// Site is what pages show of the site that they belong to. Its values are checked.
type Site struct {
	// Name is the site's name. On a page it is never empty.
	Name string
	// Logo is the address of a picture: a path of the site or an https address. The
	// others are addresses of pages; Help may begin with mailto. Each may be empty.
	Logo, Privacy, Terms, Help string

	accent colour // zero for the built-in one
	set    bool   // the operator has said something
}

// SiteError says what is wrong with a value of SiteConfig, and what would be right.
type SiteError struct {
	// Option is the option's name without that of its block, such as logo.
	Option, Problem string
}

// Error returns option and problem.
func (e *SiteError) Error() string { return e.Option + ": " + e.Problem }

// ParseSite checks the description of the site. Its errors are *SiteError.
func ParseSite(c SiteConfig) (site Site, err error) {
	site.set = c != SiteConfig{}
	site.Name = c.Name
	if problem := nameProblem(c.Name); problem != "" {
		return Site{}, &SiteError{"name", problem}
	}
	var ok bool
	if site.accent, ok = parseColour(c.Accent); !ok {
		return Site{}, &SiteError{"accent", fmt.Sprintf("%q is not a colour; write one such as \"#7a3bb8\", in quotes because # begins a comment", c.Accent)}
	}
	for _, address := range []struct {
		option, value string
		to            *string
		mail          bool
	}{
		{"logo", c.Logo, &site.Logo, false}, {"privacy", c.Privacy, &site.Privacy, false},
		{"terms", c.Terms, &site.Terms, false}, {"help", c.Help, &site.Help, true},
	} {
		checked, problem := parseAddress(address.value, address.mail)
		if problem != "" {
			return Site{}, &SiteError{address.option, problem}
		}
		*address.to = checked
	}
	return site, nil
}

// unreplaced matches a placeholder of Caddy.
var unreplaced = regexp.MustCompile(`\{(\$|env\.|file\.|http\.|args)`)

// parseAddress returns an address as it may stand in a page and in a header. problem is what is
// wrong with it, or "".
func parseAddress(text string, mail bool) (address, problem string) {
	if text == "" {
		return "", ""
	}
	wanted := "write a path of the site such as /about, or an https address"
	if mail {
		wanted = "write a path of the site such as /help, an https address, or mailto: and an address"
	}
	no := fmt.Sprintf("%q is not an address for a page; %s", text, wanted)
	if unreplaced.MatchString(text) {
		return "", fmt.Sprintf("%q has a placeholder, which is not replaced here; write the address itself", text)
	}
	for _, r := range text {
		if r <= ' ' || r == '\\' || r == 0x7f || !unicode.IsGraphic(r) || isInvisible(r) {
			return "", no
		}
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return "", no
	case mail && u.Scheme == "mailto":
		if name, host, ok := strings.Cut(u.Opaque, "@"); !ok || name == "" || host == "" || strings.Contains(host, "@") {
			return "", no
		}
		return u.String(), ""
	case strings.HasPrefix(text, "/") && !strings.HasPrefix(text, "//"):
		if u.Host != "" || u.Scheme != "" {
			return "", no
		}
		return u.String(), ""
	case u.Scheme == "http":
		return "", fmt.Sprintf("%q is not encrypted; write an https address", text)
	case u.Scheme != "https" || u.User != nil || u.Opaque != "":
		return "", no
	}
	host, err := asciiHost(u.Hostname())
	if err != nil {
		return "", no
	}
	if port := u.Port(); port != "" {
		host += ":" + port
	}
	u.Host = host
	return u.String(), ""
}

// asciiHost returns a host as it stands in a header.
func asciiHost(host string) (string, error) {
	if ip, err := netip.ParseAddr(host); err == nil && ip.Zone() == "" {
		if ip.Is6() {
			return "[" + ip.String() + "]", nil
		}
		return ip.String(), nil
	}
	ascii, err := idna.Lookup.ToASCII(host)
	if err != nil || !plainHost.MatchString(ascii) {
		return "", fmt.Errorf("%q is not a host", host)
	}
	return ascii, nil
}

// plainHost matches a host name without anything that means something in a header or on a page.
var plainHost = regexp.MustCompile(`^[a-z0-9_]([a-z0-9_.-]*[a-z0-9_.])?$`)

// imageSource returns the source expression of the logo for a Content-Security-Policy, "" for none.
func (s *Site) imageSource() string {
	switch {
	case s.Logo == "":
		return ""
	case strings.HasPrefix(s.Logo, "/"):
		return "'self'"
	}
	u, err := url.Parse(s.Logo)
	if err != nil {
		return "" // parseAddress has parsed it
	}
	// A semicolon ends a directive, and a comma a policy.
	return u.Scheme + "://" + u.Host + strings.NewReplacer(";", "%3B", ",", "%2C").Replace(u.EscapedPath())
}

// nameFor returns the name of the site for a page: that of the operator, or the host of the
// request if that can be shown, or the words for neither.
func (s *Site) nameFor(host string, l *Language) string {
	if s.Name != "" {
		return s.Name
	}
	if shown := ShownHost(host); shown != "" {
		return shown
	}
	return l.Labels.Site
}

// maxHost is how long a host can be, in bytes.
const maxHost = 253

// ShownHost returns the host of a request for people: without its port, and in Unicode only if
// none of its labels can be taken for another one. It returns "" for what is not a host.
func ShownHost(host string) string {
	host = strings.ToLower(withoutPort(host))
	if ip, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil && ip.Zone() == "" {
		return ip.String()
	}
	host = strings.TrimSuffix(host, ".")
	if len(host) > maxHost || !plainHost.MatchString(host) {
		return ""
	}
	labels := strings.Split(host, ".")
	for i, label := range labels {
		if !strings.HasPrefix(label, "xn--") {
			continue
		}
		decoded, err := idna.Lookup.ToUnicode(label)
		if err != nil || !isUnmistakable(decoded) {
			continue
		}
		if back, err := idna.Lookup.ToASCII(decoded); err == nil && back == label {
			labels[i] = decoded
		}
	}
	return strings.Join(labels, ".")
}

func withoutPort(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.Contains(host[i:], "]") && (strings.Count(host, ":") == 1 || strings.HasPrefix(host, "[")) {
		return host[:i]
	}
	return host
}

// lookAlikes are letters of other scripts that look like Latin ones.
const lookAlikes = "асԁеһіјӏорԛѕԝхуъьҽпгѵѡ" + "αικνρυωηοτγ"

// isUnmistakable reports whether a label of a host cannot be taken for one in another script: all
// letters are of one script, and those of Cyrillic and Greek are not all like Latin ones.
func isUnmistakable(label string) bool {
	var script *unicode.RangeTable
	distinct := false
	for _, r := range label {
		if r == '-' || '0' <= r && r <= '9' {
			continue
		}
		own := scriptOf(r)
		if own == nil || script != nil && script != own {
			return false
		}
		script = own
		distinct = distinct || !strings.ContainsRune(lookAlikes, r)
	}
	return script != nil && distinct
}

// scriptOf returns the script of a letter, nil for letters that are not shown. Those of Chinese,
// Japanese and Korean count as one: their texts mix them.
func scriptOf(r rune) *unicode.RangeTable {
	switch {
	case 'a' <= r && r <= 'z', 'ß' <= r && r <= 'ž' && r != '÷' && r != 'ı' && r != 'ĸ' && r != 'ŀ' && r != 'ŉ':
		return unicode.Latin
	case unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul) || r == 'ー':
		return unicode.Han
	}
	for _, script := range []*unicode.RangeTable{unicode.Cyrillic, unicode.Greek, unicode.Arabic, unicode.Hebrew, unicode.Devanagari, unicode.Thai} {
		if unicode.Is(script, r) {
			return script
		}
	}
	return nil
}

// hasRightToLeft reports whether a text has a letter that is written from right to left.
func hasRightToLeft(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool {
		return unicode.In(r, unicode.Hebrew, unicode.Arabic, unicode.Syriac, unicode.Thaana, unicode.Nko)
	})
}
