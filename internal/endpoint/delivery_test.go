package endpoint_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

// metaSigned returns what Meta signs for a person at a moment.
func metaSigned(user string, at time.Time) string {
	return sitetest.SignedRequest(sitetest.AppSecret, user, at)
}

var passBoth = sitetest.Config{Options: "deauthorize pass\ndata_deletion pass"}

func TestN11_ACallbackReachesTheSiteOnceAlsoAfterARestart(t *testing.T) {
	for path, event := range map[string]string{sitetest.DeauthorizePath: "deauthorize", sitetest.DataDeletionPath: "data_deletion"} {
		t.Run(event, func(t *testing.T) {
			s := sitetest.Start(t, passBoth)
			at := time.Now().Add(-time.Hour)
			signed := metaSigned(sitetest.AppScopedID, at)
			for round := range 3 {
				answer := s.FromMeta(path, signed, func(r *http.Request) { r.Header.Set("X-Instagram-Event-Issued-At", "1") })
				if answer.StatusCode != http.StatusOK || strings.Contains(answer.Body, "confirmation_code") != (path == sitetest.DataDeletionPath) {
					t.Errorf("round %d: answered %s %s", round, answer.Status, answer.Body)
				}
				s.Restart(passBoth)
			}
			// In other words, but by the same person of the same moment.
			again := strings.Replace(signed, ".", "=.", 1)
			if answer := s.FromMeta(path, again); answer.StatusCode != http.StatusOK {
				t.Errorf("with padding: answered %s", answer.Status)
			}
			if n := s.Upstream.Count(); n != 1 {
				t.Fatalf("the site got it %d times", n)
			}
			got := s.Upstream.Last(t).Header
			if got.Get("X-Instagram-Event") != event || got["X-Instagram-Event-Issued-At"][0] != strconv.FormatInt(at.Unix(), 10) || len(got["X-Instagram-Event-Issued-At"]) != 1 {
				t.Errorf("the site got %v", got)
			}
			// Another one, a second later, is another one.
			s.FromMeta(path, metaSigned(sitetest.AppScopedID, at.Add(time.Second)))
			s.FromMeta(path, metaSigned("25025320822304914", at))
			if n := s.Upstream.Count(); n != 3 {
				t.Errorf("the site got %d, want three", n)
			}
		})
	}
}

func TestN11_WhatTheSiteDidNotTakeComesAgain(t *testing.T) {
	s := sitetest.Start(t, passBoth)
	for _, path := range []string{sitetest.DeauthorizePath, sitetest.DataDeletionPath} {
		signed := metaSigned(sitetest.AppScopedID, time.Now().Add(-time.Duration(len(path))*time.Hour))
		before := s.Upstream.Count()
		for _, status := range []int{500, 503, 404, 302, 200, 200} {
			s.Upstream.Respond(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
			if answer := s.FromMeta(path, signed); answer.StatusCode != status {
				t.Errorf("%s: the site says %d, answered %s", path, status, answer.Status)
			}
		}
		if n := s.Upstream.Count() - before; n != 5 {
			t.Errorf("%s: the site got it %d times, want five", path, n)
		}
	}
}

func TestN11_WithoutAStorageNothingIsLostAndNothingComesTwice(t *testing.T) {
	config := sitetest.Config{Options: passBoth.Options + "\nsync_interval 1s"}
	s := sitetest.Start(t, config)
	signed := metaSigned(sitetest.AppScopedID, time.Now())
	mend := s.BreakStorage()
	for range 2 {
		if answer := s.FromMeta(sitetest.DataDeletionPath, signed); answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") == "" {
			t.Errorf("answered %s", answer.Status)
		}
	}
	mend()
	for range 2 {
		if answer := s.FromMeta(sitetest.DataDeletionPath, signed); answer.StatusCode != http.StatusOK {
			t.Errorf("afterwards: %s %s", answer.Status, answer.Body)
		}
	}
	// Its end is known by now, so that only the note asks the storage.
	mend = s.BreakStorage()
	if answer := s.FromMeta(sitetest.DataDeletionPath, metaSigned(sitetest.AppScopedID, time.Now().Add(-time.Minute))); answer.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a further one: %s", answer.Status)
	}
	mend()
	if n := s.Upstream.Count(); n != 1 {
		t.Errorf("the site got %d", n)
	}
}

