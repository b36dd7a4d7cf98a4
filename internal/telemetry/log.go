package telemetry

import (
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/option"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

// This file decides which personal data log lines and events carry. [P2]

const (
	logClientIP = "client_ip"
	logUserID   = "user_id"
	logUsername = "username"

	// SampleLines is how many failures of one kind are logged within SampleTime. The next
	// line says how many were left out. The metrics count all of them.
	SampleLines = 100
	// SampleTime is the period that SampleLines applies to.
	SampleTime = time.Minute
)

// disclosure says in which form a personal value is written.
type disclosure int

const (
	hidden disclosure = iota
	hashed
	shown
)

// Privacy says which personal data a block's log lines and events may carry. The zero value
// writes none of it.
type Privacy struct {
	clientIP, userID, username disclosure

	// Pseudonyms computes the hashes. Options with the value "hash" need it.
	Pseudonyms *session.Pseudonyms
}

// NewPrivacy parses the values of the log options; "" is the default. Its errors are
// *option.Error. The caller sets Pseudonyms before the first use.
func NewPrivacy(clientIP, userID, username string) (p Privacy, err error) {
	if p.clientIP, err = disclosureOf("log client_ip", clientIP); err != nil {
		return p, err
	}
	if p.userID, err = disclosureOf("log user_id", userID); err != nil {
		return p, err
	}
	on, err := option.Choose("log username", username, "off", "on")
	if on {
		p.username = shown
	}
	return p, err
}

func disclosureOf(of, value string) (disclosure, error) {
	switch value {
	case "", "on":
		return shown, nil
	case "hash":
		return hashed, nil
	case "off":
		return hidden, nil
	}
	return hidden, option.Errorf(of, "%q is not one of on, hash, off", value)
}

// field returns the field of a personal value. It is empty for an empty value and for a hidden one.
// [P2]
func (p *Privacy) field(name, value string, how disclosure) zap.Field {
	switch {
	case value == "" || how == hidden:
		return zap.Skip()
	case how == hashed:
		return zap.String(name+"_hash", p.Pseudonyms.Of(name, value))
	}
	return zap.String(name, value)
}

// Address returns the field of a client IP. It is empty where the log may not have it.
func (p *Privacy) Address(ip string) zap.Field { return p.field(logClientIP, ip, p.clientIP) }

// User returns the field of a user ID. It is empty where the log may not have it.
func (p *Privacy) User(id string) zap.Field { return p.field(logUserID, id, p.userID) }

// UserFields returns the fields of a user's ID and name. They are empty for an unknown user.
func (p *Privacy) UserFields(user *session.Identity) []zap.Field {
	return []zap.Field{p.User(user.UserID), p.field(logUsername, user.Username, p.username)}
}

// Privacies holds the privacy settings of all running blocks of an app. Work that belongs to
// the app and to no block logs with the newest ones.
type Privacies struct {
	mu  sync.Mutex
	all []*Privacy
}

// Join adds the settings of a block. leave removes them again.
func (p *Privacies) Join(one *Privacy) (leave func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = append(p.all, one)
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.all = slices.DeleteFunc(p.all, func(other *Privacy) bool { return other == one })
	}
}

// Newest returns the settings of the block that joined last. Without any block it hides all
// personal data.
func (p *Privacies) Newest() *Privacy {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.all) == 0 {
		return new(Privacy)
	}
	return p.all[len(p.all)-1]
}

// Requester identifies a request in log lines and events. It can outlive the request, for
// work in the background.
type Requester struct {
	requestID string
	// ClientIP is the client's address as Caddy sees it, "" if unknown.
	ClientIP string
}

// RequesterOf returns the requester of a request inside Caddy.
func RequesterOf(r *http.Request) Requester { return Requester{RequestID(r), ClientIP(r)} }

// RequestFields returns the fields that every log line about a request carries, followed by more.
func (t *Recorder) RequestFields(r *http.Request, more ...zap.Field) []zap.Field {
	return t.RequesterFields(RequesterOf(r), more...)
}

// RequesterFields is RequestFields for work that may outlive its request.
func (t *Recorder) RequesterFields(from Requester, more ...zap.Field) []zap.Field {
	return append([]zap.Field{zap.String("request_id", from.requestID), t.Privacy.Address(from.ClientIP)}, more...)
}

// UserFields is RequesterFields with the fields of a known user.
func (t *Recorder) UserFields(from Requester, user *session.Identity, more ...zap.Field) []zap.Field {
	return append(t.RequesterFields(from, t.Privacy.UserFields(user)...), more...)
}

// RequestID returns Caddy's own identifier of the request, which the access log has, too. It
// never comes from the client. [E2]
func RequestID(r *http.Request) string {
	repl := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	id, _ := repl.GetString("http.request.uuid")
	return id
}

// ClientIP returns the client's address as Caddy determines it: from the headers of proxies
// that the operator trusts, and from no others. It is "" if unknown.
func ClientIP(r *http.Request) string {
	ip, _ := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string)
	return ip
}

// LoginRefused logs a refused login, counts it and emits its event. The log line says what to
// change where that is known. cause may be nil.
func (t *Recorder) LoginRefused(from Requester, user *session.Identity, code refusal.Code, cause error) {
	fields := t.UserFields(from, user, zap.String("code", string(code)))
	t.NotifySampled(SignInRefused(code), string(code), cause, fields...)
	metricLogins.WithLabelValues(t.app, string(code)).Inc()
	t.Emit(from, eventLoginRefused, user, map[string]any{"code": string(code)})
}
