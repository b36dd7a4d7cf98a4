package simulator

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
)

// API names a family of Instagram's API, as the client does.
type API = instagram.API

const (
	instagramLogin = instagram.InstagramLogin
	basicDisplay   = instagram.BasicDisplay
)

// App is the app that is registered with the simulated Instagram.
type App struct {
	// ID is the Instagram app ID, decimal. Required.
	ID string

	// Secret is the Instagram app secret. Required.
	Secret string

	// RedirectURIs are the registered redirect URIs. A request must name one of
	// them byte for byte. https, or http for a loopback host. At least one.
	RedirectURIs []string

	// API is the family that the app uses. Default: instagram_login.
	API API

	// Live lets everybody sign in. Otherwise the app is in development mode, for Testers only.
	Live bool

	// Testers are the usernames of the accounts that accepted a tester role.
	Testers []string

	// State says how far Meta lets the app go. Default: Approved.
	State AppState

	// Name is shown in the authorization window. Default: "Example app".
	Name string

	// DeauthorizeURL is where Instagram posts a signed request when somebody
	// removes the app. A loopback host only. Default: none.
	DeauthorizeURL string

	// DataDeletionURL is where Instagram then posts the request to delete what the
	// app knows about the person. A loopback host only. Default: none.
	DataDeletionURL string
}

// User is an account of the simulated Instagram.
type User struct {
	// ID is the account's ID: 1 to 32 digits that do not begin with 0. Required.
	ID string `json:"id"`

	// AppScopedID is the ID by which the app knows the account, of the same form. In
	// basic_display there is one ID alone, and this one is always equal to ID. Default:
	// an ID made from the app's and the account's, always the same.
	AppScopedID string `json:"app_scoped_id,omitempty"`

	// Username has 1 to 30 letters, digits, dots and underscores. Required.
	Username string `json:"username"`

	// AccountType is business, creator or personal. The spellings of Instagram's
	// answers (BUSINESS, MEDIA_CREATOR) are accepted too. Default: business.
	AccountType string `json:"account_type,omitempty"`

	// Private makes the user node of instagram_login the app-scoped ID alone, whatever
	// is asked for: Instagram shows no more of a private account.
	Private bool `json:"private,omitempty"`

	// These are left out of answers where they are empty. Only instagram_login has them.
	Name       string `json:"name,omitempty"`
	PictureURL string `json:"picture_url,omitempty"`
	Biography  string `json:"biography,omitempty"`
	Website    string `json:"website,omitempty"`

	// Followers, Follows and MediaCount are the numbers in the user node.
	Followers  int `json:"followers,omitempty"`
	Follows    int `json:"follows,omitempty"`
	MediaCount int `json:"media_count,omitempty"`
}

// TokenShape is the shape of the token endpoint's answer. All of them are documented
// or were seen, so a client must accept each.
type TokenShape string

// The shapes. The wrapped ones wrap the user node of instagram_login as well.
const (
	Flat            TokenShape = "flat"         // access_token and user_id, a number
	WithPermissions TokenShape = "permissions"  // and a list of permissions
	Wrapped         TokenShape = "wrapped"      // {"data":[{…}]}, user_id and permissions are texts
	WrappedList     TokenShape = "wrapped_list" // {"data":[{…}]}, user_id a number, permissions a list
)

var tokenShapes = []TokenShape{Flat, WithPermissions, Wrapped, WrappedList}

// TokenID says which of an account's two IDs the token endpoint calls user_id.
type TokenID string

// The IDs.
const (
	AppScoped TokenID = "app_scoped" // as in live answers and in Meta's words
	Account   TokenID = "account"    // the professional account's, as in one of Meta's walk-throughs
)

