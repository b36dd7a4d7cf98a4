package main

var mutants = []mutant{
	// The gate.
	{"A1", "the state is not random", `rand.Read(l.Nonce[:])`, `_ = rand.Reader`, ""},
	{"A3", "an unknown host gets the first redirect URI", `return Redirect{}, false`, `return p.Redirects[0], true`, "."},
	{"A6", "a matcher that fails protects nothing", `	}
	return match || err != nil`, `	}
	return match`, ""},
	{"A5", "a redirect carries the body on", `answer.Redirect(http.StatusFound, f.Client`, `answer.Redirect(http.StatusTemporaryRedirect, f.Client`, ""},
	{"A6", "a panic lets the request through", `*err = Refuse(refusal.Reply{Code: refusal.Internal})`, `*err = nil`, ""},
	{"A6", "an own path that nobody answered goes on to the site", `if err == nil && !v.HandedOff && v.Deliver == nil {`, `if false {`, ""},
	{"A7", "rounds are not counted", `if rounds >= session.MaxRounds {`, `if false {`, ""},
	{"A9", "each session is fresh while it is young", `	if !s.Reauthenticated {
		return time.Time{}
	}
`, ``, ""},
	{"A9", "a fresh sign-in never becomes too old", `return !stream.Over(s.Fresh(maxAge), now, now)`, `return !s.Fresh(maxAge).IsZero() || now.IsZero()`, ""},
	{"A9", "a preflight brings a sign-in that is too old to the site", `		v.Standing = request.Anonymous // also with a sign-in that is too old [A9]
`, ``, ""},
	{"A9", "each sign-in counts as one that asked", `login.Reauthenticate = f.Client.Reauthenticates(window)`, `login.Reauthenticate = true`, ""},
	{"A9", "Instagram is not asked for a new sign-in", `window.Reauthenticate = fresh || start.anotherAccount`, `window.Reauthenticate = start.anotherAccount`, ""},
	{"A9", "another account replaces the session", `account != 0 && !f.Sessions.HasKey(&who, account)`, `account != 0 && !f.Sessions.HasKey(&who, account) && ctx == nil`, ""},
	{"A9", "a new sign-in is for any account", `		login.Account = s.Keys.User
`, ``, ""},
	{"A9", "a return address needs no more than another", `	page, _, _ = strings.Cut(page, "#")
	return !v.At(page,`, `	return page == "" || !v.At("/",`, ""},
	{"A9", "a callback that came twice leads to the page again and again", `v.Standing == request.SignedIn && f.isFresh(v, f.Paths.Safe(cb.login.ReturnTo))`, `v.Standing == request.SignedIn`, ""},
	{"A9", "any field says that a sign-in was fresh", `r.broken = r.broken || s.Reauthenticated || s.Fields != nil || f.Value != reauthenticated`, ``, ""},
	{"A9", "each login has asked for a new sign-in", `rounds&bitReauthenticate != 0`, `rounds != 0x3e`, ""},
	{"A9", "an open connection stays when its sign-in has become too old", `		visit.FreshUntil = v.Session.Fresh(v.MaxAge).Unix() // long ago, not 0, for one that was never fresh
`, `		visit.FreshUntil = 0
`, ""},
	{"A9", "the longest time counts", `return cmp.Compare(a.Duration, b.Duration)`, `return cmp.Compare(b.Duration, a.Duration)`, ""},
	{"A9", "a path of max_age is public elsewhere", ` || slices.ContainsFunc(p.MaxAges, func(age MaxAge) bool { return p.limits(v, age) })`, ``, ""},
	{"A9", "sites that keep their own sessions can have max_age", `	case s.Handoff:
		return option.Errorf("max_age",`, `	case false:
		return option.Errorf("max_age",`, ""},
	{"A9", "a window that cannot ask again is enough", `	case !s.client.CanReauthenticate():`, `	case false:`, ""},
	// Open connections.
	{"L5", "a revoked session keeps its connections", `	case l.Revoked(s):
		return stream.Revoked`, `	case false:
		return stream.Revoked`, "."},
	{"L5", "the lifetime ends no connection", `case stream.Over(s.End(l.Lifetime), v.Began, now):`, `case false:`, "."},
	{"L5", "the idle limit ends no connection", `case l.Idle > 0 && stream.Over(`, `case l.Idle < 0 && stream.Over(`, "."},
	{"L5", "deny ends no connection", `	case !l.Allowed(&s.Identity):
		return stream.Denied`, `	case false:
		return stream.Denied`, "."},
	{"L5", "a missing permission ends no connection", `	case l.MissingPermissions(&s.Identity) != 0:
		return`, `	case false:
		return`, "."},
	{"L5", "a storage that is silent ends no connection", `case l.MaxStaleness != 0 && l.List.Stale(l.MaxStaleness):`, `case false:`, "."},
	{"L5", "a site that keeps the sessions keeps older connections", `	case l.Handoff:
		return stream.Unverifiable`, `	case false:
		return stream.Unverifiable`, "."},
	{"L5", "a use on this node does not count", `	if l.Idle > 0 {
		l.Memory.Open.Touch(`, `	if l.Idle < 0 {
		l.Memory.Open.Touch(`, "."},
	{"L5", "a cookie that is not sent counts as a use", `			w.Conn.Unrenewed(seen)
`, `			_ = seen
`, "."},
	{"L1", "a slow response brings a revoked session back", `w.Conn.TakenOver() || l.Revoked(renewed) {`, `w.Conn.TakenOver() {`, "."},
	{"L5", "the next request on the connection is cut", `	if c.hasLeft() || c.raw()`, `	if c.raw()`, ""},
	{"L5", "short requests are cut", `if c.Kind(now) == Request || c.Ended() || `, `if c.Ended() || `, ""},
	{"L5", "long requests are not known", `if kind == Request && now.Sub(c.visit.Began) >= LongAfter {`, `if false {`, ""},
	{"L5", "an event stream is not known", `c.kind.CompareAndSwap(uint32(Request), uint32(EventStream))`, `c.kind.CompareAndSwap(uint32(Long), uint32(EventStream))`, ""},
	{"L5", "the pictures of a camera are not known", `"text/event-stream", "multipart/x-mixed-replace"}`, `"text/event-stream"}`, ""},
	{"L5", "the site goes on writing", `	if !s.Conn.BeginWrite() {
		return 0, stream.ErrEnded
	}`, `	_ = s.Conn.BeginWrite()`, "."},
	{"L5", "what a server holds back is sent after the end", `	if !s.Conn.BeginWrite() {
		return stream.ErrEnded
	}`, `	_ = s.Conn.BeginWrite()`, ""},
	{"L5", "an HTTP/3 stream goes on until the handler's next output", `	resetStream(c.serverWriter())
`, ``, ""},
	{"L5", "an HTTP/3 stream is taken from a handler that writes", `if c.flow.Load()&^flags != 0 {`, `if false {`, ""},
	{"L5", "an HTTP/3 stream is taken from a handler that changes headers", `sent.Kind() != reflect.Bool || !sent.Bool()`, `sent.Kind() != reflect.Bool`, ""},
	{"L5", "a client over HTTP/3 keeps a connection by sending", `		_ = body.Close() // of the server's body; nothing undoes that
`, `		_ = body
`, ""},
	{"L5", "a websocket that is accepted too late looks whole", `	if s.done {
		return
	}
	s.started = true`, `	s.started = true`, ""},
	{"L5", "a cookie that is not sent takes a later use back", `if c.visit.use == nil {`, `if true {`, ""},
	{"L5", "nothing wakes up a handler over HTTP/3", `		c.cancel()
	}
	if body`, `		_ = c.cancel
	}
	if body`, ""},
	{"L5", "a goodbye is sent after the response", `	if s.done {
		return
	}
	s.goodbye = code`, `	s.goodbye = code`, ""},
	{"L5", "a goodbye that hangs holds the handler", `		c.mu.Unlock()
		socket.drop() // before`, `		c.flow.Or(left)
		c.mu.Unlock()
		socket.drop() // before`, ""},
	{"L5", "a farewell of TLS holds up all ends", `		if conn, ok := ctx.Value(connKey{}).(net.Conn); ok {
			closeNow`, `		if conn, ok := ctx.Value(connKey{}).(net.Conn); ok && c.raw() == nil {
			closeNow`, ""},
	{"L5", "half a response over HTTP/1.0 ends like a whole one", `ok && how == reset {`, `ok && how != reset {`, ""},
	{"L5", "a page cannot tell a session that goes on", `	case TooOld:
		return signInTooOld`, `	case "":
		return signInTooOld`, ""},
	{"L5", "a close frame stands within another frame", `if s.started && s.frames.between() {`, `if s.started {`, ""},
	{"L5", "a configuration that is not running decides", `		if b.Live() {
			live, newest`, `		if true {
			live, newest`, ""},
	{"L5", "the old configuration ends what the new one has answered", `|| slices.Contains(starting, c.block) {`, `|| len(starting) < 0 {`, ""},
	{"L5", "nobody looks at what comes after the last block", `if g.abandoned.Load() {`, `if false {`, ""},
	{"L5", "a frame begins after the session has ended", `if s.frames.between() { // it was due`, `if false { // it was due`, ""},
	{"L5", "a cookie that the new block cannot read is good enough", `case !heir.Opens(&c.visit):`, `case false:`, ""},
	{"L5", "another site's block decides about a site that is gone", `old.Config().has(b.Key()) || !b.Opens(v)`, `!b.Opens(v)`, ""},
	{"L5", "a replaced session keeps its connections", `return !until.IsZero() && !now.Before(until)`, `return until.IsZero()`, ""},
	{"L5", "other tabs hear of a new sign-in before its cookie is there", `reason != "" && (reason != Revoked || !ok)`, `reason != "" && (reason != Revoked || !ok || ok)`, ""},
	{"L5", "a replaced session is not denied", `reason != "" && (reason != Revoked || !ok)`, `reason != "" && !ok`, ""},
	{"L5", "without a block all goes on", `		case !ok:
			return Removed, c.block`, `		case !ok:
			return "", c.block`, ""},
	{"L5", "what begins late goes on without a block", `			g.abandoned.Store(true)
			g.drain()`, `			g.Sweep()`, ""},
	{"L5", "handle_errors streams on", `		h.sessions.Failed(v, &w.Conn) // handle_errors may answer
`, ``, ""},
	{"L5", "half a response ends like a whole one", `	w.Conn.AbortIfCut()
`, ``, "."},
	{"L5", "sign-outs wait for the next look", `	for _, m := range l.members {
		if m.OnChange != nil {`, `	for _, m := range l.members[:0] {
		if m.OnChange != nil {`, ""},
	{"N5", "a fresh sign-in loses the permissions of step_up", `		window.More = f.withGranted(window.More, &s)
`, ``, ""},
	{"L1", "a clock that was set hides sign-outs on other nodes", `return []time.Duration{0, -setBy}`, `return []time.Duration{0}`, ""},
	{"A4", "whatever asks with OPTIONS is a preflight", `isOne(header["Origin"]) && isOne(header["Access-Control-Request-Method"])`, `true`, "."},
	{"A4", "a preflight may mean another method", `switch headerguard.Fold(name) {`, `switch headerguard.Fold(name[:0]) {`, "."},
	{"A4", "a preflight may have become another request", `g.AllowPreflight && v.R.Method == http.MethodOptions`, `g.AllowPreflight`, ""},
	{"A4", "preflights pass unasked", `return g.AllowPreflight && `, `return `, ""},
	{"A8", "everything is a navigation", `case asker != audience.Navigation:`, `case false:`, ""},
	{"A8", "a form is sent to Instagram", `case asker.SendsForm():`, `case false:`, ""},
	{"A8", "a script of a worker's is a navigation", `(mode == "navigate" || mode == "same-origin") && acceptsHTML(header)`, `acceptsHTML(header)`, "."},
	{"A8", "a download is a navigation", `(mode == "navigate" || mode == "same-origin") && acceptsHTML(header)`, `mode == "navigate"`, "."},
	{"A8", "an old browser's poll is a navigation", `&& !FromHost(header.Get("Referer"), r.Host)`, ``, "."},
	{"A8", "any body is a form", `method != http.MethodPost || !isForm(header) || `, `method != http.MethodPost || `, "."},
	{"L2", "a worker passes another site's form on", `return ok && origin == own.Origin || !ok && audience.FromHost(origin, v.R.Host)`, `return true || audience.FromHost(origin, own.Origin)`, ""},
	{"R3", "a script is a page to come back to", `case ".js", ".mjs", ".cjs":`, `case "none":`, ""},
	{"A3", "the canonical host is the one that was asked for", `page := to.Origin + v.OriginalPage()`, `page := "https://" + v.R.Host + v.OriginalPage()`, ""},
	{"A7", "moves are not counted", `if moves >= session.MaxMoves {`, `if moves >= 1000*session.MaxMoves {`, ""},
	{"A7", "a callback beside its path is a page", `if back, ok := h.logins.Astray(v); ok {`, `if back, ok := h.logins.Astray(v); ok && v == nil {`, ""},
	{"L3", "signing out leads where a session is needed", `if !e.asksToSignIn(v, target) {`, `if true {`, ""},
	{"L3", "who is not signed in may sign out", `	if p.SignedIn {`, `	if true {`, "."},
	{"P7", "the account page asks for no session", `	if err := e.PassSignedIn(v); err != nil {
		return err
	}
	e.Sessions.SetRenewedCookie(v)`, `	e.Sessions.SetRenewedCookie(v)`, ""},
	{"F1", "the account page opens while revocation is unknown", `	case request.SignedIn:
		return nil
	case request.NotAllowed:`, `	case request.SignedIn, request.RevocationUnknown:
		return nil
	case request.NotAllowed:`, ""},
	{"X2", "the account page opens without a permission", `	case request.SignedIn:
		return nil
	case request.NotAllowed:`, `	case request.SignedIn, request.MissingPermission:
		return nil
	case request.NotAllowed:`, ""},
	{"P7", "the account page takes a form", `	if err := answer.Allow(v, http.MethodGet, http.MethodHead); err != nil {
		return err
	}
	if e.Handoff {`, `	if err := answer.Allow(v, http.MethodGet, http.MethodHead, http.MethodPost); err != nil {
		return err
	}
	if e.Handoff {`, ""},
	{"P7", "a frame may show the account page", `	p.Look.Framed = false //`, `	p.Look.Framed = true //`, ""},
	{"P7", "the account page shows images of any host", `	return policy + "; img-src " + strings.Join(sources, " ")`, `	return policy + "; img-src *"`, ""},
	{"A7", "a new account on the account page counts as a loop", `	if v.Found.Marked() {
		// The browser has sent the session cookie, so there is no redirect loop. [A7]
		header.Add`, `	if false {
		header.Add`, ""},
	{"R3", "any spelling of the account page is one to return to", `return found && (rest == "" || rest[0] == '?' || rest[0] == '#')`, `return found || rest == "" || p.IsOwn(pathForm)`, ""},
	{"L3", "signing out leads to the account page", `path == e.Paths.Of(address.Login) || path == e.Paths.Of(address.Account)`, `path == e.Paths.Of(address.Login)`, ""},
	{"P3", "a refused callback keeps its address", `	v.W.Header().Set("Refresh", "0; url="+page)`, `	_ = page`, ""},
	{"P4", "a public answer varies by cookie", `case !s.Private && !s.HandedOff && isPublic(header):`, `case false:`, ""},
	{"P4", "an answer for everybody takes a mark along", `if s.Unmark != "" && possible {`, `if s.Unmark != "" {`, ""},
	{"R1", "a backslash in the path is kept", "strings.Contains(path, `\\`) || ", ``, "."},
	{"R3", "a long address loses its query", `maxLoginCookie = 3 << 10`, `maxLoginCookie = 880`, "."},
	{"S8", "long logins give up no older ones", `if room < 0 || len(logins)-i >= MaxLogins {`, `if len(logins)-i >= MaxLogins {`, ""},
	{"C3", "two blocks in one branch are one", `b.onOneWay([]rawRoute{{Handle: route.HandlersRaw}}) <= 1`, `true`, "."},
	// The callback.
	{"C1", "the nonce is not compared with the state",
		`if !r.done() || subtle.ConstantTimeCompare([]byte(expected), []byte(state[:nonceText])) != 1 {`, `if _ = subtle.ConstantTimeEq; !r.done() || expected == "" {`, "."},
	{"C1", "a login never expires", `return !now.After(t.Add(d)) && !t.After(now.Add(clockSkew))`, `return d > 0 && !t.After(now.Add(clockSkew))`, "."},
	{"C1", "a part of a state is enough", `return l, whole && c.recent(started, LoginLifetime)`, `return l, (whole || true) && c.recent(started, LoginLifetime)`, ""},
	{"C1", "the parts of two states are one", `return c.bind(c.loginPrefix, "origin", string(nonce), redirectURI)`, `return c.bind(c.loginPrefix, "origin", redirectURI)`, ""},
	{"C3", "a state is not bound to its redirect URI", `return c.bind(c.loginPrefix, "origin", string(nonce), redirectURI)`, `return c.bind(c.loginPrefix, "origin", string(nonce))`, ""},
	{"C1", "a state explains itself for ever", `return l, r.done() && c.recent(began, LoginLifetime)`, `return l, r.done() && !began.IsZero()`, ""},
	{"C1", "any state is of another browser", `	if !ok || f.Memory.Nonces.Used(login.Nonce) {`, `	if f.Memory.Nonces.Used(login.Nonce) {`, ""},
	{"C1", "a finished login is of another browser", `	if !ok || f.Memory.Nonces.Used(login.Nonce) {`, `	if !ok {`, ""},
	{"C1", "a browser with a login is another browser", `if cb.Failed || v.Found.LoginUnderWay() {`, `if cb.Failed {`, ""},
	{"C1", "an ordinary browser is that of an app", `	if app == audience.NoApp {`, `	if app == audience.NoApp && v == nil {`, ""},
	{"R1", "the address to copy has the host of the request", `page := redirect.Origin + a.Paths.Safe(returnTo)`, `page := redirect.Origin[:8] + v.R.Host + a.Paths.Safe(returnTo)`, ""},
	{"E2", "a fragment gives orders to Android", `rest, _, _ = strings.Cut(rest, "#")`, `rest, _, _ = strings.Cut(rest, "\x00")`, ""},
	{"E2", "an order to a phone may hold anything", `if c <= ' ' || c > '~' || strings.IndexByte(`, `if c > '~' || strings.IndexByte(`, ""},
	{"C2", "a code may hold anything", `(failed || isCode(q.Code))`, `(failed || q.Code != "")`, ""},
	{"C3", "a login is not bound to its redirect URI", `	for _, s := range more {
		ad = appendString(ad, s)
	}
`, "", "."},
	{"C4", "a code is exchanged as often as it comes", `if res.used = !f.Memory.Nonces.First(cb.login.Nonce); res.used {`, `if res.used {`, ""},
	{"C4", "a session that has ended is handed out once more", `(res.Cookie == "" || f.Sessions.Revoked(&res.session)):`, `res.Cookie == "":`, ""},
	{"C5", "the code keeps Instagram's #_", `Code: TrimFragment(code)`, `Code: code`, ""},
	{"C7", "escaped spellings of an own path are one, too", `if u.RawPath != "" {
		return None`, `if false {
		return None`, "."},
	{"C8", "the site answers after a refusal", `	if !answered {
		err = h.forward(v, next)`, `	if !answered || err == nil {
		err = h.forward(v, next)`, ""},
	// Calls to Instagram.
	{"T2", "a redirect of Instagram's is an answer", `case status >= 300 && status < 400:
		failure`, `case false:
		failure`, "."},
	{"T4", "an answer may be endless", `io.ReadAll(io.LimitReader(answer.Body, maxBody+1))`, `io.ReadAll(answer.Body)`, "."},
	{"T5", "a token may hold anything", `strings.ContainsFunc(token, notVisible)`, `false && strings.ContainsFunc(token, notVisible)`, ""},
	{"T5", "the app-scoped ID takes the place of a missing user_id", `if c.config.API == InstagramLogin && node.UserID == "" {`, `if false {`, "."},
	{"T5", "a profile is read again for whomever it names", `if !node.isOf(known) {`, `if false {`, "."},
	{"T6", "the token goes into the address", `if c.config.API == BasicDisplay || place == inQuery {`, `if true {`, "."},
	{"T6", "an unknown answer is logged with what may be a token", `		return "***"
	}))`, `		return word
	}))`, ""},
	{"P2", "a profile of an unknown shape is logged", `status < 300 && looksLikeJSON`, `status < 200 && looksLikeJSON`, "."},
	{"X1", "an answer that is given again asks no list", `case res.Refused == nil && !f.Sessions.Allowed(&res.who):`, `case false:`, ""},
	{"D3", "a restricted app costs each visitor a code", `if p.Breaker.Lock(LockFor) {`, `if false {`, ""},
	{"D3", "a bad code ends the lock of a restricted app", `call.WithdrawLocked() {`, `false && call.WithdrawLocked() {`, ""},
	{"D3", "a restricted app is looked for at Instagram all the same", `if wait, locked := f.Provider.Breaker.Locked(); locked {`, `if wait, locked := f.Provider.Breaker.Locked(); locked && wait < 0 {`, ""},
	{"T5", "an ID may be any text", `if !isID(text) {`, `if text == "" {`, ""},
	{"T6", "a transport error is printed as it is", `failure := &Error{Kind: Unreachable, Endpoint: endpoint, Err: cause(err)}`, `_ = cause; failure := &Error{Kind: Unreachable, Endpoint: endpoint, Err: err}`, "."},
	// Limits of what fails.
	{"N9", "clients without a failure are not bounded", `possible = append(possible, Newcomers)`, `return Newcomers, nil`, ""},
	{"N9", "each /64 of a /48 has a budget of its own", `	c.known = levels
`, `	c.known = 1
`, ""},
	{"N15", "a login that succeeds is counted", `	outcome = succeeded
`, `	outcome = failed
`, ""},
	{"N15", "a browser may send callbacks", `if v.R.Header.Get("Origin") != "" ||`, `if false &&`, ""},
	{"D2", "failures of one client are not bounded", `if f.off || returning && i > 0 {`, `if f.off || i >= 0 {`, ""},
	{"N1", "early data at a proxy is none", `return atProxy ||`, `return false && atProxy ||`, ""},
	// Meta's callbacks come once.
	{"N11", "no note is left", `if err := l.putMark(context.WithoutCancel(ctx), m, d, d.Outcomes[outcome]); err != nil {`, `if err := ctx.Err(); err != nil {`, ""},
	{"N11", "old callbacks are passed on", `> revocation.KeepDeliveries`, `> 1000*revocation.KeepDeliveries`, ""},
	{"N11", "a callback is as good on the other path", `if err != nil || elsewhere && at.Before(longAgo) {`, `if _, _ = elsewhere, at; err != nil {`, ""},
	{"N11", "an error of the site's is the end of a callback", `recorder.passed && !recorder.success():`, `recorder.passed && recorder.status == 0:`, ""},
	// Cookies and sessions.
	{"S1", "the ID of a session is not random", `rand.Read(id[:]) // never fails: crypto/rand ends the program instead`, `_ = rand.Reader`, "."},
	{"S2", "a cookie that does not open has a reason of its own", `if next != Unreadable && (problem == Unreadable ||`, `if (problem == Unreadable ||`, ""},
	{"S2", "an older session gives the reason", `found.Issued.After(s.Issued)) {`, `!found.Issued.After(s.Issued)) {`, ""},
	{"S2", "the reason calls a revocation a sign-out", `if l.List.EndedAlone(l.subject(&s)) && `, `if `, ""},
	{"S2", "the reason calls lost access a sign-out", `&& l.Allowed(&s.Identity) && l.MissingPermissions(&s.Identity) == 0 {`, `{`, ""},
	{"P4", "a page of another site learns the reason", `	if v.IsForeign(l.Paths) {
		return ""
	}`, ``, ""},
	{"S7", "userinfo says that an unused session outlives its end", `if end := s.End(c.lifetime); end.Before(until) {`, `if end := s.End(c.lifetime); false {`, ""},
	{"S2", "nonces repeat", `rand.Read(nonce[12:]) // never fails, see there`, ``, ""},
	{"S2", "line breaks inside a value are passed over", `if err != nil || n != encoding.DecodedLen(len(value)) {`, `if err != nil {`, ""},
	{"S4", "all purposes have one key", `nil, string(p), 32)`, `nil, "instagram_auth", 32)`, ""},
	{"S5", "scripts may read our cookies", `"; Path=/; Secure; HttpOnly; SameSite=Lax"`, `"; Path=/; Secure; SameSite=Lax"`, "."},
	{"S6", "deleting a cookie deletes nothing", `"=; Max-Age=0; Expires=`, `"=; Expires=`, "."},
	{"S7", "a session never ends", `return now.Before(s.End(c.lifetime)) && `, `return `, "."},
	{"S7", "an idle session never ends", `(c.idle == 0 || now.Before(s.Seen.Add(c.idle)))`, `true`, "."},
	{"S7", "a session from the future is good", `!s.Issued.After(now.Add(clockSkew)) && `, ``, "."},
	{"S7", "a session is renewed at each request", `now.Sub(s.Seen) < c.idle/10`, `now.Sub(s.Seen) < 0`, "."},
	{"S9", "planted cookies hide the last one", `		at = MaxTried/2 + at%(MaxTried/2)`, `		at = 0`, "."},
	{"S9", "what cannot be sealed takes a place", `if mayBeSealed(value) {`, `if true {`, "."},
	{"S9", "all login cookies are kept", `if len(f.logins) == 2*keptLogins {`, `if false {`, "."},
	{"L3", "a sign-out that did not see all cookies claims success", `	case v.Found.Crowded():`, `	case false:`, ""},
	{"S10", "the old session lives on after a new login", `defer f.Sessions.Replace(&old)()`, `_ = old`, ""},
	// What the site is told.
	{"H1", "forged identity headers reach the site", `	h.settings.Identity.Strip(v)
	v.TakeCookies(h.settings.Cookies)
`, `	v.TakeCookies(h.settings.Cookies)
`, ""},
	{"H1", "a route beside the block carries forged headers", `place.PutInFront(server, h.settings.Identity.Guard())`, `_ = place.PutInFront`, ""},
	{"H1", "other sites of the server lose headers", `if b.place.isOn(r) {`, `if b.place.isOn(r) || true {`, "."},
	{"H1", "a page that is included loses the identity", `|| r.Context().Value(http.LocalAddrContextKey) == nil {`, `{`, "."},
	{"H1", "forged trailers reach the site", `	in.guard.StripTrailers(v.R)
`, ``, ""},
	{"H2", "only one spelling of a header is stripped", `if fold(name[i]) != h.folded[i] {`, `if name[i] != h.canonical[i] {`, "."},
	{"H3", "Connection drops our headers", `	in.guard.CleanConnection(v.R.Header)
`, ``, ""},
	{"H5", "the site sees the session cookie", `headerguard.CutOne(v.R.Header, line, start, end)`, `_, _, _, _ = headerguard.CutOne, line, start, end`, ""},
	{"H5", "the site sees our cookies if there are several", `headerguard.CutCookies(v.R.Header, cookies.Ours)`, `_ = headerguard.CutCookies`, ""},
	{"H7", "what is kept of a request is given to the next", `	*v = State{}
`, ``, ""},
	// Signing out.
	{"L1", "a revoked session goes on", `{ return l.List.Ended(l.subject(s)) }`, `{ return false && l.List.Ended(l.subject(s)) }`, ""},
	{"L2", "another site can sign a visitor out", `if !e.IsOwnForm(v) {`, `if false {`, ""},
	{"L3", "a sign-out that was not stored claims success", `	case err != nil:
		login :=`, `	case false:
		login :=`, ""},
	// Meta's callbacks.
	{"K1", "any signature will do", `if hmac.Equal(sum, mac.Sum(nil)) {`, `if hmac.Equal(sum, sum) {`, "."},
	{"K1", "the empty secret signs", `			continue // anybody can sign with the empty secret
`, ``, ""},
	{"K2", "the algorithm is not looked at", `err != nil || algorithm != signedAlgorithm`, `err != nil || signedAlgorithm == ""`, ""},
	{"K3", "deauthorize ends nothing", `if err := e.Sessions.List.EndUserBefore(ctx, revocation.UserKey(e.App, signed.UserID), signed.IssuedAt); err != nil {`,
		`if _, err := ctx, error(nil); err != nil || revocation.UserKey == nil {`, ""},
	{"K5", "a callback may be of any size", `io.ReadAll(http.MaxBytesReader(v.W, v.R.Body, request.MaxForm))`, `io.ReadAll(v.R.Body)`, ""},
	{"K5", "forged callbacks have no bound", `telemetry.ClientIP(v.R)).Key()); !ok {`, `telemetry.ClientIP(v.R)).Key()); !ok && wait < 0 {`, ""},
	{"K5", "a body may take as long as it likes", `if v.R.ContentLength != 0 {`, `if false {`, ""},
	// Return addresses.
	{"R1", "two slashes lead elsewhere", ` || strings.HasPrefix(address, "//") {`, ` {`, "."},
	{"R1", "dots hide two slashes", `return !strings.HasPrefix(withoutDots(u.EscapedPath()), "//")`, `return withoutDots(u.EscapedPath()) != ""`, "."},
	{"R3", "visitors are sent back to own paths", `	if p.IsOwn(safe) && !p.IsAccount(safe) {`, `	if false {`, "."},
	// The list of revoked sessions.
	{"F1", "a failing storage signs everybody out", `	if l.MaxStaleness == 0 {
		return false`, `	if l.MaxStaleness == 0 {
		return l.List.Status().Failing != nil`, ""},
	{"N12", "sessions count before the list is known", `if known = l.List.Await(v.R.Context()); !known {`, `if known = l.List.Await(v.R.Context()); false {`, ""},
	{"N12", "junk waits for the list", `if !l.Cookies.OpenInto(&v.Session, &v.Found, nil) {`, `if l.Cookies.OpenInto(&v.Session, &v.Found, nil); false {`, ""},
	{"N12", "an emptied storage is a healthy one", `	case known && !l.marker.emptied:`, `	case false:`, ""},
	{"N12", "a strict node writes into an emptied storage", `l.refused.Store(l.marker.emptied && l.strict())`, `l.refused.Store(false && l.strict())`, ""},
	{"N12", "sessions older than the storage count with deny", `l.MaxStaleness != 0 && l.olderThanStorage(s)`, `l.MaxStaleness != 0 && l.olderThanStorage(s) && false`, ""},
	{"N12", "what a storage has lost stays lost", `ok && !seen[i] && e.expires > now`, `ok && !seen[i] && e.expires < now`, ""},
	{"N13", "signing out everywhere ends what it knows to be dated now", `e.before = max(e.before, t.before(other)+1)`, `e.before = max(e.before, t.before(other&0)+1)`, ""},
	{"N13", "signing out everywhere does not ask what other nodes wrote", `	if len(others) > 0 {`, `	if len(others) > 9 {`, ""},
	{"N13", "the end of everybody leaves what a callback has dated", `until.Add(issuedWithin+sameMoment)`, `until.Add(0 * issuedWithin)`, ""},
	{"N14", "each end of everybody is dated after the one before, and a second on top", `before := max(until.UnixMilli(), last) + 1`, `before := max(until.UnixMilli(), last+1100) + 1`, ""},
	{"N13", "signing out everywhere names one key alone", `l.List.EndUser(ctx, subject.User, subject.AppScoped, subject.AtBlock)`, `l.List.EndUser(ctx, subject.User)`, ""},
	{"N13", "a person's end is kept for a week", `e.before/1000+int64(MaxLifetime/time.Second)`, `e.before/1000+7*24*3600`, ""},
	{"N13", "the second of a removal is cut off", `moment.Add(issuedWithin + clockSkew)`, `moment.Add(clockSkew + 0*issuedWithin)`, ""},
	{"N14", "older ends of a person stay", `if e.kind == oneSession {`, `if e.kind != oneSession || true {`, ""},
	{"N14", "older ends on other nodes stay", `!(covered[i] && minute < quiet)`, `!(false && covered[i] && minute < quiet)`, ""},
	{"N14", "single sign-outs have no bound", `whole.Sub(now) > budgetBurst*budgetEvery`, `whole.Sub(now) > 1000*budgetBurst*budgetEvery`, ""},
	{"N14", "an end beyond the budget ends newer sessions", `entry{kind: kind, key: key, before: s.Began + 1}.lasting()`, `entry{kind: kind, key: key, before: s.Began + 1000}.lasting()`, ""},
	{"F7", "the local copy is not used", `	if c != nil {
		l.useRest(m, c, seen, err)
	}`, ``, ""},
	{"F7", "what has ended is not in the local copy", `	l.keepLocally(record{e, err != nil})
`, ``, ""},
	{"F7", "what was not written is not queued again", `	l.queueAgain(m, c)
`, ``, ""},
	{"F7", "an entry of the local copy that lies ahead is dropped", `	s.all[e] = true
`, ``, ""},
	{"F7", "a clock that is behind brings old sessions back until it is set", `	if c.last <= latest.Unix() {`, `	if true || c.last <= latest.Unix() {`, ""},
	{"F7", "a clock that was ahead signs everybody out at each start", `	if c.last <= latest.Unix() {`, `	if false && c.last <= latest.Unix() {`, ""},
	{"F7", "nobody looks whether the clock was set", `	l.believeDue()
	t := l.table.Load()
	if t.before(s.Session)`, `	t := l.table.Load()
	if t.before(s.Session)`, ""},
	{"F7", "lines for many secrets are longer than what is read", `return min(max(1, (each-lineHeader-sealing)/recordSize), linefulOf)`, `return min(max(1, each), linefulOf)`, ""},
	{"F7", "a clock that is set back brings back what seemed to have expired", `case s.triedAt.IsZero(), now.Round(0).Before(s.triedAt.Round(0).Add(-clockSkew)):`, `case s.triedAt.IsZero():`, ""},
	{"F7", "a local copy that the disk did not give at first is not read", `	case s.unread:
		return now.Sub(s.triedAt) >= snapshotRest`, `	case s.unread:
		return false`, ""},
	{"F7", "a local copy that cannot be read is written over while the storage is down", `return s.unread && !s.storeRead }`, `return false }`, ""},
	{"F7", "a local copy that cannot be written anew is not appended to", `	if s.anewAfter = l.now().Add(snapshotRest); !anew {`, `	if s.anewAfter = l.now().Add(snapshotRest); true || !anew {`, ""},
	{"F7", "the local copy of another app counts", `"snapshot of " + path.Dir(root)`, `"snapshot of " + path.Dir(root)[:0]`, ""},
	{"F7", "a start with a wrong secret erases the local copy", `datedLine(line, l.now()); ok && len`, `datedLine(line, l.now()); false && ok && len`, ""},
	{"F7", "a local copy counts however old it is", `c.newest > int64(MaxLifetime/time.Second)`, `c.newest > 1000*int64(MaxLifetime/time.Second)`, ""},
	{"F7", "what is appended while the local copy is replaced is lost", `		if old == nil {
			return nil
		}
		n, err`, `		if true {
			return nil
		}
		n, err`, ""},
	{"F3", "an entry has many names", `if err != nil || name != encodeName(sealed) {`, `if err != nil {`, ""},
	// Who may come in, and how often.
	{"X1", "everybody may sign in", `if !f.Sessions.Allowed(&who) { // [X1]`, `if false {`, ""},
	{"X1", "a part of an ID is enough", `p.ids[who.UserID] ||`, `p.ids[who.UserID[:min(16, len(who.UserID))]] ||`, ""},
	{"X2", "a list counts at the login alone", `case !l.Allowed(&v.Session.Identity):`, `case false:`, ""},
	{"D3", "the breaker never opens", `if b.failures++; b.failures >= b.limit {`, `if b.failures >= b.limit {`, "."},
	{"D3", "any number of calls at a time", `make(chan struct{}, n)`, `make(chan struct{}, 1000*n)`, "."},
	{"D5", "every client is remembered", `for r.recent.Len() >= r.size {`, `for false {`, ""},
	// What goes out.
	{"E3", "pages have no policy", `	header.Set("Content-Security-Policy", contentSecurityPolicy)
`, ``, "."},
	{"P1", "an error on the callback is left to Caddy's log", `return status >= 500 && (r.Astray || a.Paths.IsCallbackPath(v.OriginalURL.Path))`, `return false`, ""},
	{"P1", "the log format redacts nothing", `redact.Line(line.Bytes()); len(left)`, `line.Bytes(); redact.Line(nil) != nil && len(left)`, "."},
	{"P1", "a state is no secret", `case "code", "state", "confirmation_code":`, `case "code", "confirmation_code":`, ""},
	{"P1", "codes of 32 characters are short", `const MinLength = 32`, `const MinLength = 33`, ""},
	{"P1", "an address within an address is not read", `v = nextEscape(s.line, max(v, end), to)`, `v = to`, ""},
	{"P1", "a name that is escaped is another one", `; ok {
			return decoded, start`, `; ok && start < 0 {
			return decoded, start`, ""},
	{"P1", "an escape is escaped once at most", `if p-2 < low || line[p-2] != '2' || line[p-1] != '5' {`, `if p >= low {`, ""},
	{"P1", "an escape of JSON is part of the name", `line[p-5] == 'u'`, `line[p-5] == 'U'`, ""},
	{"P1", "a tab is part of the name", `if p-2 >= low && line[p-2] == '\\' && isControl(c) {`, `if false {`, ""},
	{"P1", "the second value of a list stays", `if p == s.listEnd && p > 0 {`, `if false {`, ""},
	{"P1", "the headers for cookies are any", `			found = true
`, `			found = false
`, ""},
	{"P1", "a token in a header of any name stays", `if len(run) >= s.length && `, `if len(run) < s.length && `, ""},
	{"P2", "a made-up code is a warning", `case act == actionNeeded && ofVisitor(cause):`, `case false && ofVisitor(cause):`, ""},
	{"P2", "a forged callback is a warning", `refusal.BadSignature: {},`, `refusal.BadSignature: {action: actionNeeded},`, ""},
	{"P2", "a refusal is not counted", `if !r.repeated {`, `if false {`, ""},
	{"P2", "what is hidden is told", `case value == "" || how == hidden:`, `case value == "":`, ""},
	{"P2", "a storm fills the log", `	if !ok {
		return
	}
	if missed > 0 {`, `	if !ok && missed > 0 {`, ""},
	{"P3", "the callback's address is a Referer", `		header.Set("Referrer-Policy", "no-referrer") // [P3]
`, ``, ""},
	{"P4", "a flush sends headers that are not complete", `FlushError() error {
	s.complete()`, `FlushError() error {`, ""},
	{"P4", "a stream waits for its end", `return http.NewResponseController(s.ResponseWriter).Flush()`, `return nil`, ""},
	{"P4", "caches may keep a visitor's page", `	if s.Private && len(header["Cache-Control"]) == 0 {`, `	if false {`, ""},
	{"P4", "caches do not tell visitors apart", `		header["Vary"] = s.vary[:1:1]
`, ``, ""},
	{"P6", "another site gets the visitor's picture", `foreign := site != "" && site`, `foreign := false && site`, ""},
	{"P6", "a person gets the picture of another", `	return "address " + s.UserID
`, `	return "address"
`, ""},
	{"P6", "a person gets the picture of another from here", `return "picture " + s.UserID`, `return "picture"`, ""},
	{"P6", "a picture may come from anywhere", `if u.Scheme == "https" && isPictureHost(u.Host) || c.simulates(u) {`, `if u.Scheme == "https" || c.simulates(u) {`, "."},
	{"P6", "whatever says that it is a picture is one", `!slices.Contains(pictureTypes, declared) || !slices.Contains(pictureTypes, kind)`, `!slices.Contains(pictureTypes, declared)`, "."},
	{"T3", "a picture may come from a private address", `a.IsGlobalUnicast() && !a.IsPrivate() && `, `(a.IsGlobalUnicast() || !a.IsPrivate()) && `, ""},
	// One each for promises that have none above.
	{"A2", "a link may ask for any permission", `case !f.Client.Asks(name):`, `case false:`, ""},
	{"A4", "the address that a request was rewritten to decides alone", `	if current != asked {
		if`, `	if false {
		if`, ""},
	{"N7", "an address has one form", `return p.matchesOtherwise(v, sets) || p.Matches(v.R, sets)`, `return p.Matches(v.R, sets)`, ""},
	{"N7", "an address in overlong UTF-8 is good", `u.Path[0] != '/' || overlong(u.Path)`, `u.Path[0] != '/'`, "."},
	{"N7", "dots always mean something", `segments[i] = "..."`, `_ = "..."`, "."},
	{"N7", "a long address has all of its forms made", `	r.done = r.done || r.work > maxWork
`, ``, ""},
	{"N7", "what matchers found in a form stays", `return p.matchesOtherwise(v, sets) || p.Matches(v.R, sets)`, `return p.matchesOtherwise(v, sets)`, ""},
	{"N7", "a changed address is not put back", `	defer restore()
`, ``, ""},
	{"C6", "an old tab shows an error to somebody who is signed in", `	if v.Standing == request.SignedIn && f.isFresh(v, f.Paths.Safe(cb.login.ReturnTo)) {`, `	if v == nil {`, ""},
	{"T1", "any version of TLS will do", `MinVersion: tls.VersionTLS12`, `MinVersion: tls.VersionTLS10`, ""},
	{"S8", "a session cookie may be large", `longest := maxCookie`, `longest := 8 * maxCookie`, "."},
	{"H4", "a header may be of any length", `return value, len(value) <= maxValue`, `return value, true`, "."},
	{"H4", "a header may hold anything", `plain = isPlain(value[i])`, `plain = value[i] != 0`, "."},
	{"L4", "everybody's sessions end unasked", `asks := q.All && !cli.Flagged(command, "yes")`, `asks := false`, ""},
	{"L4", "a request to end sessions may name several", `case named != 1:`, `case named < 1:`, ""},
	{"K4", "a confirmation code proves nothing", `if hmac.Equal(sum, sign(key, signed)) { // [Z1]`, `if hmac.Equal(sum, sign(key, signed)) || true {`, "."},
	{"N1", "a callback may be replayed in early data", `r.TLS != nil && !r.TLS.HandshakeComplete`, `false`, ""},
	{"N10", "a withdrawn permission is not heard", `	if lost == 0 && !notAllowed {`, `	if lost == 0 || !notAllowed {`, ""},
	{"N10", "a username that is shut out is not heard", ` || !l.Allowed(&newer.Identity) && l.Allowed(&old.Identity)`, ``, ""},
	{"N10", "sessions of other browsers go on", `	if lost.notAllowed {`, `	if false {`, ""},
	{"N10", "a refused login counts in its own browser alone", `	if err := l.List.EndUser(context.WithoutCancel(ctx), keys.AtBlock, keys.User, keys.AppScoped); err != nil {`, `	if err := context.Cause(ctx); err != nil && keys.AtBlock == 0 {`, ""},
	{"N10", "a refused login ends nothing", `		f.revokeLostAccess(v, res)
`, ``, ""},
	{"N10", "silence at a login speaks against a visitor", `if !res.permissionsUnknown {
		newer`, `if true {
		newer`, ""},
	{"N10", "a result is forgotten while older cookies come", `	e.expires = g.now().Add(g.keep)
	return`, `	e.expires = g.now().Add(time.Minute)
	return`, "."},
	{"N5", "nobody lacks a permission", `return l.Required.Without(instagram.Permissions(who.Permissions))`, `return 0`, ""},
	{"R2", "the return address of a login is not checked again", `returnTo = f.Paths.Safe(returnTo)`, `_ = f.Paths`, ""},
	{"E1", "a refusal does not say when to come back", `header.Set("Retry-After", strconv.FormatInt(r.seconds(), 10))`, `_ = strconv.FormatInt(r.seconds(), 10)`, "."},
	{"E3", "an operator's page may hold scripts", `if scriptTag.Match(body) {`, `if false {`, ""},
	{"N8", "the client's address is what it says itself", `ip, _ := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string)`, `ip, _ := r.Header.Get("X-Forwarded-For"), caddyhttp.ClientIPVarKey`, ""},
	{"N8", "everybody behind a proxy has one address", `ip, _ := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string)`, `ip, _ := r.RemoteAddr, caddyhttp.ClientIPVarKey`, ""},
	{"N17", "a header that a visitor may leave out counts as sent", `		w.fork(route, at, r, after)
`, `		w.fork(route, at, r, after)
		return
`, "."},
	{"N17", "a handler by others lets everything pass", `		w.end(Ending{Kind: Unclear, By: by, Step: at, Handler: handler})
`, ``, "."},
	{"N17", "routes in front of a block are not looked at", `			v.Open = append(v.Open, verdict)
`, ``, "."},
	{"N17", "what error routes show is a page about the error", `	case at.failed == 0:
`, `	case at.failed != 0:
		kind = Denied
`, "."},
	{"N17", "what takes the cookies away before a block is not told", `touches := !change.Behind && len(change.Of(cookieHeader)) > 0`, `touches := false`, "."},
	{"N17", "other ways to the upstream are not looked for", `if !i.asked[question] {`, `if false {`, "."},
	{"N17", "a wrong configuration starts", `		if b.Strict {`, `		if false {`, "."},
	{"N16", "the app secret makes sessions beside a session secret", `	if len(c.Secrets) == 0 {
		c.Secrets = apps
	}`, `	c.Secrets = append(c.Secrets, apps...)`, ""},
	{"N18", "a broken file replaces a secret that works", `		err = s.check(value)`, `		_ = s.check`, "."},
	{"N18", "one look at a file is enough", `if before := s.seen; before != found {`, `if before := s.seen; false && before != found {`, "."},
	{"N18", "the former secret opens nothing", `s.former = slices.Insert(s.former, 0, Former{was, now})`, `s.former = slices.Insert(s.former, 0, Former{was, now})[:0]`, "."},
	{"N18", "a former secret opens for ever", `return now.Sub(f.Until) < keep && now.Round(0)`, `return true || now.Round(0)`, "."},
	{"N18", "the former secret still seals", `r.config.SessionKeys.Change(sessions)`, `r.config.SessionKeys.Change(append(slices.Clone(r.inUse[1]), sessions...))`, "."},
	{"N18", "a reload forgets the former secret", `	key := name + " " + path`, `	key := name + " " + path + time.Now().String()`, "."},
	{"N18", "callbacks of the new app secret are refused", `		r.callbacks.Store(&app)
		r.inUse[0] = app`, `		r.inUse[0] = app`, "."},
	{"N18", "a secret that could be guessed has a fingerprint", `	if weakSecret(secret) {`, `	if secret == "" {`, "."},
	{"N16", "nobody is told whose secret makes sessions", `case !h.settings.secrets.appOpens || h.settings.Handoff:`, `case true:`, ""},
}
