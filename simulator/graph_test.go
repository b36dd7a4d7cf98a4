package simulator_test

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

func TestTheUserNodeIsFoundAsMeAndByEachOfItsIDsInEveryVersion(t *testing.T) {
	i := start(t, nil)
	token := i.token("jayposiris", authorization())
	want := `{"user_id":"17841405793187218","username":"jayposiris","id":"25025320793187218"}` + "\n"
	for _, path := range []string{"/me", "/" + jayID, "/" + jayScopedID, "/v25.0/me", "/v1.0/" + jayID, "/v25.0/" + jayScopedID} {
		t.Run(path, func(t *testing.T) {
			wantBody(t, i.get(path, url.Values{"fields": {"user_id,username"}, "access_token": {token}}), http.StatusOK, want)
		})
	}
}

func TestSomebodyElsesNodeIsRefused(t *testing.T) {
	i := start(t, nil)
	token := i.token("jayposiris", authorization())
	for _, path := range []string{"/" + mariaID, "/v25.0/" + mariaID, "/1", "/" + mariaID + "/media"} {
		t.Run(path, func(t *testing.T) {
			wantGraphError(t, i.get(path, url.Values{"access_token": {token}}), 100, 33)
		})
	}
}

func TestTheUserNodeHasTheFieldsOfItsFamily(t *testing.T) {
	const all = "user_id,username,name,account_type,profile_picture_url,biography,website,followers_count,follows_count,media_count,id"
	for name, row := range map[string]struct {
		basic              bool
		user, fields, want string
	}{
		"login, everything": {false, "jayposiris", all,
			`{"user_id":"17841405793187218","username":"jayposiris","name":"Jay <Posiris>","account_type":"BUSINESS","profile_picture_url":"https://pictures.test/jay","biography":"Cafés & cameras","website":"https://jay.test/?a=1&b=2","followers_count":12,"follows_count":3,"media_count":30,"id":"25025320793187218"}`},
		"login, what is empty is left out": {false, "maria.sees", "account_type,name,profile_picture_url,biography,website,media_count",
			`{"account_type":"MEDIA_CREATOR","media_count":0,"id":"` + mariaScopedID(t) + `"}`},
		"login, fields in the order of the request": {false, "jayposiris", "username,user_id", `{"username":"jayposiris","user_id":"17841405793187218","id":"25025320793187218"}`},
		"login, a field twice":                      {false, "jayposiris", "username,username", `{"username":"jayposiris","id":"25025320793187218"}`},
		"login, no fields":                          {false, "jayposiris", "-", `{"id":"25025320793187218"}`},
		"basic display, as in its tutorial":         {true, "jayposiris", "id,username", `{"id":"17841405793187218","username":"jayposiris"}`},
		"basic display, everything":                 {true, "jayposiris", "id,username,account_type,media_count", `{"id":"17841405793187218","username":"jayposiris","account_type":"BUSINESS","media_count":30}`},
		"basic display, a creator":                  {true, "maria.sees", "account_type", `{"account_type":"MEDIA_CREATOR","id":"17841405822304914"}`},
		"basic display, a person":                   {true, "quiet_otter", "account_type", `{"account_type":"PERSONAL","id":"17841405822304915"}`},
		"basic display, no fields":                  {true, "jayposiris", "-", `{"id":"17841405793187218"}`},
	} {
		t.Run(name, func(t *testing.T) {
			i, query := start(t, nil), authorization()
			if row.basic {
				i, query = start(t, basicDisplay), authorization("scope", "user_profile,user_media")
			}
			ask := url.Values{"access_token": {i.token(row.user, query)}}
			if row.fields != "-" {
				ask.Set("fields", row.fields)
			}
			wantBody(t, i.get("/me", ask), http.StatusOK, row.want+"\n")
		})
	}
}

// mariaScopedID is the ID that a user who was given none gets; another simulator
// with the same app makes the same one.
func mariaScopedID(t *testing.T) string {
	t.Helper()
	i := start(t, nil)
	body := i.get("/me", url.Values{"access_token": {i.token("maria.sees", authorization())}}).body
	id := strings.TrimSuffix(strings.TrimPrefix(body, `{"id":"`), "\"}\n")
	if n, err := strconv.ParseInt(id, 10, 64); err != nil || n <= 1<<53 || id == mariaID {
		t.Fatalf("app-scoped ID = %q", body)
	}
	return id
}

