package demo

import (
	"net"
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

func TestAnotherPortIsTheNextOneThatIsFreeAndNotUsed(t *testing.T) {
	taken := listen(t, "127.0.0.1")
	next := preferred(taken, loopback())
	if next <= taken || !isFree(next, loopback()) {
		t.Errorf("after %d comes %d", taken, next)
	}
	if got := preferred(taken, loopback(), next); got <= next {
		t.Errorf("%d is used, and %d comes instead", next, got)
	}
	if got := preferred(65535, []string{"127.0.0.1"}, 65535); got != 65535 {
		t.Errorf("after the last port comes %d", got)
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
