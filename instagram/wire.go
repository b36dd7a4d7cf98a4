package instagram

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"time"
)

// Instagram's oddities end here, in small types beside the structs that need them.

var errNotAnObject = errors.New("answer is not a JSON object")

// unmarshalNode reads an object that is given as it is, or as the one element of {"data": [...]}.
func unmarshalNode(body []byte, into any) error {
	var outer members
	if err := unmarshalObject(body, &outer); err != nil {
		return err
	}
	if data, wrapped := outer["data"]; wrapped {
		var list []json.RawMessage
		if json.Unmarshal(data, &list) != nil || len(list) != 1 || outer.names("id", "user_id", "username", "access_token") {
			return errBroken // two people, or two ways to say who it is
		}
		body = list[0]
	}
	return unmarshalObject(body, into)
}

// unmarshalObject reads one JSON object and nothing else. The decoder's own errors
// quote what they read, so they go no further. [T6]
func unmarshalObject(body []byte, into any) error {
	if !bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{")) {
		return errNotAnObject
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	if decoder.Decode(into) != nil {
		return errBroken
	}
	if _, err := decoder.Token(); err != io.EOF {
		return errBroken
	}
	return nil
}

// members are those of an object by their exact names, each once. A struct would take
// USER_ID for user_id, and of two the last, where another reader takes the first.
type members map[string]json.RawMessage

func (m *members) UnmarshalJSON(raw []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	if _, err := decoder.Token(); err != nil { // the brace
		return errBroken
	}
	*m = make(members)
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return errBroken
		}
		var value json.RawMessage
		text, isText := name.(string)
		if _, twice := (*m)[text]; twice || !isText || decoder.Decode(&value) != nil {
			return errBroken
		}
		(*m)[text] = value
	}
	return nil
}

// names reports whether one of some members is there.
func (m members) names(some ...string) bool {
	return slices.ContainsFunc(some, func(name string) bool { return m[name] != nil })
}

// read reads the members that are there into the values for their names.
func (m members) read(into map[string]any) error {
	for name, value := range into {
		if raw, ok := m[name]; ok && json.Unmarshal(raw, value) != nil {
			return errBroken
		}
	}
	return nil
}

// id is an ID that comes as a number or as text. It stays decimal text: as a float
// 17841405822304915 would become its neighbour. [T5]
type id string

func (i *id) UnmarshalJSON(raw []byte) error {
	text := string(raw)
	if text == "null" {
		return nil
	}
	if unquoted, ok := strings.CutPrefix(text, `"`); ok {
		text = strings.TrimSuffix(unquoted, `"`)
	}
	if !isID(text) {
		return errBroken
	}
	*i = id(text)
	return nil
}

// isID reports whether s is 1 to 32 digits.
func isID(s string) bool { return s != "" && len(s) <= 32 && strings.Trim(s, "0123456789") == "" }

// permissions come as a list or as text with commas.
type permissions []string

func (p *permissions) UnmarshalJSON(raw []byte) error {
	var list []string
	if json.Unmarshal(raw, &list) == nil {
		*p = list
		return nil
	}
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return errBroken
	}
	for name := range strings.SplitSeq(text, ",") {
		if name = strings.TrimSpace(name); name != "" {
			*p = append(*p, name)
		}
	}
	return nil
}

// seconds is a duration in seconds. What is no positive number is 0, which says nothing;
// what is too long to be true is cut. [T5]
type seconds time.Duration

func (s *seconds) UnmarshalJSON(raw []byte) error {
	var n float64
	if json.Unmarshal(bytes.Trim(raw, `"`), &n) == nil && n > 0 {
		*s = seconds(time.Duration(min(n, maxLifetime.Seconds())) * time.Second)
	}
	return nil
}

// code is an error code that comes as a number or as text; anything else is 0.
type code int

func (c *code) UnmarshalJSON(raw []byte) error {
	var n int
	if json.Unmarshal(bytes.Trim(raw, `"`), &n) == nil {
		*c = code(n)
	}
	return nil
}

// text is a member of an error that comes as text; anything else is empty.
type text string

func (t *text) UnmarshalJSON(raw []byte) error {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		*t = text(s)
	}
	return nil
}

// flag is a truth value; anything else is false.
type flag bool

func (f *flag) UnmarshalJSON(raw []byte) error {
	*f = string(raw) == "true"
	return nil
}

// scalar returns a member as text. Objects, lists, null and absence are none.
func scalar(raw json.RawMessage) (text string, ok bool) {
	if len(raw) == 0 {
		return "", false
	}
	switch raw[0] {
	case '"':
		err := json.Unmarshal(raw, &text)
		return text, err == nil
	case '{', '[', 'n':
		return "", false
	}
	return string(raw), true
}
