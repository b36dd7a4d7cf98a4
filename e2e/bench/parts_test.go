package main

import (
	"fmt"
	"math"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

func TestAHistogramKnowsEachLatencyToWithinAPercent(t *testing.T) {
	for latency := time.Nanosecond; latency < time.Minute; latency = latency*3/2 + 1 {
		var h histogram
		h.add(latency)
		if off := math.Abs(float64(h.quantile(0.5)-latency)) / float64(latency); off > 0.01 {
			t.Errorf("%s is read as %s", latency, h.quantile(0.5))
		}
	}
}

func TestQuantilesOfAHistogram(t *testing.T) {
	var h, half histogram
	for i := range 1000 {
		part := &h
		if i%2 == 0 {
			part = &half
		}
		part.add(time.Duration(i) * time.Microsecond)
	}
	h.merge(&half)
	for share, want := range map[float64]time.Duration{0: 0, 0.5: 500 * time.Microsecond, 0.99: 990 * time.Microsecond} {
		if got := h.quantile(share); math.Abs(float64(got-want)) > 0.01*float64(want) {
			t.Errorf("quantile %v = %s, want %s", share, got, want)
		}
	}
	h.add(time.Hour)
	if got := h.quantile(1 - 1e-9); got < 2*time.Minute {
		t.Errorf("an hour is read as %s", got)
	}
	if got := new(histogram).quantile(0.5); got != 0 {
		t.Errorf("the median of nothing = %s", got)
	}
}

func TestASummaryHasTheQuartiles(t *testing.T) {
	got := summarize([]float64{5, 1, 4, 2, 3})
	if got != (summary{n: 5, least: 1, low: 2, median: 3, high: 4, most: 5}) {
		t.Errorf("%+v", got)
	}
	if got := summarize([]float64{1, 2}).median; got != 1.5 {
		t.Errorf("median = %v", got)
	}
	if got := summarize(nil).String(); got != "–" {
		t.Errorf("the summary of nothing is %q", got)
	}
}

// answering returns a client whose requests get this answer.
func answering(t *testing.T, answer string) *client {
	t.Helper()
	o, err := newOrigin(answer)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.close)
	c, err := dial(t.Context(), o.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.close)
	return c
}

func TestAClientReadsAnswersToTheirEnd(t *testing.T) {
	for name, c := range map[string]struct {
		answer, body string
		status       int
	}{
		"length":     {"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", "hello", 200},
		"chunks":     {"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n1\r\n!\r\n0\r\n\r\n", "hello!", 404},
		"no content": {"HTTP/1.1 204 No Content\r\n\r\n", "", 204},
	} {
		t.Run(name, func(t *testing.T) {
			client := answering(t, c.answer)
			for range 3 { // each begins where the one before has ended
				if status, err := client.ask([]byte("GET / HTTP/1.1\r\n\r\n"), nil); status != c.status || err != nil {
					t.Fatalf("status %d, %v", status, err)
				}
				if answer, err := client.get([]byte("GET / HTTP/1.1\r\n\r\n"), c.status); string(answer.body) != c.body || err != nil {
					t.Fatalf("%q, %v", answer.body, err)
				}
			}
		})
	}
}

func TestAClientRefusesWhatItCannotMeasure(t *testing.T) {
	for name, answer := range map[string]string{
		"no HTTP":        "SSH-2.0-something\r\n\r\n",
		"no length":      "HTTP/1.1 200 OK\r\n\r\n",
		"closes":         "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
		"bad length":     "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
		"another status": "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n",
	} {
		if got, err := answering(t, answer).get([]byte("GET / HTTP/1.1\r\n\r\n"), 200); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestCookiesOfALogin(t *testing.T) {
	got := pairs([]string{"a=1; Path=/; Max-Age=600", "b=; Path=/; Max-Age=0; Secure", "c=3"})
	if got != "a=1; c=3" {
		t.Errorf("%q", got)
	}
}

func TestAForgedCookieDiffersInOneCharacter(t *testing.T) {
	for _, session := range []string{"name=" + strings.Repeat("A", 100), "name=" + strings.Repeat("Z", 100), "name=" + strings.Repeat("-", 100), "name=" + strings.Repeat("_", 100), "name=" + strings.Repeat("9", 100)} {
		forged, changed := forge(session), 0
		for i := range session {
			if forged[i] != session[i] {
				changed++
			}
		}
		if changed != 1 || len(forged) != len(session) || strings.Trim(forged[5:], "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			t.Errorf("%q", forged)
		}
	}
}

func TestLinesOfGoBenchmarksAreRead(t *testing.T) {
	got := parseBenchmarks([]byte("goos: linux\nBenchmarkEnded/1000/different-2   \t 100\t 12.5 ns/op\t 43.63 B/entry\t 0 allocs/op\n" +
		"BenchmarkEnded/1000/different-2   \t 100\t 13.5 ns/op\nPASS\n"))
	if fmt.Sprint(got) != "map[Ended/1000/different:map[B/entry:[43.63] allocs/op:[0] ns/op:[12.5 13.5]]]" {
		t.Errorf("%v", got)
	}
}

func TestTheCPUTimeOfAProcessGrowsWithItsWork(t *testing.T) {
	before, err := cpuTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; ; n++ {
		now, err := cpuTime(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		if now > before {
			break
		}
		if n > 1_000_000 {
			t.Fatal("it does not grow")
		}
	}
	if _, err := cpuTime(1<<22 + 1); err == nil {
		t.Error("a process above the highest number that Linux gives has a CPU time")
	}
}

func TestAServerThatEndsAtOnceIsNotWaitedFor(t *testing.T) {
	s, err := launch("ended", nil, "sh", "-c", "echo nothing to do >&2; exit 1")
	if err != nil {
		t.Fatal(err)
	}
	defer s.stop()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	if err := s.ready(t.Context(), address); err == nil || !strings.Contains(err.Error(), "nothing to do") {
		t.Errorf("%v", err)
	}
}
