package option

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
)

// WrongKind explains a value in JSON that is not of the kind that its option takes. Of other
// errors Caddy says what is wrong.
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
