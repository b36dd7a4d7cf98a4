package cli

import (
	"fmt"
	"os"
	"strings"
)

// LoadEnvfile sets the variables of a file as `caddy run --envfile` does: one that is set already
// keeps its value. Caddy's reader is followed to the letter, its oddities included, because a
// check with other values than Caddy's is none: `#` starts a comment anywhere, also in quotes.
func LoadEnvfile(name string) error {
	content, err := os.ReadFile(name)
	if err != nil {
		return Usage("check the path after --envfile", "cannot read the environment file: %s", reason(err))
	}
	variables, err := parseEnvfile(string(content))
	if err != nil {
		return Usage("write one KEY=VALUE per line", "the environment file %s, %s", name, err)
	}
	for key, value := range variables {
		if _, set := os.LookupEnv(key); !set {
			if err := os.Setenv(key, value); err != nil {
				return Usage("write one KEY=VALUE per line", "the environment file %s: %s: %s", name, key, err)
			}
		}
	}
	return nil
}

// parseEnvfile names a wrong line by its number, never by its text, which may be a secret.
func parseEnvfile(text string) (map[string]string, error) {
	variables := make(map[string]string)
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		number, line := i+1, strings.TrimSpace(lines[i])
		if line == "" || line[0] == '#' {
			continue
		}
		key, value, found := strings.Cut(line, "=")
		key = strings.TrimPrefix(key, "export ")
		switch {
		case !found:
			return nil, fmt.Errorf("line %d: there is no = in it", number)
		case key == "":
			return nil, fmt.Errorf("line %d: there is no name before the =", number)
		case strings.Contains(key, " "):
			return nil, fmt.Errorf("line %d: there is a space before the =", number)
		case strings.HasPrefix(value, " ") || strings.HasPrefix(value, "\t"):
			return nil, fmt.Errorf("line %d: there is a space after the =", number)
		}
		if before, _, comment := strings.Cut(value, "#"); comment {
			value = strings.TrimRight(before, " \t")
		}
		if strings.HasPrefix(value, `"`) || strings.HasPrefix(value, "'") {
			var used int
			value, used = quoted(value, line, lines[i+1:])
			i += used
		}
		variables[key] = value
	}
	return variables, nil
}

// quoted reads on until a line ends with the quote, and returns how many lines it took.
func quoted(value, line string, following []string) (text string, used int) {
	quote := value[:1]
	for !strings.HasSuffix(line, quote) || strings.HasSuffix(line, `\`+quote) {
		value = strings.ReplaceAll(value, `\`+quote, quote)
		if used == len(following) {
			break
		}
		line = strings.ReplaceAll(strings.TrimSuffix(following[used], "\r"), `\`+quote, quote)
		value += "\n" + line
		used++
	}
	return strings.TrimSuffix(strings.TrimPrefix(value, quote), quote), used
}
