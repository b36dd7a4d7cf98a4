package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/e2e/faultystorage"
)

// restarts is a Caddy that is killed, and starts again with what it has kept on its machine.
type restarts struct {
	*disk
	site  *faultSite
	clock string // the file that sets its clock
}

func newRestarts(t *testing.T, binary string, sites int) *restarts {
	t.Helper()
	d := &disk{folder: filepath.Join(t.TempDir(), "storage"), fault: filepath.Join(t.TempDir(), "fault")}
	d.faulty = newFaulty(t, binary, fmt.Sprintf("storage e2e_faulty {\n root %s\n fault %s\n }", d.folder, d.fault), sites, "")
	r := &restarts{disk: d, site: d.sites[0], clock: filepath.Join(t.TempDir(), "clock")}
	d.env = []string{"E2E_CLOCK=" + r.clock}
	d.run()
	d.running = true
	return r
}

// write writes a file of the test's.
func (r *restarts) write(file, content string) {
	r.t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// storageIs breaks and mends the storage.
func (r *restarts) storageIs(fault string) { r.t.Helper(); r.write(r.fault, fault) }

// snapshot returns the file that the node keeps for an app.
func (r *restarts) snapshot(s *faultSite) string {
	r.t.Helper()
	sum := sha256.Sum256([]byte(s.app))
	file := filepath.Join(r.home, "caddy", "instagram_auth", hex.EncodeToString(sum[:8]), "snapshot")
	if _, err := os.Stat(file); err != nil {
		r.t.Fatal(err)
	}
	return file
}

// longestLine returns where the longest line of a text begins and ends: that of the most entries.
func longestLine(text []byte) (from, to int) {
	for at := 0; at < len(text); {
		end := at + bytes.IndexByte(append(text[at:len(text):len(text)], '\n'), '\n')
		if end-at > to-from && text[at] != '#' {
			from, to = at, end
		}
		at = end + 1
	}
	return from, to
}

// damage is what has happened to the snapshot while Caddy did not run.
type damage struct {
	name string
	do   func(r *restarts, file string, content []byte) error
	// forgets says that nobody knows any more who has signed out.
	forgets bool
}

var damages = []damage{
	{name: "none", do: func(*restarts, string, []byte) error { return nil }},
	{name: "cut off within a line", forgets: true, do: func(_ *restarts, file string, content []byte) error {
		from, to := longestLine(content)
		return os.WriteFile(file, content[:(from+to)/2], 0o600)
	}},
	{name: "a flipped bit", forgets: true, do: func(_ *restarts, file string, content []byte) error {
		from, to := longestLine(content)
		content[(from+to)/2] ^= 1
		return os.WriteFile(file, content, 0o600)
	}},
	{name: "that of another app", forgets: true, do: func(r *restarts, file string, _ []byte) error {
		other, err := os.ReadFile(r.snapshot(r.sites[1]))
		return errors.Join(err, os.WriteFile(file, other, 0o600))
	}},
	{name: "a link to it", forgets: true, do: func(_ *restarts, file string, _ []byte) error {
		return errors.Join(os.Rename(file, file+".elsewhere"), os.Symlink(file+".elsewhere", file))
	}},
	{name: "zeros", forgets: true, do: func(_ *restarts, file string, content []byte) error {
		return os.WriteFile(file, make([]byte, len(content)), 0o600)
	}},
}

func TestF7_FaultsOfTheLocalCopy(t *testing.T) {
	binary, err := clockBinary()
	if err != nil {
		t.Fatal(err)
	}
	table := newFaultTable("copy")
	r := newRestarts(t, binary, 2)
	r.site.people()
	r.sites[1].people()
	replay := r.site.gone.twin()
	for i, d := range damages {
		content, err := os.ReadFile(r.snapshot(r.site))
		if err != nil {
			t.Fatal(err)
		}
		r.process.kill()
		r.storageIs(faultystorage.Failing)
		if err := d.do(r, r.snapshot(r.site), content); err != nil {
			t.Fatal(err)
		}
		r.run()
		page, out := r.site.stays.get(r.site.address, "/private", byLink), replay.twin()
		again := out.get(r.site.address, "/private", byLink)
		if forgot := again.status == http.StatusOK; forgot != d.forgets {
			t.Errorf("%s: somebody who had signed out was answered %d", d.name, again.status)
		}
		row := faultRow{fault: d.name, moment: "start-up while the storage is down", operator: messages(r.copyLines(d))}
		row.visitor = said(page) + "; who had signed out before: " + said(again)
		damaged, _ := os.ReadFile(r.snapshot(r.site))
		r.storageIs("")
		row.lost = r.site.lost(replay)
		table.add(t, i, row)
		r.process.waitUntil("a whole file", func() bool {
			info, err := os.Lstat(r.snapshot(r.site))
			content, readErr := os.ReadFile(r.snapshot(r.site))
			_, lockErr := os.Lstat(r.snapshot(r.site) + ".lock")
			return err == nil && readErr == nil && os.IsNotExist(lockErr) && info.Mode().IsRegular() && (d.name == "a link to it" || !bytes.HasPrefix(content, damaged))
		})
	}
	r.tooOld(table, len(damages))
	table.check(t)
}

// copyLines returns what the log says about the local copy of the first site.
func (r *restarts) copyLines(d damage) []line {
	r.t.Helper()
	about := func(text string) func(line) bool {
		return func(l line) bool {
			return aboutCopy(l) && l.text("app_id") == r.site.app && strings.Contains(l.text("msg"), text)
		}
	}
	lines := r.warned(r.t, 0, about(""))
	if d.name != "a link to it" && d.name != "none" {
		lines = append(lines, r.warned(r.t, 0, about("in use"))...)
	}
	return lines
}

// tooOld starts Caddy when the copy, and each session, is older than a session can be.
func (r *restarts) tooOld(table *faultTable, story int) {
	r.t.Helper()
	r.process.kill()
	r.storageIs(faultystorage.Failing)
	r.write(r.clock, "8809h")
	r.run()
	page := r.site.stays.twin().get(r.site.address, "/private", byLink)
	row := faultRow{fault: "older than any session", moment: "start-up while the storage is down", visitor: said(page)}
	row.operator = messages(r.copyLines(damage{name: "none"}))
	r.process.kill()
	r.storageIs("")
	r.write(r.clock, "0s")
	r.run()
	row.lost = r.site.lost()
	table.add(r.t, story, row)
}

// restartsWithPeople returns a site in a Caddy with the race detector, and somebody who is about to
// sign out.
func restartsWithPeople(t *testing.T) (r *restarts, leaving *visitor) {
	t.Helper()
	binary, err := raceBinary()
	if err != nil {
		t.Fatal(err)
	}
	r = newRestarts(t, binary, 1)
	r.site.people()
	return r, r.site.newcomer("visitor5")
}

func TestF7_WhoSignedOutStaysOutIfANodeStartsWhileTheStorageIsDown(t *testing.T) {
	r, leaving := restartsWithPeople(t)
	replay, gone := leaving.twin(), r.site.gone.twin()
	r.storageIs(faultystorage.Failing)
	if answer := r.site.signOut(leaving); answer.status != http.StatusServiceUnavailable {
		t.Errorf("a logout was answered %d", answer.status)
	}
	r.restart()
	for _, v := range []*visitor{replay, gone} {
		if r.site.serves(v) {
			t.Errorf("%s is back after a restart", v.name)
		}
	}
	if !r.site.serves(r.site.stays) {
		t.Error("somebody who is signed in was signed out")
	}
	if lines := messages(r.warned(t, 0, aboutCopy)); !strings.Contains(lines, "the local copy of the revoked sessions is in use") {
		t.Errorf("logged: %s", lines)
	}
	r.storageIs("")
	(&storageStory{disk: r.disk, site: r.site}).written()
	r.process.kill()
	if err := os.Remove(r.snapshot(r.site)); err != nil {
		t.Fatal(err)
	}
	r.run()
	for _, v := range []*visitor{replay, gone} {
		if r.site.serves(v) {
			t.Errorf("%s is back: the storage has not got what the node had kept", v.name)
		}
	}
}

// With the storage up again, a start writes what was never answered as written.
func TestF7_ALogoutOfAnOutageIsInTheStorageAfterAKillAndAStart(t *testing.T) {
	r, leaving := restartsWithPeople(t)
	replay := leaving.twin()
	r.storageIs(faultystorage.Failing)
	r.site.signOut(leaving)
	r.process.kill()
	r.storageIs("")
	r.run()
	if r.site.serves(replay) {
		t.Error("a session is back after a restart")
	}
	(&storageStory{disk: r.disk, site: r.site}).written()
	r.process.kill()
	if err := os.Remove(r.snapshot(r.site)); err != nil {
		t.Fatal(err)
	}
	r.run()
	if r.site.serves(replay) || !r.site.serves(r.site.stays) {
		t.Error("the storage does not know of the logout, or of too much")
	}
}

// restartsWithClock returns a node with people, whose clock the test sets.
func restartsWithClock(t *testing.T) *restarts {
	t.Helper()
	binary, err := clockBinary()
	if err != nil {
		t.Fatal(err)
	}
	r := newRestarts(t, binary, 1)
	r.site.people()
	return r
}

// A board without a clock chip starts with the time of its last stop, and its storage is on another
// machine that does not answer.
func TestF7_WhoSignedOutEverywhereStaysOutOnANodeWhoseClockIsBehind(t *testing.T) {
	r := restartsWithClock(t)
	first, other := r.site.newcomer("visitor5"), r.site.newcomer("visitor5") // in two browsers
	r.write(r.clock, "1h")
	everywhere := url.Values{"everywhere": {"1"}}
	answer := other.send(other.request(http.MethodPost, r.site.address, "/instagram_auth/logout", byForm, everywhere))
	if answer.status != http.StatusSeeOther {
		t.Fatalf("signing out everywhere was answered %d", answer.status)
	}
	for _, clock := range []string{"0s", "1h"} {
		r.process.kill()
		r.storageIs(faultystorage.Failing)
		r.write(r.clock, "0s")
		r.run()
		r.write(r.clock, clock)
		if r.site.serves(first) {
			t.Errorf("a session is back with the clock at %s", clock)
		}
		if !r.site.serves(r.site.stays) {
			t.Errorf("somebody else was signed out with the clock at %s", clock)
		}
	}
	if lines := messages(r.warned(t, 0, aboutCopy)); !strings.Contains(lines, "the clock of this machine is behind") {
		t.Errorf("logged: %s", lines)
	}
}

// All that the local copy has looks expired until the clock is right.
func TestF7_WhoSignedOutStaysOutOnANodeWhoseClockWasAheadAtItsStart(t *testing.T) {
	r := restartsWithClock(t)
	leaving := r.site.newcomer("visitor5")
	replay := leaving.twin()
	r.site.signOut(leaving)
	r.process.kill()
	r.storageIs(faultystorage.Failing)
	r.write(r.clock, "9600h")
	r.run()
	r.write(r.clock, "0s")
	r.process.waitUntil("a node that knows of the sign-out again", func() bool { return !r.site.serves(replay) })
	if !r.site.serves(r.site.stays) {
		t.Error("somebody else was signed out")
	}
}
