package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/caddy-instagram/caddy-instagram-auth/e2e/faultystorage"
)

// outage is a way in which Caddy's storage fails.
type outage struct {
	name string
	// begin and end break the storage of a Caddy that may or may not run.
	begin, end func(d *disk)
	// unnoticed says that every operation seems to work, unreadable that nothing can be read.
	unnoticed, unreadable bool
}

// disk is where the storage of a Caddy is.
type disk struct {
	*faulty
	folder, fault string
	running       bool
}

// onCommand is an outage of the storage that fails on command.
func onCommand(name, fault string) outage {
	write := func(d *disk, fault string) {
		d.t.Helper()
		if err := os.WriteFile(d.fault, []byte(fault), 0o600); err != nil {
			d.t.Fatal(err)
		}
	}
	return outage{name: name, begin: func(d *disk) { write(d, fault) }, end: func(d *disk) { write(d, "") }}
}

// full is a disk without room: the kernel refuses each byte that Caddy would write to a
// file, with the error for a file that is too large.
func full(d *disk, is bool) {
	d.t.Helper()
	limit := unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}
	d.shell = ""
	if is {
		limit.Cur, d.shell = 0, "ulimit -S -f 0"
	}
	if !d.running {
		return
	}
	if err := unix.Prlimit(d.process.cmd.Process.Pid, unix.RLIMIT_FSIZE, &limit, nil); err != nil {
		d.t.Fatal(err)
	}
}

// replaced puts a file where the folder of the storage was.
func replaced(d *disk, is bool) {
	d.t.Helper()
	var err error
	if away := d.folder + ".away"; is {
		err = os.Rename(d.folder, away)
		if err == nil {
			err = os.WriteFile(d.folder, nil, 0o600)
		}
	} else if err = os.Remove(d.folder); err == nil {
		err = os.Rename(away, d.folder)
	}
	if err != nil {
		d.t.Fatal(err)
	}
}

func outages() []outage {
	garbage := onCommand("answers garbage", faultystorage.Garbage)
	garbage.unnoticed = true
	failing := onCommand("fails on every call", faultystorage.Failing)
	failing.unreadable = true
	return []outage{
		onCommand("slower than 2 s", faultystorage.Slow),
		failing,
		garbage,
		onCommand("read-only", faultystorage.ReadOnly),
		{name: "full disk", begin: func(d *disk) { full(d, true) }, end: func(d *disk) { full(d, false) }},
		{name: "a file where its folder was", begin: func(d *disk) { replaced(d, true) }, end: func(d *disk) { replaced(d, false) }, unreadable: true},
	}
}

func TestF1_FaultsOfTheStorage(t *testing.T) {
	binary, err := raceBinary()
	if err != nil {
		t.Fatal(err)
	}
	table := newFaultTable("storage")
	t.Run("all", func(t *testing.T) {
		for i, o := range outages() {
			t.Run(o.name, func(t *testing.T) {
				t.Parallel()
				d := &disk{folder: filepath.Join(t.TempDir(), "storage"), fault: filepath.Join(t.TempDir(), "fault")}
				d.faulty = newFaulty(t, binary, fmt.Sprintf("storage e2e_faulty {\n root %s\n fault %s\n }", d.folder, d.fault), 1, "")
				d.run()
				d.running = true
				story := &storageStory{disk: d, site: d.sites[0], outage: o, table: table, number: i}
				story.whileRunning()
				story.atStart()
			})
		}
	})
	table.check(t)
}

type storageStory struct {
	*disk
	site   *faultSite
	outage outage
	table  *faultTable
	number int
	rows   []faultRow
}

// see notes what somebody was answered. Nothing is known to be lost before the end.
func (s *storageStory) see(moment, visitor, operator string, before map[string]string) {
	s.rows = append(s.rows, faultRow{fault: s.outage.name, moment: moment, visitor: visitor, operator: operator, metrics: s.site.moved(before)})
}

// over adds the rows, once it is known what was lost.
func (s *storageStory) over(out ...*visitor) {
	s.t.Helper()
	lost := s.site.lost(out...)
	for _, row := range s.rows {
		row.lost = lost
		s.table.add(s.t, s.number, row)
	}
	s.rows = nil
}

