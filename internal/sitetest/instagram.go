package sitetest

import (
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

// Users returns the accounts of the simulated Instagram.
func Users() []simulator.User {
	return []simulator.User{
		{ID: UserID, AppScopedID: AppScopedID, Username: Username, AccountType: "Business", Name: "Jay Posiris", MediaCount: 3},
		{ID: "17841405822304914", AppScopedID: "25025320822304914", Username: "maria.sees", AccountType: "Media_Creator", Name: "María"},
		{ID: "17841405822304915", AppScopedID: "25025320822304915", Username: "maria.saw", AccountType: "Business", Name: "Maria Saw"},
	}
}

// NewInstagram starts a simulated Instagram and returns its base URL.
func NewInstagram(t *testing.T, c Config) (*simulator.Simulator, string) {
	t.Helper()
	if c.Api == "" {
		c.Api = instagram.InstagramLogin
	}
	if c.Users == nil {
		c.Users = Users()
	}
	if c.Window == "" {
		c.Window = Username
	}
	config := simulator.Config{
		App: simulator.App{
			ID: AppID, Secret: AppSecret, RedirectURIs: append([]string{RedirectURI, "https://other.test/auth/", "https://example.test/second/"}, c.Redirects...),
			API: c.Api, Live: c.Testers == nil, Testers: c.Testers, Name: "Test site",
		},
		Users:      c.Users,
		TokenShape: c.Shape,
		AutoAllow:  strings.TrimPrefix(c.Window, "-"),
		Now:        c.Now,
	}
	if c.Simulate != nil {
		c.Simulate(&config)
	}
	sim, err := simulator.New(config)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	t.Cleanup(sim.Close)
	return sim, server.URL
}

// Calls returns how many requests for tokens and profiles Instagram has received.
func (s *Site) Calls() int {
	return s.Instagram.Calls(simulator.Token) + s.Instagram.Calls(simulator.UserNode)
}

// TokenForm returns the fields of the last token request that Instagram received.
func (s *Site) TokenForm() url.Values {
	s.T.Helper()
	requests := s.Instagram.Requests(simulator.Token)
	if len(requests) == 0 {
		s.T.Fatal("no token request")
	}
	form, err := url.ParseQuery(requests[len(requests)-1].Body)
	if err != nil {
		s.T.Fatal(err)
	}
	return form
}

// PictureIs makes the user node answer with this address of a profile picture.
func (s *Site) PictureIs(address string) {
	body, _ := json.Marshal(map[string]string{"user_id": UserID, "id": AppScopedID, "username": Username, "profile_picture_url": address})
	s.Instagram.Misbehave(simulator.UserNode, simulator.Fault{Kind: simulator.Answer, Body: string(body)})
}

// Misbehaving returns a function that signs in while Instagram answers with a fault.
func Misbehaving(endpoint simulator.Endpoint, fault simulator.Fault) func(*Site, *Browser) Response {
	return func(s *Site, b *Browser) Response {
		back := b.Window(b.Get("/private"))
		s.Instagram.Misbehave(endpoint, fault)
		return b.Get(back)
	}
}
