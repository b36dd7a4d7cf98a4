package finding

import (
	"cmp"
	"regexp"
	"strings"
)

// The errors of encoding/json name types of Go.
var (
	otherKind = regexp.MustCompile(`json: cannot unmarshal (\w+)(?: [^ ]+)? into Go (?:struct field (\S+) of type|value of type) (\S.*?\}|\S+?)(?:$|[:;,)]|\s)`)
	articles  = map[string]string{"number": "a number", "string": "a text", "bool": "true or false", "array": "a list", "object": "an object"}
)

// Kinds rewrites an error about a JSON value of the wrong type in plain words.
func Kinds(text string) string {
	found := otherKind.FindStringSubmatch(text)
	if found == nil {
		return text
	}
	is, want := cmp.Or(articles[found[1]], "a "+found[1]), kindOf(found[3])
	end := strings.TrimPrefix(text[strings.Index(text, found[0]):], strings.TrimRight(found[0], ":;,) "))
	begin, _, _ := strings.Cut(text, found[0])
	if _, field, ok := strings.Cut(found[2], "."); ok {
		return begin + field + " is " + is + " and not " + want + end
	}
	return begin + is + " where " + want + " belongs" + end
}

// kindOf returns the kind of JSON that a type of Go is written as.
func kindOf(goType string) string {
	switch {
	case strings.HasPrefix(goType, "[]"), strings.HasSuffix(goType, "List"), strings.HasSuffix(goType, "Sets"):
		return "a list"
	case goType == "string":
		return "a text"
	case goType == "bool":
		return "true or false"
	case strings.HasPrefix(goType, "int"), strings.HasPrefix(goType, "uint"), strings.HasPrefix(goType, "float"):
		return "a number"
	case strings.Contains(goType, "WeakString"), strings.HasSuffix(goType, "Duration"):
		return "a text or a number"
	}
	return "an object"
}
