package sitetest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// Response is an answer with its body read.
type Response struct {
	*http.Response
	Body string
}

// Location returns the Location header.
func (r Response) Location() string { return r.Header.Get("Location") }

// Navigation returns a request as a browser makes it for a person. A path belongs
// to the test site.
func Navigation(t *testing.T, method, address string) *http.Request {
	t.Helper()
	if strings.HasPrefix(address, "/") {
		address = Origin + address
	}
	request, err := http.NewRequest(method, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	request.Header.Set("Sec-Fetch-Mode", "navigate")
	request.Header.Set("Sec-Fetch-Dest", "document")
	return request
}

// Query returns the query parameters of an address.
func Query(t *testing.T, address string) url.Values {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatalf("parsing %q: %v", address, err)
	}
	return u.Query()
}

// ReplaceQuery returns the address with other values of a query parameter. None removes it.
func ReplaceQuery(t *testing.T, address, name string, values ...string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Del(name)
	for _, value := range values {
		q.Add(name, value)
	}
	u.RawQuery, u.Fragment = q.Encode(), ""
	return u.String()
}

// Decode returns the JSON object of an answer.
func Decode(t *testing.T, answer Response) (object map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(answer.Body), &object); err != nil {
		t.Fatalf("%s with body %q: %v", answer.Status, answer.Body, err)
	}
	return object
}

// SetBody makes a request that sends a form.
func SetBody(request *http.Request, body string) {
	request.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(body)), nil }
	request.Body, _ = request.GetBody()
	request.ContentLength = int64(len(body))
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
}

// Forwarded sets X-Forwarded-For, as a proxy in front of Caddy does.
func Forwarded(address string, request *http.Request) *http.Request {
	request.Header.Set("X-Forwarded-For", address)
	return request
}

// FromClient sets the X-Forwarded-For header to the address of a numbered client.
func FromClient(request *http.Request, client int) *http.Request {
	request.Header.Set("X-Forwarded-For", fmt.Sprintf("10.%d.%d.1", client/256, client%256))
	return request
}

// TrustForwarded has Caddy believe X-Forwarded-For: the logins of one address are limited,
// and here each one comes from another.
const TrustForwarded = "servers {\n trusted_proxies static 127.0.0.1/32\n}"

// ForgedRequest returns a request with identity headers that the client made up.
func ForgedRequest(t *testing.T, method, address string) *http.Request {
	t.Helper()
	request, err := http.NewRequest(method, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = Host
	for _, name := range []string{"X-Instagram-User-Id", "X-Instagram-Username", "X-Instagram-Name"} {
		request.Header.Set(name, "forged")
	}
	return request
}

// lookAlikes returns spellings that some servers take for the header.
func lookAlikes(name string) (all []string) {
	for _, separator := range []string{"-", "_", ".", "~", "!", "'", "*", "+", "|", "^", "`", "#", "$", "%", "&"} {
		spelled := strings.ReplaceAll(name, "-", separator)
		all = append(all, spelled, strings.ToLower(spelled), strings.ToUpper(spelled), strings.Replace(name, "-", separator, 1))
	}
	return all
}

// Send sends a request whose Cookie header has these lines.
func (s *Site) Send(request *http.Request, lines []string) Response {
	s.T.Helper()
	request.Header["Cookie"] = lines
	return s.NewBrowser().Do(request)
}

// Raw sends text to Caddy unchanged and returns the answer.
func (s *Site) Raw(t *testing.T, text string) Response {
	t.Helper()
	connection, err := net.Dial("tcp", s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if _, err := io.WriteString(connection, text); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil {
		t.Fatalf("reading the answer to %q: %v", text, err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatalf("reading the answer to %q: %v", text, err)
	}
	return Response{answer, string(body)}
}

// Ask sends a GET for an unchanged request target and returns the answer.
func (s *Site) Ask(t *testing.T, target string) Response {
	t.Helper()
	return s.Raw(t, "GET "+target+" HTTP/1.1\r\nHost: "+Host+"\r\nConnection: close\r\n\r\n")
}

// Slowly sends a request whose body comes byte by byte, length of them, and returns the
// answer and how long the connection lived. 0 is for a body without an end.
func (s *Site) Slowly(t *testing.T, method, path, headers string, length int) (answer string, lived time.Duration) {
	connection, err := net.Dial("tcp", s.Addr)
	if err != nil {
		t.Error(err)
		return "", 0
	}
	defer connection.Close()
	began := time.Now()
	_ = connection.SetDeadline(began.Add(40 * time.Second))
	size, piece := fmt.Sprint("Content-Length: ", length), "a"
	if length == 0 {
		size, piece = "Transfer-Encoding: chunked", "1\r\na\r\n"
	}
	fmt.Fprintf(connection, "%s %s HTTP/1.1\r\nHost: %s\r\n%s\r\n%s\r\n\r\n", method, path, Host, size, headers)
	gone := make(chan struct{})
	go func() {
		for sent := 0; sent < length || length == 0; sent++ {
			if _, err := io.WriteString(connection, piece); err != nil {
				return
			}
			select {
			case <-gone:
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
	}()
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	close(gone)
	if err != nil {
		return err.Error(), time.Since(began)
	}
	text, _ := io.ReadAll(response.Body)
	return fmt.Sprint(response.StatusCode, " ", string(text)), time.Since(began)
}

// Clients returns one client for each version of HTTP that Caddy speaks without TLS.
func (s *Site) Clients(t *testing.T) map[string]*http.Client {
	keep := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	h1, h2 := &http.Transport{}, &http.Transport{Protocols: new(http.Protocols)}
	h2.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(h1.CloseIdleConnections)
	t.Cleanup(h2.CloseIdleConnections)
	return map[string]*http.Client{
		"HTTP/1.1": {Transport: h1, CheckRedirect: keep},
		"HTTP/2":   {Transport: h2, CheckRedirect: keep},
	}
}

// Reads returns the addresses whose answer to this cookie contains a text.
func (s *Site) Reads(t *testing.T, text, cookie string, addresses []string) (open []string) {
	t.Helper()
	for _, address := range addresses {
		for _, method := range []string{"GET", "POST"} {
			answer := s.Raw(t, method+" "+address+" HTTP/1.1\r\nHost: example.test\r\nConnection: close\r\nAccept: */*\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\nCookie: "+cookie+"\r\nContent-Length: 0\r\n\r\n")
			if strings.Contains(answer.Body, text) {
				open = append(open, method+" "+address)
			}
		}
	}
	return open
}
