package option

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
)

// WrongKind returns an *Error about a JSON value of the wrong type, and nil for all other errors,
// which Caddy explains itself.
func WrongKind(err error) error {
	kind, ok := errors.AsType[*json.UnmarshalTypeError](err)
	if !ok || kind.Field == "" {
		return nil
	}
	name := strings.ReplaceAll(kind.Field, ".", " ")
	switch kind.Type.Kind() {
	case reflect.Slice:
		return Errorf(name, "takes a list; write [ and ] around the value")
	case reflect.Map, reflect.Struct:
		return Errorf(name, "takes an object; write its values between { and }")
	case reflect.Bool:
		return Errorf(name, "takes true or false, without quotes")
	case reflect.String:
		return Errorf(name, "takes one text; write it between quotes")
	}
	return Errorf(name, "takes no %s", strings.Fields(kind.Value + " value")[0])
}
