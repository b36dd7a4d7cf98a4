package instagram

import (
	"bytes"
	"encoding/json"
	"testing"
)

// Names of members count byte for byte, and twice is once too often.
func FuzzK2_Members(f *testing.F) {
	for _, seed := range []string{`{"a":1,"a":2}`, `{"a":1,"A":2}`, `{"a":{"a":1,"a":2}}`, `{"a":[1,{"b":null}],"c":1e400}`, `{"\u0061":1,"a":2}`, `{}`, `{"a"`, `{"a":}`, `[{"a":1}]`, `{"a":1}{}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var got members
		if unmarshalObject([]byte(text), &got) != nil {
			return
		}
		var want map[string]json.RawMessage
		if err := json.Unmarshal([]byte(text), &want); err != nil || len(got) != len(want) {
			t.Fatalf("%q has the members %q, want %q, %v", text, got, want, err)
		}
		for name, value := range want {
			if !bytes.Equal(bytes.TrimSpace(got[name]), bytes.TrimSpace(value)) {
				t.Errorf("%q: %q is %s, want %s", text, name, got[name], value)
			}
		}
	})
}
