package finding

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// maxClockError is how far the clock of this machine may be from Instagram's: codes and
// tokens live by the clock, and so do the cookies of a login.
const maxClockError = 60 * time.Second

// Clock compares the clock of this machine with Instagram's.
func Clock(here, there time.Time) Finding {
	apart := here.Sub(there).Round(time.Second)
	if apart.Abs() <= maxClockError {
		return OK("agrees with Instagram's to %v", max(apart.Abs(), time.Second))
	}
	return Fault(fmt.Sprintf("this machine's clock differs from Instagram's by %v", apart), "set it, and synchronize it with NTP")
}

// Credentials looks at the app ID and the app secrets as they are written, without asking
// anybody. It never repeats a secret.
func Credentials(appID string, secrets []string) Finding {
	if IsAppSecret(appID) && slices.ContainsFunc(secrets, isNumber) {
		return Fault("app_id and app_secret are swapped", "the app ID is the number, the app secret the 32 hex digits")
	}
	if strings.TrimSpace(appID) != appID {
		return Fault("app_id has a space around it", "remove it from the variable or the file")
	}
	if !isNumber(appID) {
		return Fault("app_id is not a number", "copy the Instagram app ID from Meta's dashboard, digits only")
	}
	for i, secret := range secrets {
		switch {
		case strings.TrimSpace(secret) != secret:
			return Fault(fmt.Sprintf("app_secret %d has a space around it", i+1), "remove it from the variable or the file")
		case isNumber(secret) && !IsAppSecret(secret):
			return Fault(fmt.Sprintf("app_secret %d is a number, as app IDs are", i+1), "copy the Instagram app secret from Meta's dashboard")
		case isToken(secret):
			return Fault(fmt.Sprintf("app_secret %d is an access token", i+1), "copy the Instagram app secret from Meta's dashboard")
		case !IsAppSecret(secret):
			return Doubt(fmt.Sprintf("app_secret %d is not 32 hex digits, as Meta's are", i+1), "copy the Instagram app secret from Meta's dashboard")
		}
	}
	return OK("app_id is a number, app_secret 32 hex digits")
}

func isNumber(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}

// isToken reports whether a text is one of Meta's access tokens: of a person, or of an app.
func isToken(s string) bool {
	id, _, ofApp := strings.Cut(s, "|")
	return ofApp && isNumber(id) || strings.HasPrefix(s, "IGAA") || strings.HasPrefix(s, "IGQ") || strings.HasPrefix(s, "EAA")
}

// IsAppSecret reports whether a text looks like one of Meta's app secrets.
func IsAppSecret(s string) bool {
	return len(s) == 32 && !strings.ContainsFunc(s, func(r rune) bool { return !strings.ContainsRune("0123456789abcdef", r) })
}

// Slash looks at the end of a redirect URI.
func Slash(uri string) Finding {
	if strings.HasSuffix(uri, "/") {
		return OK("%s ends with a slash, as Meta's dashboard expects", uri)
	}
	return Doubt(uri+" has no slash at its end, and Meta's dashboard may add one", "compare it with the dashboard, and if the slash is there, add it in redirect_uri, too")
}

// carriers are the fields of an access log that can have the authorization code or the
// state in them.
var carriers = []string{"request>uri", "request>headers>Referer", "resp_headers>Location"}

// Unfiltered returns those fields of an access log in which the authorization code and the
// state would be written down, by the encoder of the log.
func Unfiltered(encoder json.RawMessage) (fields []string) {
	var e struct {
		Format string `json:"format"`
		Fields map[string]struct {
			Filter  string `json:"filter"`
			Actions []struct {
				Parameter string `json:"parameter"`
			} `json:"actions"`
		} `json:"fields"`
	}
	err := json.Unmarshal(encoder, &e)
	switch {
	case err == nil && e.Format == encoderName:
		return nil // it redacts the whole line
	case err != nil || e.Format != "filter":
		return carriers
	}
	for _, carrier := range carriers {
		filter, has := e.Fields[carrier]
		parameters := make(map[string]bool)
		for _, action := range filter.Actions {
			parameters[action.Parameter] = true
		}
		above := false
		for whole := range e.Fields {
			above = above || strings.HasPrefix(carrier, whole+">")
		}
		if !above && (!has || filter.Filter == "query" && !(parameters["code"] && parameters["state"])) {
			fields = append(fields, carrier)
		}
	}
	return fields
}

// encoderName is the log encoder that leaves the code and the state out of whole lines.
const encoderName = "instagram_auth"

// Redacts reports whether an encoder, or one that it wraps, keeps the code and the state out of a
// log.
func Redacts(encoder json.RawMessage) bool {
	var e struct {
		Format string          `json:"format"`
		Wrap   json.RawMessage `json:"wrap"`
	}
	if json.Unmarshal(encoder, &e) != nil {
		return false
	}
	return e.Format == encoderName || len(Unfiltered(encoder)) == 0 || len(e.Wrap) > 0 && Redacts(e.Wrap)
}

// Rest names what a filter leaves in a log; "" if it leaves everything.
func Rest(encoder json.RawMessage) string {
	if fields := Unfiltered(encoder); len(fields) > 0 && len(fields) < len(carriers) {
		return " (" + strings.Join(fields, ", ") + ")"
	}
	return ""
}

// LogFormat keeps the code and the state out of a log.
const LogFormat = `log {
	format instagram_auth {
		wrap console
	}
}
`

// Differs says in what way an address is not the redirect URI that it should be, "" if it
// is. Both are without query and fragment.
func Differs(got, want string) string {
	switch {
	case got == want:
		return ""
	case strings.TrimSuffix(got, "/") == strings.TrimSuffix(want, "/"):
		return "differs from redirect_uri by the slash at the end"
	case strings.EqualFold(got, want):
		return "differs from redirect_uri in capital letters"
	}
	return "is not on redirect_uri"
}
