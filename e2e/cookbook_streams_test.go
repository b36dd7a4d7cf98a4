package e2e

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
	"github.com/coder/websocket"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
)

// liveApp has a websocket and an event stream. Both say first who the visitor is, and then stay
// open until the other end closes them. The websocket closes with the reason that it is sent.
type liveApp struct{ open atomic.Int32 }

func (a *liveApp) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.open.Add(1)
	defer a.open.Add(-1)
	who := r.Header.Get("X-Instagram-User-Id") + "|" + r.Header.Get("X-Instagram-Username") + "|" + r.Header.Get("Cookie")
	if r.URL.Path == "/live/events" {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = fmt.Fprintf(w, "data: event for %s\n\n", who)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		return
	}
	connection, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return
	}
	defer connection.CloseNow()
	if connection.Write(r.Context(), websocket.MessageText, []byte("message for "+who)) != nil {
		return
	}
	if _, reason, err := connection.Read(r.Context()); err == nil {
		_ = connection.Close(websocket.StatusPolicyViolation, string(reason))
	}
}

func websocketsAndEventStreams(k *kitchen) {
	app := new(liveApp)
	k.serve(app.ServeHTTP)
	k.admin = "127.0.0.1:" + freePort(k.T)
	k.replace("/srv/www", k.write())
	k.cook()
	k.wantNoHandshake()

	page := &chromium{k.T, k.tab()}
	run(k.T, page.tab, chromedp.Navigate("https://example.com/"))
	page.until(says("Signed out"))
	run(k.T, page.tab, chromedp.Click("#sign-in")) // opens a tab, in which Instagram allows it at once
	other := k.tabOpenedBy(page)
	other.until(says("Signed in as " + username))
	page.wantLive(userID + "|" + username + "|")

	// The page is not told that the visitor signs out in the other tab: Caddy ends its connections.
	run(k.T, other.tab, chromedp.Click("#sign-out button"))
	page.until(says("Signed out") + ` && messages.childElementCount === 0`)
	page.until(`window.closedWith === "1008 session_ended"`)
	other.until(says("Signed out"))
	k.caddy.waitUntil("an app whose connections are closed", func() bool { return app.open.Load() == 0 })

	// A new sign-in in the other tab.
	run(k.T, other.tab, chromedp.Navigate("https://example.com/instagram_auth/login"))
	page.wantLive(userID + "|" + username + "|")

	// Another sign-in replaces the session. The page connects again with the new one.
	run(k.T, other.tab, chromedp.Navigate("https://example.com/instagram_auth/login"))
	page.until(`window.closedWith === "1008 session_ended" && socket.readyState === WebSocket.OPEN && events.readyState === EventSource.OPEN`)

	// An event stream is enough. The operator's command ends all sessions of the person.
	page.eval(`(socket.onclose = null, socket.close(), "")`)
	if out, err := command("revoke", "--user", userID, "--address", k.admin); err != nil {
		k.Fatalf("%v: %s", err, out)
	}
	page.until(says("Signed out") + ` && events.readyState === EventSource.CLOSED`)
	other.until(says("Signed out"))
	k.caddy.waitUntil("an app whose connections are closed", func() bool { return app.open.Load() == 0 })

	k.firefoxNoticesTheEnd(app)

	// Somebody else has signed in: the page forgets what it has shown.
	run(k.T, other.tab, chromedp.Navigate("https://example.com/instagram_auth/login"))
	page.wantLive(userID + "|" + username + "|")
	page.eval(`(user = "1", window.isTheSame = true, check(), "")`)
	page.until(`window.isTheSame === undefined && ` + says("Signed in as "+username))

	k.asksForANewSignIn(page, other)

	// A reload keeps the connections. Then the new configuration denies the person.
	page.wantLive(userID + "|" + username + "|")
	k.deny(userID)
	page.until(`window.closedWith === "1008 session_ended" && messages.childElementCount === 0`)
	for _, tab := range []*chromium{page, other} { // only the first one learns why
		tab.until(says("Signed out") + ` || ` + says(refusal.NoAccess.Text()))
	}
}

// asksForANewSignIn closes a page's websocket as Caddy does when the sign-in is too old for it.
func (k *kitchen) asksForANewSignIn(page, other *chromium) {
	k.Helper()
	page.wantLive(userID + "|" + username + "|")
	page.until(`Date.now() - Date.parse(signedInAt) > 2000`) // the next sign-in is a later one
	page.eval(`(socket.send("too_old"), "")`)
	const asks = "Please sign in again to go on"
	page.until(says(asks) + ` && window.closedWith === "1008 too_old" && events.readyState === EventSource.CLOSED && messages.childElementCount > 0`)
	page.until(`signIn.hidden === false && signIn.getAttribute("href") === "/instagram_auth/login?fresh=true&return_to=%2F"`)
	page.eval(`(window.asked = false, check().then(() => (window.asked = true)), "")`) // as when the window gets the focus
	page.until(`window.asked && socket.readyState === WebSocket.CLOSED && ` + says(asks))
	run(k.T, other.tab, chromedp.Navigate("https://example.com/instagram_auth/login"))
	page.until(says("Signed in as "+username) + ` && socket.readyState === WebSocket.OPEN && signIn.hidden`)
}

