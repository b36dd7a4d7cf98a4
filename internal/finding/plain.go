package finding

import (
	"path/filepath"
	"regexp"
	"strings"
)

// Caddy's errors begin with the outermost module. People need the innermost message, and the line.
var (
	// outer matches the steps on the way.
	outer = regexp.MustCompile(`^(?:adapting the configuration|adapting config using caddyfile|parsing caddyfile tokens for '[^']*'|Caddyfile|` +
		`loading (?:[\w.]+ app|new config|config|[\w ]*modules?(?: '[^']*')?)(?: module)?|loading module '[^']*'|provision [\w.]+|server [\w.-]+|` +
		`setting up (?:route handlers|subroutes|routes|route|error route handlers)|error routes?|named route [^:]+|route \d+|position \d+|module name '[^']*'): `)
	// where is the line of a Caddyfile, and how it was imported.
	where = regexp.MustCompile(`, at ([^\n]*?):(\d+)(?: import chain \['[^\]]*'\])?`)
	// before is the line where Caddy puts it first.
	before = regexp.MustCompile(`^([^ :]+):(\d+)(?: - Error during parsing)?: `)
	// provisioned names the module that an error is about.
	provisioned = regexp.MustCompile(`(?:loading module '([^']+)': )?(?:provision ([\w.]+): )`)
)

// Plain returns what an error of Caddy's says is wrong, with the line of the Caddyfile, and what to
// do about it, if it says that.
func Plain(err error) (message, remedy string) {
	text, _, _ := strings.Cut(err.Error(), "\n\t") // without an excerpt of the file
	text = Kinds(strings.Join(strings.Fields(text), " "))
	line, module := "", ""
	if all := provisioned.FindAllStringSubmatch(text, -1); len(all) > 0 {
		module = strings.TrimPrefix(all[len(all)-1][2], "http.handlers.")
	}
	for {
		if found := before.FindStringSubmatch(text); found != nil && line == "" {
			line, text = filepath.Base(found[1])+":"+found[2], text[len(found[0]):]
			continue
		}
		step := outer.FindString(text)
		if step == "" {
			break
		}
		text = text[len(step):]
	}
	if found := where.FindStringSubmatchIndex(text); found != nil {
		line = filepath.Base(text[found[2]:found[3]]) + ":" + text[found[4]:found[5]]
		text = text[:found[0]]
	}
	if module != "" && !strings.Contains(module, "subroute") && module != "http" && !strings.Contains(text, module) && module != encoderName {
		text = module + ": " + text
	}
	message, remedy = text, hint(text)
	if i := strings.Index(text, "; "); i > 0 {
		message, remedy = text[:i], text[i+2:]
	}
	if line != "" {
		message += " (" + line + ")"
	}
	return message, remedy
}

// hints are what to do about messages of Caddy's that do not say it.
var hints = []struct {
	message *regexp.Regexp
	remedy  string
}{
	{regexp.MustCompile(`^Unexpected next token after '\{' on same line`), "begin a new line after {"},
	{regexp.MustCompile(`^unrecognized directive: instagram_auth$`), "use a Caddy with this module: caddy list-modules shows http.handlers.instagram_auth"},
	{regexp.MustCompile(`^unrecognized directive: "?instagram`), "did you mean instagram_auth?"},
	{regexp.MustCompile(`^unrecognized global option: instagram_auth`), "move the block into a site: it is not a global option"},
	{regexp.MustCompile(`subdirective '?instagram_auth'?`), "move the block: it belongs in a site, a route or a handle block"},
	{regexp.MustCompile(`expecting '\}'|[Uu]nexpected EOF`), "add the } that is missing"},
	{regexp.MustCompile(`^Site addresses cannot end with a curly brace`), "write a space before {"},
	{regexp.MustCompile(`^File to import not found`), "check the name of the file; a snippet must be written before the line that imports it"},
}

// AnyRemedy is what to do where nothing better is known.
const AnyRemedy = "fix that and try again"

func hint(message string) string {
	for _, h := range hints {
		if h.message.MatchString(message) {
			return h.remedy
		}
	}
	return AnyRemedy
}
