package instagram

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// PictureEndpoint names the hosts that profile pictures come from.
const PictureEndpoint Endpoint = "picture"

const (
	fieldPicture = "profile_picture_url"

	maxPicture    = 1 << 20 // bytes
	maxPictureURL = 2048    // bytes; real ones have about 400
)

// pictureDomains are those that Instagram's pictures come from. Each picture has a host below one
// of them, such as scontent-fra3-1.cdninstagram.com or scontent-fra3-1.xx.fbcdn.net.
var pictureDomains = []string{".cdninstagram.com", ".fbcdn.net"}

// PictureSources returns the hosts from which profile pictures can come, as sources of a
// Content-Security-Policy.
func (c *Client) PictureSources() (sources []string) {
	for _, domain := range pictureDomains {
		sources = append(sources, "https://*"+domain)
	}
	if graph, err := url.Parse(c.config.Endpoints.Graph); err == nil && isLoopback(graph.Hostname()) {
		sources = append(sources, "http://"+graph.Hostname()+":*") // of a simulator; see simulates
	}
	return sources
}

// pictureTypes are the accepted types. SVG is not among them: it can hold scripts.
var pictureTypes = []string{"image/jpeg", "image/png", "image/gif", "image/webp", "image/avif"}

// Picture says where a profile picture is.
type Picture struct {
	// Address is the picture's URL, byte for byte as Instagram sent it, because its
	// signature covers the bytes. It is empty for an account without a picture.
	Address string
	// Expires is when the URL runs out, as the URL itself says; the zero time if it does not.
	Expires time.Time
}

// Image is a picture itself.
type Image struct {
	Type    string // one of the types that are accepted, as the bytes say
	Content []byte
}

var (
	errPictureURL    = errors.New("the address of the picture is not allowed")
	errNoPicture     = errors.New("the host of the picture does not have it")
	errPictureSize   = errors.New("the picture is larger than 1 MB")
	errNotPicture    = errors.New("the host of the picture did not send a picture of a known type")
	errPictureStatus = errors.New("the host of the picture failed")
)

// Picture asks where the profile picture of a token's owner is. The IDs in the answer, if
// it has any, must name the same person: Token.UserID or appScopedID. An address that is
// not at one of Instagram's own hosts for pictures is an error.
//
// Basic Display has no pictures.
func (c *Client) Picture(ctx context.Context, t Token, appScopedID string) (Picture, error) {
	if c.config.API != InstagramLogin {
		return Picture{}, nil
	}
	body, err := c.node(ctx, t, []string{"id", "user_id", fieldPicture})
	if err != nil {
		return Picture{}, err
	}
	var answer members
	if err := unmarshalNode(body, &answer); err != nil {
		return Picture{}, badProfile(err)
	}
	if err := answer.checkPerson(t.UserID, appScopedID); err != nil {
		return Picture{}, badProfile(err)
	}
	address, ok := scalar(answer[fieldPicture])
	if !ok || address == "" {
		return Picture{}, nil
	}
	// A token in the address would reach the visitor's history and other servers' logs. [P3]
	if t.AccessToken != "" && strings.Contains(address, t.AccessToken) {
		return Picture{}, badProfile(errPictureURL)
	}
	if err := c.checkPictureURL(address, c.hidden(t.AccessToken)...); err != nil {
		return Picture{}, badProfile(err)
	}
	return Picture{Address: address, Expires: pictureExpires(address)}, nil
}

// checkPerson reports an error if the answer names somebody, and none of these IDs is theirs.
func (m members) checkPerson(known ...string) error {
	var named []string
	for _, field := range []string{"id", "user_id"} {
		var i id
		if raw, ok := m[field]; ok && json.Unmarshal(raw, &i) != nil {
			return errNoID
		}
		if i != "" {
			named = append(named, string(i))
		}
	}
	isKnown := func(id string) bool { return slices.Contains(known, id) }
	if len(named) > 0 && !slices.ContainsFunc(named, isKnown) {
		return errOtherPerson
	}
	return nil
}