// Config is what [New] needs to know.
type Config struct {
	// App is the one app of this Instagram. Required.
	App App

	// Users are the accounts. Default: a business, a creator and a personal one.
	Users []User

	// TokenShape is the shape of token answers. Default: WithPermissions, which
	// instagram_login sends today, or Flat for basic_display, as it is documented.
	TokenShape TokenShape

	// TokenUserID is the ID in token answers. basic_display has only one. Default: AppScoped.
	TokenUserID TokenID

	// NodeWithoutID leaves `id` out of the user node even where it was asked for, as Meta's own
	// sample does. NodeWithoutUserID leaves `user_id` out. Default: both are there.
	NodeWithoutID, NodeWithoutUserID bool

	// NoBearer makes the graph ignore the Authorization header, so that a token in it alone is no
	// token. Default: instagram_login reads the header, basic_display does not.
	NoBearer bool

	// WindowErrorStatus is the status of the pages on which the window of instagram_login
	// shows an error. 200 and 400 were seen. Default: 400.
	WindowErrorStatus int

	// OldCodeErrors makes the token endpoint of instagram_login say whether a code is
	// unknown, used or expired, in the older words. Default: each of them is an "Invalid
	// authorization code". basic_display always uses the older words.
	OldCodeErrors bool

	// Subcodes adds 463 or 458 to the error about a token that has expired or whose owner
	// removed the app. Default: instagram_login has no subcode, basic_display always does.
	Subcodes bool

	// Now is the clock. Default: time.Now.
	Now func() time.Time

	// CodeLifetime and TokenLifetime are how long an authorization code and a
	// short-lived token are good for. Default: one hour each.
	CodeLifetime, TokenLifetime time.Duration

	// AutoAllow is a username: the window then answers at once, as if that person
	// had pressed Allow. For tests and load. Default: the window waits for a person.
	AutoAllow string
}

// The kinds of account, as [User.AccountType] has them once it is checked.
const (
	business = "business"
	creator  = "creator"
	personal = "personal"
)

var usernamePattern = regexp.MustCompile(`^[A-Za-z0-9._]{1,30}$`)

// DefaultUsers returns the accounts of a simulator that was given none: one of each
// kind, so that a demonstration can show what a personal account meets.
func DefaultUsers() []User {
	return []User{
		{ID: "17841405793187218", Username: "jayposiris", AccountType: business, Name: "Jay Posiris", Followers: 1287, Follows: 311, MediaCount: 9},
		{ID: "17841405822304914", Username: "maria.sees", AccountType: creator, Name: "María Núñez", Followers: 48213, Follows: 702, MediaCount: 24},
		{ID: "17841405822304915", Username: "quiet_otter", AccountType: personal, Name: "Sam Otter", Followers: 85, Follows: 120, MediaCount: 3},
	}
}

// complete returns the configuration with its defaults, or what is wrong with it.
func (c Config) complete() (Config, error) {
	c.defaults()
	if err := c.App.check(); err != nil {
		return c, err
	}
	if !slices.Contains(tokenShapes, c.TokenShape) {
		return c, fmt.Errorf("token_shape: %q is none of flat, permissions, wrapped, wrapped_list", c.TokenShape)
	}
	if c.TokenUserID != AppScoped && c.TokenUserID != Account {
		return c, fmt.Errorf("token_user_id: %q is neither app_scoped nor account", c.TokenUserID)
	}
	if c.WindowErrorStatus < 200 || c.WindowErrorStatus > 599 {
		return c, fmt.Errorf("window_error_status: %d is not between 200 and 599", c.WindowErrorStatus)
	}
	if c.CodeLifetime < 0 || c.TokenLifetime < 0 {
		return c, errors.New("lifetime: is negative")
	}
	if err := c.completeUsers(); err != nil {
		return c, err
	}
	for _, name := range c.App.Testers {
		if c.user(name) == nil {
			return c, fmt.Errorf("testers: there is no user %q", name)
		}
	}
	if c.AutoAllow != "" && c.user(c.AutoAllow) == nil {
		return c, fmt.Errorf("auto_allow: there is no user %q", c.AutoAllow)
	}
	return c, nil
}

// defaults fills in what was left empty.
func (c *Config) defaults() {
	c.App.API = cmp.Or(c.App.API, instagramLogin)
	c.App.Name = cmp.Or(c.App.Name, "Example app")
	c.App.State = cmp.Or(c.App.State, Approved)
	shape := WithPermissions
	if c.App.API == basicDisplay {
		shape = Flat
	}
	c.TokenShape = cmp.Or(c.TokenShape, shape)
	c.TokenUserID = cmp.Or(c.TokenUserID, AppScoped)
	c.WindowErrorStatus = cmp.Or(c.WindowErrorStatus, http.StatusBadRequest)
	c.CodeLifetime = cmp.Or(c.CodeLifetime, time.Hour)
	c.TokenLifetime = cmp.Or(c.TokenLifetime, time.Hour)
	if c.Now == nil {
		c.Now = time.Now
	}
	if len(c.Users) == 0 {
		c.Users = DefaultUsers()
	}
}

