package e2e

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestD5_FaultsOfLimits(t *testing.T) {
	table := newFaultTable("limits")
	t.Run("all", func(t *testing.T) {
		t.Run("files", func(t *testing.T) { t.Parallel(); outOfFiles(t, table) })
		t.Run("memory", func(t *testing.T) { t.Parallel(); littleMemory(t, table) })
	})
	table.check(t)
}

// mostFiles is how many files Caddy may have open.
const mostFiles = 64

// outOfFiles opens connections until Caddy has no file descriptor left. Who asks on a
// connection that exists already is served.
func outOfFiles(t *testing.T, table *faultTable) {
	binary, err := raceBinary()
	if err != nil {
		t.Fatal(err)
	}
	f := newFaulty(t, binary, inFiles(t).caddyfile, 1, "")
	f.shell = fmt.Sprint("ulimit -n ", mostFiles)
	f.run()
	s := f.sites[0]
	s.people()
	leaving, arriving := s.newcomer("visitor5"), s.visitor("visitor4")
	replay := leaving.twin()
	uri := arriving.back(s.address)
	replay.get(s.address, "/private", byLink) // has its connection from now on
	before := s.metrics()
	admin.CloseIdleConnections()

	s.hangUp() // a login needs a connection of its own
	crowd := s.crowd()
	const fault = "out of file descriptors"
	var rows []faultRow
	see := func(moment string, answer reply) {
		rows = append(rows, faultRow{fault: fault, moment: moment, visitor: said(answer), operator: f.operator(t, answer)})
	}
	see("page of somebody signed in", s.stays.get(s.address, "/private", byLink))
	see("login", arriving.get(s.address, uri, byLink))
	logout := s.signOut(leaving)
	see("logout", logout)
	if logout.status != http.StatusServiceUnavailable {
		t.Errorf("a logout that cannot be stored was answered %d", logout.status)
	}
	rows[len(rows)-1].operator += "; " + messages(f.warned(t, 0, aboutStorage))
	if s.serves(replay) {
		t.Error("a session goes on after its logout")
	}
	// Somebody with a new connection waits until there is room.
	waiting := s.stays.twin()
	request, err := waiting.request(http.MethodGet, s.address, "/private", byLink, nil)
	if err != nil {
		t.Fatal(err)
	}
	waiting.client.Timeout = 2 * time.Second
	late := reply{}
	if answer, err := waiting.client.Do(request); err == nil {
		late = reply{status: answer.StatusCode, header: answer.Header, body: body(t, answer)}
	}
	for _, connection := range crowd {
		_ = connection.Close()
	}
	waiting.client.Timeout = 15 * time.Second
	free := waiting.get(s.address, "/private", byLink)
	rows = append(rows, faultRow{fault: fault, moment: "page on a new connection", visitor: said(late) + "; when connections are free: " + said(free)})
	f.process.waitUntil("an empty queue", func() bool { return s.metrics()["revoked_sessions_queued"] == "0" })
	moved := s.moved(before)
	s.caddy.restart()
	lost := s.lost(replay)
	for _, row := range rows {
		row.metrics, row.lost = moved, lost
		table.add(t, 0, row)
	}
}

// crowd opens connections until Caddy takes no more.
func (s *faultSite) crowd() (crowd []net.Conn) {
	s.t.Helper()
	for range 2 * mostFiles {
		connection, err := net.Dial("tcp", s.address)
		if err != nil {
			s.t.Fatal(err)
		}
		crowd = append(crowd, connection)
	}
	s.t.Cleanup(func() {
		for _, connection := range crowd {
			_ = connection.Close()
		}
	})
	s.caddy.process.waitUntil("a lack of file descriptors", func() bool {
		files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.caddy.process.cmd.Process.Pid))
		return err == nil && len(files) >= mostFiles
	})
	return crowd
}

const floodOfLogins = 20_000

var resident = regexp.MustCompile(`(?m)^Vm(?:RSS|HWM):.*$`)

// littleMemory starts very many logins, of which none is finished.
func littleMemory(t *testing.T, table *faultTable) {
	binary, err := fastBinary()
	if err != nil {
		t.Fatal(err)
	}
	f := newFaulty(t, binary, inFiles(t).caddyfile, 1, "")
	f.env = []string{"GOMEMLIMIT=64MiB"}
	f.run()
	s := f.sites[0]
	s.people()
	before := s.metrics()
	memory := func(when string) {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", f.process.cmd.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %s", when, strings.Join(strings.Fields(strings.Join(resident.FindAllString(string(status), -1), ", ")), " "))
	}
	memory("before the flood")
	began := time.Now()
	var started, failed atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		client := newClient(t)
		request, err := s.visitor("nobody").request(http.MethodGet, s.address, "/private/page?with=a+query", byLink, nil)
		if err != nil {
			t.Fatal(err)
		}
		all.Go(func() {
			for started.Add(1) <= floodOfLogins {
				answer, err := client.Do(request)
				if err != nil {
					failed.Add(1)
					continue
				}
				_ = answer.Body.Close()
				if answer.StatusCode != http.StatusFound {
					failed.Add(1)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	row := faultRow{fault: "`GOMEMLIMIT=64MiB`", moment: fmt.Sprintf("%d login starts", floodOfLogins)}
	row.visitor = "302, on to Instagram; somebody signed in meanwhile: " + s.whileFlooded(done)
	memory(fmt.Sprintf("after %d login starts in %s", floodOfLogins, time.Since(began).Round(time.Millisecond)))
	if n := failed.Load(); n != 0 {
		t.Errorf("%d of the logins did not begin", n)
	}
	row.metrics, row.lost = s.moved(before), s.lost()
	table.add(t, 1, row)
}

// whileFlooded asks for pages until the flood is over.
func (s *faultSite) whileFlooded(over <-chan struct{}) string {
	s.t.Helper()
	for {
		page := s.stays.get(s.address, "/private", byLink)
		if page.status != http.StatusOK {
			s.t.Errorf("a page was answered %d", page.status)
		}
		select {
		case <-over:
			return said(page)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
