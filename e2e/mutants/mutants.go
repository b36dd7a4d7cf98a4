package main

var mutants = []mutant{
	// The gate.
	{"A1", "the state is not random", "internal/session/login.go", `rand.Read(l.Nonce[:])`, `_ = rand.Reader`, ""},
	{"A3", "an unknown host gets the first redirect URI", "internal/address/address.go", `return Redirect{}, false`, `return p.Redirects[0], true`, "."},
	{"A6", "a matcher that fails protects nothing", "protect.go", `return match || err != nil`, `return match`, ""},
	{"A5", "a redirect carries the body on", "login.go", `redirectTo(http.StatusFound, h`, `redirectTo(http.StatusTemporaryRedirect, h`, ""},
	{"A6", "a panic lets the request through", "gate.go", `*err = refuse(refusal.Reply{Code: refusal.Internal})`, `*err = nil`, ""},
	{"A6", "an own path that nobody answered goes on to the site", "handler.go", `if answer == nil && !v.handedOff && v.delivery == nil {`, `if false {`, ""},
	{"A7", "rounds are not counted", "login.go", `if rounds >= session.MaxRounds {`, `if false {`, ""},
	{"A4", "whatever asks with OPTIONS is a preflight", "internal/audience/audience.go", `isOne(header["Origin"]) && isOne(header["Access-Control-Request-Method"])`, `true`, "./internal/audience ."},
	{"A4", "a preflight may mean another method", "internal/audience/audience.go", `switch headerguard.Fold(name) {`, `switch headerguard.Fold(name[:0]) {`, "./internal/audience ."},
	{"A4", "a preflight may have become another request", "audience.go", `h.AllowPreflight && v.r.Method == http.MethodOptions`, `h.AllowPreflight`, ""},
	{"A4", "preflights pass unasked", "audience.go", `return h.AllowPreflight && `, `return `, ""},
	{"A8", "everything is a navigation", "gate.go", `case who != audience.Navigation:`, `case false:`, ""},
	{"A8", "a form is sent to Instagram", "gate.go", `case who.SendsForm():`, `case false:`, ""},
	{"A8", "a script of a worker's is a navigation", "internal/audience/audience.go", `(mode == "navigate" || mode == "same-origin") && acceptsHTML(header)`, `acceptsHTML(header)`, "./internal/audience ."},
	{"A8", "a download is a navigation", "internal/audience/audience.go", `(mode == "navigate" || mode == "same-origin") && acceptsHTML(header)`, `mode == "navigate"`, "./internal/audience ."},
	{"A8", "an old browser's poll is a navigation", "internal/audience/audience.go", `&& !FromHost(header.Get("Referer"), r.Host)`, ``, "./internal/audience ."},
	{"A8", "any body is a form", "internal/audience/audience.go", `method != http.MethodPost || !isForm(header) || `, `method != http.MethodPost || `, "./internal/audience ."},
	{"L2", "a worker passes another site's form on", "logout.go", `return ok && origin == own.Origin || !ok && audience.FromHost(origin, v.r.Host)`, `return true || audience.FromHost(origin, own.origin)`, ""},
	{"R3", "a script is a page to come back to", "audience.go", `case ".js", ".mjs", ".cjs":`, `case "none":`, ""},
	{"A3", "the canonical host is the one that was asked for", "canonical.go", `page := to.Origin + h.askedPage(v)`, `page := "https://" + v.r.Host + h.askedPage(v)`, ""},
	{"A7", "moves are not counted", "canonical.go", `if moves >= session.MaxMoves {`, `if false {`, ""},
	{"A7", "a callback beside its path is a page", "handler.go", `if back, ok := h.astrayCallback(v); ok {`, `if back, ok := h.astrayCallback(v); ok && v == nil {`, ""},
	{"L3", "signing out leads where a session is needed", "logout.go", `if !h.asksToSignIn(v, target) {`, `if true {`, ""},
	{"L3", "who is not signed in may sign out", "internal/refusal/pages.go", `	if p.SignedIn {`, `	if true {`, "./internal/refusal ."},
	{"P3", "a refused callback keeps its address", "refused_page.go", `	v.w.Header().Set("Refresh", "0; url="+page)`, `	_ = page`, ""},
	{"P4", "a public answer varies by cookie", "response.go", `case !s.private && !s.handedOff && isPublic(header):`, `case false:`, ""},
	{"P4", "an answer for everybody takes a mark along", "response.go", `if (s.renewed != "" || s.unmark != "") && !isShared(header) {`, `if s.renewed != "" || s.unmark != "" {`, ""},
	{"R1", "a backslash in the path is kept", "internal/returnpath/returnpath.go", "strings.Contains(path, `\\`) || ", ``, "./internal/returnpath ."},
	{"R3", "a long address loses its query", "internal/session/login.go", `maxLoginCookie = 3 << 10`, `maxLoginCookie = 880`, "./internal/session ."},
	{"S8", "long logins give up no older ones", "internal/session/login.go", `if room < 0 || len(logins)-i >= MaxLogins {`, `if len(logins)-i >= MaxLogins {`, "./internal/session"},
	{"C3", "two blocks in one branch are one", "internal/placement/branches.go", `b.onOneWay([]rawRoute{{Handle: route.HandlersRaw}}) <= 1`, `true`, "."},
	// The callback.
	{"C1", "the nonce is not compared with the state", "internal/session/login.go",
		`if !r.done() || subtle.ConstantTimeCompare([]byte(expected), []byte(state)) != 1 {`, `if _ = subtle.ConstantTimeEq; !r.done() || expected == "" {`, "./internal/session ."},
	{"C1", "a login never expires", "internal/session/login.go", `return l, c.recent(started, LoginLifetime)`, `return l, !started.IsZero()`, "./internal/session ."},
	{"C2", "a code may hold anything", "instagram/callback.go", `(failed || isCode(q.Code))`, `(failed || q.Code != "")`, ""},
	{"C3", "a login is not bound to its redirect URI", "internal/session/cookies.go", `	for _, s := range more {
		ad = appendString(ad, s)
	}
`, "", "./internal/session ."},
	{"C4", "a code is exchanged as often as it comes", "login_end.go", `if end.used = !h.limits.nonces.First(back.login.Nonce); end.used {`, `if end.used {`, ""},
	{"C4", "a session that has ended is handed out once more", "login_end.go", `(end.cookie == "" || h.ended(&end.session)):`, `end.cookie == "":`, ""},
	{"C5", "the code keeps Instagram's #_", "instagram/callback.go", `Code: TrimFragment(code)`, `Code: code`, ""},
	{"C7", "escaped spellings of an own path are one, too", "internal/address/own.go", `if u.RawPath != "" {`, `if false {`, "."},
	{"C8", "the site answers after a refusal", "handler.go", `	if !answered {
		err = h.forward(v, next)`, `	if !answered || err == nil {
		err = h.forward(v, next)`, ""},
	// Calls to Instagram.
	{"T2", "a redirect of Instagram's is an answer", "instagram/client.go", `case status >= 300 && status < 400:`, `case false:`, "./instagram ."},
	{"T4", "an answer may be endless", "instagram/client.go", `io.ReadAll(io.LimitReader(answer.Body, maxBody+1))`, `io.ReadAll(answer.Body)`, "./instagram ."},
	{"T5", "a token may hold anything", "instagram/token.go", `strings.ContainsFunc(t, notVisible)`, `false && strings.ContainsFunc(t, notVisible)`, "./instagram"},
	{"T5", "the app-scoped ID takes the place of a missing user_id", "instagram/user.go", `if c.config.API == InstagramLogin && node.UserID == "" {`, `if false {`, "./instagram ."},
	{"T5", "a profile is read again for whomever it names", "instagram/user.go", `if !node.isOf(known) {`, `if false {`, "./instagram ."},
	{"T6", "the token goes into the address", "instagram/bearer.go", `if c.config.API == BasicDisplay || place == inQuery {`, `if true {`, "./instagram ."},
	{"T6", "an unknown answer is logged with what may be a token", "instagram/answer.go", `		return "***"
	}))`, `		return word
	}))`, "./instagram"},
	{"P2", "a profile of an unknown shape is logged", "instagram/answer.go", `status < 300 && (json.Valid(trimmed)`, `status < 200 && (json.Valid(trimmed)`, "./instagram ."},
	{"X1", "an answer that is given again asks no list", "login_end.go", `case end.refused == nil && !h.settings.admits(&end.who):`, `case false:`, ""},
	{"D3", "a restricted app costs each visitor a code", "app_state.go", `if h.limits.breaker.Lock(lockFor) {`, `if false {`, ""},
	{"D3", "a bad code ends the lock of a restricted app", "login_end.go", `call.WithdrawLocked() {`, `false && call.WithdrawLocked() {`, ""},
	{"D3", "a restricted app is looked for at Instagram all the same", "login.go", `if wait, locked := h.limits.breaker.Locked(); locked {`, `if wait, locked := h.limits.breaker.Locked(); locked && wait < 0 {`, ""},
	{"T5", "an ID may be any text", "instagram/wire.go", `if !isID(text) {`, `if text == "" {`, "./instagram"},
	{"T6", "a transport error is printed as it is", "instagram/client.go", `failure := &Error{Kind: Unreachable, Endpoint: endpoint, Err: cause(err)}`, `_ = cause; failure := &Error{Kind: Unreachable, Endpoint: endpoint, Err: err}`, "./instagram ."},
	// Limits of what fails.
	{"N9", "clients without a failure are not bounded", "internal/limit/failures.go", `possible = append(possible, Newcomers)`, `return Newcomers, nil`, "./internal/limit"},
	{"N9", "each /64 of a /48 has a budget of its own", "internal/limit/client.go", `	c.known = levels
`, `	c.known = 1
`, "./internal/limit"},
	{"N15", "a login that succeeds is counted", "login_end.go", `	how = succeeded
`, `		how = failed
`, ""},
	{"N15", "forged callbacks cost the visitor sign-ins", "delivery.go", `h.limits.forgeries.Allow(limit.ClientOf(clientIP(v.r)).Key())`, `func() (bool, time.Duration) {
		a, by := h.limits.failures.Ask(limit.ClientOf(clientIP(v.r)))
		if by != nil {
			return false, by.Wait
		}
		a.Failed()
		return true, 0
	}()`, ""},
	{"N15", "a browser may send callbacks", "delivery.go", `return r.Header.Get("Origin") != "" ||`, `return false &&`, ""},
	{"D2", "failures of one client are not bounded", "internal/limit/failures.go", `if f.off || returning && i > 0 {`, `if f.off || i >= 0 {`, "./internal/limit"},
	{"N1", "early data at a proxy is none", "callback.go", `return atProxy ||`, `return false && atProxy ||`, ""},
	// Meta's callbacks come once.
	{"N11", "no note is left", "internal/revocation/delivery.go", `if err := l.putMark(context.WithoutCancel(ctx), m, d, d.Outcomes[outcome]); err != nil {`, `if err := ctx.Err(); err != nil {`, "./internal/revocation"},
	{"N11", "old callbacks are passed on", "delivery.go", `> revocation.KeepDeliveries`, `> 1000*revocation.KeepDeliveries`, ""},
	{"N11", "a callback is as good on the other path", "internal/revocation/delivery.go", `if err != nil || elsewhere && at.Before(longAgo) {`, `if _, _ = elsewhere, at; err != nil {`, "./internal/revocation"},
	{"N11", "an error of the site's is the end of a callback", "delivery.go", `verdict.passed && !verdict.success():`, `verdict.passed && verdict.status == 0:`, ""},
	// Cookies and sessions.
	{"S1", "the ID of a session is not random", "internal/session/session.go", `rand.Read(id[:]) // never fails: crypto/rand ends the program instead`, `_ = rand.Reader`, "./internal/session ."},
	{"S2", "nonces repeat", "internal/session/seal.go", `rand.Read(nonce[12:]) // never fails, see there`, ``, ""},
	{"S2", "line breaks inside a value are passed over", "internal/session/seal.go", `if err != nil || n != encoding.DecodedLen(len(value)) {`, `if err != nil {`, ""},
	{"S4", "all purposes have one key", "internal/session/keys.go", `nil, string(p), 32)`, `nil, "instagram_auth", 32)`, ""},
	{"S5", "scripts may read our cookies", "internal/session/cookies.go", `"; Path=/; Secure; HttpOnly; SameSite=Lax"`, `"; Path=/; Secure; SameSite=Lax"`, "./internal/session ."},
	{"S6", "deleting a cookie deletes nothing", "internal/session/cookies.go", `"=; Max-Age=0; Expires=`, `"=; Expires=`, "./internal/session ."},
	{"S7", "a session never ends", "internal/session/session.go", `return now.Before(s.End(c.lifetime)) && `, `return `, "./internal/session ."},
	{"S7", "an idle session never ends", "internal/session/session.go", `(c.idle == 0 || now.Before(s.Seen.Add(c.idle)))`, `true`, "./internal/session ."},
	{"S7", "a session from the future is good", "internal/session/session.go", `!s.Issued.After(now.Add(clockSkew)) && `, ``, "./internal/session ."},
	{"S7", "a session is renewed at each request", "internal/session/session.go", `now.Sub(s.Seen) < c.idle/10`, `now.Sub(s.Seen) < 0`, "./internal/session ."},
	{"S9", "planted cookies hide the last one", "internal/session/find.go", `		at = MaxTried/2 + at%(MaxTried/2)`, `		at = 0`, "./internal/session ."},
	{"S9", "what cannot be sealed takes a place", "internal/session/find.go", `if mayBeSealed(value) {`, `if true {`, "./internal/session ."},
	{"S9", "all login cookies are kept", "internal/session/find.go", `if len(f.logins) == 2*keptLogins {`, `if false {`, "./internal/session ."},
	{"L3", "a sign-out that did not see all cookies claims success", "logout.go", `if v.found.Crowded() {`, `if false {`, ""},
	{"S10", "the old session lives on after a new login", "login_end.go", `	h.replaceSession(v, &end.session)
`, ``, ""},
	// What the site is told.
	{"H1", "forged identity headers reach the site", "handler.go", `	h.strip(v)
	h.takeCookies(v)
`, `	h.takeCookies(v)
`, ""},
	{"H1", "a route beside the block carries forged headers", "module.go", `place.PutInFront(server, h.settings.guard)`, `_ = place.PutInFront`, ""},
	{"H1", "other sites of the server lose headers", "internal/placement/front.go", `if b.place.isOn(r) {`, `if b.place.isOn(r) || true {`, "."},
	{"H1", "a page that is included loses the identity", "internal/placement/front.go", `|| r.Context().Value(http.LocalAddrContextKey) == nil {`, `{`, "."},
	{"H1", "forged trailers reach the site", "identity.go", `	h.settings.guard.StripTrailers(v.r)
`, ``, ""},
	{"H2", "only one spelling of a header is stripped", "internal/headerguard/headerguard.go", `if fold(name[i]) != h.folded[i] {`, `if name[i] != h.canonical[i] {`, "./internal/headerguard ."},
	{"H3", "Connection drops our headers", "identity.go", `	h.settings.guard.CleanConnection(v.r.Header)
`, ``, ""},
	{"H5", "the site sees the session cookie", "gate.go", `headerguard.CutOne(v.r.Header, line, start, end)`, `_, _, _, _ = headerguard.CutOne, line, start, end`, ""},
	{"H5", "the site sees our cookies if there are several", "gate.go", `headerguard.CutCookies(v.r.Header, h.settings.cookies.Ours)`, `_ = headerguard.CutCookies`, ""},
	{"H7", "what is kept of a request is given to the next", "handler.go", `	*v = visit{} // after a panic it is not given back at all
`, ``, ""},
	// Signing out.
	{"L1", "an ended session goes on", "ended.go", `{ return h.list.Ended(h.subject(s)) }`, `{ return false && h.list.Ended(h.subject(s)) }`, ""},
	{"L2", "another site can sign a visitor out", "logout.go", `if !h.isOwnForm(v) {`, `if false {`, ""},
	{"L3", "a sign-out that was not stored claims success", "logout.go", `if err != nil && !v.found.Crowded() {`, `if false {`, ""},
	// Meta's callbacks.
	{"K1", "any signature will do", "instagram/signed_request.go", `if hmac.Equal(sum, mac.Sum(nil)) {`, `if hmac.Equal(sum, sum) {`, "./instagram ."},
	{"K1", "the empty secret signs", "instagram/signed_request.go", `			continue // anybody can sign with the empty secret
`, ``, "./instagram"},
	{"K2", "the algorithm is not looked at", "instagram/signed_request.go", `err != nil || algorithm != signedAlgorithm`, `err != nil || signedAlgorithm == ""`, "./instagram"},
	{"K3", "deauthorize ends nothing", "removal.go", `if err := h.list.EndUserBefore(ctx, revocation.UserKey(h.settings.appID, signed.UserID), signed.IssuedAt); err != nil {`,
		`if _, err := ctx, error(nil); err != nil || revocation.UserKey == nil {`, ""},
	{"K5", "a callback may be of any size", "removal.go", `http.MaxBytesReader(v.w, v.r.Body, maxForm)`, `v.r.Body`, ""},
	{"K5", "a body may take as long as it likes", "body.go", `if v.r.ContentLength != 0 {`, `if false {`, ""},
	// Return addresses.
	{"R1", "two slashes lead elsewhere", "internal/returnpath/returnpath.go", ` || strings.HasPrefix(address, "//") {`, ` {`, "./internal/returnpath ."},
	{"R1", "dots hide two slashes", "internal/returnpath/returnpath.go", `return !strings.HasPrefix(withoutDots(u.EscapedPath()), "//")`, `return withoutDots(u.EscapedPath()) != ""`, "./internal/returnpath ."},
	{"R3", "visitors are sent back to own paths", "internal/address/address.go", `	if p.IsOwn(safe) {`, `	if false {`, "."},
	// The list of ended sessions.
	{"F1", "a failing storage signs everybody out", "ended.go", `	if h.settings.maxStaleness == 0 {
		return false`, `	if h.settings.maxStaleness == 0 {
		return h.list.Status().Failing != nil`, ""},
	{"N12", "sessions count before the list is known", "ended.go", `if known = h.list.Await(v.r.Context()); !known {`, `if known = h.list.Await(v.r.Context()); false {`, ""},
	{"N12", "junk waits for the list", "ended.go", `if !h.settings.cookies.OpenInto(&v.session, &v.found, nil) {`, `if h.settings.cookies.OpenInto(&v.session, &v.found, nil); false {`, ""},
	{"N12", "an emptied storage is a healthy one", "internal/revocation/marker.go", `	case known && !l.marker.emptied:`, `	case false:`, ""},
	{"N12", "a strict node writes into an emptied storage", "internal/revocation/marker.go", `l.refused.Store(l.marker.emptied && l.strict())`, `l.refused.Store(false && l.strict())`, ""},
	{"N12", "sessions older than the storage count with deny", "ended.go", `h.settings.maxStaleness != 0 && h.foreign(s)`, `h.settings.maxStaleness != 0 && h.foreign(s) && false`, ""},
	{"N12", "what a storage has lost stays lost", "internal/revocation/heal.go", `ok && !seen[i] && e.expires > now`, `ok && !seen[i] && e.expires < now`, ""},
	{"N13", "signing out everywhere ends what it knows to be dated now", "internal/revocation/write.go", `e.before = max(e.before, t.before(other)+1)`, `e.before = max(e.before, t.before(other&0)+1)`, ""},
	{"N13", "signing out everywhere does not ask what other nodes wrote", "internal/revocation/write.go", `	if len(others) > 0 {`, `	if len(others) > 9 {`, ""},
	{"N13", "the end of everybody leaves what a callback has dated", "internal/revocation/write.go", `until.Add(issuedWithin+sameMoment)`, `until.Add(0 * issuedWithin)`, ""},
	{"N14", "each end of everybody is dated after the one before, and a second on top", "internal/revocation/write.go", `before := max(until.UnixMilli(), last) + 1`, `before := max(until.UnixMilli(), last+1100) + 1`, ""},
	{"N13", "signing out everywhere names one key alone", "ended.go", `h.list.EndUser(ctx, of.User, of.AppScoped, of.AtBlock)`, `h.list.EndUser(ctx, of.User)`, ""},
	{"N13", "a person's end is kept for a week", "internal/revocation/entry.go", `e.before/1000+int64(MaxLifetime/time.Second)`, `e.before/1000+7*24*3600`, ""},
	{"N13", "the second of a removal is cut off", "internal/revocation/write.go", `moment.Add(issuedWithin + clockSkew)`, `moment.Add(clockSkew + 0*issuedWithin)`, ""},
	{"N14", "older ends of a person stay", "internal/revocation/supersede.go", `if e.kind == oneSession {`, `if e.kind != oneSession || true {`, ""},
	{"N14", "older ends on other nodes stay", "internal/revocation/full.go", `!(covered[i] && minute < quiet)`, `!(false && covered[i] && minute < quiet)`, ""},
	{"N14", "single sign-outs have no bound", "internal/revocation/budget.go", `whole.Sub(now) > budgetBurst*budgetEvery`, `whole.Sub(now) > 1000*budgetBurst*budgetEvery`, ""},
	{"N14", "an end beyond the budget ends newer sessions", "internal/revocation/budget.go", `entry{kind: kind, key: key, before: s.Began + 1}.lasting()`, `entry{kind: kind, key: key, before: s.Began + 1000}.lasting()`, ""},
	{"F3", "an entry has many names", "internal/revocation/entry.go", `if err != nil || name != encodeName(sealed) {`, `if err != nil {`, ""},
	// Who may come in, and how often.
	{"X1", "everybody may sign in", "login_end.go", `if !h.settings.admits(&who) { // [X1]`, `if false {`, ""},
	{"X1", "a part of an ID is enough", "access.go", `p.ids[who.UserID] ||`, `p.ids[who.UserID[:min(16, len(who.UserID))]] ||`, ""},
	{"X2", "a list counts at the login alone", "gate.go", `case !h.settings.admits(&v.session.Identity):`, `case false:`, ""},
	{"D3", "the breaker never opens", "internal/limit/gate.go", `if b.failures++; b.failures >= b.limit {`, `if b.failures >= b.limit {`, "./internal/limit ."},
	{"D3", "any number of calls at a time", "internal/limit/gate.go", `make(chan struct{}, n)`, `make(chan struct{}, 1000*n)`, "./internal/limit ."},
	{"D5", "every client is remembered", "internal/limit/rate.go", `for r.recent.Len() >= r.size {`, `for false {`, ""},
	// What goes out.
	{"E3", "pages have no policy", "internal/refusal/reply.go", `	header.Set("Content-Security-Policy", contentSecurityPolicy)
`, ``, "./internal/refusal ."},
	{"P1", "an error on the callback is left to Caddy's log", "refuse.go", `return status >= 500 && (r.astray || h.settings.paths.IsCallbackPath(v.asked.Path))`, `return false`, ""},
	{"P1", "the log format redacts nothing", "internal/logformat/logformat.go", `redact.Line(line.Bytes()); len(left)`, `line.Bytes(); redact.Line(nil) != nil && len(left)`, "."},
	{"P1", "a state is no secret", "internal/redact/context.go", `case "code", "state", "confirmation_code":`, `case "code", "confirmation_code":`, "./internal/redact"},
	{"P1", "codes of 32 characters are short", "internal/redact/redact.go", `const MinLength = 32`, `const MinLength = 33`, "./internal/redact"},
	{"P1", "an address within an address is not read", "internal/redact/redact.go", `v = nextEscape(s.line, max(v, end), to)`, `v = to`, "./internal/redact"},
	{"P1", "a name that is escaped is another one", "internal/redact/escape.go", `; ok {
			return decoded, start`, `; ok && start < 0 {
			return decoded, start`, "./internal/redact"},
	{"P1", "an escape is escaped once at most", "internal/redact/escape.go", `if p-2 < low || line[p-2] != '2' || line[p-1] != '5' {`, `if p >= low {`, "./internal/redact"},
	{"P1", "an escape of JSON is part of the name", "internal/redact/escape.go", `line[p-5] == 'u'`, `line[p-5] == 'U'`, "./internal/redact"},
	{"P1", "a tab is part of the name", "internal/redact/escape.go", `if p-2 >= low && line[p-2] == '\\' && isControl(c) {`, `if false {`, "./internal/redact"},
	{"P1", "the second value of a list stays", "internal/redact/context.go", `if p == s.listEnd && p > 0 {`, `if false {`, "./internal/redact"},
	{"P1", "the headers for cookies are any", "internal/redact/context.go", `			found = true
`, `			found = false
`, "./internal/redact"},
	{"P1", "a token in a header of any name stays", "internal/redact/redact.go", `if len(run) >= s.length && `, `if len(run) < s.length && `, "./internal/redact"},
	{"P2", "a made-up code is a warning", "notice.go", `case act == actionNeeded && ofVisitor(cause):`, `case false && ofVisitor(cause):`, ""},
	{"P2", "a forged callback is a warning", "notices.go", `refusal.BadSignature: {},`, `refusal.BadSignature: {action: actionNeeded},`, ""},
	{"P2", "a refusal is not counted", "refuse.go", `if !r.shownAgain {`, `if false {`, ""},
	{"P2", "what is hidden is told", "log.go", `case value == "" || how == hidden:`, `case value == "":`, ""},
	{"P2", "a storm fills the log", "log.go", `	if !ok {
		return
	}
	if missed > 0 {`, `	if !ok && missed > 0 {`, ""},
	{"P3", "the callback's address is a Referer", "refuse.go", `		header.Set("Referrer-Policy", "no-referrer") // [P3]
`, ``, ""},
	{"P4", "a flush sends headers that are not complete", "response.go", `	s.amend()
	return http.NewResponseController(s.ResponseWriter).Flush()`, `	return http.NewResponseController(s.ResponseWriter).Flush()`, ""},
	{"P4", "a stream waits for its end", "response.go", `return http.NewResponseController(s.ResponseWriter).Flush()`, `return nil`, ""},
	{"P4", "caches may keep a visitor's page", "response.go", `	if s.private && len(header["Cache-Control"]) == 0 {`, `	if false {`, ""},
	{"P4", "caches do not tell visitors apart", "response.go", `		header["Vary"] = s.vary[:1:1]
`, ``, ""},
	{"P6", "another site gets the visitor's picture", "endpoints.go", `foreign := site != "" && site`, `foreign := false && site`, ""},
	{"P6", "a person gets the picture of another", "picture_ask.go", `	return "address " + s.UserID
`, `	return "address"
`, ""},
	{"P6", "a person gets the picture of another from here", "picture_ask.go", `return "picture " + s.UserID`, `return "picture"`, ""},
	{"P6", "a picture may come from anywhere", "instagram/picture.go", `if u.Scheme == "https" && isPictureHost(u.Host) || c.simulates(u) {`, `if u.Scheme == "https" || c.simulates(u) {`, "./instagram ."},
	{"P6", "whatever says that it is a picture is one", "instagram/picture.go", `!slices.Contains(pictureTypes, declared) || !slices.Contains(pictureTypes, kind)`, `!slices.Contains(pictureTypes, declared)`, "./instagram ."},
	{"T3", "a picture may come from a private address", "instagram/picture_dial.go", `if !a.IsGlobalUnicast() || a.IsPrivate() {`, `if !a.IsGlobalUnicast() && a.IsPrivate() {`, "./instagram"},
	// One each for promises that have none above.
	{"A2", "a link may ask for any permission", "token.go", `case !h.settings.client.Asks(name):`, `case false:`, ""},
	{"A4", "the address that a request was rewritten to decides alone", "protect.go", `	if current != asked {
		if`, `	if false {
		if`, ""},
	{"N7", "an address has one form", "protect.go", `return h.matchesOtherwise(v) || h.matches(v.r, h.protect)`, `return h.matches(v.r, h.protect)`, ""},
	{"N7", "an address in overlong UTF-8 is good", "internal/pathnorm/pathnorm.go", `u.Path[0] != '/' || overlong(u.Path)`, `u.Path[0] != '/'`, "./internal/pathnorm ."},
	{"N7", "dots always mean something", "internal/pathnorm/steps.go", `segments[i] = "..."`, `_ = "..."`, "./internal/pathnorm ."},
	{"N7", "a long address has all of its forms made", "internal/pathnorm/forms.go", `	r.done = r.done || r.work > maxWork
`, ``, "./internal/pathnorm"},
	{"N7", "what matchers found in a form stays", "protect.go", `return h.matchesOtherwise(v) || h.matches(v.r, h.protect)`, `return h.matchesOtherwise(v)`, ""},
	{"N7", "a changed address is not put back", "protect.go", `	defer restore()
`, ``, ""},
	{"C6", "an old tab shows an error to somebody who is signed in", "callback.go", `	if v.standing == signedIn {
		return h.arrive`, `	if false {
		return h.arrive`, ""},
	{"T1", "any version of TLS will do", "instagram/client.go", `MinVersion: tls.VersionTLS12`, `MinVersion: tls.VersionTLS10`, "./instagram"},
	{"S8", "a session cookie may be large", "internal/session/session.go", `longest := maxCookie`, `longest := 8 * maxCookie`, "./internal/session ."},
	{"H4", "a header may be of any length", "internal/headerguard/cookies.go", `return value, len(value) <= maxValue`, `return value, true`, "./internal/headerguard ."},
	{"H4", "a header may hold anything", "internal/headerguard/cookies.go", `plain = isPlain(value[i])`, `plain = value[i] != 0`, "./internal/headerguard ."},
	{"L4", "everybody's sessions end unasked", "internal/operator/revoke.go", `asks := q.All && !cli.Flagged(command, "yes")`, `asks := false`, ""},
	{"L4", "a request to end sessions may name several", "internal/operator/admin.go", `case named != 1:`, `case named < 1:`, ""},
	{"K4", "a confirmation code proves nothing", "internal/session/codes.go", `if hmac.Equal(sum, sign(key, signed)) { // [Z1]`, `if hmac.Equal(sum, sign(key, signed)) || true {`, "./internal/session ."},
	{"N1", "a callback may be replayed in early data", "callback.go", `r.TLS != nil && !r.TLS.HandshakeComplete`, `false`, ""},
	{"N10", "a withdrawn permission is not heard", "against.go", `	if lost == 0 && !shutOut {`, `	if lost == 0 || !shutOut {`, ""},
	{"N10", "a username that is shut out is not heard", "against.go", ` || !h.settings.admits(&newer.Identity) && h.settings.admits(&old.Identity)`, ``, ""},
	{"N10", "sessions of other browsers go on", "against.go", `	if said.shutOut {`, `	if false {`, ""},
	{"N10", "a refused login counts in its own browser alone", "against.go", `	if err := h.list.EndUser(context.WithoutCancel(ctx), keys.AtBlock, keys.User, keys.AppScoped); err != nil {`, `	if err := context.Cause(ctx); err != nil && keys.AtBlock == 0 {`, ""},
	{"N10", "a refused login ends nothing", "login_end.go", `		h.heedRefusal(v, end)
`, ``, ""},
	{"N10", "silence at a login speaks against a visitor", "against.go", `	if !end.silent {`, `	if true {`, ""},
	{"N10", "a result is forgotten while older cookies come", "internal/renewal/renewal.go", `	e.expires = g.now().Add(g.keep)
	return`, `	e.expires = g.now().Add(time.Minute)
	return`, "./internal/renewal ."},
	{"N5", "nobody lacks a permission", "token.go", `return s.required.Without(instagram.Permissions(who.Permissions))`, `return 0`, ""},
	{"R2", "the return address of a login is not checked again", "arrival.go", `returnTo = h.settings.paths.Safe(returnTo)`, `_ = h.settings`, ""},
	{"E1", "a refusal does not say when to come back", "internal/refusal/reply.go", `header.Set("Retry-After", strconv.FormatInt(r.seconds(), 10))`, `_ = strconv.FormatInt(r.seconds(), 10)`, "./internal/refusal ."},
	{"E3", "an operator's page may hold scripts", "internal/refusal/templates.go", `if scriptTag.Match(body) {`, `if false {`, "./internal/refusal"},
	{"N8", "the client's address is what it says itself", "log.go", `ip, _ := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string)`, `ip, _ := r.Header.Get("X-Forwarded-For"), caddyhttp.ClientIPVarKey`, ""},
	{"N8", "everybody behind a proxy has one address", "log.go", `ip, _ := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string)`, `ip, _ := r.RemoteAddr, caddyhttp.ClientIPVarKey`, ""},
	{"N17", "a header that a visitor may leave out counts as sent", "internal/routes/walk.go", `		w.fork(route, at, r, after)
`, `		w.fork(route, at, r, after)
		return
`, "."},
	{"N17", "a handler by others lets everything pass", "internal/routes/handler.go", `		w.end(Ending{Kind: Unclear, By: by, Step: at, Handler: handler})
`, ``, "."},
	{"N17", "routes in front of a block are not looked at", "internal/routes/survey.go", `			v.Open = append(v.Open, verdict)
`, ``, "."},
	{"N17", "what error routes show is a page about the error", "internal/routes/handler.go", `	case at.failed == 0:
`, `	case at.failed != 0:
		kind = Denied
`, "."},
	{"N17", "what takes the cookies away before a block is not told", "internal/routes/changes.go", `touches := !change.Behind && len(change.Of(cookieHeader)) > 0`, `touches := false`, "."},
	{"N17", "other ways to the upstream are not looked for", "internal/inspect/doors.go", `if !d.asked[question] {`, `if false {`, "."},
	{"N17", "a wrong configuration starts", "internal/inspect/inspect.go", `		if b.Strict {`, `		if false {`, "."},
	{"N16", "the app secret makes sessions beside a session secret", "settings.go", `	if len(c.Secrets) == 0 {
		c.Secrets = apps
	}`, `	c.Secrets = append(c.Secrets, apps...)`, ""},
	{"N18", "a broken file replaces a secret that works", "internal/secretfile/rule.go", `		err = s.check(value)`, `		_ = s.check`, "./internal/secretfile ."},
	{"N18", "one look at a file is enough", "internal/secretfile/rule.go", `if before := s.seen; before != found {`, `if before := s.seen; false && before != found {`, "./internal/secretfile ."},
	{"N18", "the former secret opens nothing", "internal/secretfile/rule.go", `s.former = slices.Insert(s.former, 0, Former{was, now})`, `s.former = slices.Insert(s.former, 0, Former{was, now})[:0]`, "./internal/secretfile ."},
	{"N18", "a former secret opens for ever", "internal/secretfile/rule.go", `return now.Sub(f.Until) < keep && now.Round(0)`, `return true || now.Round(0)`, "./internal/secretfile ."},
	{"N18", "the former secret still seals", "internal/rotation/rotation.go", `r.config.SessionKeys.Change(sessions)`, `r.config.SessionKeys.Change(append(slices.Clone(r.inUse[1]), sessions...))`, "."},
	{"N18", "a reload forgets the former secret", "internal/rotation/rotation.go", `	key := name + " " + path`, `	key := name + " " + path + time.Now().String()`, "."},
	{"N18", "callbacks of the new app secret are refused", "internal/rotation/rotation.go", `		r.callbacks.Store(&app)
		r.inUse[0] = app`, `		r.inUse[0] = app`, "."},
	{"N18", "a secret that could be guessed has a fingerprint", "internal/session/fingerprint.go", `	if weakSecret(secret) {`, `	if secret == "" {`, "./internal/session ."},
	{"N16", "nobody is told whose secret makes sessions", "secrets.go", `case !h.settings.appSecretOpens || h.settings.handoff:`, `case true:`, ""},
}
