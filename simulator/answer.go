package simulator

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
)

// object is a JSON object that keeps the order of its members, because Instagram's
// answers have one and tests compare whole bodies.
type object []member

type member struct {
	name  string
	value any
}

func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		if err := encode(&b, m.name); err != nil {
			return nil, err
		}
		b.WriteByte(':')
		if err := encode(&b, m.value); err != nil {
			return nil, err
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// wrap puts an object into the list in which some answers come.
func wrap(o object) object { return object{{"data", []object{o}}} }

// encode writes a value as JSON. <, > and & stay as they are: Instagram does not escape them.
func encode(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}

func writeJSON(w http.ResponseWriter, status int, document any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "private, no-cache, no-store, must-revalidate")
	w.WriteHeader(status)
	_ = encode(w, document) // the client may have left
}

// writeOAuthError answers as the window and the token endpoint do: the code is the status.
func writeOAuthError(w http.ResponseWriter, status int, message string) {
	writeJSON(w, status, object{
		{"error_type", "OAuthException"}, {"code", status}, {"error_message", message},
	})
}

func refuse(w http.ResponseWriter, message string) {
	writeOAuthError(w, http.StatusBadRequest, message)
}

// graphError is an error of the graph.
type graphError struct {
	Status        int // default 400
	Code, Subcode int
	Message       string
}

// writeGraphError answers as the graph does. Every answer has a trace ID of its own.
func writeGraphError(w http.ResponseWriter, e graphError) {
	if e.Status == 0 {
		e.Status = http.StatusBadRequest
	}
	kind := "OAuthException"
	if e.Code == 100 || e.Code == 2500 {
		kind = "IGApiException"
	}
	body := object{{"message", e.Message}, {"type", kind}}
	// 1 and 2 are faults that pass; 4 is a limit of the whole app.
	if e.Code == 1 || e.Code == 2 || e.Code == 4 {
		body = append(body, member{"is_transient", true})
	}
	body = append(body, member{"code", e.Code})
	if e.Subcode != 0 {
		body = append(body, member{"error_subcode", e.Subcode})
	}
	body = append(body, member{"fbtrace_id", secret("A")[:23]})
	writeJSON(w, e.Status, object{{"error", body}})
}

// only returns the value of a parameter, "" unless it is there exactly once.
// Inferred: Instagram documents each parameter once; a client that sends one twice
// has a mistake that some servers would hide. [A2]
func only(values map[string][]string, name string) string {
	if all := values[name]; len(all) == 1 {
		return all[0]
	}
	return ""
}
