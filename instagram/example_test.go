package instagram_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

const exampleRedirectURI = "https://example.com/auth/"

// startExample starts a simulated Instagram on this machine, in which everybody signs in as
// jayposiris, and returns the addresses that a client of it needs. Leave Endpoints empty to
// call Instagram itself.
func startExample() (endpoints instagram.Endpoints, stop func()) {
	s, err := simulator.New(simulator.Config{
		App:       simulator.App{ID: "990602627938098", Secret: "a1b2c3d4e5f60718293a4b5c6d7e8f90", RedirectURIs: []string{exampleRedirectURI}, Live: true},
		Users:     []simulator.User{{ID: "17841405793187218", Username: "jayposiris", Followers: 12}},
		AutoAllow: "jayposiris",
	})
	if err != nil {
		log.Fatal(err)
	}
	server := httptest.NewServer(s)
	return instagram.Endpoints{
		Authorize: server.URL + "/oauth/authorize",
		Token:     server.URL + "/oauth/access_token",
		Graph:     server.URL,
	}, func() { s.Close(); server.Close() }
}

// allowInWindow is the part of the browser: it opens the authorization window and returns the
// query with which Instagram sends the browser back to the redirect URI.
func allowInWindow(address string) url.Values {
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
	return back.Query()
}

// A sign-in has three steps: send the browser to the authorization window, exchange the code
// that it brings back for an access token, and read whose token it is.
func Example() {
	endpoints, stop := startExample()
	defer stop()
	client, err := instagram.New(instagram.Config{
		AppID:     "990602627938098",
		AppSecret: "a1b2c3d4e5f60718293a4b5c6d7e8f90",
		Fields:    []string{"followers_count"},
		Endpoints: endpoints,
	})
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()

	// 1. Choose a random state, keep it in a cookie, and redirect the browser.
	state := "Zm9yLXRoaXMtbG9naW4tb25seQ"
	back := allowInWindow(client.AuthorizationURL(instagram.Authorization{RedirectURI: exampleRedirectURI, State: state}))

	// 2. The browser comes back. Go on only if it brings the state from its cookie.
	fmt.Println("same state:", back.Get("state") == state)
	short, err := client.Exchange(ctx, exampleRedirectURI, back.Get("code"))
	if err != nil {
		log.Fatal(err)
	}

	// 3. Read the account. Recognize people by their ID: a username can change owner.
	user, err := client.User(ctx, short)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("user ID:", user.ID)
	fmt.Println("username:", user.Username)
	fmt.Println("fields:", user.Fields)

	// For calls after the first hour, exchange the token for one that lasts 60 days. A Token
	// does not print its secret: store token.AccessToken, encrypted.
	long, err := client.LongLived(ctx, short)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("lifetime:", long.Lifetime.Round(time.Hour))
	fmt.Println("permissions:", short.Permissions)
	fmt.Println("printed:", long)
	// Output:
	// same state: true
	// user ID: 17841405793187218
	// username: jayposiris
	// fields: [{followers_count 12}]
	// lifetime: 1440h0m0s
	// permissions: instagram_business_basic
	// printed: token of user "28947629912159509"
}

// The address of the authorization window contains everything that Instagram wants to know.
func ExampleClient_AuthorizationURL() {
	client, err := instagram.New(instagram.Config{AppID: "990602627938098", AppSecret: "a1b2c3d4e5f60718293a4b5c6d7e8f90"})
	if err != nil {
		log.Fatal(err)
	}
	window, err := url.Parse(client.AuthorizationURL(instagram.Authorization{
		RedirectURI:    exampleRedirectURI,
		State:          "Zm9yLXRoaXMtbG9naW4tb25seQ",
		Reauthenticate: true, // let people choose another account
	}))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(window.Host + window.Path)
	for _, name := range []string{"client_id", "redirect_uri", "response_type", "scope", "state", "force_reauth"} {
		fmt.Printf("%s = %s\n", name, window.Query().Get(name))
	}
	// Output:
	// www.instagram.com/oauth/authorize
	// client_id = 990602627938098
	// redirect_uri = https://example.com/auth/
	// response_type = code
	// scope = instagram_business_basic
	// state = Zm9yLXRoaXMtbG9naW4tb25seQ
	// force_reauth = true
}

