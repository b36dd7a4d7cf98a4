package operator

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/revocation"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/rotation"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

const (
	adminRevoke   = "/" + directive + "/revoke"
	adminSessions = "/" + directive + "/sessions"

	maxRequest = 16 << 10 // bytes
)

// App is an app of the running configuration.
type App struct {
	*revocation.List
	// Prints returns the fingerprints of the secrets of each block.
	Prints func() []rotation.Prints
	// Person returns what the log may tell of a client and a user.
	Person func(clientIP, userID string) []zap.Field
}

// AdminAPI lets the operator end sessions, on Caddy's admin endpoint alone. [L4]
//
// `POST /instagram_auth/revoke` takes one of `{"user_id": "…"}`, `{"session": "…"}` (the
// 16 hex digits that the log shows) and `{"all": true}`, and optionally `"app_id"`; it
// ends sessions of all apps of the configuration without. `GET /instagram_auth/sessions`
// tells for each app how many revoked sessions are remembered, how old the list is, and the
// fingerprints of the secrets of each block.
type AdminAPI struct {
	apps   func() map[string]App
	logger *zap.Logger
}

// NewAdminAPI returns the module for Caddy to register. apps returns the apps of the running
// configuration, by their IDs.
func NewAdminAPI(apps func() map[string]App) AdminAPI { return AdminAPI{apps: apps} }

// CaddyModule returns the Caddy module information.
func (a AdminAPI) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "admin.api." + directive, New: func() caddy.Module { return &AdminAPI{apps: a.apps} }}
}

// Provision sets up the logger. Caddy's context has none for admin modules that would
// say where its lines come from.
func (a *AdminAPI) Provision(caddy.Context) error {
	a.logger = caddy.Log().Named(string(a.CaddyModule().ID))
	return nil
}

// Routes returns the routes of the admin endpoint.
func (a *AdminAPI) Routes() []caddy.AdminRoute {
	return []caddy.AdminRoute{
		{Pattern: adminRevoke, Handler: caddy.AdminHandlerFunc(a.revoke)},
		{Pattern: adminSessions, Handler: caddy.AdminHandlerFunc(a.sessions)},
	}
}

// revocationRequest says whose sessions end. Exactly one of the last three is set.
type revocationRequest struct {
	AppID   string `json:"app_id,omitempty"`
	UserID  string `json:"user_id,omitempty"`
	Session string `json:"session,omitempty"`
	All     bool   `json:"all,omitempty"`
}

// check returns what is wrong with a request; key is the session's, if it names one.
func (q *revocationRequest) check() (key revocation.Key, err error) {
	named := 0
	for _, set := range []bool{q.UserID != "", q.Session != "", q.All} {
		if set {
			named++
		}
	}
	switch {
	case named != 1:
		return 0, errors.New("send exactly one of user_id, session and all")
	case q.UserID != "" && !session.IsUserID(q.UserID):
		return 0, errors.New("user_id: send the numeric Instagram user ID, not the username")
	case q.Session != "":
		return revocation.ParseKey(q.Session)
	}
	return 0, nil
}

// appState is the report on one app.
type appState struct {
	AppID string `json:"app_id"`
	// Ended is how many revoked sessions and users are remembered.
	Ended int `json:"revoked"`
	// Queued is how many of them the storage does not know yet, Lost how many it will never know.
	Queued int `json:"queued"`
	Lost   int `json:"lost,omitempty"`
	// Unreadable is how many entries of the storage could not be opened.
	Unreadable int `json:"unreadable,omitempty"`
	// AgeSeconds is how long ago the storage was read; absent if it never was.
	AgeSeconds *int64 `json:"age_seconds,omitempty"`
	Error      string `json:"error,omitempty"`
	// Secrets are the fingerprints of the secrets of each block.
	Secrets []rotation.Prints `json:"secrets,omitempty"`
	// SyncInterval is the time within which this node learns what ended on others.
	SyncInterval string `json:"sync_interval,omitempty"`
}

