package instagram_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
)

// Each target calls the whole client with answers of the fuzzer, and compares the result with a
// second reading of the rules.

const (
	plantedSecret = appSecret
	plantedCode   = "AQBx~5%41b-_.z9#tail"
	plantedToken  = "IGQVJplanted+/token=="
)

// repeating puts the secrets where an answer repeats one: the words are short, so that the
// fuzzer can move them about.
var repeating = strings.NewReplacer("SECRET", plantedSecret, "CODE", plantedCode, "TOKEN", plantedToken,
	"SCUT", plantedSecret[:20], "CCUT", url.QueryEscape(plantedCode), "TCUT", url.QueryEscape(plantedToken))

// script is an Instagram that gives one answer after another, the last one again and again.
type script struct {
	replies []reply
	asked   []*http.Request
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	next := s.replies[min(len(s.asked), len(s.replies)-1)]
	s.asked = append(s.asked, r)
	header := http.Header{"Content-Type": {"application/json; charset=utf-8"}}
	for name, values := range next.header {
		header[name] = values
	}
	return &http.Response{StatusCode: next.status, Header: header, Body: io.NopCloser(strings.NewReader(next.body))}, nil
}

func (s *script) client(t testing.TB, api instagram.API, fields ...string) *instagram.Client {
	t.Helper()
	c, err := instagram.New(instagram.Config{API: api, AppID: "1", AppSecret: plantedSecret, Fields: fields, Transport: s})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// places tells where the token stood in each request: h for the header, q for the query, - for
// neither.
func (s *script) places() string {
	var b strings.Builder
	for _, r := range s.asked {
		inHeader, inQuery := r.Header.Get("Authorization") != "", r.URL.Query().Has("access_token")
		b.WriteString(map[[2]bool]string{{true, false}: "h", {false, true}: "q", {false, false}: "-", {true, true}: "!"}[[2]bool{inHeader, inQuery}])
	}
	return b.String()
}

// wantHarmless fails the test if an error tells a secret that was sent, or more of Instagram's
// words than a line of a log has room for. [T6]
func wantHarmless(t *testing.T, r reply, err error, sent ...string) *instagram.Error {
	t.Helper()
	failure, ok := errors.AsType[*instagram.Error](err)
	if !ok {
		t.Fatalf("%+v gives %T", r, err)
	}
	for _, text := range []string{failure.Type, failure.Message, failure.TraceID} {
		if len(text) > 200 {
			t.Errorf("%+v: %d bytes of Instagram's words are kept", r, len(text))
		}
	}
	text := err.Error()
	if len(text) > 3*3*200+500 || strings.ContainsAny(text, "\r\n\x00") {
		t.Errorf("%+v gives %q", r, text)
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
		t.Errorf("%+v gives %q", r, text)
	}
	if tells(text, sent) {
		t.Errorf("%+v: %q tells one of %q", r, text, sent)
	}
	if failure.RetryAfter < 0 || failure.RetryAfter > 24*time.Hour {
		t.Errorf("%+v: wait %s", r, failure.RetryAfter)
	}
	return failure
}

// tells reports whether a text has a telling part of a secret.
func tells(text string, secrets []string) bool {
	return slices.ContainsFunc(secrets, func(secret string) bool {
		return strings.Contains(text, secret[:8]) || strings.Contains(text, url.QueryEscape(secret)[:8])
	})
}

// wantError compares an error with the second reading of the answer that it came of.
func wantError(t *testing.T, r reply, err error, want verdict, sent ...string) {
	t.Helper()
	got := wantHarmless(t, r, err, sent...)
	kept := got.Message
	if got.Kind != want.kind || got.Status != r.status || got.Code != want.code || got.Subcode != want.subcode || got.Transient != want.transient {
		t.Errorf("%+v gives kind %s, code %d/%d, transient %v; want %+v", r, got.Kind, got.Code, got.Subcode, got.Transient, want)
	}
	for _, words := range [][2]string{{got.Type, want.kinds}, {kept, want.message}, {got.TraceID, want.trace}} {
		if want.known && !tells(words[1], sent) && words[0] != words[1][:min(len(words[1]), 200)] {
			t.Errorf("%+v keeps %q, want %q", r, words[0], words[1])
		}
	}
	for name, pair := range map[string][2]bool{
		"rate limited":      {got.RateLimited(), want.rateLimited(r.status)},
		"temporary":         {got.Temporary(), want.temporary(r.status, kept)},
		"of one person":     {got.OfOnePerson(), want.ofOnePerson(r.status, kept)},
		"invalid token":     {got.InvalidToken(), want.invalidToken()},
		"lacks permission":  {got.LacksPermission(), want.lacksPermission(kept)},
		"a private account": {got.PrivateAccount(), false},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%+v: %s: %v, want %v", r, name, pair[0], pair[1])
		}
	}
	if got.AppState() != want.appState(kept) {
		t.Errorf("%+v: the app is %s, want %s", r, got.AppState(), want.appState(kept))
	}
	if wait, clear := r.retryAfter(); clear && got.RetryAfter != wait {
		t.Errorf("%+v: wait %s, want %s", r, got.RetryAfter, wait)
	}
	if remedy := got.Remedy(); tells(remedy, sent) || want.appState(kept) != instagram.AppFine && remedy == "" {
		t.Errorf("%+v: remedy %q", r, remedy)
	}
}