// A configuration that cannot work is refused before the first call, and the error says which
// option is wrong.
func ExampleNew_wrongConfiguration() {
	_, err := instagram.New(instagram.Config{AppID: "my-app", AppSecret: "a1b2c3d4e5f60718293a4b5c6d7e8f90"})
	var wrong *instagram.ConfigError
	if errors.As(err, &wrong) {
		fmt.Println("option:", wrong.Option)
		fmt.Println("problem:", wrong.Problem)
	}
	// Output:
	// option: app_id
	// problem: this is not an app ID; write the Instagram app ID, digits only, and the secret in app_secret
}

// Every failed call returns an *Error. It says what kind of failure it was, whether it is worth
// another try, and what the operator of the app can do about it.
func ExampleError_Remedy() {
	endpoints, stop := startExample()
	defer stop()
	client, err := instagram.New(instagram.Config{
		AppID:     "990602627938098",
		AppSecret: "00000000000000000000000000000000", // not the secret of this app
		Endpoints: endpoints,
	})
	if err != nil {
		log.Fatal(err)
	}
	back := allowInWindow(client.AuthorizationURL(instagram.Authorization{RedirectURI: exampleRedirectURI, State: "x"}))

	_, err = client.Exchange(context.Background(), exampleRedirectURI, back.Get("code"))
	var failed *instagram.Error
	if errors.As(err, &failed) {
		fmt.Println("kind:", failed.Kind)
		fmt.Println("at the endpoint:", failed.Endpoint)
		fmt.Println("try again later:", failed.Temporary())
		fmt.Println("the visitor's own fault:", failed.OfVisitor())
		fmt.Println("remedy:", failed.Remedy())
	}
	// Output:
	// kind: refused
	// at the endpoint: token
	// try again later: false
	// the visitor's own fault: false
	// remedy: app_secret is wrong: copy the Instagram app secret from Meta's dashboard, not the secret of the Facebook app
}

// When somebody removes your app, Meta posts a signed request to the deauthorize and the data
// deletion callback. The field signed_request of the form names the person.
func ExampleParseSignedRequest() {
	now := time.Date(2026, time.May, 4, 10, 0, 0, 0, time.UTC)
	secrets := []string{"a1b2c3d4e5f60718293a4b5c6d7e8f90"} // while you change it, the new and the old one

	// Meta signs the encoded payload with your app secret.
	payload := base64.RawURLEncoding.EncodeToString([]byte(`{"algorithm":"HMAC-SHA256","issued_at":1777888800,"user_id":"218471"}`))
	mac := hmac.New(sha256.New, []byte(secrets[0]))
	mac.Write([]byte(payload))
	posted := base64.RawURLEncoding.EncodeToString(mac.Sum(nil)) + "." + payload

	request, err := instagram.ParseSignedRequest(posted, secrets, now)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("delete what belongs to:", request.UserID)
	fmt.Println("signed at:", request.IssuedAt.UTC())

	_, err = instagram.ParseSignedRequest("forged."+payload, secrets, now)
	fmt.Println("forged:", errors.Is(err, instagram.ErrSignature))
	// Output:
	// delete what belongs to: 218471
	// signed at: 2026-05-04 10:00:00 +0000 UTC
	// forged: true
}

// A long-lived token can be refreshed once it is a day old. If Instagram no longer accepts it,
// the person has to sign in again.
func ExampleClient_Refresh() {
	endpoints, stop := startExample()
	defer stop()
	client, err := instagram.New(instagram.Config{AppID: "990602627938098", AppSecret: "a1b2c3d4e5f60718293a4b5c6d7e8f90", Endpoints: endpoints})
	if err != nil {
		log.Fatal(err)
	}

	_, err = client.Refresh(context.Background(), instagram.Token{AccessToken: "IGAAJ-stored-long-ago"})
	var failed *instagram.Error
	switch {
	case err == nil:
		fmt.Println("store the new token; the old one stays good")
	case errors.As(err, &failed) && failed.InvalidToken():
		fmt.Println("ask the person to sign in again")
	case errors.As(err, &failed) && failed.Temporary():
		fmt.Println("try again in", failed.RetryAfter)
	}
	// Output:
	// ask the person to sign in again
}