func TestN11_ManyAtOnceAreOne(t *testing.T) {
	s := sitetest.Start(t, passBoth)
	s.Upstream.Respond(func(w http.ResponseWriter, _ *http.Request) { time.Sleep(50 * time.Millisecond) })
	signed := metaSigned(sitetest.AppScopedID, time.Now())
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() { s.FromMeta(sitetest.DataDeletionPath, signed) })
	}
	all.Wait()
	if n := s.Upstream.Count(); n != 1 {
		t.Errorf("the site got it %d times", n)
	}
}

func TestN11_OldCallbacksAreRefused(t *testing.T) {
	for name, config := range map[string]sitetest.Config{"passed on": passBoth, "answered": {}} {
		t.Run(name, func(t *testing.T) {
			s := sitetest.Start(t, config)
			for _, path := range []string{sitetest.DeauthorizePath, sitetest.DataDeletionPath} {
				answer := s.FromMeta(path, metaSigned(sitetest.AppScopedID, time.Now().Add(-7*24*time.Hour-time.Minute)))
				if answer.StatusCode != http.StatusBadRequest || sitetest.Decode(t, answer)["error"] != "bad_request" {
					t.Errorf("%s: answered %s %s", path, answer.Status, answer.Body)
				}
				if answer := s.FromMeta(path, metaSigned(sitetest.AppScopedID, time.Now().Add(-7*24*time.Hour+time.Duration(len(path))*time.Hour))); answer.StatusCode != http.StatusOK {
					t.Errorf("%s: a younger one was answered %s", path, answer.Status)
				}
			}
			lines := s.Logged("callback refused")
			if len(lines) != 2 || lines[0]["error"] != "the callback is older than seven days" || !strings.Contains(fmt.Sprint(lines[0]["remedy"]), "clock") {
				t.Errorf("logged %v", lines)
			}
		})
	}
}

// Somebody has got hold of a deauthorize callback, and the site deletes what it is told to. The
// two may be of different nodes, of which one does not even pass it on. [An hour later: see
// internal/revocation.]
func TestN11_ADeauthorizeRequestIsNoneForDataDeletion(t *testing.T) {
	onlyDeletion := sitetest.Config{Options: "data_deletion pass"}
	s := sitetest.Start(t, onlyDeletion)
	signed := metaSigned(sitetest.AppScopedID, time.Now().Add(-61*time.Minute))
	if answer := s.FromMeta(sitetest.DeauthorizePath, signed); answer.StatusCode != http.StatusOK {
		t.Fatalf("answered %s", answer.Status)
	}
	s.AgeCallbacks(61 * time.Minute)
	for range 2 {
		answer := s.FromMeta(sitetest.DataDeletionPath, signed)
		if answer.StatusCode != http.StatusBadRequest || s.Upstream.Count() != 0 {
			t.Errorf("answered %s %s; the site got %d", answer.Status, answer.Body, s.Upstream.Count())
		}
		s.Restart(onlyDeletion)
	}
	if lines := s.Logged("callback refused"); len(lines) != 2 || lines[0]["error"] != "the callback was sent to another path before" {
		t.Errorf("logged %v", lines)
	}
}

// Meta calls both when a person removes an app, possibly in the same second.
func TestN11_BothCallbacksOfOneSecondArrive(t *testing.T) {
	s := sitetest.Start(t, passBoth)
	failing := true
	s.Upstream.Respond(func(w http.ResponseWriter, r *http.Request) {
		if failing {
			w.WriteHeader(http.StatusBadGateway)
		}
	})
	signed := metaSigned(sitetest.AppScopedID, time.Now())
	failing = false
	if answer := s.FromMeta(sitetest.DeauthorizePath, signed); answer.StatusCode != http.StatusOK {
		t.Errorf("deauthorize: %s", answer.Status)
	}
	failing = true
	if answer := s.FromMeta(sitetest.DataDeletionPath, signed); answer.StatusCode != http.StatusBadGateway {
		t.Errorf("deletion, with a site that is down: %s", answer.Status)
	}
	failing = false
	if answer := s.FromMeta(sitetest.DataDeletionPath, signed); answer.StatusCode != http.StatusOK {
		t.Errorf("deletion: %s", answer.Status)
	}
	var events []string
	for _, request := range s.Upstream.All() {
		events = append(events, request.Header.Get("X-Instagram-Event"))
	}
	if got := strings.Join(events, " "); got != "deauthorize data_deletion data_deletion" {
		t.Errorf("the site got %s", got)
	}
}

