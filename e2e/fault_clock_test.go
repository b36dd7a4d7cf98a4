package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// jumpingClock is a clock that goes as the machine's does and can be set to another time,
// as time servers and people do: what was measured by a monotonic clock does not change.
// Nothing in the project has such a clock. The test builds it into a copy of module.go.
const jumpingClock = `package instagramauth

import (
	"os"
	"time"
	"unsafe"
)

func jumpingNow() time.Time {
	now := time.Now()
	text, _ := os.ReadFile(os.Getenv("E2E_CLOCK"))
	ahead, _ := time.ParseDuration(string(text))
	before := now
	// The seconds of the wall clock, beside the monotonic one, which stays.
	*(*uint64)(unsafe.Pointer(&now)) += uint64(int64(ahead/time.Second) << 30)
	if now.Sub(before) != 0 || now.Unix()-before.Unix() != int64(ahead/time.Second) {
		panic("package time keeps its times in another way than this test expects")
	}
	return now
}
`

// agingRequests has requests count as older than they are: their age comes from the monotonic
// clock, which jumpingNow leaves alone. The file beside the clock's, with .aged behind its name,
// says by how much.
const agingRequests = `package stream

import (
	"os"
	"time"
)

func aged() time.Duration {
	text, _ := os.ReadFile(os.Getenv("E2E_CLOCK") + ".aged")
	older, _ := time.ParseDuration(string(text))
	return older
}
`

// clockBinary is the program of the nodes with that clock, and with such requests.
var clockBinary = sync.OnceValues(func() (string, error) {
	root, err := filepath.Abs("..")
	if err != nil {
		return "", err
	}
	files := map[string]string{"clock_jumping.go": jumpingClock, "internal/stream/requests_aging.go": agingRequests}
	for file, line := range map[string][2]string{
		"module.go":               {"h.now = time.Now\n", "h.now = jumpingNow\n"},
		"internal/stream/conn.go": {"now.Sub(c.visit.Began) >= LongAfter", "now.Sub(c.visit.Began)+aged() >= LongAfter"},
	} {
		text, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			return "", err
		}
		if files[file] = strings.Replace(string(text), line[0], line[1], 1); files[file] == string(text) {
			return "", fmt.Errorf("%s has no line %q", file, line[0])
		}
	}
	overlay := map[string]map[string]string{"Replace": {}}
	for to, content := range files {
		from := filepath.Join(binaries, filepath.Base(to))
		if err := os.WriteFile(from, []byte(content), 0o600); err != nil {
			return "", err
		}
		overlay["Replace"][filepath.Join(root, to)] = from
	}
	list, err := json.Marshal(overlay)
	if err != nil {
		return "", err
	}
	from := filepath.Join(binaries, "overlay.json")
	if err := os.WriteFile(from, list, 0o600); err != nil {
		return "", err
	}
	return build("cluster-clock", ".", "-race", "-overlay", from)
})

// watch is a site and the clock of its Caddy.
type watch struct {
	*faultSite
	file  string
	table *faultTable
	story int
	jump  time.Duration
}

// set puts the clock ahead of the right time, and waits until Caddy has noticed.
func (w *watch) set(ahead time.Duration) {
	w.t.Helper()
	from := len(w.caddy.listen())
	replaceFile(w.t, w.file, ahead.String())
	w.caddy.warned(w.t, from, aboutClock)
}

// replaceFile writes a file that another process reads, never in part.
func replaceFile(t *testing.T, name, text string) {
	t.Helper()
	next := name + ".next"
	if err := errors.Join(os.WriteFile(next, []byte(text), 0o600), os.Rename(next, name)); err != nil {
		t.Fatal(err)
	}
}

func aboutClock(l line) bool { return strings.HasPrefix(l.text("msg"), "the clock") }