// tokenCall is one of the calls that return a token.
type tokenCall struct {
	api       instagram.API
	otherwise time.Duration // the lifetime of an answer that does not say
	old       instagram.Token
	sent      []string
	call      func(*instagram.Client) (instagram.Token, error)
}

// fuzz feeds the call.
func (c tokenCall) fuzz(f *testing.F) {
	seedAnswers(f, tokenSeeds)
	f.Fuzz(func(t *testing.T, status int, body string) {
		r := reply{status: status, body: repeating.Replace(body)}
		got, err := c.call((&script{replies: []reply{r}}).client(t, c.api))
		failure, isError, clearError := readError(r)
		want, ok, clear := readToken(r.body, c.otherwise)
		if c.old.AccessToken != "" {
			// Neither answer tells who it is, whatever stands there.
			if want.UserID = c.old.UserID; want.Permissions == 0 {
				want.Permissions = c.old.Permissions
			}
		}
		switch {
		case !clearError || !clear:
			c.wantNothingNew(t, r, got, err)
		case isError:
			wantError(t, r, err, failure, c.sent...)
		case !ok:
			if got := wantHarmless(t, r, err, c.sent...); got.Kind != instagram.BadAnswer {
				t.Errorf("%+v gives the kind %s", r, got.Kind)
			}
		case err != nil || got != want:
			t.Errorf("%+v gives %+v %q %s, %v; want %q %s", r, got, got.AccessToken, got.Lifetime, err, want.AccessToken, want.Lifetime)
		}
	})
}

// wantNothingNew fails the test if a token has something that stands nowhere in the answer.
func (c tokenCall) wantNothingNew(t *testing.T, r reply, got instagram.Token, err error) {
	t.Helper()
	if err != nil {
		wantHarmless(t, r, err, c.sent...)
		return
	}
	if !tokenRule.MatchString(got.AccessToken) || len(got.AccessToken) > 4096 || got.Lifetime <= 0 || got.Lifetime > 90*24*time.Hour {
		t.Errorf("%+v gives %q for %s", r, got.AccessToken, got.Lifetime)
	}
	if got.UserID != "" && got.UserID != c.old.UserID && !slices.Contains(idsOf(r.body, "user_id"), got.UserID) {
		t.Errorf("%+v gives the ID %q", r, got.UserID)
	}
}

