package instagram_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
)

func TestAProbeOfTheAppTellsTheCodeFromTheApp(t *testing.T) {
	for message, accepted := range map[string]bool{
		"Matching code was not found or was already used": true, "This authorization code has been used": true, "This authorization code has expired": true,
		"Invalid authorization code": true, "Error validating client secret.": false, "Invalid platform app": false, "Invalid client_id": false, "Missing required field code": false,
		"Error validating verification code. Please make sure your redirect_uri is identical to the one you used in the OAuth dialog request": false,
	} {
		got, err := serve(t, answer(400, `{"error_type":"OAuthException","code":400,"error_message":"`+message+`"}`)).ProbeApp(t.Context(), redirectURI)
		if got != accepted || wantKind(t, err, instagram.Refused).Message != message {
			t.Errorf("%s: %v, %v", message, got, err)
		}
	}
	if accepted, err := serve(t, answer(200, `{"access_token":"T","user_id":1}`)).ProbeApp(t.Context(), redirectURI); accepted || err != nil {
		t.Errorf("a token for a made-up code: %v, %v", accepted, err)
	}
	// A fault of the server with words about the code says nothing about the app.
	if accepted, err := serve(t, answer(500, `{"error_type":"O","code":500,"error_message":"code was not found"}`)).ProbeApp(t.Context(), redirectURI); accepted || err == nil {
		t.Errorf("a 500: %v, %v", accepted, err)
	}
}

func TestReachingAnEndpointTellsItsClock(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	date := at.Format(http.TimeFormat)
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodHead {
			t.Errorf("method = %s", r.Method)
		}
		w.Header().Set("Date", date)
		w.WriteHeader(http.StatusMethodNotAllowed)
	})
	for _, endpoint := range []instagram.Endpoint{instagram.WindowEndpoint, instagram.TokenEndpoint, instagram.UserEndpoint} {
		if address, clock, err := client.Reach(t.Context(), endpoint); err != nil || !clock.Equal(at) || address == "" {
			t.Errorf("%s: %q, %v, %v", endpoint, address, clock, err)
		}
	}
	date = "soon"
	if _, clock, err := client.Reach(t.Context(), instagram.TokenEndpoint); err != nil || !clock.IsZero() {
		t.Errorf("without a date: %v, %v", clock, err)
	}
	if _, _, err := client.Reach(t.Context(), "no such"); err == nil {
		t.Error("an endpoint that is none is reached")
	}
}