func TestS7_FaultsOfTheClock(t *testing.T) {
	binary, err := clockBinary()
	if err != nil {
		t.Fatal(err)
	}
	table := newFaultTable("clock")
	t.Run("all", func(t *testing.T) {
		for i, jump := range []time.Duration{time.Hour, -time.Hour, 24 * time.Hour, -24 * time.Hour} {
			t.Run(jump.String(), func(t *testing.T) {
				t.Parallel()
				f := newFaulty(t, binary, inFiles(t).caddyfile, 1, "")
				w := &watch{faultSite: f.sites[0], file: filepath.Join(t.TempDir(), "clock"), table: table, story: i, jump: jump}
				f.env = []string{"E2E_CLOCK=" + w.file}
				f.run()
				w.people()
				w.inALogin()
				w.whileSignedIn()
			})
		}
	})
	table.check(t)
}

// row begins a row of the table.
func (w *watch) row(moment string) faultRow {
	sign := "+"
	if w.jump < 0 {
		sign = "-"
	}
	return faultRow{fault: fmt.Sprintf("clock set by %s%.0f h, then back", sign, w.jump.Abs().Hours()), moment: moment}
}

// inALogin sets the clock while somebody is at Instagram.
func (w *watch) inALogin() {
	before := w.metrics()
	row := w.row("in the middle of a login")
	v := w.visitor("visitor4")
	uri := v.back(w.address)
	w.set(w.jump)
	answer := v.get(w.address, uri, byLink)
	row.visitor = said(answer)
	row.operator = messages(w.caddy.warned(w.t, 0, aboutClock)) + "; " + w.caddy.operator(w.t, answer)
	if answer.status != http.StatusBadRequest || !strings.Contains(answer.body, "/instagram_auth/login") {
		w.t.Errorf("a login was answered %d: %s", answer.status, answer.body)
	}
	// Starting again works at once, by the clock that is wrong.
	v.signIn(w.address, w.address)
	row.visitor += ", which leads to a session"
	w.set(0)
	// A session of a clock that was ahead does not count yet; a new login does. [S7]
	if w.jump > 0 {
		page := v.get(w.address, "/private", byLink)
		row.visitor += "; when the clock is right again: " + said(page)
		if page.status != http.StatusFound {
			w.t.Errorf("a session from the future was answered %d", page.status)
		}
		delete(v.cookies, cookie)
		v.signIn(w.address, w.address)
		row.visitor += ", which leads to a session"
	} else {
		page := v.get(w.address, "/private", byLink)
		row.visitor += "; when the clock is right again: " + said(page)
	}
	row.metrics, row.lost = w.moved(before), w.lost()
	w.table.add(w.t, w.story, row)
}

// whileSignedIn sets the clock while somebody is signed in and somebody else is not any
// more. Neither changes for good, whatever else happens meanwhile.
func (w *watch) whileSignedIn() {
	before := w.metrics()
	row := w.row("while signed in")
	removed := w.newcomer("visitor6")
	if answer := w.call("deauthorize", removed.name); answer.status != http.StatusOK {
		w.t.Fatalf("a callback was answered %d", answer.status)
	}
	from := len(w.caddy.listen())
	w.set(w.jump)
	row.operator = messages(w.caddy.ours(from, aboutClock))
	page := w.stays.twin().get(w.address, "/private", byLink)
	row.visitor = said(page)
	if signedIn := page.status == http.StatusOK; signedIn != (w.jump > 0) {
		w.t.Errorf("a visitor who was signed in was answered %d", page.status)
	}
	for _, v := range []*visitor{w.gone, removed} {
		if w.serves(v) {
			w.t.Errorf("%s, who was signed out, is signed in", v.name)
		}
	}
	during := w.newcomer("visitor7")
	replay := during.twin()
	if answer := w.signOut(during); answer.status != http.StatusSeeOther {
		w.t.Errorf("a logout was answered %d", answer.status)
	}
	// By the wrong clock, all is read once more.
	w.caddy.restart()
	for _, v := range []*visitor{w.gone, removed, replay} {
		if w.serves(v) {
			w.t.Errorf("%s, who was signed out, is signed in after a restart", v.name)
		}
	}
	w.set(0)
	back := w.stays.get(w.address, "/private", byLink)
	row.visitor += "; when the clock is right again: " + said(back)
	row.metrics, row.lost = w.moved(before), w.lost(removed, replay)
	w.table.add(w.t, w.story, row)
	w.caddy.restart()
	if lost := w.lost(removed, replay); lost != nothing {
		w.t.Errorf("after a restart: lost: %s", lost)
	}
}