// known returns all apps of the running configuration in the order of their IDs, or one of them.
func (a *AdminAPI) known(id string) (known []App, err error) {
	apps := a.apps()
	for _, other := range slices.Sorted(maps.Keys(apps)) {
		if id == "" || id == other {
			known = append(known, apps[other])
		}
	}
	switch {
	case len(known) == 0 && id != "":
		return nil, fmt.Errorf("no instagram_auth of app %q runs here", id)
	case len(known) == 0:
		return nil, errors.New("no instagram_auth runs here")
	}
	return known, nil
}

func (a *AdminAPI) revoke(w http.ResponseWriter, r *http.Request) error {
	if err := adminMethod(w, r, http.MethodPost); err != nil {
		return err
	}
	var q revocationRequest
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&q)
	if err == nil && decoder.More() {
		err = errors.New("unexpected data follows the JSON object")
	}
	if err != nil {
		return caddy.APIError{HTTPStatus: http.StatusBadRequest, Err: fmt.Errorf("decoding the request: %w", err)}
	}
	key, err := q.check()
	if err != nil {
		return caddy.APIError{HTTPStatus: http.StatusBadRequest, Err: err}
	}
	known, err := a.known(q.AppID)
	if err != nil {
		return caddy.APIError{HTTPStatus: http.StatusNotFound, Err: err}
	}
	ip, _, _ := net.SplitHostPort(r.RemoteAddr) // "" for a Unix socket
	var failed []error
	for _, app := range known {
		switch {
		case q.All:
			err = app.EndAll(r.Context())
		case q.UserID != "":
			err = app.EndUser(r.Context(), revocation.UserKey(app.Status().App, q.UserID))
		default:
			err = app.EndSessionByKey(r.Context(), key)
		}
		failed = append(failed, err)
		a.logger.Info("sessions revoked by the operator", append(app.Person(ip, q.UserID),
			zap.String("app_id", app.Status().App), zap.String("session", q.Session), zap.Bool("all", q.All), zap.Error(err))...)
	}
	if err := errors.Join(failed...); err != nil {
		return caddy.APIError{HTTPStatus: http.StatusServiceUnavailable, Err: fmt.Errorf("revoked on this node only: %s", strings.ReplaceAll(err.Error(), "\n", ": "))}
	}
	return answerAdmin(w, known)
}

func (a *AdminAPI) sessions(w http.ResponseWriter, r *http.Request) error {
	if err := adminMethod(w, r, http.MethodGet); err != nil {
		return err
	}
	known, err := a.known(r.URL.Query().Get("app_id"))
	if err != nil {
		return caddy.APIError{HTTPStatus: http.StatusNotFound, Err: err}
	}
	return answerAdmin(w, known)
}

func adminMethod(w http.ResponseWriter, r *http.Request, want string) error {
	if r.Method == want {
		return nil
	}
	w.Header().Set("Allow", want)
	return caddy.APIError{HTTPStatus: http.StatusMethodNotAllowed, Err: fmt.Errorf("method %s is not allowed", r.Method)}
}

// answerAdmin answers with the state of apps.
func answerAdmin(w http.ResponseWriter, known []App) error {
	states := make([]appState, 0, len(known))
	for _, app := range known {
		s := app.Status()
		state := appState{
			AppID: s.App, Ended: s.Entries, Queued: s.Queued, Lost: s.Lost, Unreadable: s.Unreadable,
			SyncInterval: s.Interval.String(), Secrets: app.Prints(),
		}
		if !s.Synced.IsZero() {
			state.AgeSeconds = new(max(0, int64(time.Since(s.Synced)/time.Second)))
		}
		if s.Failing != nil {
			state.Error = s.Failing.Error()
		}
		states = append(states, state)
	}
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(map[string]any{"apps": states})
}

// Interface guards
var (
	_ caddy.AdminRouter = (*AdminAPI)(nil)
	_ caddy.Provisioner = (*AdminAPI)(nil)
)