// So do they after an outage of this server, when both come late.
func TestN11_BothCallbacksOfOneSecondArriveAfterAnOutage(t *testing.T) {
	s := sitetest.Start(t, passBoth)
	signed := metaSigned(sitetest.AppScopedID, time.Now().Add(-26*time.Hour))
	for _, path := range []string{sitetest.DeauthorizePath, sitetest.DataDeletionPath} {
		if answer := s.FromMeta(path, signed); answer.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", path, answer.Status)
		}
	}
	if n := s.Upstream.Count(); n != 2 {
		t.Errorf("the site got %d", n)
	}
}

// A site without data of its own is asked nothing, and the page claims nothing for it.
func TestK4_ThePageSaysDeletedOnlyOfWhatWasDeleted(t *testing.T) {
	for language, word := range map[string]string{
		"en": "the sign-in of this site", "de": "die Anmeldung dieser Website", "es": "el inicio de sesión de este sitio", "fr": "la connexion de ce site",
		"it": "l’accesso a questo sito", "pt": "o início de sessão deste site", "tr": "oturum açma işlevinin",
	} {
		t.Run(language, func(t *testing.T) {
			config := sitetest.Config{Options: "language " + language}
			s := sitetest.Start(t, config)
			signed := metaSigned(sitetest.AppScopedID, time.Now())
			s.FromMeta(sitetest.DataDeletionPath, signed)
			// Said again, it is still the same.
			confirmed := sitetest.Decode(t, s.FromMeta(sitetest.DataDeletionPath, signed))
			page := s.NewBrowser().Get(confirmed["url"].(string))
			if !strings.Contains(strings.ToLower(page.Body), strings.ToLower(word)) {
				t.Errorf("the page says\n%s", page.Body)
			}
		})
	}
}

// Another site sends a visitor's browser with a form of its own.
func TestN15_ForgedCallbacksCostAVisitorNoSignIn(t *testing.T) {
	s := sitetest.Start(t, sitetest.Config{})
	crossSite := func(r *http.Request) {
		r.Header.Set("Origin", "https://evil.example")
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		r.Header.Set("Sec-Fetch-Mode", "navigate")
		r.Header.Set("Sec-Fetch-Dest", "document")
		r.Header.Set("Accept", "text/html")
	}
	for _, changes := range [][]func(*http.Request){
		{crossSite}, {func(r *http.Request) { r.Header.Set("Origin", "null") }}, {func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "none") }},
	} {
		for range 40 {
			answer := s.FromMeta(sitetest.DeauthorizePath, "a.b", changes...)
			if answer.StatusCode != http.StatusBadRequest || sitetest.Decode(t, answer)["error"] != "bad_request" {
				t.Fatalf("answered %s %s", answer.Status, answer.Body)
			}
		}
	}
	if lines := s.Logged("callback refused"); len(lines) == 0 || !strings.Contains(fmt.Sprint(lines[0]["error"]), "browser") {
		t.Errorf("logged %v", lines)
	}
	// Programs on the same address: they use up what is theirs alone.
	for range 40 {
		s.FromMeta(sitetest.DeauthorizePath, "a.b")
	}
	if answer := s.FromMeta(sitetest.DeauthorizePath, "a.b"); answer.StatusCode != http.StatusTooManyRequests {
		t.Errorf("a flood of forgeries was answered %s", answer.Status)
	}
	s.NewBrowser().SignIn("/page")
}
