package sitetest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

// follow navigates through redirects of the site and to Instagram, until there is a page or
// somebody gives up. It returns the number of visits to the authorization window.
func (b *Browser) Follow(address string) (answer Response, windows int) {
	b.T.Helper()
	for range 30 {
		if answer = b.Get(address); answer.Location() == "" {
			return answer, windows
		}
		next, err := answer.Request.URL.Parse(answer.Location())
		if err != nil {
			b.T.Fatal(err)
		}
		if strings.Contains(next.Path, "/oauth/authorize") {
			windows++
		}
		address = next.String()
	}
	b.T.Fatalf("a loop: %d times at the window, now at %s", windows, address)
	return answer, windows
}

// slowly sends a request whose body comes byte by byte, length of them, and returns the
// answer and how long the connection lived. 0 is for a body without an end.
func (s *Site) Slowly(t *testing.T, method, path, headers string, length int) (answer string, lived time.Duration) {
	connection, err := net.Dial("tcp", s.Addr)
	if err != nil {
		t.Error(err)
		return "", 0
	}
	defer connection.Close()
	began := time.Now()
	_ = connection.SetDeadline(began.Add(40 * time.Second))
	size, piece := fmt.Sprint("Content-Length: ", length), "a"
	if length == 0 {
		size, piece = "Transfer-Encoding: chunked", "1\r\na\r\n"
	}
	fmt.Fprintf(connection, "%s %s HTTP/1.1\r\nHost: %s\r\n%s\r\n%s\r\n\r\n", method, path, Host, size, headers)
	gone := make(chan struct{})
	go func() {
		for sent := 0; sent < length || length == 0; sent++ {
			if _, err := io.WriteString(connection, piece); err != nil {
				return
			}
			select {
			case <-gone:
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
	}()
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	close(gone)
	if err != nil {
		return err.Error(), time.Since(began)
	}
	text, _ := io.ReadAll(response.Body)
	return fmt.Sprint(response.StatusCode, " ", string(text)), time.Since(began)
}

// tokenForm returns the fields of the last token request that Instagram received.
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

// send sends a request whose Cookie header has these lines.
func (s *Site) Send(request *http.Request, lines []string) Response {
	s.T.Helper()
	request.Header["Cookie"] = lines
	return s.NewBrowser().Do(request)
}

// ageCallbacks makes the notes about callbacks older.
func (s *Site) AgeCallbacks(by time.Duration) {
	s.T.Helper()
	for _, file := range s.Stored() {
		if strings.Contains(file, "/callbacks/") {
			if err := os.WriteFile(file, fmt.Appendf(nil, "%d\n", time.Now().Add(-by).Unix()), 0o600); err != nil {
				s.T.Fatal(err)
			}
		}
	}
}

// signOut signs the session of a cookie out.
func (s *Site) SignOut(cookie string) Response {
	s.T.Helper()
	b := s.NewBrowser()
	request := b.LogoutRequest(nil)
	request.Header.Set("Cookie", cookie)
	return b.Do(request)
}

// wantForgedHeadersDeleted asks for the public page in each protocol, with an identity header in
// each spelling.
func (s *Site) WantForgedHeadersDeleted(t *testing.T) {
	t.Helper()
	for protocol, client := range s.Clients(t) {
		for _, header := range append(lookAlikes("X-Instagram-User-Id"), lookAlikes("X-Instagram-Username")...) {
			request, err := http.NewRequest(http.MethodGet, "http://"+s.Addr+"/public/page", nil)
			if err != nil {
				t.Fatal(err)
			}
			request.Host = Host
			request.Header[header] = []string{"forged"}
			before := s.Upstream.Count()
			answer, err := client.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			_ = answer.Body.Close()
			if answer.StatusCode != http.StatusOK || s.Upstream.Count() == before {
				t.Fatalf("%s: the page is not public: %s", protocol, answer.Status)
			}
			s.WantNothingForged(t, protocol+" "+header)
		}
	}
}

// wantNothingForged fails the test if the last request to the site has a header or trailer
// that the client made up.
func (s *Site) WantNothingForged(t *testing.T, what string) {
	t.Helper()
	last := s.Upstream.Last(t)
	for _, all := range []http.Header{last.Header, last.Trailer} {
		for name, values := range all {
			if slices.Contains(values, "forged") {
				t.Errorf("%s reached the site as %s", what, name)
			}
		}
	}
}

// wantClosed fails the test unless an answer keeps a visitor out.
func (s *Site) WantClosed(what string, answer Response) {
	s.T.Helper()
	switch answer.StatusCode {
	case http.StatusFound, http.StatusSeeOther, http.StatusUnauthorized, http.StatusForbidden:
	default:
		s.T.Errorf("%s: answered %s", what, answer.Status)
	}
}

// wantIdentity fails the test unless the last request to the site carries what
// belongs to a person and nothing that was forged.
func (s *Site) WantIdentity(t *testing.T, what, person string) {
	t.Helper()
	want := map[string]string{"X-Instagram-User-Id": "", "X-Instagram-Username": "", "X-Instagram-Name": ""}
	if person != "nobody" {
		want["X-Instagram-User-Id"], want["X-Instagram-Username"] = UserID, Username
	}
	if person == "somebody with a name" {
		want["X-Instagram-Name"] = "Jay"
	}
	got := s.Upstream.Last(t).Header
	for name, value := range want {
		if strings.Join(got[name], "|") != value {
			t.Errorf("%s: %s = %q, want %q", what, name, got[name], value)
		}
	}
}

// clients returns one client for each version of HTTP that Caddy speaks without TLS.
func (s *Site) Clients(t *testing.T) map[string]*http.Client {
	keep := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	h1, h2 := &http.Transport{}, &http.Transport{Protocols: new(http.Protocols)}
	h2.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(h1.CloseIdleConnections)
	t.Cleanup(h2.CloseIdleConnections)
	return map[string]*http.Client{
		"HTTP/1.1": {Transport: h1, CheckRedirect: keep},
		"HTTP/2":   {Transport: h2, CheckRedirect: keep},
	}
}

// back begins a login, goes through the window and returns the way back. A made-up code stands
// for a window where nobody was.
func (b *Browser) Back(address, code string) *http.Request {
	b.T.Helper()
	start := b.Do(Forwarded(address, Navigation(b.T, http.MethodGet, "/private?x=1")))
	if code == "" {
		return Forwarded(address, Navigation(b.T, http.MethodGet, b.Window(start)))
	}
	state := Query(b.T, start.Location()).Get("state")
	return Forwarded(address, Navigation(b.T, http.MethodGet, Callback+"?code="+code+"&state="+url.QueryEscape(state)))
}

// plant asks for all pages of the site with the address of a callback in all parts of a request.
func (s *Site) Plant(b *Browser, addresses ...string) {
	for _, address := range addresses {
		once := url.QueryEscape(address)
		for _, page := range []string{"/page", "/shop/page", "/old/page", "/late/page", "/dead", "/php/index.php", "/fails", "/panic"} {
			_, rawQuery, _ := strings.Cut(address, "?")
			rawQuery, _, _ = strings.Cut(rawQuery, "#")
			for _, with := range []string{rawQuery, "to=" + once, "to=" + url.QueryEscape(once), "x;" + strings.ReplaceAll(rawQuery, "&", ";"), "q=" + url.QueryEscape(asText(s.T, Query(s.T, address)))} {
				request := Navigation(s.T, http.MethodGet, page+"?"+with)
				request.Header.Set("Referer", address)
				request.Header.Set("X-Original-Url", "/login?return_to="+once)
				request.Header.Set("X-Trace", asText(s.T, map[string]string{"url": address}))
				// A panic closes the connection, and with it the answer.
				if answer, err := b.HTTP.Do(request); err == nil {
					_, _ = io.Copy(io.Discard, answer.Body)
					_ = answer.Body.Close()
				}
			}
		}
	}
}

// logout presses the button of the sign-out page.
func (b *Browser) Logout(form url.Values) Response {
	b.T.Helper()
	return b.Do(b.LogoutRequest(form))
}

func (b *Browser) LogoutRequest(form url.Values) *http.Request {
	request := Navigation(b.T, http.MethodPost, LogoutPath)
	SetBody(request, form.Encode())
	request.Header.Set("Sec-Fetch-Site", "same-origin")
	return request
}

// with sends a request to a page with these cookies and nothing else of a browser.
func (s *Site) With(cookies string) Response {
	s.T.Helper()
	request := Navigation(s.T, http.MethodGet, "/page")
	request.Header.Set("Cookie", cookies)
	request.Header.Set("Sec-Fetch-Mode", "cors")
	return s.NewBrowser().Do(request)
}

func (s *Site) WantAlive(cookies string, alive bool) {
	s.T.Helper()
	want := map[bool]int{true: http.StatusOK, false: http.StatusUnauthorized}[alive]
	if answer := s.With(cookies); answer.StatusCode != want {
		s.T.Errorf("answered %s, want %d", answer.Status, want)
	}
}

// asked goes to an address with a language, as a person does.
func (b *Browser) Asked(t *testing.T, path, language string) Response {
	t.Helper()
	request := Navigation(t, http.MethodGet, path)
	request.Header.Set("Accept-Language", language)
	return b.Do(request)
}

// image asks for an address as an <img> of a page of this site does.
func (b *Browser) Image(address string, changes ...func(*http.Request)) Response {
	b.T.Helper()
	request := Navigation(b.T, http.MethodGet, address)
	request.Header.Set("Accept", "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8")
	request.Header.Set("Sec-Fetch-Mode", "no-cors")
	request.Header.Set("Sec-Fetch-Dest", "image")
	request.Header.Set("Sec-Fetch-Site", "same-origin")
	for _, change := range changes {
		change(request)
	}
	return b.Do(request)
}

// signInAs takes a login to its end in a window where somebody has to press Allow.
func (b *Browser) SignInAs(username string) {
	b.T.Helper()
	request := Navigation(b.T, http.MethodPost, b.Get("/page").Location())
	SetBody(request, url.Values{"action": {"allow"}, "user": {username}}.Encode())
	if arrived := b.Get(b.Do(request).Location()); arrived.StatusCode != http.StatusSeeOther {
		b.T.Fatalf("the callback answered %s %s", arrived.Status, arrived.Body)
	}
}

// pictureIs has the user node answer with this address of a picture.
func (s *Site) PictureIs(address string) {
	body, _ := json.Marshal(map[string]string{"user_id": UserID, "id": AppScopedID, "username": Username, "profile_picture_url": address})
	s.Instagram.Misbehave(simulator.UserNode, simulator.Fault{Kind: simulator.Answer, Body: string(body)})
}

// ask sends a GET of a target as it is, and returns the answer.
func (s *Site) Ask(t *testing.T, target string) Response {
	t.Helper()
	return s.Raw(t, "GET "+target+" HTTP/1.1\r\nHost: "+Host+"\r\nConnection: close\r\n\r\n")
}

// wantSession fails the test if the site gets to see a target without a session.
func (s *Site) WantSession(t *testing.T, target string) {
	t.Helper()
	before := s.Upstream.Count()
	answer := s.Ask(t, target)
	s.WantClosed(target, answer)
	if s.Upstream.Count() != before {
		t.Errorf("%s: the site was asked for %s", target, s.Upstream.Last(t).RequestURI)
	}
}

// wantPublic fails the test unless the site gets a target just as it is, without a session.
func (s *Site) WantPublic(t *testing.T, target string) {
	t.Helper()
	before := s.Upstream.Count()
	if answer := s.Ask(t, target); answer.StatusCode != http.StatusOK || s.Upstream.Count() != before+1 {
		t.Errorf("%s: answered %s, and the site was asked %d times", target, answer.Status, s.Upstream.Count()-before)
	} else if got := s.Upstream.Last(t).RequestURI; got != target {
		t.Errorf("%s: the site was asked for %s", target, got)
	}
}

// sealed starts a login whose return path nobody has checked, as somebody with the
// secret could, and returns the address that Instagram sends the browser back to.
func (b *Browser) Sealed(returnTo string) (back string) {
	b.T.Helper()
	cookies, err := session.New(session.Config{
		Secrets: []string{AppSecret}, Instance: AppID + " /instagram_auth", Name: "instagram_auth", Lifetime: time.Hour,
	})
	if err != nil {
		b.T.Fatal(err)
	}
	state, lines, err := cookies.Start(session.Login{RedirectURI: RedirectURI, ReturnTo: returnTo}, new(session.Found))
	if err != nil {
		b.T.Fatal(err)
	}
	name, value, _ := strings.Cut(strings.Split(lines[0], ";")[0], "=")
	b.Plant(name, value)
	window := b.Get("/instagram_auth/login").Location()
	return b.Get(strings.Replace(window, Query(b.T, window).Get("state"), state, 1)).Location()
}

// waitForLog waits until there are as many log lines with this message.
func (s *Site) WaitForLog(message string, n int) {
	s.T.Helper()
	for deadline := time.Now().Add(10 * time.Second); len(s.Logged(message)) < n; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.T.Fatalf("%d lines %q, want %d", len(s.Logged(message)), message, n)
		}
	}
}

