package instagramauth

import "github.com/caddyserver/caddy/v2"

// The options that have options of their own.

// SessionOptions configure the session cookie.
type SessionOptions struct {
	// How long a session lasts, at most. Default: `7d`.
	Lifetime caddy.Duration `json:"lifetime,omitempty"`

	// How long a session lasts without being used. Default: no limit of its own.
	Idle caddy.Duration `json:"idle,omitempty"`

	// The cookie's name without prefix; `__Host-Http-` is put in front of it.
	// Default: `instagram_auth`.
	Cookie string `json:"cookie,omitempty"`

	// Secrets of at least 32 bytes that the session keys are derived from. The
	// first one seals, all of them open. Default: the app secret.
	Secret []string `json:"secret,omitempty"`
}

// TokenOptions say what becomes of the access token. It is kept in the session cookie,
// sealed, and nowhere else.
type TokenOptions struct {
	// Exchanges the token, which is good for an hour, for one that is good for 60 days,
	// and refreshes it while the session is in use. Default: false.
	LongLived bool `json:"long_lived,omitempty"`

	// The request header in which the site gets the token; it is also in the
	// placeholder `{http.auth.user.access_token}` then. Default: the site does not get it.
	ForwardAs string `json:"forward_as,omitempty"`
}

// EndpointOptions are addresses of Instagram's API. They must be https; http is
// accepted for loopback hosts alone.
type EndpointOptions struct {
	// The authorization window. Default: the family's.
	Authorize string `json:"authorize,omitempty"`

	// The token endpoint. Default: the family's.
	Token string `json:"token,omitempty"`

	// The base URL of the user node, with a version segment if wanted. Default:
	// `https://graph.instagram.com`.
	Graph string `json:"graph,omitempty"`
}

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
