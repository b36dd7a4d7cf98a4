package sitetest

import (
	"fmt"
	"net"
	"os"
	"sync"
	"testing"
)

// Port returns the port of an address.
func Port(addr string) string {
	_, p, _ := net.SplitHostPort(addr)
	return p
}

// Several packages are tested at the same time, each in a process of its own. A port is chosen by
// listening on it for a moment, so two processes must not choose from the same ports.
const (
	firstPort     = 20_000 // below those that systems give to outgoing connections
	portsPerBlock = 200
	portBlocks    = 60
)

var ports struct {
	sync.Mutex
	reservation net.Listener // on the first port of the block, as long as the process lives
	first       int
	next        int
}

// reservePorts reserves a block of ports for this process.
func reservePorts() error {
	for i := range portBlocks {
		first := firstPort + (os.Getpid()+i)%portBlocks*portsPerBlock
		if reservation, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", first)); err == nil {
			ports.reservation, ports.first = reservation, first
			return nil
		}
	}
	return fmt.Errorf("all %d blocks of ports are taken", portBlocks)
}

// FreeAddr returns an address of the loopback interface on which nothing listens.
func FreeAddr(t *testing.T) string {
	t.Helper()
	ports.Lock()
	defer ports.Unlock()
	if ports.reservation == nil {
		if err := reservePorts(); err != nil {
			t.Fatal(err)
		}
	}
	for range portsPerBlock {
		ports.next = ports.next%(portsPerBlock-1) + 1
		port := ports.first + ports.next
		if listener, err := net.Listen("tcp", fmt.Sprintf(":%d", port)); err == nil {
			_ = listener.Close()
			return fmt.Sprintf("127.0.0.1:%d", port)
		}
	}
	t.Fatal("no port is free")
	return ""
}
