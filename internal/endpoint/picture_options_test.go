package endpoint_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

const (
	warnsOfField = "fields has profile_picture_url, which is too long for the session cookie and for a header; use this handler's picture path instead"
	warnsOfToken = "the picture needs a stored access token: add token long_lived; until then its path answers 404"
)

func TestThePictureNeedsATokenThatIsKept(t *testing.T) {
	for name, c := range map[string]struct {
		api     instagram.API
		options string
		shown   bool
		warns   string // of the field, of the token
	}{
		"by default":                        {"", "", false, "00"},
		"kept":                              {"", keptToken, true, "00"},
		"forwarded":                         {"", "token {\n forward_as X-Token\n}", true, "00"},
		"kept and wanted":                   {"", keptToken + "\npicture redirect", true, "00"},
		"kept and switched off":             {"", keptToken + "\npicture off", false, "00"},
		"wanted without a token":            {"", "picture redirect", false, "01"},
		"wanted from here without a token":  {"", "picture proxy", false, "01"},
		"switched off":                      {"", "picture off", false, "00"},
		"a field without a token":           {"", "fields name profile_picture_url", false, "11"},
		"a field and a token":               {"", "fields profile_picture_url\n" + keptToken, true, "10"},
		"basic_display":                     {instagram.BasicDisplay, "api basic_display\n" + keptToken, false, "00"},
		"handoff":                           {"", "after_login handoff\n" + sitetest.LongLivedToken, false, "00"},
		"a field and handoff":               {"", "after_login handoff\nfields profile_picture_url", false, "00"},
		"a field, a token and another path": {"", "path_prefix /me\nfields profile_picture_url\n" + keptToken, true, "10"},
	} {
		t.Run(name, func(t *testing.T) {
			s := sitetest.Start(t, sitetest.Config{Api: c.api, Options: c.options, Users: withPictures(pictureURL)})
			path, b := picturePath, s.NewBrowser()
			if name == "a field, a token and another path" {
				path = "/me/picture"
			}
			switch answer := b.Image(path); c.shown {
			case true:
				wantNoImage(t, answer, http.StatusUnauthorized, "login_required")
				b.SignIn("/page")
				wantPictureAt(t, b.Image(path), pictureURL)
			case false:
				wantNoImage(t, answer, http.StatusNotFound, "no_picture")
			}
			field, token := s.Logged(warnsOfField), s.Logged(warnsOfToken)
			if got := fmt.Sprint(len(field), len(token)); got != c.warns[:1]+" "+c.warns[1:] {
				t.Errorf("warned %v, %v", field, token)
			}
			for _, line := range append(field, token...) {
				if line["level"] != "warn" || line["path"] != path {
					t.Errorf("warned %v", line)
				}
			}
		})
	}
}
