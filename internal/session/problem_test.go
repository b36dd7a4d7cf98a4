package session_test

import (
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

func TestS2_WhatIsWrongWithACookie(t *testing.T) {
	start := time.Date(2038, 2, 1, 0, 0, 0, 0, time.UTC)
	at := &clock{start}
	c := newCookies(t, at, func(c *session.Config) { c.Idle = 10 * time.Minute })
	old := create(t, c)
	at.at = start.Add(30 * time.Minute)
	idle := create(t, c)
	at.at = start.Add(3 * time.Hour)
	future := create(t, c)
	at.at = start.Add(time.Hour)
	good := create(t, c)
	wrongKey := create(t, newCookies(t, at, secrets(strings.Repeat("b", 32))))
	never, always := func(*session.Session) bool { return false }, func(*session.Session) bool { return true }
	for what, test := range map[string]struct {
		cookies string
		ended   func(*session.Session) bool
		want    session.Problem
		issued  time.Time // of the session that the answer is about
	}{
		"none":                           {"", never, session.NoCookie, time.Time{}},
		"good":                           {good, never, session.NoProblem, time.Time{}},
		"good, without a list":           {good, nil, session.NoProblem, time.Time{}},
		"a wrong key":                    {wrongKey, always, session.Unreadable, time.Time{}},
		"too short":                      {name + "=x", always, session.Unreadable, time.Time{}},
		"the future":                     {future, always, session.Unreadable, time.Time{}},
		"expired":                        {old, never, session.Expired, start},
		"expired and ended":              {old, always, session.Expired, start},
		"idle":                           {idle, never, session.Idle, start.Add(30 * time.Minute)},
		"idle and ended":                 {idle, always, session.Ended, start.Add(30 * time.Minute)},
		"ended":                          {good, always, session.Ended, start.Add(time.Hour)},
		"the newest of three":            {old + "; " + good + "; " + idle, always, session.Ended, start.Add(time.Hour)},
		"the newest that opens":          {future + "; " + old + "; " + wrongKey + "; " + idle, never, session.Idle, start.Add(30 * time.Minute)},
		"the future behind an idle one":  {idle + "; " + future, never, session.Idle, start.Add(30 * time.Minute)},
		"a good one behind an ended one": {old + "; " + good, never, session.NoProblem, time.Time{}},
		"behind many planted ones":       {strings.Repeat(wrongKey+"; ", 50) + idle, never, session.Idle, start.Add(30 * time.Minute)},
	} {
		found := c.Find([]string{test.cookies})
		var s session.Session
		got := c.Diagnose(&s, &found, test.ended)
		if got != test.want || !test.issued.IsZero() && (!s.Issued.Equal(test.issued) || s.UserID == "") {
			t.Errorf("%s: problem %d of a session of %v, want %d of %v", what, got, s.Issued, test.want, test.issued)
		}
		if _, ok := c.Open(&found, test.ended); ok != (test.want == session.NoProblem) {
			t.Errorf("%s: opened %v", what, ok)
		}
	}
}

func TestS7_AnIdleSessionEndsWhenItSays(t *testing.T) {
	start := time.Date(2038, 2, 1, 0, 0, 0, 0, time.UTC)
	at := &clock{start}
	c := newCookies(t, at, func(c *session.Config) { c.Idle = 10 * time.Minute })
	made := create(t, c)
	for _, after := range []time.Duration{0, 30 * time.Second, 9 * time.Minute, 18 * time.Minute, 27 * time.Minute, 36 * time.Minute, 45 * time.Minute, 54 * time.Minute} {
		at.at = start.Add(after)
		s, ok := open(c, made)
		line, _, err := c.Renew(&s, false)
		if line != "" {
			made = pair(line)
		}
		until := c.IdleUntil(&s)
		if want := min(after+10*time.Minute, time.Hour); !ok || err != nil || until.After(start.Add(want)) || after >= time.Minute && !until.Equal(start.Add(want)) {
			t.Fatalf("after %v: opened %v, idle until %v, want %v; %v", after, ok, until.Sub(start), want, err)
		}
		for moment, want := range map[time.Time]bool{until.Add(-time.Second): true, until: false} {
			at.at = moment
			if _, ok := open(c, made); ok != want {
				t.Errorf("after %v: at %v opened %v", after, moment.Sub(start), ok)
			}
		}
	}
	if until := newCookies(t, at).IdleUntil(new(session.Session)); !until.IsZero() {
		t.Errorf("without an idle limit until %v", until)
	}
}
