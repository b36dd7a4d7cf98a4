package simulator_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"

	client "github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

// openWindow is the part of the browser: it opens the authorization window and returns where
// the window sends it.
func openWindow(address string) *url.URL {
	browser := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := browser.Get(address)
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	back, err := response.Location()
	if err != nil {
		log.Fatal(err)
	}
	return back
}

// A fake Instagram for your own tests takes five lines. The client under test is that of this module
// here; yours needs the same three addresses.
func Example_inFiveLines() {
	app := simulator.App{ID: "990602627938098", Secret: "a1b2c3d4e5f60718293a4b5c6d7e8f90", RedirectURIs: []string{"https://example.com/auth/"}, Live: true}
	users := []simulator.User{{ID: "17841405793187218", Username: "jayposiris"}}
	fake, _ := simulator.New(simulator.Config{App: app, Users: users, AutoAllow: "jayposiris"})
	server := httptest.NewServer(fake)
	defer server.Close()

	yours, err := client.New(client.Config{AppID: app.ID, AppSecret: app.Secret, Endpoints: client.Endpoints{
		Authorize: server.URL + "/oauth/authorize", Token: server.URL + "/oauth/access_token", Graph: server.URL,
	}})
	if err != nil {
		log.Fatal(err)
	}
	back := openWindow(yours.AuthorizationURL(client.Authorization{RedirectURI: app.RedirectURIs[0], State: "x"}))
	token, err := yours.Exchange(context.Background(), app.RedirectURIs[0], back.Query().Get("code"))
	if err != nil {
		log.Fatal(err)
	}
	user, err := yours.User(context.Background(), token)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(user.Username, "has signed in with", fake.Calls(simulator.Token), "call for a token")
	// Output: jayposiris has signed in with 1 call for a token
}

// The client under test is two lines of net/http here; put yours in its place.
func Example() {
	instagram, err := simulator.New(simulator.Config{
		App: simulator.App{
			ID: "990602627938098", Secret: "a1b2c3d4e5f60718293a4b5c6d7e8f90", Live: true,
			RedirectURIs: []string{"https://example.com/auth/"},
		},
		Users:     []simulator.User{{ID: "17841405793187218", AppScopedID: "25025320793187218", Username: "jayposiris"}},
		AutoAllow: "jayposiris", // nobody presses a button: the window allows at once
	})
	if err != nil {
		log.Fatal(err)
	}
	server := httptest.NewServer(instagram)
	defer server.Close()
	defer instagram.Close() // first, because a server waits for the answers that hang

	// A sign-in: the window redirects with a code, and the code is exchanged.
	back := openWindow(server.URL + "/oauth/authorize?" + url.Values{
		"client_id": {"990602627938098"}, "redirect_uri": {"https://example.com/auth/"},
		"response_type": {"code"}, "scope": {"instagram_business_basic"}, "state": {"x"},
	}.Encode())
	fmt.Println("back at:", back.Host+back.Path)
	exchange := url.Values{
		"client_id": {"990602627938098"}, "client_secret": {"a1b2c3d4e5f60718293a4b5c6d7e8f90"},
		"grant_type": {"authorization_code"}, "redirect_uri": {"https://example.com/auth/"}, "code": {back.Query().Get("code")},
	}
	exchanged, err := http.PostForm(server.URL+"/oauth/access_token", exchange)
	if err != nil {
		log.Fatal(err)
	}
	exchanged.Body.Close()
	fmt.Println("code exchanged:", exchanged.Status)

	// A code is good for one use, as at Instagram.
	again, err := http.PostForm(server.URL+"/oauth/access_token", exchange)
	if err != nil {
		log.Fatal(err)
	}
	defer again.Body.Close()
	refusal, err := io.ReadAll(again.Body)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("exchanged again:", again.Status)
	fmt.Print(string(refusal))

	// What your client sent.
	for _, request := range instagram.Requests(simulator.Token) {
		fmt.Println("sent:", request.Method, request.URL, request.Header.Get("Content-Type"))
	}
	// Output:
	// back at: example.com/auth/
	// code exchanged: 200 OK
	// exchanged again: 400 Bad Request
	// {"error_type":"OAuthException","code":400,"error_message":"Invalid authorization code"}
	// sent: POST /oauth/access_token application/x-www-form-urlencoded
	// sent: POST /oauth/access_token application/x-www-form-urlencoded
}

// A fault makes an endpoint misbehave: once, a few times, or until the next Misbehave.
func ExampleSimulator_Misbehave() {
	instagram, err := simulator.New(simulator.Config{App: simulator.App{
		ID: "990602627938098", Secret: "a1b2c3d4e5f60718293a4b5c6d7e8f90", RedirectURIs: []string{"https://example.com/auth/"},
	}})
	if err != nil {
		log.Fatal(err)
	}
	server := httptest.NewServer(instagram)
	defer server.Close()
	defer instagram.Close()

	instagram.Misbehave(simulator.UserNode, simulator.Fault{Kind: simulator.Status503, Times: 1})
	for range 2 {
		response, err := http.Get(server.URL + "/me?fields=user_id,username&access_token=none")
		if err != nil {
			log.Fatal(err)
		}
		response.Body.Close()
		fmt.Println(response.Status)
	}
	fmt.Println("calls:", instagram.Calls(simulator.UserNode))
	// Output:
	// 503 Service Unavailable
	// 400 Bad Request
	// calls: 2
}
