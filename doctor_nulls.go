package instagramauth

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/finding"
)

// JSON may have null in any place. What reads a configuration takes an element of a list for
// there, and Caddy itself crashes on some.

// matching are lists in which an empty element has a meaning of its own.
var matching = []string{"match", "protect", "not", "routes", "handle"}

// withoutNulls returns JSON without null: an element of a list is an object without options
// instead. It adds where they stood to places.
func withoutNulls(value any, path string, places *[]string) any {
	switch value := value.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(value)) {
			if value[name] = withoutNulls(value[name], path+"."+name, places); value[name] == nil {
				delete(value, name)
			}
		}
	case []any:
		name := path[strings.LastIndexByte(path, '.')+1:]
		objects := slices.Contains(matching, name) || slices.ContainsFunc(value, func(element any) bool { _, is := element.(map[string]any); return is })
		for i, element := range value {
			if value[i] = withoutNulls(element, path+"["+strconv.Itoa(i)+"]", places); value[i] == nil && objects {
				value[i] = map[string]any{}
			}
		}
		return slices.DeleteFunc(value, func(element any) bool { return element == nil })
	case nil:
		*places = append(*places, strings.TrimPrefix(path, "."))
	}
	return value
}

// readHTTP decodes the http app, and notes where null stands in the configuration.
func (e *examination) readHTTP(content []byte) error {
	var document any
	if err := json.Unmarshal(content, &document); err != nil {
		return err
	}
	whole, _ := withoutNulls(document, "", &e.nulls).(map[string]any)
	apps, _ := whole["apps"].(map[string]any)
	app, configured := apps["http"]
	if !configured {
		return nil
	}
	raw, err := json.Marshal(app)
	if err == nil {
		err = json.Unmarshal(raw, e.http)
	}
	if err != nil {
		return fmt.Errorf("decoding the http app: %w", err)
	}
	return nil
}

// validate has Caddy load a configuration, without starting it.
func (e *examination) validate(config *caddy.Config) (err error) {
	defer func() {
		if p := recover(); p != nil {
			if err = errors.New("loading it makes Caddy crash"); len(e.nulls) == 0 {
				err = fmt.Errorf("loading it makes Caddy crash: %v", p)
			}
		}
	}()
	return caddy.Validate(config)
}

// notLoaded tells why Caddy does not load the configuration.
func (e *examination) notLoaded(err error) finding.Finding {
	message, remedy := finding.Plain(err)
	if len(e.nulls) > 0 && remedy == finding.AnyRemedy {
		remedy = "give it a value, or delete it, where null stands: " + strings.Join(e.nulls, ", ")
	}
	return finding.Fault("Caddy does not load "+e.file+": "+message, remedy)
}
