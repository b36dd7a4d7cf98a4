package instagramauth

import (
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/option"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

// What log lines and events say about a request and a person. [P2]

const (
	fieldClientIP = "client_ip"

	// sampleLines failures of a kind are logged in each sampleTime, and how many were
	// not is said in the next line. The metrics count all of them.
	sampleLines = 100
	sampleTime  = time.Minute
)

// LogOptions say what this handler's log lines and events tell about people. Caddy's
// access log is not affected.
type LogOptions struct {
	// The client's IP address: `on`; `hash` for a pseudonym, the field `client_ip_hash`,
	// made with the session secret; `off`. Default: `on`.
	ClientIP string `json:"client_ip,omitempty"`

	// The Instagram user ID, likewise. Default: `on`.
	UserID string `json:"user_id,omitempty"`

	// The username: `on` or `off`. Default: `off`.
	Username string `json:"username,omitempty"`
}

// disclosure is how something about a person is told.
type disclosure int

const (
	shown disclosure = iota
	hashed
	hidden
)

// privacy is what LogOptions come to.
type privacy struct {
	clientIP, userID, username disclosure

	pseudonyms *session.Pseudonyms
}

func (h *Handler) resolveLog(s *settings, _ option.Resolver) (err error) {
	if s.privacy.clientIP, err = disclosureOf("log client_ip", h.Log.ClientIP); err != nil {
		return err
	}
	if s.privacy.userID, err = disclosureOf("log user_id", h.Log.UserID); err != nil {
		return err
	}
	on, err := option.Choose("log username", h.Log.Username, "off", "on")
	if s.privacy.username = hidden; on {
		s.privacy.username = shown
	}
	return err
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
func (p *privacy) tell(name, value string, how disclosure) (field, told string, ok bool) {
	switch {
	case value == "" || how == hidden:
		return "", "", false
	case how == hashed:
		return name + "_hash", p.pseudonyms.Of(name, value), true
	}
	return name, value, true
}

func (p *privacy) field(name, value string, how disclosure) zap.Field {
	if field, told, ok := p.tell(name, value, how); ok {
		return zap.String(field, told)
	}
	return zap.Skip()
}

func (p *privacy) address(ip string) zap.Field { return p.field(fieldClientIP, ip, p.clientIP) }
func (p *privacy) user(id string) zap.Field    { return p.field(fieldUserID, id, p.userID) }

// person returns the fields about somebody, none where nobody is known.
func (p *privacy) person(who *session.Identity) []zap.Field {
	return []zap.Field{p.user(who.UserID), p.field(fieldUsername, who.Username, p.username)}
}

// privacies are what the handlers of an app want.
type privacies struct {
	mu  sync.Mutex
	all []*privacy
}

func (p *privacies) join(one *privacy) (leave func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = append(p.all, one)
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.all = slices.DeleteFunc(p.all, func(other *privacy) bool { return other == one })
	}
}

// newest returns what the newest handler wants. While there is none, nothing is told.
func (p *privacies) newest() *privacy {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.all) == 0 {
		return &privacy{clientIP: hidden, userID: hidden, username: hidden}
	}
	return p.all[len(p.all)-1]
}

// requester is what log lines and events say about where a request came from. It outlives
// the request.
type requester struct{ requestID, clientIP string }

func requesterOf(r *http.Request) requester { return requester{requestID(r), clientIP(r)} }

// about returns the fields that every log line about a request carries.
func (h *Handler) about(r *http.Request, more ...zap.Field) []zap.Field {
	return h.aboutRequester(requesterOf(r), more...)
}

func (h *Handler) aboutRequester(from requester, more ...zap.Field) []zap.Field {
	return append([]zap.Field{zap.String("request_id", from.requestID), h.settings.privacy.address(from.clientIP)}, more...)
}

// aboutPerson is about for a request of somebody who is known.
func (h *Handler) aboutPerson(from requester, who *session.Identity, more ...zap.Field) []zap.Field {
	return append(h.aboutRequester(from, h.settings.privacy.person(who)...), more...)
}

// logSampled logs a failure of which there can be a storm. kind tells apart what is
// counted on its own beside the message; it is a word of ours.
func (h *Handler) logSampled(level zapcore.Level, message, kind string, fields ...zap.Field) {
	ok, missed := h.samples.Take(message + kind)
	if !ok {
		return
	}
	if missed > 0 {
		fields = append(fields, zap.Int("not_logged", missed))
	}
	h.logger.Log(level, message, fields...)
}

// requestID returns the identifier that Caddy gives to the request, which also
// stands in the access log. It never comes from the client. [E2]
func requestID(r *http.Request) string {
	repl := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	id, _ := repl.GetString("http.request.uuid")
	return id
}

// clientIP returns the client's address as Caddy sees it, which respects the
// proxies that the operator trusts and no header besides.
func clientIP(r *http.Request) string {
	ip, _ := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string)
	return ip
}
