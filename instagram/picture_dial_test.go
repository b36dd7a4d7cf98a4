package instagram

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

func TestT3_PicturesComeFromPublicAddresses(t *testing.T) {
	for address, want := range map[string]bool{
		"157.240.0.1": true, "31.13.64.1": true, "1.1.1.1": true, "2a03:2880:f000::1": true, "64:ff9b::9df0:1": true, "100.63.255.255": true, "100.128.0.1": true, "172.32.0.1": true,
		"127.0.0.1": false, "127.255.255.255": false, "10.0.0.1": false, "172.16.0.1": false, "172.31.255.255": false, "192.168.0.1": false, "169.254.169.254": false, "100.64.0.1": false,
		"0.0.0.0": false, "0.1.2.3": false, "192.0.0.192": false, "198.18.0.1": false, "203.0.113.1": false, "224.0.0.1": false, "240.0.0.1": false, "255.255.255.255": false,
		"::": false, "::1": false, "::7f00:1": false, "fe80::1": false, "fe80::1%eth0": false, "fc00::1": false, "fd00:ec2::254": false, "fec0::1": false, "ff02::1": false, "2001:db8::1": false,
		"2002:7f00:1::": false, "2001::1": false, "64:ff9b::7f00:1": false, "64:ff9b::a9fe:a9fe": false, "64:ff9b:1::1": false, "100::1": false,
	} {
		if got := isPublic(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
}

// resolving returns a resolver for which every name has these IPv4 addresses.
func resolving(t *testing.T, addresses ...string) *net.Resolver {
	t.Helper()
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	go func() {
		buffer := make([]byte, 512)
		for {
			n, from, err := server.ReadFrom(buffer)
			if err != nil {
				return
			}
			_, _ = server.WriteTo(dnsAnswer(buffer[:n], addresses), from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", server.LocalAddr().String())
	}}
}

// dnsAnswer answers a query of one question, for the address of a name. [RFC 1035, 4.1]
func dnsAnswer(query []byte, addresses []string) []byte {
	end := 12
	for query[end] != 0 {
		end += int(query[end]) + 1
	}
	question := query[12 : end+5]
	answer := append([]byte{query[0], query[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, question...)
	if kind := binary.BigEndian.Uint16(query[end+1:]); kind == 1 {
		answer[7] = byte(len(addresses))
		for _, a := range addresses {
			four := netip.MustParseAddr(a).As4()
			answer = append(answer, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, four[0], four[1], four[2], four[3])
		}
	}
	return answer
}

func TestT3_ANameOfAPrivateAddressIsNoHostOfPictures(t *testing.T) {
	inside, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer inside.Close()
	reached := make(chan net.Conn, 1)
	go func() {
		for {
			connection, err := inside.Accept()
			if err != nil {
				return
			}
			reached <- connection
		}
	}()
	_, port, _ := net.SplitHostPort(inside.Addr().String())
	for _, addresses := range [][]string{{"127.0.0.1"}, {"10.255.255.1", "127.0.0.1"}, {"169.254.169.254"}} {
		dialer := net.Dialer{Resolver: resolving(t, addresses...)}
		_, err := dialPictureWith(t.Context(), dialer, "tcp", "scontent.cdninstagram.com:"+port)
		if !errors.Is(err, errNotPublic) {
			t.Errorf("%v: %v", addresses, err)
		}
		// The name of a simulator resolves to this machine, or to none.
		if _, err := dialPictureWith(t.Context(), dialer, "tcp", "localhost:"+port); err != nil && addresses[0] == "127.0.0.1" {
			t.Errorf("localhost: %v", err)
		}
	}
	if connection := <-reached; connection == nil {
		t.Error("a simulator cannot be reached")
	}
	if err := transportError(PictureEndpoint, &net.OpError{Op: "dial", Net: "tcp", Err: errNotPublic}); err.Kind != Unreachable || !strings.Contains(err.Error(), "private address") {
		t.Errorf("told as %v", err)
	}
}

func TestPicturesGoThroughTheProxyOfTheEnvironment(t *testing.T) {
	if directPictures.Proxy != nil || proxiedPictures.Proxy == nil || directPictures.DialContext == nil {
		t.Error("the transports are mixed up")
	}
	for _, transport := range []*http.Transport{directPictures, proxiedPictures} {
		if !transport.DisableKeepAlives || !transport.DisableCompression || transport.TLSClientConfig.MinVersion < 0x303 {
			t.Error("a transport is not for pictures")
		}
	}
}

// FuzzT3_PictureAddresses holds what is accepted against a plain pattern, which is another
// reading of the rule.
func FuzzT3_PictureAddresses(f *testing.F) {
	for _, address := range []string{
		"https://scontent-fra3-1.cdninstagram.com/v/p.jpg?oh=00_A%3D&oe=655FD404", "https://a.fbcdn.net/", "https://cdninstagram.com.evil.test/", "https://x@a.fbcdn.net/",
		`https://evil.test\.fbcdn.net/`, "https://a.fbcdn.net:443/", "http://127.0.0.1:80/p", "https://a.fbcdn.net/#x", "https://%61.fbcdn.net/", "https://a.fbcdn.net\x00/",
	} {
		f.Add(address)
	}
	client := pictureClient(f)
	rule := regexp.MustCompile(`^https://[a-z0-9.-]+\.(cdninstagram\.com|fbcdn\.net)/[!$%&'()*+,\-./0-9:;=?@A-Z\[\]_a-z~]*$`)
	f.Fuzz(func(t *testing.T, address string) {
		accepted := client.checkPictureURL(address) == nil
		if accepted && (!rule.MatchString(address) || len(address) > maxPictureURL) {
			t.Fatalf("%q is accepted", address)
		}
		if _, err := url.Parse(address); !accepted && err == nil && rule.MatchString(address) && len(address) <= maxPictureURL {
			t.Fatalf("%q is not accepted", address)
		}
	})
}

// pictureClient is a client that asks nobody.
func pictureClient(t testing.TB) *Client {
	t.Helper()
	c, err := New(Config{AppID: "1", AppSecret: "s"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}