// reads returns the addresses at which a visitor with this cookie gets a text.
func (s *Site) Reads(t *testing.T, text, cookie string, addresses []string) (open []string) {
	t.Helper()
	for _, address := range addresses {
		for _, method := range []string{"GET", "POST"} {
			answer := s.Raw(t, method+" "+address+" HTTP/1.1\r\nHost: example.test\r\nConnection: close\r\nAccept: */*\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\nCookie: "+cookie+"\r\nContent-Length: 0\r\n\r\n")
			if strings.Contains(answer.Body, text) {
				open = append(open, method+" "+address)
			}
		}
	}
	return open
}

// fromMeta is a callback as Meta sends it: no browser, no cookies.
func (s *Site) FromMeta(path, signed string, changes ...func(*http.Request)) Response {
	s.T.Helper()
	request, err := http.NewRequest(http.MethodPost, Origin+path, nil)
	if err != nil {
		s.T.Fatal(err)
	}
	SetBody(request, url.Values{"signed_request": {signed}}.Encode())
	for _, change := range changes {
		change(request)
	}
	return s.NewBrowser().Do(request)
}

// stored returns what this module keeps in the storage of a site, less the marker.
func (s *Site) Stored() (files []string) {
	s.T.Helper()
	err := filepath.WalkDir(filepath.Join(s.Storage, "instagram_auth"), func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && entry.Name() != "marker" {
			files = append(files, path)
		}
		if os.IsNotExist(err) {
			return nil
		}
		return err
	})
	if err != nil {
		s.T.Fatal(err)
	}
	return files
}

