package e2e

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// load is signed-in visitors who go on asking for pages through the load balancer.
type load struct {
	t       *testing.T
	began   time.Time
	stop    chan struct{}
	clients sync.WaitGroup
	tries   int           // of a request whose connection breaks before there is an answer
	pace    time.Duration // from one request of a client to the next

	mu       sync.Mutex
	waits    []time.Duration
	failures []string
	again    int // how many requests were sent more than once
}

const (
	loadClients = 8
	loadRate    = 2000 // requests a second at the most, of all together
)

// underLoad signs visitors in and lets them ask until end. They are other people than
// those of the story and must all stay signed in.
func (c *cluster) underLoad(address string, tries int) *load {
	c.t.Helper()
	l := &load{t: c.t, began: time.Now(), stop: make(chan struct{}), tries: tries, pace: time.Second * loadClients / loadRate}
	for i := range loadClients {
		v := c.signedIn(fmt.Sprint("visitor", 20+i))
		l.clients.Go(func() { l.ask(address, v.page) })
	}
	c.t.Cleanup(func() { l.end() })
	return l
}

// ask asks for pages, in turns by a link, which would be sent to Instagram, and by a
// script, which would be refused. request says what is wrong with an answer.
func (l *load) ask(address string, request func(address string, headers map[string]string) error) {
	pace := time.NewTicker(l.pace)
	defer pace.Stop()
	for n := 0; ; n++ {
		select {
		case <-l.stop:
			return
		case <-pace.C:
		}
		headers := byLink
		if n%2 == 0 {
			headers = byScript
		}
		begun := time.Now()
		sent, problem := 1, request(address, headers)
		for errors.Is(problem, errNoAnswer) && sent < l.tries {
			sent, problem = sent+1, request(address, headers)
		}
		l.mu.Lock()
		if sent > 1 {
			l.again++
		}
		l.waits = append(l.waits, time.Since(begun))
		if problem != nil {
			l.failures = append(l.failures, fmt.Sprintf("after %s: %s", time.Since(l.began).Round(time.Millisecond), problem))
		}
		l.mu.Unlock()
	}
}

// errNoAnswer is what is wrong where a connection broke.
var errNoAnswer = errors.New("no answer")

// page asks for a page and says what is wrong with the answer, nil if nothing is.
func (v *visitor) page(address string, headers map[string]string) error {
	answer, page, err := v.try(address, headers)
	if err == nil && (answer.StatusCode != http.StatusOK || page != v.name || answer.Header["Set-Cookie"] != nil) {
		err = fmt.Errorf("a signed-in visitor got %d to %q, cookies %q: %.200s", answer.StatusCode, answer.Header.Get("Location"), answer.Header["Set-Cookie"], page)
	}
	return err
}

// refusal is page for a visitor who is signed out.
func (v *visitor) refusal(address string, _ map[string]string) error {
	answer, page, err := v.try(address, byScript)
	if err == nil && answer.StatusCode != http.StatusUnauthorized {
		err = fmt.Errorf("a signed-out visitor got %d: %.200s", answer.StatusCode, page)
	}
	return err
}

// try asks for a page once.
func (v *visitor) try(address string, headers map[string]string) (answer *http.Response, page string, err error) {
	request, err := v.request(http.MethodGet, address, "/private/page", headers, nil)
	if err != nil {
		return nil, "", err
	}
	if answer, err = v.client.Do(request); err != nil {
		return nil, "", fmt.Errorf("%w: %v", errNoAnswer, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return answer, string(text), err
}

// end ends the load, once, and fails the test if an answer was not as it should be.
func (l *load) end() {
	l.t.Helper()
	select {
	case <-l.stop:
		return
	default:
	}
	close(l.stop)
	l.clients.Wait()
	took := time.Since(l.began)
	slices.Sort(l.waits)
	n := len(l.waits)
	if n == 0 {
		l.t.Error("there was no load")
		return
	}
	l.t.Logf("load: %d requests in %s, %.0f a second; %d failed, %d sent again; median %s, 99 %% within %s, longest %s", n, took.Round(time.Millisecond), float64(n)/took.Seconds(),
		len(l.failures), l.again, l.waits[n/2].Round(time.Microsecond), l.waits[n*99/100].Round(time.Microsecond), l.waits[n-1].Round(time.Millisecond))
	for _, failure := range l.failures[:min(len(l.failures), 5)] {
		l.t.Error(failure)
	}
}