// firefoxNoticesTheEnd has the page in Firefox, and ends the session behind it.
func (k *kitchen) firefoxNoticesTheEnd(app *liveApp) {
	k.Helper()
	page := newFirefox(k.T, `user_pref("network.dns.forceResolve", "127.0.0.1");`, `user_pref("network.socket.forcePort", "443=`+k.https+`");`)
	page.open("https://example.com/")
	page.until(says("Signed out"))
	page.open("https://example.com/instagram_auth/login")
	page.until(says("Signed in as " + username))
	page.until(`document.querySelectorAll("#messages li").length >= 2`) // one of each connection
	// The page's own variables are seen by its own eval alone.
	page.eval(`window.eval('socket.addEventListener("close", (event) => window.closedWith = event.code + " " + event.reason), ""')`)
	if out, err := command("revoke", "--user", userID, "--address", k.admin); err != nil {
		k.Fatalf("%v: %s", err, out)
	}
	page.until(says("Signed out") + ` && window.eval('window.closedWith === "1008 session_ended" && messages.childElementCount === 0')`)
	k.caddy.waitUntil("an app whose connections are closed", func() bool { return app.open.Load() == 0 })
}

// deny reloads the configuration with a person on the list of those who are kept out.
func (k *kitchen) deny(user string) {
	k.Helper()
	running, err := http.Get("http://" + k.admin + "/config/")
	if err != nil {
		k.Fatal(err)
	}
	const block = `"handler":"instagram_auth"`
	changed := strings.ReplaceAll(body(k.T, running), block, block+`,"deny":["`+user+`"]`)
	if !strings.Contains(changed, "deny") {
		k.Fatalf("no block is in %s", changed)
	}
	answer, err := http.Post("http://"+k.admin+"/load", "application/json", strings.NewReader(changed))
	if err != nil {
		k.Fatal(err)
	}
	if text := body(k.T, answer); answer.StatusCode != http.StatusOK {
		k.Fatalf("reload: %d %s", answer.StatusCode, text)
	}
}

// says is whether the page shows a state.
func says(state string) string {
	return fmt.Sprintf(`document.querySelector("#state")?.textContent === %q`, state)
}

// wantLive waits until the websocket and the event stream of the page are open, and have said who
// the visitor is. Then it notes how the websocket will be closed.
func (c *chromium) wantLive(who string) {
	c.t.Helper()
	c.until(fmt.Sprintf(`document.querySelectorAll("#messages li").length >= 2 &&
		["message for ", "event for "].every((start) => [...messages.children].some((line) => line.textContent === start + %q))`, who))
	c.eval(`(socket.addEventListener("close", (event) => window.closedWith = event.code + " " + event.reason), window.closedWith = undefined, "")`)
}

// wantNoHandshake asks for both connections without a session.
func (k *kitchen) wantNoHandshake() {
	k.Helper()
	g := k.guest()
	ctx, cancel := context.WithTimeout(k.Context(), 20*time.Second)
	defer cancel()
	_, answer, err := websocket.Dial(ctx, "wss://example.com/live/socket", &websocket.DialOptions{HTTPClient: g.client, HTTPHeader: http.Header{"X-Instagram-User-Id": {"1"}}})
	if err == nil || answer == nil || answer.StatusCode != http.StatusUnauthorized {
		k.Errorf("a handshake without a session: %v, %v", answer, err)
	}
	k.want("an event stream without a session", g.ask(http.MethodGet, "https://example.com/live/events", "Accept", "text/event-stream"), "401 ")
}

// tabOpenedBy waits for another tab of the browser of a tab, and attaches to it.
func (k *kitchen) tabOpenedBy(first *chromium) *chromium {
	k.Helper()
	var id target.ID
	own := chromedp.FromContext(first.tab).Target.TargetID
	k.caddy.waitUntil("another tab", func() bool {
		all, err := chromedp.Targets(first.tab)
		for _, one := range all {
			if one.Type == "page" && one.TargetID != own && strings.HasPrefix(one.URL, "https://example.com/") {
				id = one.TargetID
			}
		}
		return err == nil && id != ""
	})
	ctx, closeTab := chromedp.NewContext(first.tab, chromedp.WithTargetID(id))
	k.Cleanup(closeTab)
	run(k.T, ctx) // attaches to the tab, for as long as ctx lives
	return &chromium{k.T, bounded(k.T, ctx)}
}
