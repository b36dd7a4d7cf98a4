package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// client is a keep-alive connection. The load must cost little beside what it measures,
// so it writes prepared requests and reads of an answer only what tells where it ends.
type client struct {
	conn net.Conn
	r    *bufio.Reader
}

// longestLine is what the lines of an answer's header have to fit into.
const longestLine = 16 << 10

func dial(ctx context.Context, address string) (*client, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &client{conn, bufio.NewReaderSize(conn, longestLine)}, nil
}

func (c *client) close() { _ = c.conn.Close() }

// reply is what is kept of an answer where somebody wants to know.
type reply struct {
	status   int
	location string
	cookies  []string // Set-Cookie lines
	body     []byte
}

// ask sends a request and reads the whole answer. It fills keep unless that is nil.
func (c *client) ask(request []byte, keep *reply) (status int, err error) {
	if _, err := c.conn.Write(request); err != nil {
		return 0, err
	}
	line, err := c.r.ReadSlice('\n')
	if err != nil {
		return 0, fmt.Errorf("reading an answer: %w", err)
	}
	if !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) || len(line) < 14 {
		return 0, fmt.Errorf("%.40q is no answer of HTTP/1.1", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, fmt.Errorf("reading a status: %w", err)
	}
	length, err := c.header(keep)
	if err != nil {
		return 0, err
	}
	if keep != nil {
		keep.status = status
	}
	if status == 204 || status == 304 {
		length = 0
	}
	return status, c.body(length, keep)
}

const (
	chunked = -1
	unknown = -2
)

// header reads an answer's header and returns the body's length.
func (c *client) header(keep *reply) (length int, err error) {
	for length = unknown; ; {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return 0, fmt.Errorf("reading a header: %w", err)
		}
		if line = bytes.TrimRight(line, "\r\n"); len(line) == 0 {
			return length, nil
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case is(name, "Content-Length"):
			if length, err = strconv.Atoi(string(value)); err != nil || length < 0 {
				return 0, fmt.Errorf("%.40q is no length", value)
			}
		case is(name, "Transfer-Encoding"):
			length = chunked
		case is(name, "Connection") && bytes.EqualFold(value, []byte("close")):
			return 0, errors.New("the server closes the connection after one request; only keep-alive is measured")
		case keep != nil && is(name, "Location"):
			keep.location = string(value)
		case keep != nil && is(name, "Set-Cookie"):
			keep.cookies = append(keep.cookies, string(value))
		}
	}
}

func is(name []byte, want string) bool {
	return len(name) == len(want) && bytes.EqualFold(name, []byte(want))
}

// body reads a body, or passes over it.
func (c *client) body(length int, keep *reply) error {
	switch length {
	case unknown:
		return errors.New("an answer does not say how long it is")
	case chunked:
		return c.chunks(keep)
	}
	return c.part(length, keep)
}

func (c *client) chunks(keep *reply) error {
	for {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return fmt.Errorf("reading a chunk: %w", err)
		}
		size, _, _ := bytes.Cut(bytes.TrimRight(line, "\r\n"), []byte(";"))
		n, err := strconv.ParseUint(string(size), 16, 31)
		if err != nil {
			return fmt.Errorf("%.40q is no size of a chunk", size)
		}
		if err := c.part(int(n), keep); err != nil {
			return err
		}
		if _, err := c.r.Discard(len("\r\n")); err != nil {
			return fmt.Errorf("reading the end of a chunk: %w", err)
		}
		if n == 0 {
			return nil // trailers are not asked for
		}
	}
}

// part reads a piece of a body.
func (c *client) part(n int, keep *reply) error {
	if keep == nil {
		_, err := c.r.Discard(n)
		return err
	}
	if n > 1<<20 {
		return errors.New("a body is longer than 1 MB")
	}
	piece := make([]byte, n)
	_, err := io.ReadFull(c.r, piece)
	keep.body = append(keep.body, piece...)
	return err
}

// get asks within the usual time for an answer with a certain status.
func (c *client) get(request []byte, status int) (answer reply, err error) {
	if err := c.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return answer, err
	}
	if _, err := c.ask(request, &answer); err != nil {
		return answer, err
	}
	if answer.status != status {
		return answer, fmt.Errorf("an answer has the status %d, want %d: %.200s", answer.status, status, bytes.TrimSpace(answer.body))
	}
	return answer, nil
}

// askOnce sends one request on a connection of its own.
func askOnce(ctx context.Context, t target) (answer reply, err error) {
	c, err := dial(ctx, t.address)
	if err != nil {
		return answer, err
	}
	defer c.close()
	return c.get(t.request, t.status)
}
