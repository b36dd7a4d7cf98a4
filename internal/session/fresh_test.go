package session

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

// Cookies and a state that the version before max_age encrypted, at the moment earlierAt.
const (
	earlierPlain = "AXJf1fghtgwqNrh8QVMBZPgdGsbPcCBHONukc5QMMgE1Jpf55zSa7P-d2kBSW1UD9jDfgbI-3lT1gOuGPnVajhX4FHPfCjj4Mjh8048LEOmd4Cbv-ut_4ZV-F6b_RWMJOVqrIZabfo5-_wgN_QkjNlszkkR46HytWQJCsgq-CCFttnJrNEha3Xd7AzGHDvwQiqD4bFpAGTVkpJqbmSiBgY_nT3nq16yzdtfYmO08PsWMONnnxv_Ktl2mGAdXiA"
	earlierFull  = "AXJf1fghtgwqNrh8QXufLOe9eOrgIgcl0hm_NMYebqWUWcqnZC87VSaYYcqazjmIrsMez014UYJlD2W5O9LWoZIIFmqC4jF_TVpKCBpsa7nLdku_8h4Q43ozBTOIXFCsJI8v-qrOW4WunIeU_XZWsvzY3YqaoikieGREE8KUq4ZWhh_Jdeky2K-slRglIFQAyWQqYclLA3Y8l-flRfSwtHsMU2r5xx3ctDnP8cuUxHYrdHM_EWGKImU7IRSWXwUJSblm3CpIpqvODh1hN91Z-U02EcrEY4HnT6mz7amdoA5i4hxukgioHxvvBYmdNzB4dPtZ1CPER6maEoFg7b_QP0N_"
	earlierState = "H3XOImJsuI-pYP8V3BZx96ym6u9pnghXgV46E3uTTV4AYPzLYwUKfbDqN47dma4vWMDfa33hkgT56KGmdJh8BcVEc8zfzk12qjtByC4SkcVZlm919SLIKWujSRk0DQs-NIpQfw87CtZxUFJofYXb0v5uIm9wJunkxDAJMGSEBoWjZ_FwXWt87Md8o12TUQfp_c4xOJzOnqGrolPUWxFd5ED4FQVk8VggZEfHL9biZWdiYoj"
	earlierLogin = "__Host-Http-instagram_auth_login_H3XOImJs=AYPzLYwUKfbDqN47dvvYMPLDEWDSltrKlv2VpODvXuc-7_OCrFlM7WEnXH8qWeA-Lo6l8nDxcFDNluusDow_td253DlgzpkqkTZhweqhEC5L3-BMVGLA5Rw28Z3Olg"
)

var earlierAt = time.Unix(1764244800, 0)