// sealedBy reports whether the browser's session opens with a secret alone, as on another
// node that has only this one.
func (b *Browser) SealedBy(secret string) bool {
	b.T.Helper()
	cookies, err := session.New(session.Config{Secrets: []string{secret}, Instance: AppID + " /instagram_auth", Name: "instagram_auth", Lifetime: 7 * 24 * time.Hour})
	if err != nil {
		b.T.Fatal(err)
	}
	found := cookies.Find([]string{b.CookieHeader()})
	_, ok := cookies.Open(&found, nil)
	return ok
}

func (s *Site) WaitLogged(message string, times int) {
	s.T.Helper()
	Eventually(s.T, message, func() bool { return len(s.Logged(message)) >= times })
}

// allowing presses Allow in the authorization window with only these boxes ticked, and
// returns the answer of the callback.
func (b *Browser) Allowing(start Response, permissions ...string) Response {
	b.T.Helper()
	request := Navigation(b.T, http.MethodPost, start.Location())
	SetBody(request, url.Values{"action": {"allow"}, "user": {Username}, "permission": permissions}.Encode())
	back := b.Do(request)
	if back.StatusCode != http.StatusFound {
		b.T.Fatalf("the window answered %s %s", back.Status, back.Body)
	}
	return b.Get(back.Location())
}

