package session_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

func TestT6_ATokenIsNeverPrinted(t *testing.T) {
	s := session.Session{Identity: somebody(), Token: session.Token{Access: "SECRETTOKEN", LongLived: true, Expires: time.Unix(1_800_000_000, 0)}}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "token", s.Token, "session", s)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "token", s.Token, "session", s)
	printed := log.String() + fmt.Sprintf("%v %+v %#v %s %q", s, s, s, s.Token, &s.Token)
	if strings.Contains(printed, "SECRETTOKEN") || !strings.Contains(printed, "access token (11 characters) until 2027-01-15T08:00:00Z") {
		t.Errorf("printed as %s", printed)
	}
}

func TestARenewedSessionIsTheSameOne(t *testing.T) {
	at := &clock{at: time.Unix(1_700_000_000, 0)}
	c := newCookies(t, at, func(c *session.Config) { c.Tokens = true })
	first, _, _, err := c.Create(session.Session{Identity: somebody(), Keys: session.Keys{Session: 1, User: 2, AppScoped: 3}})
	if err != nil {
		t.Fatal(err)
	}
	at.at = at.at.Add(time.Minute)
	changed := first
	changed.Username, changed.Checked = "renamed", at.at
	changed.Token = session.Token{Access: "TOKEN", Issued: at.at, Expires: at.at.Add(time.Hour)}
	line, _, err := c.Renew(&changed, true)
	if err != nil {
		t.Fatal(err)
	}
	got, ok := open(c, pair(line))
	if !ok || got.ID != first.ID || got.Keys != first.Keys || !got.Began.Equal(first.Began) || !got.Issued.Equal(first.Issued) || !got.Expires.Equal(first.Expires) {
		t.Errorf("became %+v", got)
	}
	if got.Username != "renamed" || got.Token != changed.Token || !got.Checked.Equal(at.at) {
		t.Errorf("became %+v", got)
	}
	if line, _, err := c.Renew(&got, false); line != "" || err != nil {
		t.Errorf("renewed without a reason: %q, %v", line, err)
	}
}