func earlierCookies(t *testing.T) *Cookies {
	t.Helper()
	c, err := New(Config{
		Secrets: []string{"a secret of this test, and of no site"}, Instance: "1 /instagram_auth", Name: "instagram_auth",
		Lifetime: 7 * 24 * time.Hour, Tokens: true, Now: func() time.Time { return earlierAt.Add(time.Minute) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestA9_AnUpdateKeepsSessionsAndLoginsOfEarlierVersions(t *testing.T) {
	c := earlierCookies(t)
	for value, fields := range map[string][]Field{earlierPlain: nil, earlierFull: {{"name", "Jay"}, {"website", "https://example.org/"}}} {
		found := c.Find([]string{"__Host-Http-instagram_auth=" + value})
		s, ok := c.Open(&found, nil)
		if !ok || s.Username != "jayposiris" || !reflect.DeepEqual(s.Fields, fields) || !s.Issued.Equal(earlierAt) {
			t.Errorf("a session of an earlier version is %+v, %v", s, ok)
		}
		if s.Reauthenticated || !s.Fresh(time.Hour).IsZero() {
			t.Error("a session of an earlier version counts as fresh")
		}
	}
	found := c.Find([]string{earlierLogin})
	l, ok := c.Resume(&found, earlierState, "https://example.test/auth/")
	if !ok || l.ReturnTo != "/billing?x=1" || l.Rounds != 1 || l.Reauthenticate || l.Account != 0 {
		t.Errorf("a login of an earlier version is %+v, %v", l, ok)
	}
}

// earlierSession reads a plaintext as the version before max_age did.
func earlierSession(plaintext string) (s Session, ok bool) {
	if !readTimes(&s, []byte(plaintext)) {
		return s, false
	}
	r := reader{rest: plaintext[fixedSize:]}
	s.Token = readToken(&r)
	s.UserID, s.AppScopedID, s.Username = r.string(), r.string(), r.string()
	for r.rest != "" && !r.broken {
		s.Fields = append(s.Fields, Field{r.string(), r.string()})
	}
	return s, r.done()
}

func TestA9_ADowngradeSignsNobodyOut(t *testing.T) {
	c := earlierCookies(t)
	who := Identity{UserID: "17841405793187218", Username: "jayposiris", Fields: []Field{{"name", "Jay"}}}
	plain, _, _, err := c.Create(Session{Identity: who})
	if err != nil {
		t.Fatal(err)
	}
	fresh, _, _, err := c.Create(Session{Identity: who, Reauthenticated: true, ID: plain.ID})
	if err != nil {
		t.Fatal(err)
	}
	if now, earlier := appendSession(nil, plain), appendSession(nil, fresh); len(earlier) != len(now)+5 || !strings.HasPrefix(string(earlier), string(now[:fixedSize])) {
		t.Errorf("the layout of an ordinary session has changed:\n%q\n%q", now, earlier)
	}
	s, ok := earlierSession(string(appendSession(nil, fresh)))
	if !ok || s.Username != "jayposiris" || !reflect.DeepEqual(s.Fields, []Field{{"", "r"}, {"name", "Jay"}}) {
		t.Errorf("an earlier version reads %+v, %v", s, ok)
	}
	// It writes the field again, so that an update after the downgrade finds the login fresh.
	if again, ok := readSession(string(appendSession(nil, s))); !ok || !again.Reauthenticated || !reflect.DeepEqual(again.Fields, who.Fields) {
		t.Errorf("after an earlier version: %+v, %v", again, ok)
	}
}

func TestA9_OnlyTheFirstFieldSaysThatALoginWasFresh(t *testing.T) {
	for name, fields := range map[string][]Field{
		"after another": {{"name", "Jay"}, {"", "r"}},
		"twice":         {{"", "r"}, {"", "r"}},
		"another value": {{"", "x"}},
		"no value":      {{"", ""}},
	} {
		if s, ok := readSession(string(appendSession(nil, Session{Identity: Identity{UserID: "1", Fields: fields}}))); ok {
			t.Errorf("%s: %+v", name, s)
		}
	}
	s, ok := readSession(string(appendSession(nil, Session{Identity: Identity{UserID: "1", Username: "r", Fields: []Field{{"r", "r"}}}})))
	if !ok || s.Reauthenticated {
		t.Errorf("an ordinary session is %+v, %v", s, ok)
	}
}

func TestA9_AFreshLoginStaysFreshInAFullCookieAndWhenItIsRenewed(t *testing.T) {
	c := earlierCookies(t)
	long := strings.Repeat("x", 1100)
	s, line, dropped, err := c.Create(Session{
		Identity:        Identity{UserID: strings.Repeat("9", 32), AppScopedID: strings.Repeat("8", 32), Username: "jay", Fields: []Field{{"biography", long}, {"name", "J"}}},
		Token:           Token{Access: strings.Repeat("t", 600), Issued: earlierAt, Expires: earlierAt.Add(time.Hour)},
		Reauthenticated: true,
	})
	if err != nil || len(dropped) == 0 {
		t.Fatalf("%v, dropped %q", err, dropped)
	}
	for _, step := range []string{"created", "renewed", "renewed again"} {
		value, _, _ := strings.Cut(line, ";")
		found := c.Find([]string{value})
		opened, ok := c.Open(&found, nil)
		if !ok || !opened.Reauthenticated || !opened.Fresh(time.Hour).Equal(s.Issued.Add(time.Hour)) {
			t.Fatalf("%s: %+v, %v", step, opened, ok)
		}
		if line, _, err = c.Renew(&opened, true); err != nil {
			t.Fatal(err)
		}
	}
}

func TestA9_ALoginKeepsWhatItAskedForAndForWhichAccount(t *testing.T) {
	c := earlierCookies(t)
	for _, want := range []Login{
		{}, {Reauthenticate: true}, {Reauthenticate: true, Account: 1 << 63, Rounds: 2}, {Account: 5, Rounds: 1}, {Rounds: 2},
	} {
		want.RedirectURI, want.ReturnTo = "https://example.test/auth/", "/billing"
		state, lines, err := c.Start(want, new(Found))
		if err != nil {
			t.Fatal(err)
		}
		value, _, _ := strings.Cut(lines[0], ";")
		found := c.Find([]string{value})
		got, ok := c.Resume(&found, state, want.RedirectURI)
		if want.Nonce = got.Nonce; !ok || got != want {
			t.Errorf("%+v became %+v, %v", want, got, ok)
		}
	}
}