// FetchPicture fetches a picture from the address that Picture has returned. The request has no
// token and no cookie, goes to Instagram's own hosts for pictures alone, and follows no redirect.
func (c *Client) FetchPicture(ctx context.Context, address string) (Image, error) {
	if err := c.checkPictureURL(address); err != nil {
		return Image{}, &Error{Kind: BadAnswer, Endpoint: PictureEndpoint, Err: err}
	}
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return Image{}, &Error{Kind: BadAnswer, Endpoint: PictureEndpoint, Err: errPictureURL}
	}
	// One copy is for every browser, so the types that all of them know come first.
	request.Header.Set("Accept", "image/jpeg,image/png,image/gif,image/webp;q=0.9,image/avif;q=0.5")
	answer, err := fetchPicture(request)
	if err != nil {
		return Image{}, transportError(PictureEndpoint, err)
	}
	defer answer.Body.Close()
	failure := &Error{Kind: BadAnswer, Endpoint: PictureEndpoint, Status: answer.StatusCode, RetryAfter: retryAfter(answer.Header)}
	if failure.Err = statusOfPicture(answer.StatusCode); failure.Err == errNoPicture {
		failure.Kind = Refused
	}
	if failure.Err != nil {
		return Image{}, failure
	}
	content, err := io.ReadAll(io.LimitReader(answer.Body, maxPicture+1))
	if err != nil {
		failure = transportError(PictureEndpoint, err)
		failure.Status = answer.StatusCode
		return Image{}, failure
	}
	image := Image{Type: pictureType(answer.Header.Get("Content-Type"), content), Content: content}
	switch {
	case len(content) > maxPicture:
		failure.Err = errPictureSize
	case image.Type == "":
		failure.Err = errNotPicture
	default:
		return image, nil
	}
	return Image{}, failure
}

// ofOnePicture reports whether a failure is about one picture, whatever its host sends for others.
func (e *Error) ofOnePicture() bool {
	return e.Endpoint == PictureEndpoint && e.causedBy(errPictureURL, errNoPicture, errPictureSize, errNotPicture, errRedirect)
}

// statusOfPicture returns what the status of an answer says against it.
func statusOfPicture(status int) error {
	switch {
	case status == http.StatusOK:
		return nil
	case status >= 300 && status < 400:
		return errRedirect
	case status >= 400 && status < 500:
		return errNoPicture // 403 for an address that has run out
	}
	return errPictureStatus
}

// pictureType returns the type that the bytes show, "" if it or the declared one is not accepted.
func pictureType(declared string, content []byte) string {
	declared, _, _ = mime.ParseMediaType(declared)
	kind := http.DetectContentType(content)
	if len(content) >= 12 && string(content[4:8]) == "ftyp" && slices.Contains([]string{"avif", "avis"}, string(content[8:12])) {
		kind = "image/avif" // which net/http does not know
	}
	if !slices.Contains(pictureTypes, declared) || !slices.Contains(pictureTypes, kind) {
		return ""
	}
	return kind
}

// checkPictureURL accepts https addresses at Instagram's own hosts for pictures that every
// URL parser reads alike. Where the graph is a simulator on a loopback host, pictures may
// come from the same host, on any port. The error names the host, less these secrets.
func (c *Client) checkPictureURL(address string, secrets ...string) error {
	u, err := url.Parse(address)
	outside := func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("\\#<>\"`{|}^", r) }
	if err != nil || len(address) > maxPictureURL || strings.ContainsFunc(address, outside) {
		return errPictureURL
	}
	// This rules out user names, and hosts and schemes that are written in an odd way.
	if !strings.HasPrefix(address, u.Scheme+"://"+u.Host+"/") || u.Scheme != "https" && u.Scheme != "http" {
		return errPictureURL
	}
	if u.Scheme == "https" && isPictureHost(u.Host) || c.simulates(u) {
		return nil
	}
	return fmt.Errorf("the picture is not on a host of Instagram: %q", cut(without(u.Host, secrets)))
}

// isPictureHost reports whether a host, without a port, is below one of the domains.
func isPictureHost(host string) bool {
	if host == "" {
		return false
	}
	outside := func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '.' }
	below := func(domain string) bool { return strings.HasSuffix(host, domain) && len(host) > len(domain) }
	return !strings.ContainsFunc(host, outside) && !strings.Contains(host, "..") && host[0] != '.' && slices.ContainsFunc(pictureDomains, below)
}

// simulates reports whether an address is on the loopback host of a simulated graph.
func (c *Client) simulates(u *url.URL) bool {
	graph, err := url.Parse(c.config.Endpoints.Graph)
	return err == nil && isLoopback(graph.Hostname()) && u.Hostname() == graph.Hostname()
}

// pictureExpires reads when a picture's URL expires: parameter oe, Unix seconds in hexadecimal.
func pictureExpires(address string) time.Time {
	_, query, _ := strings.Cut(address, "?")
	for pair := range strings.SplitSeq(query, "&") {
		if digits, ok := strings.CutPrefix(pair, "oe="); ok {
			if seconds, err := strconv.ParseUint(digits, 16, 33); err == nil && seconds > 0 {
				return time.Unix(int64(seconds), 0)
			}
		}
	}
	return time.Time{}
}