func TestTheUserNodeIsWrappedWithTheTokenAnswerInInstagramLoginOnly(t *testing.T) {
	for _, shape := range []simulator.TokenShape{simulator.Wrapped, simulator.WrappedList} {
		wrapped := func(c *simulator.Config) { c.TokenShape = shape }
		i := start(t, wrapped)
		ask := url.Values{"fields": {"user_id,username"}, "access_token": {i.token("jayposiris", authorization())}}
		wantBody(t, i.get("/me", ask), http.StatusOK, `{"data":[{"user_id":"17841405793187218","username":"jayposiris","id":"25025320793187218"}]}`+"\n")

		i = start(t, func(c *simulator.Config) { wrapped(c); basicDisplay(c) })
		ask = url.Values{"fields": {"id,username"}, "access_token": {i.token("jayposiris", authorization("scope", "user_profile"))}}
		wantBody(t, i.get("/me", ask), http.StatusOK, `{"id":"17841405793187218","username":"jayposiris"}`+"\n")
	}
}

func TestAnUnknownFieldIsRefused(t *testing.T) {
	i := start(t, nil)
	token := i.token("jayposiris", authorization())
	basic := start(t, basicDisplay)
	basicToken := basic.token("jayposiris", authorization("scope", "user_profile"))
	for _, fields := range []string{"email", "user_id,username,", "", "username ", "biography,email,username", "permissions"} {
		t.Run(fields, func(t *testing.T) {
			wantGraphError(t, i.get("/me", url.Values{"fields": {fields}, "access_token": {token}}), 100, 0)
		})
	}
	got := i.get("/me", url.Values{"fields": {"id,email"}, "access_token": {token}})
	if want := `{"error":{"message":"(#100) Tried accessing nonexisting field (email) on node type (IGUser)","type":"IGApiException","code":100,`; !strings.HasPrefix(got.body, want) {
		t.Errorf("error = %s", got.body)
	}
	for _, fields := range []string{"user_id", "name", "profile_picture_url", "biography", "website", "followers_count"} {
		t.Run("basic display "+fields, func(t *testing.T) {
			wantGraphError(t, basic.get("/me", url.Values{"fields": {fields}, "access_token": {basicToken}}), 100, 0)
		})
	}
}

