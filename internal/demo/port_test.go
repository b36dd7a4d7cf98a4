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
