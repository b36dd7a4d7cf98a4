package option

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/finding"
)

// A Resolver replaces the placeholders in the value of an option. Its errors are *Error or
// *MissingError.
type Resolver func(option, value string) (string, error)

// setIt is the advice about a placeholder without a value.
const setIt = "set the variable or the file that it names"

// setEnv is added for environment variables: caddy reload, in a shell that has the variable, does
// not pass it to the running Caddy.
const setEnv = "; a reload does not change the variables of a running Caddy: restart it, or use {file./absolute/path}"

// HowToSet returns the advice about a value whose placeholders have no value.
func HowToSet(value string) string {
	switch {
	case strings.Contains(value, "{env."):
		return setIt + setEnv
	case relativeFile.MatchString(value):
		return setIt + ", by its absolute path: {file./path}"
	case strings.Contains(value, "{args"):
		return "write it after the name of the snippet, on the line with import"
	case !strings.Contains(value, "{file."):
		return "write {env.NAME} or {file./path}: other placeholders have no value when Caddy loads"
	}
	return setIt
}

// relativeFile matches a file placeholder with a path relative to Caddy's working directory. The
// Caddyfile adapter turns a name without a dot into a placeholder of the request's path.
var relativeFile = regexp.MustCompile(`\{(?:http\.request\.uri\.path\.)?file\.[^/{}]`)

// placeholder matches a placeholder in a value. ofCaddy matches those that cannot be anything else.
var (
	placeholder = regexp.MustCompile(`\{[^{}]*\}`)
	ofCaddy     = regexp.MustCompile(`^\{(?:env\.|file\.|args\[)`)
)

// withoutValue returns the placeholders in a value that have no value themselves. It leaves out the
// text around them, which may be a secret.
func withoutValue(repl *caddy.Replacer, value string) string {
	var names []string
	for _, name := range placeholder.FindAllString(value, -1) {
		// Braces within a value may belong to a secret.
		if _, err := repl.ReplaceOrErr(name, true, true); err != nil && (name == value || ofCaddy.MatchString(name)) {
			names = append(names, name)
		}
	}
	return strings.Join(names, " and ")
}

// A MissingError is an *Error about placeholders that have no value.
type MissingError struct {
	err   Error
	Names string // of the placeholders, for a message
}

// Error returns the text of the *Error.
func (e *MissingError) Error() string { return e.err.Error() }

// Unwrap returns the *Error.
func (e *MissingError) Unwrap() error { return &e.err }

// AtLoad returns the resolver for loading a configuration. Unknown and empty placeholders are
// errors: a site must not run with a secret of "". [A6]
func AtLoad(repl *caddy.Replacer) Resolver {
	return func(option, value string) (string, error) {
		resolved, err := repl.ReplaceOrErr(value, true, true)
		if err != nil {
			names := withoutValue(repl, value)
			if names == "" {
				return "", &Error{option, "has a brace in it; a placeholder is written {env.NAME} or {file./path}"}
			}
			return "", &MissingError{Error{option, fmt.Sprintf("%s has no value; %s", names, HowToSet(names))}, names}
		}
		if resolved == "" {
			return "", &Error{option, "has an empty value"}
		}
		// The replacer leaves a placeholder without its closing brace as it is.
		if strings.ContainsAny(resolved, "{}") {
			return "", &Error{option, "has a brace in it; a placeholder is written {env.NAME} or {file./path}"}
		}
		return resolved, nil
	}
}

// AtAdapt is the resolver for adapting a Caddyfile, perhaps on another machine than the one it
// runs on. It replaces each value that has a placeholder by a valid one, and returns others as they
// are, so that their errors can name the line. No two replacements conflict.
func AtAdapt(option, value string) (string, error) {
	if !strings.Contains(value, "{") {
		return value, nil
	}
	switch option {
	case "app_id":
		return "1", nil
	case "redirect_uri":
		return "", nil // unknown before load: it is compared with all others
	case "endpoints":
		return "https://placeholder.invalid", nil
	}
	// Each secret gets its own: listing one twice is an error.
	return strings.Repeat("x", MinSecret) + fmt.Sprintf("%x", value), nil
}

// variableName matches the name of an environment variable in place of its value, in the notation
// of other programs.
var variableName = regexp.MustCompile(`^([$%]?\{?(?i:env[.: ])?[A-Z][A-Z0-9]*_[A-Z0-9_]+\}?%?)$`)

// markedName matches the name of a variable in the notation of a shell or another program, or in
// an incomplete one of Caddy.
var markedName = regexp.MustCompile(`^(?:(?:\$\{?|%|\{)([A-Z_][A-Z0-9_]*)|\{?(?i:env)[.: ]([A-Za-z_][A-Za-z0-9_]*))\}?%?$`)

// unmarked returns the name of the variable in a value that markedName matches, "" for all other
// values. Without env, only upper case counts: a lower-case name may be a placeholder or a secret.
func unmarked(value string) string {
	found := markedName.FindStringSubmatch(value)
	if found == nil || strings.HasPrefix(value, "{env.") {
		return ""
	}
	return cmp.Or(found[1], found[2])
}

// RefusingNames returns a resolver that also refuses names in place of values: of variables, of
// files, and of placeholders that have no value when Caddy loads.
func (replace Resolver) RefusingNames() Resolver {
	return func(option, value string) (string, error) {
		if from, secret := WhereSecretsAre[option]; secret && (variableName.MatchString(value) && finding.IsBlank(value) || option == "app_id" && finding.IsPlaceholder(value)) {
			return "", &Error{option, "is a placeholder from an example; " + from}
		}
		if name := unmarked(value); name != "" {
			return "", &Error{option, "is the name of a variable, not its value; write {env." + name + "}"}
		}
		if variableName.MatchString(value) && !strings.HasPrefix(value, "{env.") {
			return "", &Error{option, "is the name of a variable, not its value; write {env.NAME}"}
		}
		switch {
		case strings.HasPrefix(value, "{http.") && relativeFile.MatchString(value):
			return "", &Error{option, "names a file by a relative path; write an absolute path, such as {file./run/secrets/app_secret}"}
		case strings.HasPrefix(value, "{http.") || strings.Contains(value, "/{http."):
			return "", &Error{option, "has a placeholder of a request, which has no value when Caddy loads; write the value itself, or {env.NAME}"}
		case notPlaceholder.MatchString(value):
			return "", &Error{option, "is not a placeholder; write {env.NAME} or {file./path}"}
		case strings.HasSuffix(option, "secret") && fileName.MatchString(value):
			return "", &Error{option, "is the name of a file, not its content; write {file./path}"}
		}
		return replace(option, value)
	}
}

var (
	// notPlaceholder matches a misspelled placeholder.
	notPlaceholder = regexp.MustCompile(`^\{(?:\{|(?:env|file)[:/ _-])`)
	// fileName matches the name of a file. A Base64 secret may have slashes, but hardly a
	// lower-case name between the first two.
	fileName = regexp.MustCompile(`^(?:file:|\.{1,2}/|/(?:[a-z][a-z0-9_.-]*|Users)/[\w./-]*$)`)
)

// All replaces the placeholders in every value of an option.
func (replace Resolver) All(option string, values []string) ([]string, error) {
	resolved := make([]string, 0, len(values))
	for _, value := range values {
		v, err := replace(option, value)
		if err != nil {
			return nil, err
		}
		resolved = append(resolved, v)
	}
	return resolved, nil
}
