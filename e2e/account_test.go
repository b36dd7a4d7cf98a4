package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"image"
	"image/png"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// otherUsername is a second user, whose account the person has, too.
const otherUsername = "other.person"

// startAccountSite runs Caddy behind another site of it, with a user who has a picture. A path
// matcher says what is protected, and the account page is not among it.
func startAccountSite(t *testing.T, options string) *site {
	t.Helper()
	var picture bytes.Buffer
	if err := png.Encode(&picture, image.NewGray(image.Rect(0, 0, 8, 8))); err != nil {
		t.Fatal(err)
	}
	pictures := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "image/png")
		_, _ = w.Write(picture.Bytes())
	}))
	port, behind, instagram := freePort(t), freePort(t), freePort(t)
	s := &site{origin: "https://localhost:" + port, instagram: "http://localhost:" + instagram, port: port}
	p := startCaddy(t, fmt.Sprintf(`{
		admin off
		skip_install_trust
		http_port %s
		auto_https disable_redirects
	}
	%s {
		tls internal
		reverse_proxy 127.0.0.1:%s
	}
	http://:%s {
		instagram_auth /private* {
			app_id %s
			app_secret %s
			redirect_uri %s/auth/
			endpoints %s
			%s
		}
		%s
	}
	%s {
		instagram_simulator {
			app_id %s
			app_secret %s
			redirect_uri %s/auth/
			deauthorize http://localhost:%s/instagram_auth/deauthorize
			user %s {
				id %s
				account_type business
				picture http://localhost%s/picture.png
			}
			user %s {
				id 17841400000000002
				account_type creator
			}
		}
	}`, freePort(t), s.origin, behind, behind, appID, appSecret, s.origin, s.instagram, options, greeting, s.instagram, appID, appSecret, s.origin,
		behind, username, userID, strings.TrimPrefix(pictures, "127.0.0.1"), otherUsername),
		nil, "127.0.0.1:"+port, "127.0.0.1:"+behind, "127.0.0.1:"+instagram)
	p.waitUntil("a certificate", func() bool {
		connection, err := tls.Dial("tcp", "localhost:"+port, &tls.Config{InsecureSkipVerify: true})
		if err == nil {
			_ = connection.Close()
		}
		return err == nil
	})
	return s
}

// The ways out of the account page, as selectors.
const (
	signOutHere = "form:not(:has(button[name=everywhere])) button"
	everywhere  = "button[name=everywhere]"
	another     = "section.ways a"
	apps        = "a[rel~=noopener]"
)

// showsAccount waits until a tab shows the account page of a user.
func showsAccount(t *testing.T, tab context.Context, account, name string) {
	t.Helper()
	eventually(t, tab, "location.href.replace(/#$/, ``) === `"+account+"` && document.querySelector(`dd`)?.innerText === `@"+name+"`")
}

// openAccount opens the account page, and signs in as a user on the way.
func openAccount(t *testing.T, tab context.Context, account, name string) {
	t.Helper()
	run(t, tab, chromedp.Navigate(account))
	click(t, tab, accountNamed(name), "#allow")
	showsAccount(t, tab, account, name)
}

func TestP7_EachWayOutOfTheAccountPageInABrowser(t *testing.T) {
	s := startAccountSite(t, "")
	account := s.origin + "/instagram_auth/account"
	tab, phone := newBrowser(t, ""), newBrowser(t, "")
	openAccount(t, tab, account, username)
	want(t, tab, account, userID)
	shoot(t, tab, "account")

	for _, name := range []string{otherUsername, username} {
		click(t, tab, another, accountNamed(name), "#allow")
		showsAccount(t, tab, account, name)
	}

	openAccount(t, phone, account, username)
	click(t, tab, signOutHere)
	see(t, tab, "#id")
	want(t, tab, s.origin+"/", "Hello")
	wantNoCookies(t, tab, s)
	run(t, phone, chromedp.Navigate(account)) // signed out here alone
	showsAccount(t, phone, account, username)

	openAccount(t, tab, account, username)
	click(t, tab, everywhere)
	see(t, tab, "#id")
	wantNoCookies(t, tab, s)
	run(t, phone, chromedp.Navigate(account))
	see(t, phone, "#allow")

	openAccount(t, phone, account, username)
	openAccount(t, tab, account, username)
	click(t, tab, apps)
	see(t, tab, "#remove")
	if at := look(t, tab).address; at != s.instagram+"/accounts/manage_access/" {
		t.Errorf("the link to remove the app leads to %s", at)
	}
	click(t, tab, "#remove")
	see(t, tab, "#deauthorize")
	for _, device := range []context.Context{tab, phone} {
		run(t, device, chromedp.Navigate(account))
		see(t, device, "#allow") // all sessions are over
	}
}

