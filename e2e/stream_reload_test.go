package e2e

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What else can end sessions: a reload that changes who may come in or which cookies open, and a
// storage that cannot be asked.

func TestL5_AReloadEndsTheConnectionsThatItNoLongerAllows(t *testing.T) {
	t.Parallel()
	for _, change := range []struct {
		name, reason, said string
		code               int
		of                 func(text string) string
	}{
		{"another secret", "unverifiable", sessionEnded, policyViolation, func(text string) string {
			return strings.ReplaceAll(text, "sync_interval", "session {\n secret "+newSecret+"\n}\nsync_interval")
		}},
		{"a permission that the person did not grant", "missing_permission", sessionEnded, policyViolation, func(text string) string {
			const more = "instagram_business_manage_comments"
			return strings.ReplaceAll(text, "sync_interval", "scope instagram_business_basic "+more+"\nrequire_scope "+more+"\nsync_interval")
		}},
		{"an allow-list without the account", "denied", sessionEnded, policyViolation, func(text string) string {
			return strings.ReplaceAll(text, "sync_interval", "allow 17841405793187219\nsync_interval")
		}},
		{"no instagram_auth any more", "removed", "", 1001, func(text string) string {
			before, rest, _ := strings.Cut(text, "instagram_auth")
			_, rest, _ = strings.Cut(rest, "reverse_proxy")
			return before + "reverse_proxy" + rest
		}},
	} {
		t.Run(change.name, func(t *testing.T) {
			t.Parallel()
			s := newStreams(t, streamBinary)
			s.proxy = "stream_close_delay 5m"
			n := s.nodes[0]
			s.start(n)
			v := s.visitor("visitor3")
			v.signIn(n.address, n.address)
			pages := s.openAll(v, s.lines(n))
			text := change.of(s.caddyfile(n, ""))
			began := time.Now()
			if err := postConfig(n.admin, text); err != nil {
				t.Fatal(err)
			}
			began = began.Add(time.Since(began)) // the interval begins anew
			s.wantEnd(began, 0, change.code, change.said, pages...)
			s.wantNothingLeft(n, v.name)
			if _, cut := n.streamMetrics(); change.reason != "removed" && (cut[change.reason] != 6 || len(cut) != 1) {
				t.Errorf("cut were %v; want 6 for %s", cut, change.reason)
			}
		})
	}
}

// With on_storage_failure deny, a node that cannot ask the storage lets nobody in, and keeps
// nobody.
func TestL5_AStorageThatCannotBeAskedEndsConnectionsWithDeny(t *testing.T) {
	t.Parallel()
	for _, choice := range []string{"keep", "deny 3s"} {
		t.Run(choice, func(t *testing.T) {
			t.Parallel()
			s := newStreams(t, streamBinary, "on_storage_failure "+choice)
			s.storage = inRedis(t)
			n, v := s.nodes[0], s.holder("visitor1", 0)
			s.start(n)
			pages := s.openAll(v, s.lines(n))
			s.storage.redis.Kill()
			if choice == "keep" {
				n.process.waitUntil("a warning about the storage", func() bool {
					return strings.Contains(n.process.out.String(), "reading revoked sessions from the storage failed")
				})
				s.wantOpen(pages...)
				return
			}
			s.wantEnd(time.Now(), 5*time.Second, 1013, "", pages...)
			if _, cut := n.streamMetrics(); cut["unknown"] != 6 || len(cut) != 1 {
				t.Errorf("cut were %v", cut)
			}
		})
	}
}

// phpEvents is an event stream of a PHP site.
const phpEvents = `<?php
if (!str_ends_with($_SERVER["REQUEST_URI"], "/events")) { header("Content-Type: text/plain"); exit($_SERVER["HTTP_X_INSTAGRAM_USERNAME"] ?? ""); }
header("Content-Type: text/event-stream");
while (ob_get_level()) { ob_end_flush(); }
while (true) { echo "data: ", $_SERVER["HTTP_X_INSTAGRAM_USERNAME"], "\n\n"; flush(); usleep(50000); }`

// php-fpm has two workers here: one that is not free again after the end of a session would
// keep the next visitor waiting.
func TestL5_AnEventStreamOfPHPEndsWithItsSession(t *testing.T) {
	t.Parallel()
	socket, root := startPHP(t, phpEvents)
	s := newStreams(t, streamBinary)
	s.handler = "root " + root + "\nphp_fastcgi unix/" + socket
	s.start(s.nodes[0])
	s.start(s.nodes[1])
	n := s.nodes[0]
	lines := s.lines(n)
	staying := s.events(s.holder("visitor2", 0), 2, lines[2], "/private/events")
	for _, version := range streamVersions {
		leaves := s.newcomer("visitor1", n)
		p := s.events(leaves, version, lines[version], "/private/events")
		s.wantOpen(p, staying)
		leaves.wantLogout(s.nodes[1], nil)
		s.wantCut(time.Now(), 0, p)
		s.wantOpen(staying)
	}
}

// A file server knows nothing of the end of the request's context, and returns as if all were sent.
func TestL5_AResponseThatIsCutOffDoesNotEndLikeAWholeOne(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "private"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "private", "file"), make([]byte, 64<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newStreams(t, streamBinary)
	s.handler = "handle /private/file {\nroot " + root + "\nheader Content-Type text/event-stream\nfile_server\n}\nreverse_proxy " + s.upstream.address
	s.start(s.nodes[0])
	n := s.nodes[0]
	lines := s.lines(n)
	for _, version := range streamVersions {
		v := s.newcomer("visitor1", n)
		body := openStream(t, lines[version], "/private/file", cookie+"="+v.cookies[cookie]).Body
		if _, err := io.ReadFull(body, make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
		v.wantLogout(n, nil)
		n.process.waitUntil("the end of the response", func() bool { open, _ := n.streamMetrics(); return len(open) == 0 })
		if got, err := io.Copy(io.Discard, body); err == nil {
			t.Errorf("over %s, the response ends like a whole one after %d bytes", version, got)
		}
	}
}
