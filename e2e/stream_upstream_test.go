package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// streamUpstream is a site with pages that stay open: a websocket, an event stream, a
// long poll, a slow download, and some that behave badly.
type streamUpstream struct {
	address string
	handler http.Handler

	mu    sync.Mutex
	open  map[string]int // by path and user name
	done  chan struct{}  // closed when poll and download may end
	sent  atomic.Int64   // by wall, flood and other, in messages; or by the client of an upload
	deafs chan chan struct{}
}

// tick is how often the pages say something.
const tick = 50 * time.Millisecond

func startStreamUpstream(t *testing.T) *streamUpstream {
	t.Helper()
	u := &streamUpstream{open: make(map[string]int), done: make(chan struct{}), deafs: make(chan chan struct{}, 10)}
	mux := http.NewServeMux()
	for path, page := range map[string]http.HandlerFunc{
		"/private/chat": u.chat, "/private/events": u.events, "/private/flood": u.flood, "/private/wall": u.wall, "/private/rude": u.rude,
		"/private/poll": u.poll, "/private/download": u.download, "/private/some": u.someEvents, "/private/quiet": u.quiet,
		"/private/endless": u.endless, "/private/deaf": u.deaf, "/private/other": u.other, "/private/upload": u.upload,
	} {
		mux.HandleFunc(path, u.counted(path, page))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, nameOf(r)) })
	u.handler, u.address = mux, serve(t, mux)
	return u
}

func nameOf(r *http.Request) string { return r.Header.Get("X-Instagram-Username") }

// counted knows which pages are open, and for which visitors.
func (u *streamUpstream) counted(path string, page http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		key := path + " " + nameOf(r)
		u.mu.Lock()
		u.open[key]++
		u.mu.Unlock()
		defer func() {
			u.mu.Lock()
			defer u.mu.Unlock()
			u.open[key]--
		}()
		page(w, r)
	}
}

// openFor returns how many pages are open for a visitor.
func (u *streamUpstream) openFor(name string) (n int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for key, open := range u.open {
		if strings.HasSuffix(key, " "+name) {
			n += open
		}
	}
	return n
}

// chat says who is there, again and again, and what it hears.
func (u *streamUpstream) chat(w http.ResponseWriter, r *http.Request) {
	connection, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return
	}
	defer connection.CloseNow()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	go func() {
		defer cancel()
		for {
			kind, message, err := connection.Read(ctx)
			if err != nil || connection.Write(ctx, kind, message) != nil {
				return
			}
		}
	}()
	for beat := time.NewTicker(tick); ; {
		select {
		case <-ctx.Done():
			beat.Stop()
			return
		case <-beat.C:
			if connection.Write(ctx, websocket.MessageText, []byte(nameOf(r))) != nil {
				return
			}
		}
	}
}

// wall sends long messages in a websocket as fast as they are taken.
func (u *streamUpstream) wall(w http.ResponseWriter, r *http.Request) {
	connection, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return
	}
	defer connection.CloseNow()
	ctx := connection.CloseRead(r.Context())
	for long := []byte(strings.Repeat("x", 60_000)); connection.Write(ctx, websocket.MessageText, long) == nil; {
		u.sent.Add(1)
	}
}

// rude is a websocket that hears nothing, answers no close, and talks until it is cut off.
func (u *streamUpstream) rude(w http.ResponseWriter, r *http.Request) {
	connection, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return
	}
	defer connection.CloseNow()
	for connection.Write(context.Background(), websocket.MessageText, []byte(nameOf(r))) == nil {
		<-time.After(tick)
	}
}

// beats calls write at each tick, until it fails or the visitor has gone.
func beats(w http.ResponseWriter, r *http.Request, times int, write func(i int) error) {
	controller := http.NewResponseController(w)
	if controller.Flush() != nil {
		return
	}
	beat := time.NewTicker(tick)
	defer beat.Stop()
	for i := 0; times == 0 || i < times; i++ {
		select {
		case <-r.Context().Done():
			return
		case <-beat.C:
		}
		if write(i) != nil || controller.Flush() != nil {
			return
		}
	}
}

func (u *streamUpstream) events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	beats(w, r, 0, func(int) error { return sayEvent(w, nameOf(r)) })
}

func sayEvent(w io.Writer, text string) error {
	_, err := fmt.Fprintf(w, "data: %s\n\n", text)
	return err
}

// endless is a download without an end.
func (u *streamUpstream) endless(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain")
	beats(w, r, 0, func(int) error { return sayEvent(w, nameOf(r)) })
}

// someEvents is an event stream that ends by itself.
func (u *streamUpstream) someEvents(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	beats(w, r, 4, func(int) error { return sayEvent(w, nameOf(r)) })
}

// quiet is an event stream in which nothing happens.
func (u *streamUpstream) quiet(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	if sayEvent(w, nameOf(r)) == nil && http.NewResponseController(w).Flush() == nil {
		<-r.Context().Done()
	}
}

// deaf is an event stream in which nothing happens, and whose site does not look whether the
// visitor has gone.
func (u *streamUpstream) deaf(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	end := make(chan struct{})
	u.deafs <- end
	if sayEvent(w, nameOf(r)) == nil && http.NewResponseController(w).Flush() == nil {
		<-end
	}
}

// takeDeaf returns what ends the page deaf that was opened first.
func (u *streamUpstream) takeDeaf() chan struct{} { return <-u.deafs }

// other speaks another protocol than websocket, as fast as it is taken.
func (u *streamUpstream) other(w http.ResponseWriter, r *http.Request) {
	connection, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer connection.Close()
	_, err = io.WriteString(connection, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "+r.Header.Get("Upgrade")+"\r\n\r\n")
	for long := make([]byte, 60_000); err == nil; u.sent.Add(1) {
		_, err = connection.Write(long)
	}
}

// upload reads what a visitor sends, once the test lets it.
func (u *streamUpstream) upload(_ http.ResponseWriter, r *http.Request) {
	<-u.done
	_, _ = io.Copy(io.Discard, r.Body)
}

// flood is an event stream that sends as fast as it is taken.
func (u *streamUpstream) flood(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	for long := strings.Repeat("x", 60_000); r.Context().Err() == nil && sayEvent(w, long) == nil; {
		u.sent.Add(1)
	}
}

// poll answers when the test lets it.
func (u *streamUpstream) poll(w http.ResponseWriter, r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-u.done:
		_, _ = io.WriteString(w, nameOf(r))
	}
}

// download sends all the time, and ends when the test lets it.
func (u *streamUpstream) download(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/octet-stream")
	beats(w, r, 0, func(int) error {
		select {
		case <-u.done:
			_, _ = io.WriteString(w, "the end")
			return io.EOF
		default:
			_, err := io.WriteString(w, strings.Repeat("x", 1000))
			return err
		}
	})
}

// readEvents calls each for every event of a stream, until it ends.
func readEvents(body io.Reader, each func(text string)) error {
	lines := bufio.NewReader(body)
	for {
		text, err := lines.ReadString('\n')
		if err != nil {
			return err
		}
		if data, ok := strings.CutPrefix(text, "data: "); ok {
			each(strings.TrimSuffix(data, "\n"))
		}
	}
}