// wantNoCookies fails the test if a browser has kept a cookie of a session.
func wantNoCookies(t *testing.T, tab context.Context, s *site) {
	t.Helper()
	if names := cookieNames(t, tab, s); slices.Contains(names, cookie) {
		t.Errorf("cookies %q are left", names)
	}
}

func TestP7_TheAccountPageShowsThePictureAndIsNotFramed(t *testing.T) {
	for mode, options := range map[string]string{"redirect": "", "proxy": "picture proxy"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			s := startAccountSite(t, "token {\n long_lived\n}\n"+options)
			account := s.origin + "/instagram_auth/account"
			tab := newBrowser(t, "")
			openAccount(t, tab, account, username)
			if width := pictureWidth(t, tab); width != 8 {
				t.Errorf("the picture has a width of %d", width)
			}
			shoot(t, tab, "account-"+mode)
			// The policy allows no other image.
			if loads := ask(t, tab, chromedp.Evaluate[bool](`new Promise(done => {
				const other = new Image();
				other.onload = () => done(true);
				other.onerror = () => done(false);
				other.src = "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg'/>";
			})`, chromedp.EvalAwaitPromise)); loads {
				t.Error("the page loads an image of elsewhere")
			}
			wantUnframed(t, tab, s)
		})
	}
}

// An account without a picture has a drawn head in its place, and no empty spot.
func TestTheAccountPageHasSomethingInThePlaceOfAMissingPicture(t *testing.T) {
	s := startAccountSite(t, "token {\n long_lived\n}")
	tab := newBrowser(t, "")
	openAccount(t, tab, s.origin+"/instagram_auth/account", otherUsername)
	eventually(t, tab, `document.images[0].complete && document.images[0].naturalWidth === 0`)
	shoot(t, tab, "account-without-picture")
	shot, err := png.Decode(bytes.NewReader(ask(t, tab, chromedp.CaptureScreenshot())))
	if err != nil {
		t.Fatal(err)
	}
	place := ask(t, tab, chromedp.Evaluate[[]int](`(box => [box.left + box.width / 2, box.top, box.bottom].map(Math.round))(document.images[0].getBoundingClientRect())`))
	// Down the middle of the circle: ground, head, ground, shoulders.
	changes := 0
	for y := place[1] + 6; y < place[2]-6; y++ {
		if shot.At(place[0], y) != shot.At(place[0], y-1) {
			changes++
		}
	}
	if changes < 3 {
		t.Errorf("the place of the picture has %d borders", changes)
	}
}

// pictureWidth waits for the one picture of a page, and fails the test if it is broken.
func pictureWidth(t *testing.T, tab context.Context) int {
	t.Helper()
	return ask(t, tab, chromedp.Evaluate[int](`document.images[0].decode().then(() => document.images[0].naturalWidth)`, chromedp.EvalAwaitPromise))
}

// wantUnframed fails the test if another page of the site can show the account page in a frame.
func wantUnframed(t *testing.T, tab context.Context, s *site) {
	t.Helper()
	run(t, tab, chromedp.Navigate(s.origin+"/"))
	see(t, tab, "#id")
	_ = ask(t, tab, chromedp.Evaluate[bool](`new Promise(done => {
		const frame = document.createElement("iframe");
		frame.onload = () => done(true);
		frame.src = "/instagram_auth/account";
		document.body.append(frame);
	})`, chromedp.EvalAwaitPromise))
	// A browser shows its own error page instead, which is of another origin.
	if text := ask(t, tab, chromedp.Evaluate[string](`document.querySelector("iframe").contentDocument?.body?.innerText ?? ""`)); text != "" {
		t.Errorf("the frame shows %q", text)
	}
}
