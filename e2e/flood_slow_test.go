package e2e

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Clients that speak HTTP by hand: too slowly, or too much.

// ownPaths are the paths that the handler answers itself, a protected page among them,
// with what a POST to each is answered if its body never ends, or is too large.
var ownPaths = []struct{ path, headers, slow, large string }{
	{"/auth/", "", "405 method", "405 method"},
	{"/instagram_auth/login", "", "405 method", "405 method"},
	{"/instagram_auth/logout", "Sec-Fetch-Site: same-origin\r\n", "400 bad_request", "413 too_large"},
	{"/instagram_auth/userinfo", "", "405 method", "405 method"},
	{"/instagram_auth/deauthorize", "", "400 bad_request", "413 too_large"},
	{"/instagram_auth/data_deletion", "", "400 bad_request", "413 too_large"},
	{"/private/page", "", "401 login_required", "401 login_required"},
}

const (
	slowLength  = "Content-Length: 1000\r\n"
	largeLength = "Content-Length: 10485760\r\n"
	chunked     = "Transfer-Encoding: chunked\r\n"
	cutShort    = "no answer" // the connection was closed
)

// head is a POST request without its body.
func head(path, headers string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: example.test\r\nAccept: application/json\r\nContent-Type: application/x-www-form-urlencoded\r\n%s\r\n", path, headers)
}

// slowpoke is a connection that goes on for as long as the server lets it.
type slowpoke struct {
	net.Conn
	rest  []byte // is sent byte by byte
	began time.Time
	gone  atomic.Bool
}

// slowFlood opens connections, feeds them a byte at a time, and waits until the server has
// ended the last one.
func (f *floods) slowFlood(halfway func(), longest *time.Duration, open func(each func(send, rest string))) (int, map[string]int) {
	var pokes []*slowpoke
	answers := make(map[string]int)
	var mu sync.Mutex
	var all sync.WaitGroup
	open(func(send, rest string) {
		connection, err := net.Dial("tcp", f.node.address)
		if err != nil {
			f.t.Error(err)
			return
		}
		p := &slowpoke{Conn: connection, rest: []byte(rest), began: time.Now()}
		_, _ = io.WriteString(connection, send)
		_ = connection.SetReadDeadline(p.began.Add(2 * time.Minute))
		pokes = append(pokes, p)
		all.Go(func() {
			answer := p.untilClosed()
			mu.Lock()
			defer mu.Unlock()
			answers[answer]++
			*longest = max(*longest, time.Since(p.began))
		})
	})
	over := make(chan struct{})
	var feeding sync.WaitGroup
	feeding.Go(func() { feed(pokes, over) })
	time.Sleep(time.Second) // for each of them to have arrived
	halfway()
	all.Wait()
	close(over)
	feeding.Wait()
	return len(pokes), answers
}

// feed sends a byte on each connection now and then.
func feed(pokes []*slowpoke, over chan struct{}) {
	for at := 0; ; at++ {
		select {
		case <-over:
			return
		case <-time.After(300 * time.Millisecond):
		}
		for _, p := range pokes {
			if at < len(p.rest) && !p.gone.Load() {
				_, _ = p.Write(p.rest[at : at+1])
			}
		}
	}
}

// untilClosed returns the answer, and comes back when the server has closed the
// connection.
func (p *slowpoke) untilClosed() (answer string) {
	defer p.gone.Store(true)
	defer p.Close()
	reader := bufio.NewReader(p)
	answer = cutShort
	if response, err := http.ReadResponse(reader, nil); err == nil {
		text, _ := io.ReadAll(response.Body)
		answer = fmt.Sprint(response.StatusCode)
		if match := errorCode.FindSubmatch(text); match != nil {
			answer += " " + string(match[1])
		}
	}
	_, err := io.Copy(io.Discard, reader)
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		answer = "never ended"
	}
	return answer
}

// slowFloods are connections that go on for as long as they may.
func (f *floods) slowFloods() []flooding {
	n := f.of(200) // on each path
	endless := string(bytes.Repeat([]byte("a"), 900))
	kind := func(name string, want []string, open func(each func(send, rest string))) flooding {
		longest := new(time.Duration)
		return flooding{name: name, want: want, longest: longest, run: func(halfway func()) (int, map[string]int) {
			return f.slowFlood(halfway, longest, open)
		}}
	}
	var slow []string
	onEach := func(do func(path, headers string)) {
		for range n {
			for _, own := range ownPaths {
				do(own.path, own.headers)
			}
		}
	}
	for _, own := range ownPaths {
		slow = append(slow, own.slow)
	}
	return []flooding{
		kind("headers byte by byte", []string{cutShort, "400"}, func(each func(send, rest string)) {
			onEach(func(path, headers string) { each("", head(path, "X-Slow: "+endless)) })
		}),
		kind("bodies byte by byte", slow, func(each func(send, rest string)) {
			onEach(func(path, headers string) { each(head(path, headers+slowLength), endless) })
		}),
		kind("bodies that do not come", slow, func(each func(send, rest string)) {
			onEach(func(path, headers string) { each(head(path, headers+slowLength), "") })
		}),
		kind("nothing sent, or nothing more", []string{cutShort, "200"}, func(each func(send, rest string)) {
			for range n {
				each("", "")
				each("GET / HTTP/1.1\r\nHost: example.test\r\n\r\n", "")
			}
		}),
	}
}

// bodyFloods are bodies that nobody wants to have.
func (f *floods) bodyFloods() []flooding {
	var large []string
	for _, own := range ownPaths {
		large = append(large, own.large)
	}
	kind := func(name, length string, chunk []byte, chunks int) flooding {
		return flooding{name: name, want: large, run: func(halfway func()) (int, map[string]int) {
			return f.pour(halfway, length, chunk, chunks)
		}}
	}
	piece := bytes.Repeat([]byte("a"), 64<<10)
	return []flooding{
		kind("bodies of 10 MB", largeLength, piece, 160),
		kind("chunked bodies without an end", chunked, fmt.Appendf(nil, "%x\r\n%s\r\n", len(piece), piece), 1<<20),
	}
}

// pour sends large bodies to every path, a few at a time, as fast as they are taken.
func (f *floods) pour(halfway func(), length string, chunk []byte, chunks int) (n int, answers map[string]int) {
	answers = make(map[string]int)
	var mu sync.Mutex
	var next atomic.Int64
	var all sync.WaitGroup
	n = f.of(200) * len(ownPaths)
	for range floodClients {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				own := ownPaths[i%len(ownPaths)]
				answer := f.pourOne(head(own.path, own.headers+length), chunk, chunks)
				mu.Lock()
				answers[answer]++
				mu.Unlock()
			}
		})
	}
	for int(next.Load()) < n/2 {
		time.Sleep(time.Millisecond)
	}
	halfway()
	all.Wait()
	return n, answers
}

// pourOne sends one body until the server has had enough.
func (f *floods) pourOne(head string, chunk []byte, chunks int) string {
	connection, err := net.Dial("tcp", f.node.address)
	if err != nil {
		return err.Error()
	}
	p := &slowpoke{Conn: connection}
	_ = connection.SetDeadline(time.Now().Add(30 * time.Second))
	var pouring sync.WaitGroup
	pouring.Go(func() {
		_, err := io.WriteString(connection, head)
		for i := 0; i < chunks && err == nil; i++ {
			_, err = connection.Write(chunk)
		}
	})
	answer := p.untilClosed()
	pouring.Wait()
	return answer
}
