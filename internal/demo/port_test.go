package demo

import (
	"net"
	"strconv"
	"sync"
	"testing"
)

// listen takes a port of one host until the end of the test.
func listen(t *testing.T, host string) int {
	t.Helper()
	listener, err := net.Listen("tcp", host+":0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener.Addr().(*net.TCPAddr).Port
}

func TestAPortIsTakenIfAProgramListensOnOneOfTheHosts(t *testing.T) {
	for _, host := range append(loopback(), "") {
		if port := listen(t, host); isFree(port, loopback()) {
			t.Errorf("port %d of %q is free", port, host)
		}
	}
}

func TestAnotherPortIsTheNextOneThatIsFreeAndNotHeld(t *testing.T) {
	var one, other ports
	defer one.release()
	defer other.release()
	taken := listen(t, "127.0.0.1")
	next := one.takeNext(taken, loopback())
	if next <= taken || !isFree(next, loopback()) {
		t.Errorf("after %d comes %d", taken, next)
	}
	if other.take(next, loopback()) || one.take(next, loopback()) {
		t.Errorf("%d was taken twice", next)
	}
	if got := other.takeNext(taken, loopback()); got <= next {
		t.Errorf("%d is held, and %d comes instead", next, got)
	}
	one.release()
	if !other.take(next, loopback()) {
		t.Errorf("%d is still held", next)
	}
	if got := one.takeNext(next, loopback()[:1]); got == next {
		t.Errorf("%d was taken twice", next)
	}
	last := listenPacket(t, lastPort)
	if got := one.takeNext(lastPort, loopback()); got != lastPort {
		t.Errorf("after the last port comes %d (held: %v)", got, last)
	}
}

// listenPacket holds a port of UDP until the end of the test, if no other program has it.
func listenPacket(t *testing.T, port int) bool {
	t.Helper()
	socket, err := net.ListenPacket("udp", "127.0.0.1:"+strconv.Itoa(port))
	if err == nil {
		t.Cleanup(func() { _ = socket.Close() })
	}
	return err == nil
}

// Demos that start in the same instant look for a port at the same time.
func TestDemosThatStartTogetherGetPortsOfTheirOwn(t *testing.T) {
	first := listen(t, "127.0.0.1") // so that none gets the first one
	var all [8]ports
	var chosen [len(all)]int
	var wait sync.WaitGroup
	for i := range all {
		defer all[i].release()
		wait.Go(func() { chosen[i] = all[i].takeNext(first, loopback()) })
	}
	wait.Wait()
	seen := make(map[int]bool)
	for _, port := range chosen {
		if seen[port] || port == first {
			t.Errorf("chosen %v after %d", chosen, first)
		}
		seen[port] = true
	}
}

func TestPortsThatTheDemoCannotHaveAreRefused(t *testing.T) {
	for port, fine := range map[int]bool{
		0: false, 65536: false, 443: false, 1: true, 80: true, defaultPort: true, 65535: true,
	} {
		if err := checkPort(port); (err == nil) != fine {
			t.Errorf("port %d: %v", port, err)
		}
	}
}