// startLines returns what Caddy says at start about the blocks of a site, but for what is said of
// its secrets.
func (s *Site) StartLines() (lines []StartLine) {
	for text := range strings.Lines(s.Logs()) {
		var line StartLine
		if err := json.Unmarshal([]byte(text), &line); err == nil && line.Logger == "http.handlers.instagram_auth" && !SaidAtEachLoad.MatchString(line.Msg) {
			lines = append(lines, line)
		}
	}
	return lines
}

// checksTook returns how long the checks at the last start took.
func (s *Site) ChecksTook() (took time.Duration) {
	s.T.Helper()
	s.Logged("configuration checked")
	for text := range strings.Lines(s.Logs()) {
		var entry struct {
			Msg      string
			Duration float64
		}
		if json.Unmarshal([]byte(text), &entry) == nil && entry.Msg == "configuration checked" {
			took = time.Duration(entry.Duration * float64(time.Second))
		}
	}
	return took
}

// breakStorage makes the storage of a site fail and returns what makes it work again.
func (s *Site) BreakStorage() (mend func()) {
	s.T.Helper()
	// A file where a folder should be: nothing can be read or written below it.
	return s.replaceStorage(func() error { return os.WriteFile(s.Storage, nil, 0o600) })
}

// replaceStorage moves the folder of the storage away, puts something else into its place, and
// returns what brings the folder back. It tries again where Caddy is just writing, which makes the
// folder anew.
func (s *Site) replaceStorage(put func() error) (back func()) {
	s.T.Helper()
	aside := s.Storage + ".aside"
	if err := os.Rename(s.Storage, aside); err != nil {
		s.T.Fatal(err)
	}
	s.T.Cleanup(func() { _ = os.RemoveAll(aside) })
	Eventually(s.T, "something else in the place of the storage", func() bool {
		return os.RemoveAll(s.Storage) == nil && put() == nil
	})
	return func() {
		s.T.Helper()
		Eventually(s.T, "the storage back in its place", func() bool {
			return os.RemoveAll(s.Storage) == nil && os.Rename(aside, s.Storage) == nil
		})
	}
}

