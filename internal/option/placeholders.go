package option

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/finding"
)

// A Resolver replaces the placeholders in the value of an option.
type Resolver func(option, value string) (string, error)

// setIt is what to do about a placeholder without a value.
const setIt = "set the variable or the file that it names"

// setEnv follows it where one is a variable: `caddy reload` in a shell that has the variable
// does not give it to the Caddy that runs.
const setEnv = "; a reload does not change the variables of a running Caddy: restart it, or use {file./absolute/path}"

// HowToSet says what to do about a value whose placeholders have no value.
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

// relativeFile matches a placeholder of a file that is looked for where Caddy was started. In a
// Caddyfile a name without a dot becomes another one: Caddy takes it for a part of a path.
var relativeFile = regexp.MustCompile(`\{(?:http\.request\.uri\.path\.)?file\.[^/{}]`)

// placeholder matches one in a value, and ofCaddy those that nothing but a placeholder looks like.
var (
	placeholder = regexp.MustCompile(`\{[^{}]*\}`)
	ofCaddy     = regexp.MustCompile(`^\{(?:env\.|file\.|args\[)`)
)

// withoutValue returns the placeholders in a value that have no value. What stands around them may
// be a secret.
func withoutValue(repl *caddy.Replacer, value string) string {
	var names []string
	for _, name := range placeholder.FindAllString(value, -1) {
		// Braces inside of a value may be a part of a secret.
		if _, err := repl.ReplaceOrErr(name, true, true); err != nil && (name == value || ofCaddy.MatchString(name)) {
			names = append(names, name)
		}
	}
	return strings.Join(names, " and ")
}

// A MissingError is an *Error about a value with placeholders that have no value.
type MissingError struct {
	of    Error
	Names string // of the placeholders
}

func (e *MissingError) Error() string { return e.of.Error() }

// Unwrap returns the *Error.
func (e *MissingError) Unwrap() error { return &e.of }

// AtLoad replaces placeholders when the configuration is loaded. Unknown and
// empty ones are errors: a site must not run with a secret of "". [A6]
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
		// A placeholder without its closing brace comes through as it is.
		if strings.ContainsAny(resolved, "{}") {
			return "", &Error{option, "has a brace in it; a placeholder is written {env.NAME} or {file./path}"}
		}
		return resolved, nil
	}
}

// AtAdapt stands in something valid for every value with a placeholder, because
// a Caddyfile may be adapted on another machine than the one it runs on. What is
// written out is checked, so that the message can name the line. What a value must
// not have in common with another one is not checked of a stand-in: nobody wrote it.
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
	// Each secret its own, because the same one twice is a mistake.
	return strings.Repeat("x", MinSecret) + fmt.Sprintf("%x", value), nil
}

// variableName matches the name of a variable where its value should be, written in one of the
// ways of other programs.
var variableName = regexp.MustCompile(`^([$%]?\{?(?i:env[.: ])?[A-Z][A-Z0-9]*_[A-Z0-9_]+\}?%?)$`)

// markedName matches the name of a variable with what marks it as one in a shell, in another
// program or in Caddy, but for what Caddy wants.
var markedName = regexp.MustCompile(`^(?:(?:\$\{?|%|\{)([A-Z_][A-Z0-9_]*)|\{?(?i:env)[.: ]([A-Za-z_][A-Za-z0-9_]*))\}?%?$`)

// unmarked returns the name of a variable in a value that is marked as one, "" if it is none. One
// in small letters may be a placeholder of Caddy's, or a secret that begins like that.
func unmarked(value string) string {
	found := markedName.FindStringSubmatch(value)
	if found == nil || strings.HasPrefix(value, "{env.") {
		return ""
	}
	return cmp.Or(found[1], found[2])
}

// RefusingNames returns a resolver that refuses the names of variables.
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
	// notPlaceholder matches what looks like a placeholder and is none.
	notPlaceholder = regexp.MustCompile(`^\{(?:\{|(?:env|file)[:/ _-])`)
	// fileName matches the name of a file. A secret in Base64 may begin with a slash and have others
	// in it, but hardly a name in small letters between the first two of them.
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