// check ensures that the app could be registered with Instagram.
func (a App) check() error {
	switch {
	case !isDecimal(a.ID):
		return fmt.Errorf("app_id: %q is not decimal", a.ID)
	case a.Secret == "":
		return errors.New("app_secret: is missing")
	case a.API != instagramLogin && a.API != basicDisplay:
		return fmt.Errorf("api: %q is neither instagram_login nor basic_display", a.API)
	case !slices.Contains(appStates, a.State):
		return fmt.Errorf("state: %q is none of approved, invitation_pending, restricted", a.State)
	case len(a.RedirectURIs) == 0:
		return errors.New("redirect_uri: is missing")
	}
	for _, address := range a.RedirectURIs {
		u, err := url.Parse(address)
		if err != nil || u.Host == "" || u.Fragment != "" || (u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u))) {
			return fmt.Errorf("redirect_uri: %q is neither https nor http on a loopback host", address)
		}
	}
	// A simulator that posts to any address would be a tool against others.
	for option, address := range map[string]string{"deauthorize": a.DeauthorizeURL, "data_deletion": a.DataDeletionURL} {
		u, err := url.Parse(address)
		if address != "" && (err != nil || (u.Scheme != "https" && u.Scheme != "http") || !isLoopback(u)) {
			return fmt.Errorf("%s: %q is not an http or https URL of a loopback host", option, address)
		}
	}
	return nil
}

// completeUsers checks the accounts and gives each its app-scoped ID.
func (c *Config) completeUsers() error {
	// The caller's slices stay as they were.
	c.Users, c.App.Testers = slices.Clone(c.Users), slices.Clone(c.App.Testers)
	seen := make(map[string]bool)
	for i := range c.Users {
		u := &c.Users[i]
		if err := u.complete(c.App); err != nil {
			return fmt.Errorf("user %q: %w", u.Username, err)
		}
		for _, name := range slices.Compact([]string{u.ID, u.AppScopedID, strings.ToLower(u.Username)}) {
			if seen[name] {
				return fmt.Errorf("user %q: %q belongs to another user already", u.Username, name)
			}
			seen[name] = true
		}
	}
	return nil
}

func (u *User) complete(app App) error {
	kinds := map[string]string{"": business, "business": business, "creator": creator, "media_creator": creator, "personal": personal}
	kind, ok := kinds[strings.ToLower(u.AccountType)]
	if !ok {
		return fmt.Errorf("account_type: %q is none of business, creator, personal", u.AccountType)
	}
	u.AccountType = kind
	if u.AppScopedID == "" {
		u.AppScopedID = appScopedID(app.ID, u.ID)
	}
	if app.API == basicDisplay {
		u.AppScopedID = u.ID
	}
	switch {
	case !usernamePattern.MatchString(u.Username):
		return errors.New("username: needs 1 to 30 letters, digits, dots and underscores")
	case !isID(u.ID):
		return fmt.Errorf("id: %q is not 1 to 32 digits that do not begin with 0", u.ID)
	case !isID(u.AppScopedID):
		return fmt.Errorf("app_scoped_id: %q is not 1 to 32 digits that do not begin with 0", u.AppScopedID)
	case app.API == instagramLogin && u.AppScopedID == u.ID:
		return errors.New("app_scoped_id: equals id, which it never does in instagram_login")
	case u.Followers < 0 || u.Follows < 0 || u.MediaCount < 0:
		return errors.New("a count is negative")
	}
	return nil
}

func (c *Config) user(username string) *User {
	if i := slices.IndexFunc(c.Users, func(u User) bool { return u.Username == username }); i >= 0 {
		return &c.Users[i]
	}
	return nil
}

// appScopedID makes an ID that is the same at every start and differs from app to app: 17 digits
// that begin with 2. It is above 2^53, so that a client which reads IDs as floats goes wrong. [T5]
func appScopedID(app, id string) string {
	sum := sha256.Sum256([]byte(app + "/" + id))
	return strconv.FormatUint(2e16+binary.BigEndian.Uint64(sum[:])%1e16, 10)
}

// isID tells whether s can be an ID. Those below 2^53 exist at Instagram, too. A zero
// in front could not be sent as a JSON number.
func isID(s string) bool { return isDecimal(s) && s[0] != '0' }

func isDecimal(s string) bool {
	return s != "" && len(s) <= 32 && strings.Trim(s, "0123456789") == ""
}

// isLoopback tells whether a URL's host is this machine.
func isLoopback(u *url.URL) bool {
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || strings.HasSuffix(u.Hostname(), ".localhost") || (ip != nil && ip.IsLoopback())
}