// unmount puts the storage of a site away, as a disk that is not mounted any more: an empty
// folder is left. mount brings it back.
func (s *Site) Unmount() (mount func()) {
	s.T.Helper()
	return s.replaceStorage(func() error { return os.Mkdir(s.Storage, 0o700) })
}

// marker returns the file of the marker, "" if there is none.
func (s *Site) Marker() string {
	s.T.Helper()
	found, err := filepath.Glob(filepath.Join(s.Storage, "instagram_auth", "*", "marker"))
	if err != nil || len(found) > 1 {
		s.T.Fatalf("%q, %v", found, err)
	}
	return strings.Join(found, "")
}

// begin takes a login as far as the callback's address.
func (b *Browser) Begin(path string) (back string) {
	b.T.Helper()
	return b.Window(b.Get(path))
}

// deauthorize sends what Meta sends when the person removes the app.
func (s *Site) Deauthorize() {
	s.T.Helper()
	request, err := http.NewRequest(http.MethodPost, Origin+"/instagram_auth/deauthorize", strings.NewReader("signed_request="+s.Instagram.SignedRequest(Username)))
	if err != nil {
		s.T.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if answer := s.NewBrowser().Do(request); answer.StatusCode != http.StatusOK {
		s.T.Fatalf("answered %s %s", answer.Status, answer.Body)
	}
}

// breakOff opens the callback, and goes away while Instagram is asked for the token.
func (b *Browser) BreakOff(back string) {
	b.T.Helper()
	s := b.site
	before := s.Instagram.Calls(simulator.Token)
	connection, err := net.Dial("tcp", s.Addr)
	if err != nil {
		b.T.Fatal(err)
	}
	fmt.Fprintf(connection, "GET %s HTTP/1.1\r\nHost: %s\r\nAccept: text/html\r\nCookie: %s\r\n\r\n", Navigation(b.T, http.MethodGet, back).URL.RequestURI(), Host, b.CookieHeader())
	Eventually(b.T, "the exchange", func() bool { return s.Instagram.Calls(simulator.Token) > before })
	_ = connection.Close()
}

// olderSession signs in and then gives the browser a session of the same person that is
// older, so that Instagram is to be asked again.
func (s *Site) OlderSession(b *Browser, ago time.Duration) (token string) {
	s.T.Helper()
	token = s.TokenOf(b)
	b.Plant(SessionCookie, s.OlderCookie(token, ago))
	return token
}

// tokenOf signs a browser in and returns the token that the site gets.
func (s *Site) TokenOf(b *Browser) string {
	s.T.Helper()
	b.SignIn("/page")
	b.Get("/page")
	return s.Upstream.Last(s.T).Header.Get(TokenHeader)
}

// olderCookie returns the cookie of a session of its own that began some time ago.
func (s *Site) OlderCookie(token string, ago time.Duration) string {
	s.T.Helper()
	cookies, err := session.New(session.Config{
		Secrets: []string{AppSecret}, Instance: AppID + " /instagram_auth", Name: "instagram_auth", Lifetime: 7 * 24 * time.Hour,
		Tokens: true, Now: func() time.Time { return time.Now().Add(-ago) },
	})
	if err != nil {
		s.T.Fatal(err)
	}
	issued := time.Now().Add(-ago)
	_, line, _, err := cookies.Create(session.Session{
		Identity: Somebody(), Keys: session.Keys{Session: 4711 + 4*sessions.Add(1), User: 4712, AppScoped: 4713},
		Token: session.Token{Access: token, LongLived: true, Issued: issued, Expires: issued.Add(60 * 24 * time.Hour)},
	})
	if err != nil {
		s.T.Fatal(err)
	}
	value, _, _ := strings.Cut(strings.TrimPrefix(line, SessionCookie+"="), ";")
	return value
}

// deny takes a login to the callback and back out of it, through a proxy that sends these
// headers, and returns the status.
func (s *Site) Deny(b *Browser, header http.Header) int {
	state := Query(s.T, b.Get("/instagram_auth/login").Location()).Get("state")
	request := Navigation(s.T, http.MethodGet, Callback+"?error=access_denied&state="+url.QueryEscape(state))
	for name, values := range header {
		request.Header[name] = values
	}
	return b.Do(request).StatusCode
}
