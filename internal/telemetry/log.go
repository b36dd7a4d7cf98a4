package telemetry

import (
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/option"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

// What log lines and events say about a request and a person. [P2]

const (
	logClientIP = "client_ip"
	logUserID   = "user_id"
	logUsername = "username"

	// SampleLines failures of a kind are logged in each sampleTime, and how many were
	// not is said in the next line. The metrics count all of them.
	SampleLines = 100
	SampleTime  = time.Minute
)

// disclosure is how something about a person is told.
type disclosure int

const (
	shown disclosure = iota
	hashed
	hidden
)

// Privacy is what LogOptions come to.
type Privacy struct {
	clientIP, userID, username disclosure

	Pseudonyms *session.Pseudonyms
}

// NewPrivacy checks what the options of log say. Who makes a recorder adds the pseudonyms.
func NewPrivacy(clientIP, userID, username string) (p Privacy, err error) {
	if p.clientIP, err = disclosureOf("log client_ip", clientIP); err != nil {
		return p, err
	}
	if p.userID, err = disclosureOf("log user_id", userID); err != nil {
		return p, err
	}
	on, err := option.Choose("log username", username, "off", "on")
	if p.username = hidden; on {
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

// tell returns how something is told, by its name and its value; ok is false if it is
// not, or nobody knows it.
func (p *Privacy) tell(name, value string, how disclosure) (field, told string, ok bool) {
	switch {
	case value == "" || how == hidden:
		return "", "", false
	case how == hashed:
		return name + "_hash", p.Pseudonyms.Of(name, value), true
	}
	return name, value, true
}

func (p *Privacy) field(name, value string, how disclosure) zap.Field {
	if field, told, ok := p.tell(name, value, how); ok {
		return zap.String(field, told)
	}
	return zap.Skip()
}

func (p *Privacy) Address(ip string) zap.Field { return p.field(logClientIP, ip, p.clientIP) }
func (p *Privacy) User(id string) zap.Field    { return p.field(logUserID, id, p.userID) }

// Person returns the fields about somebody, none where nobody is known.
func (p *Privacy) UserFields(who *session.Identity) []zap.Field {
	return []zap.Field{p.User(who.UserID), p.field(logUsername, who.Username, p.username)}
}

// Privacies are what the handlers of an app want.
type Privacies struct {
	mu  sync.Mutex
	all []*Privacy
}

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

// Newest returns what the newest handler wants. While there is none, nothing is told.
func (p *Privacies) Newest() *Privacy {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.all) == 0 {
		return &Privacy{clientIP: hidden, userID: hidden, username: hidden}
	}
	return p.all[len(p.all)-1]
}

// Requester is what log lines and events say about where a request came from. It outlives
// the request.
type Requester struct{ requestID, ClientIP string }

func RequesterOf(r *http.Request) Requester { return Requester{RequestID(r), ClientIP(r)} }

// About returns the fields that every log line about a request carries.
func (t *Recorder) RequestFields(r *http.Request, more ...zap.Field) []zap.Field {
	return t.RequesterFields(RequesterOf(r), more...)
}

func (t *Recorder) RequesterFields(from Requester, more ...zap.Field) []zap.Field {
	return append([]zap.Field{zap.String("request_id", from.requestID), t.Privacy.Address(from.ClientIP)}, more...)
}

// AboutPerson is about for a request of somebody who is known.
func (t *Recorder) UserFields(from Requester, who *session.Identity, more ...zap.Field) []zap.Field {
	return append(t.RequesterFields(from, t.Privacy.UserFields(who)...), more...)
}

// logSampled logs a failure of which there can be a storm. kind tells apart what is
// counted on its own beside the message; it is a word of ours.
func (t *Recorder) logSampled(level zapcore.Level, message, kind string, fields ...zap.Field) {
	ok, missed := t.samples.Take(message + kind)
	if !ok {
		return
	}
	if missed > 0 {
		fields = append(fields, zap.Int("not_logged", missed))
	}
	t.Logger.Log(level, message, fields...)
}

// RequestID returns the identifier that Caddy gives to the request, which also
// stands in the access log. It never comes from the client. [E2]
func RequestID(r *http.Request) string {
	repl := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	id, _ := repl.GetString("http.request.uuid")
	return id
}

// ClientIP returns the client's address as Caddy sees it, which respects the
// proxies that the operator trusts and no header besides.
func ClientIP(r *http.Request) string {
	ip, _ := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string)
	return ip
}

// LoginRefused tells the operator of a login that was refused: in one line of the log, which
// says what to change where that is known, in the metrics and as an event.
func (t *Recorder) LoginRefused(from Requester, who *session.Identity, code refusal.Code, cause error) {
	t.NotifySampled(SignInRefused(code), string(code), cause, t.UserFields(from, who, zap.String("code", string(code)))...)
	t.metrics.login(string(code)).Inc()
	t.Emit(from, eventLoginRefused, who, map[string]any{"code": string(code)})
}
