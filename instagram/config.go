// Package instagram is a client of Instagram's API: the authorization window, the
// exchange of an authorization code for an access token, the user node, and the life of
// the token after it. It also reads the signed requests by which Meta tells an app that
// somebody has removed it. It speaks both families, Instagram API with Instagram Login and
// Basic Display, and needs the standard library alone.
//
// The package is public on purpose. The Caddy handler instagram_auth is built on it, and it knows
// nothing of Caddy: use it for a sign-in with Instagram in a program of your own, for a command
// that refreshes stored tokens, or to answer Meta's callbacks. What makes it more than a few HTTP
// calls is what Instagram answers in practice: several shapes of the same answer, IDs of two
// kinds, errors with the wrong status. Every failed call returns an [*Error] that says whether to
// try again, whether the person has to sign in again, and what the operator of the app can do
// ([Error.Remedy]). Access tokens and secrets never get into an error or a log line.
//
// You choose and check the state of a login, and you store the token, encrypted. For tests
// of your own, package simulator beside this one is an Instagram on your machine.
package instagram

import (
	"cmp"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

// API names a family of Instagram's API.
type API string

const (
	// InstagramLogin is Instagram API with Instagram Login, which Meta runs today.
	InstagramLogin API = "instagram_login"
	// BasicDisplay is the API of Meta's "Get Started" tutorial. Meta switched it
	// off on 2024-12-04; mirrors and simulators speak it still.
	BasicDisplay API = "basic_display"
)

// NodePath says how the user node is addressed.
type NodePath string

const (
	NodeMe NodePath = "me" // /me
	NodeID NodePath = "id" // /{user-id}, with the ID from the token answer
)

// Param is an optional parameter of the authorization window.
type Param struct{ Name, Value string }

// Endpoints are the addresses of the API. Empty ones are the family's own.
type Endpoints struct {
	Authorize string // the authorization window
	Token     string // where a code is exchanged
	Graph     string // base URL of the user node, with a version segment if wanted
}

// Config is the configuration of a client.
type Config struct {
	API       API      // default: InstagramLogin
	AppID     string   // the Instagram app ID, decimal; required
	AppSecret string   // the Instagram app secret; required
	Scopes    []string // default: the least that the user node needs
	Required  []string // those of Scopes that a person must grant; default: none
	StepUp    []string // further ones that may be asked for later; default: none
	Fields    []string // further fields of the user node; default: none
	Node      NodePath // default: NodeMe
	Authorize []Param  // optional parameters of the window, in this order
	Endpoints Endpoints
	// Timeout bounds one call, from dialing to the last byte. Default: 10 s.
	Timeout time.Duration
	// Transport makes the calls. Default: one of the client's own, with bounds on connecting and
	// on headers, verified TLS of 1.2 or newer, and the proxy that the environment names.
	Transport http.RoundTripper
}

// appsPath is the path of the page on which people see the apps that they use, and remove them.
const appsPath = "/accounts/manage_access/"

// AppsURL returns the address of the page on which people see the apps that they use, and remove
// them. It is on the host of the authorization window where that is a simulator.
func (c *Client) AppsURL() string {
	window, err := url.Parse(c.config.Endpoints.Authorize)
	if err == nil && isLoopback(window.Hostname()) {
		return window.Scheme + "://" + window.Host + appsPath
	}
	return "https://www.instagram.com" + appsPath
}

// ConfigError says which option of a configuration is wrong, and what is right.
type ConfigError struct {
	Option, Problem string
	// Value is the wrong value if there are Choices for it, and empty for any other problem.
	Value   string
	Choices []string
}

func (e *ConfigError) Error() string { return e.Option + ": " + e.Problem }

const (
	defaultTimeout = 10 * time.Second

	paramFacebook       = "enable_fb_login"
	paramReauthenticate = "force_reauth"

	// ParamForceAuthentication is a parameter of the window that Meta no longer documents.
	// It is still sent where it is configured; force_reauth has taken its place.
	ParamForceAuthentication = "force_authentication"

	fieldAccountType = "account_type"
)

// family is what differs between the families.
type family struct {
	endpoints     Endpoints
	defaultScopes []string
	scopes        []string
	params        []string
	nodeFields    []string // always asked for
	fields        []string // may be asked for
	// proofs are fields that prove a permission, for token answers that do not name any.
	proofs    map[string]string
	multipart bool // encoding of the token request
}

var families = map[API]family{
	InstagramLogin: {
		endpoints:     Endpoints{"https://www.instagram.com/oauth/authorize", "https://api.instagram.com/oauth/access_token", "https://graph.instagram.com"},
		defaultScopes: []string{"instagram_business_basic"},
		scopes: []string{"instagram_business_basic", "instagram_business_content_publish", "instagram_business_manage_messages",
			"instagram_business_manage_comments", "instagram_business_manage_insights"},
		params: []string{paramFacebook, ParamForceAuthentication, paramReauthenticate},
		// id mostly comes unasked, but not in Meta's own sample.
		nodeFields: []string{"id", "user_id", "username"},
		fields: []string{"name", fieldAccountType, "profile_picture_url", "followers_count", "follows_count", "media_count",
			"biography", "website"},
	},
	BasicDisplay: {
		endpoints:     Endpoints{"https://api.instagram.com/oauth/authorize", "https://api.instagram.com/oauth/access_token", "https://graph.instagram.com"},
		defaultScopes: []string{"user_profile", "user_media"},
		scopes:        []string{"user_profile", "user_media"},
		nodeFields:    []string{"id", "username"},
		fields:        []string{fieldAccountType, "media_count"},
		proofs:        map[string]string{"user_media": "media_count"},
		// As the tutorial's curl -F sends it.
		multipart: true,
	},
}

// check fills in the defaults and returns the family, or says what is wrong.
func (c *Config) check() (family, error) {
	c.API = cmp.Or(c.API, InstagramLogin)
	f, known := families[c.API]
	if !known {
		return f, &ConfigError{"api", fmt.Sprintf("%q is neither %s nor %s", c.API, InstagramLogin, BasicDisplay), string(c.API), []string{string(InstagramLogin), string(BasicDisplay)}}
	}
	if !isID(c.AppID) {
		// It is not repeated: who swaps the two has the secret here. [T6]
		return f, &ConfigError{Option: "app_id", Problem: "this is not an app ID; write the Instagram app ID, digits only, and the secret in app_secret"}
	}
	if c.AppSecret == "" {
		return f, &ConfigError{Option: "app_secret", Problem: "required"}
	}
	if c.Node = cmp.Or(c.Node, NodeMe); c.Node != NodeMe && c.Node != NodeID {
		return f, &ConfigError{Option: "user_node", Problem: fmt.Sprintf("%q is neither %s nor %s", c.Node, NodeMe, NodeID)}
	}
	c.Timeout = cmp.Or(c.Timeout, defaultTimeout)
	if len(c.Scopes) == 0 {
		c.Scopes = f.defaultScopes
	}
	return f, cmp.Or(checkList("scope", c.Scopes, f.scopes, string(c.API)), c.checkPermissions(f),
		checkList("fields", c.Fields, f.fields, string(c.API)), c.checkParams(f), c.checkEndpoints(f))
}

// checkList accepts values of a fixed set, each once.
func checkList(option string, values, known []string, offeredBy string) error {
	for i, v := range values {
		if !slices.Contains(known, v) {
			return &ConfigError{option, fmt.Sprintf("%q is not available in %s; it has %s", v, offeredBy, strings.Join(known, ", ")), v, known}
		}
		if slices.Contains(values[:i], v) {
			return &ConfigError{Option: option, Problem: fmt.Sprintf("%q is listed twice", v)}
		}
	}
	return nil
}

func (c *Config) checkParams(f family) error {
	var names []string
	for _, p := range c.Authorize {
		names = append(names, p.Name)
	}
	if len(names) > 0 && len(f.params) == 0 {
		return &ConfigError{Option: "authorize", Problem: fmt.Sprintf("%s has no optional parameters", c.API)}
	}
	if err := checkList("authorize", names, f.params, string(c.API)); err != nil {
		return err
	}
	for _, p := range c.Authorize {
		values, are := []string{"true", "false"}, "true or false"
		if p.Name == paramFacebook { // Meta's dashboard writes a number
			values, are = append(values, "0", "1"), "true, false, 1 or 0"
		}
		if !slices.Contains(values, p.Value) {
			return &ConfigError{Option: "authorize", Problem: fmt.Sprintf("%s is %s, not %q", p.Name, are, p.Value)}
		}
	}
	return nil
}

func (c *Config) checkEndpoints(f family) error {
	e := &c.Endpoints
	e.Authorize = cmp.Or(e.Authorize, f.endpoints.Authorize)
	e.Token = cmp.Or(e.Token, f.endpoints.Token)
	e.Graph = strings.TrimSuffix(cmp.Or(e.Graph, f.endpoints.Graph), "/")
	for _, address := range []string{e.Authorize, e.Token, e.Graph} {
		if problem := endpointProblem(address); problem != "" {
			return &ConfigError{Option: "endpoints", Problem: fmt.Sprintf("%q %s", address, problem)}
		}
	}
	return nil
}

func endpointProblem(address string) string {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "" || u.Scheme != "https" && u.Scheme != "http":
		return "is not an absolute https URL"
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "has a user name, a query or a fragment; remove them"
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return "is plain http, which is allowed for loopback hosts only; use https"
	}
	return ""
}

// isLoopback leaves out the names below localhost, which some resolvers ask the network for:
// the app secret would go there in the clear.
func isLoopback(host string) bool {
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.IsLoopback()
	}
	return host == "localhost"
}