// idsOf returns the IDs that stand in an answer under these names, in any spelling.
func idsOf(body string, names ...string) (ids []string) {
	v, _, ok := unwrap(body)
	for _, name := range names {
		for _, found := range v.all(name) {
			if id, good := found.id(); ok && good {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

func exchange(c *instagram.Client) (instagram.Token, error) {
	return c.Exchange(context.Background(), redirectURI, plantedCode)
}

// oldToken is the token of somebody who is known.
var oldToken = instagram.Token{AccessToken: plantedToken, UserID: userID, Permissions: instagram.PermissionsOf("instagram_business_basic")}

func FuzzC9_TokenAnswerOfInstagramLogin(f *testing.F) {
	tokenCall{instagram.InstagramLogin, time.Hour, instagram.Token{}, []string{plantedSecret, plantedCode}, exchange}.fuzz(f)
}

func FuzzC9_TokenAnswerOfBasicDisplay(f *testing.F) {
	tokenCall{instagram.BasicDisplay, time.Hour, instagram.Token{}, []string{plantedSecret, plantedCode}, exchange}.fuzz(f)
}

func FuzzC9_LongLivedToken(f *testing.F) {
	tokenCall{instagram.InstagramLogin, 60 * 24 * time.Hour, oldToken, []string{plantedSecret, plantedToken}, func(c *instagram.Client) (instagram.Token, error) {
		return c.LongLived(context.Background(), oldToken)
	}}.fuzz(f)
}

func FuzzC9_RefreshedToken(f *testing.F) {
	tokenCall{instagram.BasicDisplay, 60 * 24 * time.Hour, oldToken, []string{plantedSecret, plantedToken}, func(c *instagram.Client) (instagram.Token, error) {
		return c.Refresh(context.Background(), oldToken)
	}}.fuzz(f)
}

// fuzzUser feeds the user node of a sign-in.
func fuzzUser(f *testing.F, api instagram.API, fields ...string) {
	for _, known := range []string{"", userID, appScopedID} {
		seedBodies(f, nodeSeeds, known)
	}
	f.Fuzz(func(t *testing.T, body, known string) {
		if known != "" && !idRule.MatchString(known) {
			return // no token answer has such an ID
		}
		r := reply{status: http.StatusOK, body: repeating.Replace(body)}
		a := asking{api: api, token: instagram.Token{AccessToken: plantedToken, UserID: known}, fields: fields}
		got, err := (&script{replies: []reply{r}}).client(t, api, fields...).User(context.Background(), a.token)
		want, private, ok, clear := readUser(a, r.body)
		wantUser(t, r, got, err, nodeReading{a, want, private, ok, clear})
	})
}

// nodeReading is the second reading of a node.
type nodeReading struct {
	asking
	want               instagram.User
	private, ok, clear bool
}

// wantUser compares a user with the second reading.
func wantUser(t *testing.T, r reply, got instagram.User, err error, n nodeReading) {
	t.Helper()
	failure, isError, clearError := readError(r)
	switch {
	case !clearError || !n.clear:
		if err != nil {
			wantHarmless(t, r, err, plantedToken, plantedSecret)
			return
		}
		ids := append(idsOf(r.body, "id", "user_id"), n.token.UserID, n.want.ID, n.want.AppScopedID, "")
		if !slices.Contains(ids, got.ID) || got.ID == "" || !slices.Contains(ids, got.AppScopedID) || !usernameRule.MatchString(got.Username) {
			t.Errorf("%+v gives %+v, of whom it does not speak", r, got)
		}
	case isError:
		wantError(t, r, err, failure, plantedToken, plantedSecret)
	case !n.ok:
		got := wantHarmless(t, r, err, plantedToken, plantedSecret)
		if got.Kind != instagram.BadProfile || got.PrivateAccount() != n.private || !got.OfOnePerson() || got.Temporary() || got.Message != "" {
			t.Errorf("%+v gives %+v (private: %v), want a bad profile (private: %v)", r, got, got.PrivateAccount(), n.private)
		}
	case err != nil || !reflect.DeepEqual(got, n.want):
		t.Errorf("%+v gives %+v, %v; want %+v", r, got, err, n.want)
	}
}

func FuzzC9_UserNodeOfInstagramLogin(f *testing.F) {
	fuzzUser(f, instagram.InstagramLogin, "name", "media_count", "account_type")
}

func FuzzC9_UserNodeOfBasicDisplay(f *testing.F) {
	fuzzUser(f, instagram.BasicDisplay, "media_count", "account_type")
}

// A recheck returns the same person or an error.
func FuzzT5_Recheck(f *testing.F) {
	for _, known := range []instagram.User{{ID: userID, AppScopedID: appScopedID}, {ID: appScopedID, AppScopedID: appScopedID}, {ID: userID}} {
		seedBodies(f, nodeSeeds, known.ID, known.AppScopedID, false)
		seedBodies(f, nodeSeeds, known.ID, known.AppScopedID, true)
	}
	f.Fuzz(func(t *testing.T, body, id, appScoped string, inBasic bool) {
		if !idRule.MatchString(id) || appScoped != "" && !idRule.MatchString(appScoped) {
			return
		}
		api := instagram.InstagramLogin
		if inBasic {
			api = instagram.BasicDisplay
		}
		known := instagram.User{ID: id, AppScopedID: appScoped}
		r := reply{status: http.StatusOK, body: repeating.Replace(body)}
		a := asking{api: api, token: oldToken}
		got, err := (&script{replies: []reply{r}}).client(t, api).Recheck(context.Background(), oldToken, known)
		want, private, ok, clear := readAgain(a, r.body, known)
		if err == nil && (got.ID != id || got.AppScopedID != appScoped) {
			t.Errorf("%+v makes %+v of %+v", r, got, known)
		}
		wantUser(t, r, got, err, nodeReading{a, want, private, ok, clear})
	})
}

// Two answers decide how often the client asks, and where the token stands each time.
func FuzzT4_AnotherTry(f *testing.F) {
	for _, first := range []string{errorSeeds[0], errorSeeds[2], errorSeeds[3], errorSeeds[5], noToken, notActive, cannotParse, badPath, `{"error":{"message":"(#10) x","code":10}}`, `{"error":{"message":"(#100) x","code":100}}`, `{"error":{"message":"nonexisting field (name)","code":100}}`, goodNode, `{`} {
		for _, second := range []string{first, goodNode, noToken, cannotParse, `{"error":{"message":"(#10) x","code":10}}`} {
			f.Add(400, first, 400, second, true)
			f.Add(400, first, 200, second, false)
		}
	}
	f.Fuzz(func(t *testing.T, status int, body string, status2 int, body2 string, withFields bool) {
		first, second := reply{status: status, body: repeating.Replace(body)}, reply{status: status2, body: repeating.Replace(body2)}
		if _, _, clear := readError(first); !clear {
			return
		}
		if _, _, clear := readError(second); !clear {
			return
		}
		var fields []string
		if withFields {
			fields = []string{"name"}
		}
		s := &script{replies: []reply{first, second}}
		client := s.client(t, instagram.InstagramLogin, fields...)
		_, err := client.User(context.Background(), instagram.Token{AccessToken: plantedToken})
		want := &tries{replies: s.replies}
		want.user(withFields)
		if s.places() != want.places || (err == nil) && want.failed {
			t.Errorf("%+v: the token stood in %q, %v; want %q, failure %v", s.replies, s.places(), err, want.places, want.failed)
		}
		for _, r := range s.asked {
			if all := r.URL.Query().Get("fields") == "id,user_id,username,name"; all && !withFields {
				t.Errorf("asked for %s", r.URL)
			}
		}
	})
}

// The meaning of errors, and of the headers about rate limits.
func FuzzC9_ErrorBody(f *testing.F) {
	for _, seed := range errorSeeds {
		for _, status := range []int{200, 400, 401, 403, 429, 500} {
			f.Add(seed, status, "", "", "")
		}
	}
	for _, wait := range []string{"1", "-1", "+3", "1e3", "99999999999999999999", "86401", "Wed, 21 Oct 2065 07:28:00 GMT", `{"estimated_time_to_regain_access":5}`, `{"call_count":28,"total_cputime":25,"total_time":25}`, `{"estimated_time_to_regain_access":-1}`,
		`{"17841405793187218":[{"type":"instagram","call_count":100,"total_cputime":25,"total_time":31,"estimated_time_to_regain_access":19}]}`, `{"1":[{"estimated_time_to_regain_access":99999999999}]}`, `{"1":null}`, `{"1":[{"estimated_time_to_regain_access":1.5},{}],"1":[]}`} {
		f.Add(errorSeeds[0], 400, wait, wait, wait)
		f.Add(errorSeeds[0], 400, "", wait, "")
		f.Add(errorSeeds[0], 400, "", "", wait)
	}
	sent := []string{plantedSecret, plantedCode}
	f.Fuzz(func(t *testing.T, body string, status int, after, app, cases string) {
		r := reply{status, repeating.Replace(body), http.Header{"Retry-After": {after}, "X-App-Usage": {app}, "X-Business-Use-Case-Usage": {cases}}}
		want, isError, clear := readError(r)
		_, err := exchange((&script{replies: []reply{r}}).client(t, instagram.InstagramLogin))
		switch {
		case !isError && clear:
		case !clear && err == nil:
		case !clear:
			wantHarmless(t, r, err, sent...)
		default:
			wantError(t, r, err, want, sent...)
		}
	})
}

// A page, or anything else that is no JSON, is never taken for an answer.
func FuzzT6_AnswerThatIsNoJSON(f *testing.F) {
	for _, seed := range append(pageSeeds, errorSeeds...) {
		f.Add(seed, 200, "text/html; charset=utf-8")
		f.Add(seed, 502, "text/plain")
		f.Add(seed, 400, "")
	}
	sent := []string{plantedSecret, plantedCode}
	f.Fuzz(func(t *testing.T, body string, status int, kind string) {
		if lower := strings.ToLower(kind); strings.Contains(lower, "json") || strings.Contains(lower, "javascript") {
			return
		}
		r := reply{status, repeating.Replace(body), http.Header{"Content-Type": {kind}}}
		_, err := exchange((&script{replies: []reply{r}}).client(t, instagram.InstagramLogin))
		got := wantHarmless(t, r, err, sent...)
		if got.Kind != instagram.BadAnswer || got.AppState() != instagram.AppFine || got.InvalidToken() || got.OfOnePerson() {
			t.Errorf("%+v gives %+v", r, got)
		}
	})
}
