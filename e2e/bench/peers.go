package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// peer is a contestant from a file.
type peer struct {
	name, command, port, cookie string
	path                        string
	status                      int
}

const peerFields = "name | command | port | cookie | path | status"

// readPeers reads a file with a peer a line, as peers.example explains.
func readPeers(file string) ([]peer, error) {
	if file == "" {
		return nil, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("reading peers: %w", err)
	}
	defer f.Close()
	return parsePeers(f)
}

func parsePeers(r io.Reader) (peers []peer, err error) {
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		p, err := parsePeer(line)
		if err != nil {
			return nil, fmt.Errorf("peers, line %d: %w", n, err)
		}
		peers = append(peers, p)
	}
	return peers, lines.Err()
}

func parsePeer(line string) (p peer, err error) {
	fields := strings.Split(line, "|")
	if len(fields) < 4 || len(fields) > 6 {
		return p, fmt.Errorf("want %s; the last two may be missing", peerFields)
	}
	for i := range fields {
		fields[i] = strings.TrimSpace(fields[i])
	}
	fields = append(fields, "", "")
	p = peer{name: fields[0], command: fields[1], port: fields[2], cookie: fields[3], path: fields[4], status: 200}
	if p.path == "" {
		p.path = privatePath
	}
	if port, err := strconv.Atoi(p.port); p.name == "" || p.command == "" || err != nil || port < 1 || port > 65535 {
		return p, fmt.Errorf("want a name, a command and a port")
	}
	if strings.ContainsAny(p.path+p.cookie, "\r\n") || p.path[0] != '/' || strings.Contains(p.path, " ") {
		return p, fmt.Errorf("%q is no path", p.path)
	}
	if fields[5] != "" {
		if p.status, err = strconv.Atoi(fields[5]); err != nil {
			return p, fmt.Errorf("%q is no status", fields[5])
		}
	}
	return p, nil
}
