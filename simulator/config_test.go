package simulator_test

import (
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

func TestAConfigurationThatInstagramWouldNotHaveIsRefused(t *testing.T) {
	for name, row := range map[string]struct {
		change func(*simulator.Config)
		want   string
	}{
		"no app ID":                           {func(c *simulator.Config) { c.App.ID = "" }, `app_id: "" is not decimal`},
		"app ID with letters":                 {func(c *simulator.Config) { c.App.ID = "1a" }, `app_id: "1a" is not decimal`},
		"no secret":                           {func(c *simulator.Config) { c.App.Secret = "" }, `app_secret: is missing`},
		"unknown family":                      {func(c *simulator.Config) { c.App.API = "graph" }, `api: "graph" is neither instagram_login nor basic_display`},
		"no redirect URI":                     {func(c *simulator.Config) { c.App.RedirectURIs = nil }, `redirect_uri: is missing`},
		"redirect URI plain http":             {func(c *simulator.Config) { c.App.RedirectURIs = []string{"http://example.test/"} }, `redirect_uri: "http://example.test/" is neither https nor http on a loopback host`},
		"redirect URI with fragment":          {func(c *simulator.Config) { c.App.RedirectURIs = []string{"https://example.test/#a"} }, `redirect_uri: "https://example.test/#a" is neither`},
		"redirect URI without host":           {func(c *simulator.Config) { c.App.RedirectURIs = []string{"/auth"} }, `redirect_uri: "/auth" is neither`},
		"redirect URI broken":                 {func(c *simulator.Config) { c.App.RedirectURIs = []string{"https://%zz"} }, `redirect_uri: "https://%zz" is neither`},
		"callback elsewhere":                  {func(c *simulator.Config) { c.App.DeauthorizeURL = "https://example.com/x" }, `deauthorize: "https://example.com/x" is not an http or https URL of a loopback host`},
		"callback of another scheme":          {func(c *simulator.Config) { c.App.DataDeletionURL = "ftp://localhost/x" }, `data_deletion: "ftp://localhost/x" is not an http or https URL of a loopback host`},
		"callback broken":                     {func(c *simulator.Config) { c.App.DataDeletionURL = "http://%zz" }, `data_deletion: "http://%zz" is not`},
		"callback that looks local":           {func(c *simulator.Config) { c.App.DataDeletionURL = "http://localhost.evil.test/" }, `data_deletion: "http://localhost.evil.test/" is not`},
		"token shape":                         {func(c *simulator.Config) { c.TokenShape = "round" }, `token_shape: "round" is none of flat, permissions, wrapped, wrapped_list`},
		"status of the window's errors":       {func(c *simulator.Config) { c.WindowErrorStatus = 99 }, `window_error_status: 99 is not between 200 and 599`},
		"negative lifetime":                   {func(c *simulator.Config) { c.TokenLifetime = -time.Second }, `lifetime: is negative`},
		"auto_allow of nobody":                {func(c *simulator.Config) { c.AutoAllow = "nobody" }, `auto_allow: there is no user "nobody"`},
		"tester who is nobody":                {func(c *simulator.Config) { c.App.Testers = []string{"nobody"} }, `testers: there is no user "nobody"`},
		"user without name":                   {func(c *simulator.Config) { c.Users[0].Username = "" }, `user "": username: needs 1 to 30 letters, digits, dots and underscores`},
		"username with a space":               {func(c *simulator.Config) { c.Users[0].Username = "a b" }, `user "a b": username: needs`},
		"username too long":                   {func(c *simulator.Config) { c.Users[0].Username = strings.Repeat("a", 31) }, `username: needs`},
		"user without ID":                     {func(c *simulator.Config) { c.Users[0].ID = "" }, `user "jayposiris": id: "" is not 1 to 32 digits that do not begin with 0`},
		"ID with a sign":                      {func(c *simulator.Config) { c.Users[0].ID = "+17841405793187218" }, `id: "+17841405793187218" is not`},
		"ID with a zero in front":             {func(c *simulator.Config) { c.Users[0].ID = "017841405793187218" }, `id: "017841405793187218" is not`},
		"ID of 33 digits":                     {func(c *simulator.Config) { c.Users[0].ID = strings.Repeat("1", 33) }, `1" is not 1 to 32 digits`},
		"app-scoped ID of letters":            {func(c *simulator.Config) { c.Users[0].AppScopedID = "1a" }, `app_scoped_id: "1a" is not`},
		"ID of a token answer":                {func(c *simulator.Config) { c.TokenUserID = "both" }, `token_user_id: "both" is neither app_scoped nor account`},
		"state of the app":                    {func(c *simulator.Config) { c.App.State = "sleeping" }, `state: "sleeping" is none of approved, invitation_pending, restricted`},
		"one ID twice in a user":              {func(c *simulator.Config) { c.Users[0].AppScopedID = jayID }, `app_scoped_id: equals id, which it never does in instagram_login`},
		"account type":                        {func(c *simulator.Config) { c.Users[0].AccountType = "robot" }, `account_type: "robot" is none of business, creator, personal`},
		"negative count":                      {func(c *simulator.Config) { c.Users[0].Follows = -1 }, `a count is negative`},
		"two users of one ID":                 {func(c *simulator.Config) { c.Users[1].ID = jayID }, `"17841405793187218" belongs to another user already`},
		"two users of one name":               {func(c *simulator.Config) { c.Users[1].Username = "JayPosiris" }, `"jayposiris" belongs to another user already`},
		"one's ID is another's app-scoped ID": {func(c *simulator.Config) { c.Users[1].ID = jayScopedID }, `"25025320793187218" belongs to another user already`},
	} {
		t.Run(name, func(t *testing.T) {
			config := usual()
			row.change(&config)
			s, err := simulator.New(config)
			if err == nil {
				s.Close()
				t.Fatal("accepted")
			}
			if !strings.Contains(err.Error(), row.want) || strings.Contains(err.Error(), appSecret) {
				t.Errorf("error = %q, want %q", err, row.want)
			}
		})
	}
}

func TestHTTPRedirectURIsOfLoopbackHostsAreAccepted(t *testing.T) {
	config := usual()
	config.App.RedirectURIs = []string{"http://localhost:8080/auth/", "http://127.0.0.1/", "http://[::1]:80/x?y=z"}
	s, err := simulator.New(config)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
}

func TestTheCallersUsersStayAsTheyWere(t *testing.T) {
	config := usual()
	s, err := simulator.New(config)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if config.Users[1].AppScopedID != "" || config.Users[0].AccountType != "Business" {
		t.Errorf("users = %+v", config.Users)
	}
}

func TestASimulatorWithoutUsersHasOneOfEachKind(t *testing.T) {
	i := start(t, func(c *simulator.Config) { c.Users, c.App.Name = nil, "" })
	page := i.get("/oauth/authorize", authorization()).body
	for _, want := range []string{"jayposiris", "maria.sees", "quiet_otter", "Business account", "Creator account", "Personal account", "Example app asks"} {
		if !strings.Contains(page, want) {
			t.Errorf("the window lacks %q", want)
		}
	}
	if users := simulator.DefaultUsers(); users[0].Username != "jayposiris" || users[0].ID != jayID {
		t.Errorf("first user = %+v", users[0])
	}
}
