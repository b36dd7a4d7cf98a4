package instagramauth

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/doctor"
)

// The placeholders in the values of options.

// A resolver replaces the placeholders in the value of an option.
type resolver func(option, value string) (string, error)

// setIt is what to do about a placeholder without a value.
const setIt = "set the variable or the file that it names"

// setEnv follows it where one is a variable: `caddy reload` in a shell that has the variable
// does not give it to the Caddy that runs.
const setEnv = "; a reload does not change the variables of a running Caddy: restart it, or use {file./absolute/path}"

func howToSet(value string) string {
	if strings.Contains(value, "{env.") {
		return setIt + setEnv
	}
	return setIt
}

// missingError is for a value with a placeholder that has no value.
type missingError struct {
	optionError
	shown string // the placeholder
}

// As lets a missingError pass for an optionError.
func (e *missingError) As(target any) bool {
	wrong, ok := target.(**optionError)
	if ok {
		*wrong = &e.optionError
	}
	return ok
}

// resolveLoaded is resolve when the configuration is loaded. All values that are missing are told
// at once.
func (h *Handler) resolveLoaded() (settings, error) {
	replace := loadTime(caddy.NewReplacer())
	if err := h.missing(replace); err != nil {
		return settings{}, err
	}
	return h.resolve(replace)
}

// missing tells which values are missing, if more than one is.
func (h *Handler) missing(replace resolver) error {
	e := h.Endpoints
	var all []string
	var first string
	for _, o := range []struct {
		option string
		values []string
	}{
		{"app_id", []string{h.AppID}}, {"app_secret", h.AppSecret}, {"redirect_uri", h.RedirectURI},
		{"session secret", h.Session.Secret}, {"endpoints", []string{e.Authorize, e.Token, e.Graph}},
	} {
		for _, value := range o.values {
			_, err := replace(o.option, value)
			if wrong, missing := errors.AsType[*missingError](err); missing {
				first = cmp.Or(first, o.option)
				all = append(all, fmt.Sprintf("%s (%s)", wrong.shown, o.option))
			}
		}
	}
	if len(all) < 2 {
		return nil
	}
	return &optionError{first, strings.Join(all[:len(all)-1], ", ") + " and " + all[len(all)-1] + " have no value; " + strings.Replace(howToSet(strings.Join(all, " ")), "it names", "each of them names", 1)}
}

// loadTime replaces placeholders when the configuration is loaded. Unknown and
// empty ones are errors: a site must not run with a secret of "". [A6]
func loadTime(repl *caddy.Replacer) resolver {
	return func(option, value string) (string, error) {
		resolved, err := repl.ReplaceOrErr(value, true, true)
		if err != nil {
			shown := value
			if strings.HasSuffix(option, "secret") {
				shown = strings.Join(placeholderOf.FindAllString(value, -1), " ")
			}
			if shown == "" {
				return "", &optionError{option, "has a brace in it; a placeholder is written {env.NAME} or {file./path}"}
			}
			return "", &missingError{optionError{option, fmt.Sprintf("%s has no value; %s", shown, howToSet(value))}, shown}
		}
		if resolved == "" {
			return "", &optionError{option, "has an empty value"}
		}
		// A placeholder without its closing brace comes through as it is.
		if strings.ContainsAny(resolved, "{}") {
			return "", &optionError{option, "has a brace in it; a placeholder is written {env.NAME} or {file./path}"}
		}
		return resolved, nil
	}
}

// adaptTime stands in something valid for every value with a placeholder, because
// a Caddyfile may be adapted on another machine than the one it runs on. What is
// written out is checked, so that the message can name the line. What a value must
// not have in common with another one is not checked of a stand-in: nobody wrote it.
func adaptTime(option, value string) (string, error) {
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
	return strings.Repeat("x", minSecret) + fmt.Sprintf("%x", value), nil
}

// variableName matches the name of a variable where its value should be, written in one of the
// ways of other programs.
var variableName = regexp.MustCompile(`^([$%]?\{?(?i:env[.: ])?[A-Z][A-Z0-9]*_[A-Z0-9_]+\}?%?)$`)

// refusingNames returns a resolver that refuses the names of variables.
func (replace resolver) refusingNames() resolver {
	return func(option, value string) (string, error) {
		if from, secret := whereSecretsAre[option]; secret && (variableName.MatchString(value) && doctor.IsBlank(value) || option == "app_id" && doctor.IsPlaceholder(value)) {
			return "", &optionError{option, "is what an example has in its place; " + from}
		}
		if variableName.MatchString(value) && !strings.HasPrefix(value, "{env.") {
			return "", &optionError{option, "is the name of a variable, and not its value; write {env.NAME}"}
		}
		switch {
		case strings.HasPrefix(value, "{http.") || strings.Contains(value, "/{http."):
			return "", &optionError{option, "has a placeholder of a request, which has no value when Caddy loads; write the value itself, or {env.NAME}"}
		case notPlaceholder.MatchString(value):
			return "", &optionError{option, "is not a placeholder; write {env.NAME} or {file./path}"}
		case strings.HasSuffix(option, "secret") && fileName.MatchString(value):
			return "", &optionError{option, "is the name of a file, and not what is in it; write {file./path}"}
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
	// placeholderOf matches the placeholders within a secret. Other braces may be a part of it.
	placeholderOf = regexp.MustCompile(`\{(?:env|file)\.[^{}]+\}`)
)

// all replaces the placeholders in every value of an option.
func (replace resolver) all(option string, values []string) ([]string, error) {
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