// aboutStorage matches a line about the storage itself.
func aboutStorage(l line) bool {
	msg := l.text("msg")
	return strings.HasPrefix(msg, "the storage") || strings.Contains(msg, "from the storage failed")
}

// aboutCopy matches a line about the local copy of the revoked sessions.
func aboutCopy(l line) bool { return strings.Contains(l.text("msg"), "local copy") }

// whileRunning breaks the storage under a Caddy that runs.
func (s *storageStory) whileRunning() {
	s.t.Helper()
	site := s.site
	site.people()
	leaving := site.newcomer("visitor5")
	removed, deleted := site.newcomer("visitor6"), site.newcomer("visitor7")
	replay := leaving.twin()
	before := site.metrics()
	s.outage.begin(s.disk)

	page := site.stays.get(site.address, "/private", byLink)
	s.see("page of somebody signed in", said(page), s.operator(s.t, page), before)
	arriving := site.visitor("visitor4")
	uri := arriving.back(site.address)
	login := arriving.get(site.address, uri, byLink)
	s.see("login", said(login), s.operator(s.t, login), before)
	if !site.serves(arriving) {
		s.t.Error("a login did not lead to a session")
	}

	logout := site.signOut(leaving)
	if site.serves(replay) {
		s.t.Error("a session goes on after its logout")
	}
	operator := s.operator(s.t, logout)
	if !s.outage.unnoticed {
		operator += "; " + messages(s.warned(s.t, 0, aboutStorage))
	}
	s.see("logout", said(logout), operator, before)
	for _, callback := range []struct {
		path string
		v    *visitor
	}{{"deauthorize", removed}, {"data_deletion", deleted}} {
		answer := site.call(callback.path, callback.v.name)
		if site.serves(callback.v) {
			s.t.Errorf("a session goes on after the callback %s", callback.path)
		}
		s.see("`"+callback.path+"`", said(answer), s.operator(s.t, answer), before)
	}
	if refused := logout.status == http.StatusServiceUnavailable; refused == s.outage.unnoticed {
		s.t.Errorf("a logout was answered %d", logout.status)
	}
	s.reload("header X-Reloaded yes")
	page = site.stays.get(site.address, "/private", byLink)
	if page.header.Get("X-Reloaded") == "" || site.serves(replay) || site.serves(removed) || site.serves(deleted) {
		s.t.Error("a reload failed, or brought somebody back")
	}
	s.see("reload", said(page), "", before)

	s.outage.end(s.disk)
	s.written()
	// A new process knows what was written to the storage.
	s.restart()
	s.over(replay, removed, deleted)
}

// written waits until nothing is queued any more.
func (s *storageStory) written() {
	s.t.Helper()
	s.process.waitUntil("an empty queue", func() bool { return s.site.metrics()["revoked_sessions_queued"] == "0" })
}

// atStart breaks the storage before Caddy starts.
func (s *storageStory) atStart() {
	s.t.Helper()
	site := s.site
	replay := site.gone.twin()
	s.process.kill()
	s.running = false
	s.outage.begin(s.disk)
	s.run()
	s.running = true
	page := site.stays.get(site.address, "/private", byLink)
	// Caddy knows from its local copy who has signed out.
	forgotten := "403"
	switch again := replay.get(site.address, "/private", byLink); again.status {
	case http.StatusOK:
		forgotten = "let in until it can be read"
	case http.StatusFound:
		forgotten = "sent to Instagram"
	case http.StatusServiceUnavailable:
		forgotten = "503" // until the list has been read
	default:
		s.t.Errorf("somebody who had signed out was answered %d", again.status)
	}
	visitor := said(page) + "; who had signed out before: " + forgotten
	operator := ""
	switch {
	case s.outage.unnoticed:
		operator = messages(s.warned(s.t, 0, func(l line) bool { return strings.Contains(l.text("msg"), "cannot be read") }))
	case s.outage.unreadable:
		operator = messages(s.warned(s.t, 0, aboutCopy))
	case forgotten != "sent to Instagram":
		operator = messages(s.warned(s.t, 0, func(l line) bool { return aboutStorage(l) && !aboutCopy(l) }))
	}
	s.see("start-up", visitor, operator, nil)
	time.Sleep(time.Second) // some looks into the storage that fails
	s.outage.end(s.disk)
	s.over(replay)
}
