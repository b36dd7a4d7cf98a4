package simulator

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Removal is what happened when somebody removed the app from their account.
type Removal struct {
	Username     string
	Tokens       int // access tokens that ended
	Deauthorize  Delivery
	DataDeletion Delivery
}

// Delivery is what became of one signed callback.
type Delivery struct {
	URL    string // "" if the app has registered none
	Status int    // of the app's answer, 0 without one
	Err    error  // why there is no usable answer, nil if there is

	// ConfirmationCode and StatusURL are the app's answer to a data deletion request.
	ConfirmationCode, StatusURL string
}

// Text says what became of the callback, for the window.
func (d Delivery) Text() string {
	switch {
	case d.URL == "":
		return "Not sent: the app has registered none."
	case d.Err != nil:
		return "Failed: " + d.Err.Error() + "."
	}
	return fmt.Sprintf("Delivered: the app answered %d.", d.Status)
}

// RemoveApp does what happens when somebody removes the app in the settings of their account:
// their codes and tokens end (error 190), then the deauthorize and data deletion callbacks are
// sent, in this order, where the app has registered them. The error tells that there is no such
// user; what became of the callbacks stands in the answer.
func (s *Simulator) RemoveApp(ctx context.Context, username string) (Removal, error) {
	user := s.config.user(username)
	if user == nil {
		return Removal{}, fmt.Errorf("removing the app: there is no user %q", username)
	}
	return s.removeApp(ctx, user), nil
}

func (s *Simulator) removeApp(ctx context.Context, user *User) Removal {
	// The tokens end first: an app that asks back while it is told finds them dead.
	removal := Removal{Username: user.Username, Tokens: s.revoke(user)}
	removal.Deauthorize = s.deliver(ctx, s.config.App.DeauthorizeURL, user, nil)
	removal.DataDeletion = s.deliver(ctx, s.config.App.DataDeletionURL, user, readConfirmation)
	return removal
}

// revoke ends the codes and tokens of a person and counts the tokens.
func (s *Simulator) revoke(user *User) (tokens int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.grants.entries {
		if g.user == user {
			g.revoked = true
		}
	}
	for _, a := range s.tokens.entries {
		if a.user == user && !a.revoked {
			a.revoked = true
			tokens++
		}
	}
	return tokens
}

// SignedRequest returns the value of the field signed_request by which Instagram names a user to
// the app, signed with the app secret now. It is "" if there is no such user.
func (s *Simulator) SignedRequest(username string) string {
	user := s.config.user(username)
	if user == nil {
		return ""
	}
	return s.signedRequest(user)
}

// signedRequest signs the encoded payload, not the JSON behind it.
func (s *Simulator) signedRequest(user *User) string {
	now := s.config.Now().Unix()
	// user_id is app-scoped, which in basic_display is the only ID.
	payload, err := json.Marshal(object{
		{"algorithm", "HMAC-SHA256"}, {"expires", now + 3600}, {"issued_at", now}, {"user_id", user.AppScopedID},
	})
	if err != nil {
		return "" // an object of texts and numbers always has a JSON form
	}
	encoded := base64.RawURLEncoding.EncodeToString(payload)
	mac := hmac.New(sha256.New, []byte(s.config.App.Secret))
	mac.Write([]byte(encoded))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)) + "." + encoded
}

// deliver posts a signed request to one of the app's callbacks; read, if there is
// one, takes what is wanted from the body of a 200.
func (s *Simulator) deliver(ctx context.Context, address string, user *User, read func([]byte, *Delivery)) Delivery {
	d := Delivery{URL: address}
	if address == "" {
		return d
	}
	form := url.Values{"signed_request": {s.signedRequest(user)}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		d.Err = errors.New("making the request")
		return d
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := s.sender.Do(request)
	if err != nil {
		// The cause without the URL around it. [T6]
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err
		}
		d.Err = fmt.Errorf("calling the app: %w", err)
		return d
	}
	defer answer.Body.Close()
	d.Status = answer.StatusCode
	// The app is somebody else's program, so its answer has a limit, too.
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxBody))
	switch {
	case err != nil:
		d.Err = fmt.Errorf("reading the app's answer: %w", err)
	case d.Status != http.StatusOK:
		d.Err = fmt.Errorf("the app answered %d instead of 200", d.Status)
	case read != nil:
		read(body, &d)
	}
	return d
}

// readConfirmation reads the answer that a data deletion request must get.
func readConfirmation(body []byte, d *Delivery) {
	var answer struct {
		URL              string `json:"url"`
		ConfirmationCode string `json:"confirmation_code"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		d.Err = errors.New("the app's answer is not the JSON object that is required")
		return
	}
	d.StatusURL, d.ConfirmationCode = answer.URL, answer.ConfirmationCode
	if u, err := url.Parse(answer.URL); err != nil || u.Host == "" || answer.ConfirmationCode == "" {
		d.Err = errors.New("the app's answer lacks url or confirmation_code")
	}
}