func TestTheUserNodeCanLackAnIDAsInMetasSample(t *testing.T) {
	for name, row := range map[string]struct {
		change       func(*simulator.Config)
		fields, want string
	}{
		"no id, asked for":            {func(c *simulator.Config) { c.NodeWithoutID = true }, "id,user_id,username", `{"user_id":"17841405793187218","username":"jayposiris"}`},
		"no id, not asked for":        {func(c *simulator.Config) { c.NodeWithoutID = true }, "user_id", `{"user_id":"17841405793187218"}`},
		"no user_id":                  {func(c *simulator.Config) { c.NodeWithoutUserID = true }, "id,user_id,username", `{"id":"25025320793187218","username":"jayposiris"}`},
		"neither":                     {func(c *simulator.Config) { c.NodeWithoutID, c.NodeWithoutUserID = true, true }, "id,user_id,username", `{"username":"jayposiris"}`},
		"no id in a list":             {func(c *simulator.Config) { c.NodeWithoutID, c.TokenShape = true, simulator.WrappedList }, "id,username", `{"data":[{"username":"jayposiris"}]}`},
		"a private account":           {func(c *simulator.Config) { c.Users[0].Private = true }, "user_id,username", `{"id":"25025320793187218"}`},
		"a private account in a list": {func(c *simulator.Config) { c.Users[0].Private, c.TokenShape = true, simulator.Wrapped }, "username", `{"data":[{"id":"25025320793187218"}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			i := start(t, row.change)
			ask := url.Values{"fields": {row.fields}, "access_token": {i.token("jayposiris", authorization())}}
			wantBody(t, i.get("/me", ask), http.StatusOK, row.want+"\n")
		})
	}
	t.Run("basic_display shows private accounts", func(t *testing.T) {
		i := start(t, func(c *simulator.Config) { basicDisplay(c); c.Users[0].Private = true })
		ask := url.Values{"fields": {"username"}, "access_token": {i.token("jayposiris", authorization("scope", "user_profile"))}}
		wantBody(t, i.get("/me", ask), http.StatusOK, `{"username":"jayposiris","id":"17841405793187218"}`+"\n")
	})
}

func TestIDsOfAnyLengthAreHandedOnAsTheyAre(t *testing.T) {
	for _, id := range []string{"1", "1784140579318721", "9007199254740993", "18446744073709551617", strings.Repeat("9", 32)} {
		t.Run(id, func(t *testing.T) {
			i := start(t, func(c *simulator.Config) { c.Users[0].AppScopedID, c.Users[0].MediaCount = id, 2 })
			got := i.post("/oauth/access_token", exchange(i.code("jayposiris", authorization())))
			if !strings.Contains(got.body, `"user_id":`+id+`,`) {
				t.Errorf("token answer = %s", got.body)
			}
			query := url.Values{"fields": {"id"}, "access_token": {tokenOf(t, got)}}
			wantBody(t, i.get("/"+id, query), http.StatusOK, `{"id":"`+id+`"}`+"\n")

			i = start(t, func(c *simulator.Config) { c.Users[0].ID, c.Users[0].MediaCount = id, 2 })
			query = url.Values{"fields": {"user_id"}, "access_token": {i.token("jayposiris", authorization())}}
			wantBody(t, i.get("/me", query), http.StatusOK, `{"user_id":"`+id+`","id":"25025320793187218"}`+"\n")
			query.Set("fields", "id")
			if media := i.media(query); len(media.Data) != 2 || media.Data[0].ID == media.Data[1].ID {
				t.Errorf("media = %+v", media.Data)
			}
		})
	}
}

func TestAMissingPermissionHidesAFieldOrRefusesTheNode(t *testing.T) {
	i := start(t, basicDisplay)
	token := i.token("jayposiris", authorization("scope", "user_profile"))
	got := i.get("/me", url.Values{"fields": {"id,media_count,username"}, "access_token": {token}})
	wantBody(t, got, http.StatusOK, `{"id":"17841405793187218","username":"jayposiris"}`+"\n")
	wantGraphError(t, i.get("/me/media", url.Values{"access_token": {token}}), 10, 0)

	// Without the basic permission there is no node at all.
	token = i.token("jayposiris", authorization("scope", "user_media"))
	wantGraphError(t, i.get("/me", url.Values{"fields": {"id"}, "access_token": {token}}), 10, 0)
	login := start(t, nil)
	token = login.token("jayposiris", authorization("scope", "instagram_business_manage_comments"))
	wantGraphError(t, login.get("/me", url.Values{"access_token": {token}}), 10, 0)
}

func TestABadTokenMeetsError190(t *testing.T) {
	i := start(t, nil)
	token := i.token("jayposiris", authorization())
	for name, query := range map[string]url.Values{
		"unknown token":   {"access_token": {"IGAAabc"}},
		"token and more":  {"access_token": {token + "x"}},
		"the token twice": {"access_token": {token, token}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, path := range []string{"/me", "/v25.0/me", "/" + jayID, "/me/media"} {
				wantGraphError(t, i.get(path, query), 190, 0)
			}
		})
	}
}

func TestATokenExpiresAfterAnHour(t *testing.T) {
	for name, lifetime := range map[string]time.Duration{"by itself": 0, "after another lifetime": 10 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			i := start(t, func(c *simulator.Config) { c.TokenLifetime = lifetime })
			if lifetime == 0 {
				lifetime = time.Hour
			}
			query := url.Values{"access_token": {i.token("jayposiris", authorization())}}
			i.clock.advance(lifetime - time.Second)
			if got := i.get("/me", query); got.StatusCode != http.StatusOK {
				t.Errorf("answer = %s %s", got.Status, got.body)
			}
			i.clock.advance(time.Second)
			wantGraphError(t, i.get("/me", query), 190, 0)
		})
	}
}

func TestNodesAreReadByGETOnly(t *testing.T) {
	i := start(t, nil)
	for _, path := range []string{"/me", "/me/media", "/access_token", "/refresh_access_token"} {
		wantGraphError(t, i.post(path, url.Values{"access_token": {i.token("jayposiris", authorization())}}), 100, 33)
	}
}
