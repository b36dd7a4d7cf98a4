package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

// The rotation of a session secret as docs/operations.md describes it, step by step, in
// processes of their own: with files, with variables, and with systemd's credentials.

const (
	oldSecret = "1f8e0d3c7b6a59482716f5e4d3c2b1a0"
	newSecret = "d2c94b7e1a60f8357d9e4c2b8a1f6053"

	secretChanged = "a secret file has changed; the previous secret is still accepted"
)

// rotator is a node whose secret changes.
type rotator struct {
	*node
	dir string // with the node's own files of secrets
	env []string
}

// rotators returns nodes of a cluster that have not been started.
func rotators(t *testing.T) (c *cluster, one, two *rotator) {
	t.Helper()
	c = newCluster(t, raceBinary, inFiles(t))
	return c, &rotator{node: c.nodes[0], dir: t.TempDir()}, &rotator{node: c.nodes[1], dir: t.TempDir()}
}

// configure writes the configuration with a list of secrets; DIR/ stands for the node's folder.
func (r *rotator) configure(c *cluster, secrets string) {
	r.t.Helper()
	c.options = "session {\n secret " + strings.ReplaceAll(secrets, "DIR/", r.dir+"/") + "\n}"
	text := c.nodeCaddyfile(r.node, "127.0.0.1:1")
	before, _, _ := strings.Cut(text, "reverse_proxy")
	text = before + "respond {http.request.header.X-Instagram-Username}\n}\n"
	if r.file == "" {
		r.file = filepath.Join(r.t.TempDir(), "Caddyfile")
	}
	if err := os.WriteFile(r.file, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rotator) run() {
	r.t.Helper()
	r.process = runBinary(r.t, r.binary, r.file, r.env, r.address, r.admin)
}

// restart ends the process and starts another one.
func (r *rotator) restart() {
	r.t.Helper()
	r.process.kill()
	r.run()
}

// write writes a secret into a file of the node.
func (r *rotator) write(name, secret string) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, name), []byte(secret+"\n"), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// reload runs `caddy reload` in a shell with these variables. With --force, because Caddy
// does nothing for a configuration that it has already.
func (r *rotator) reload(env ...string) (said string, err error) {
	command := exec.Command(r.binary, "reload", "--force", "--config", r.file, "--adapter", "caddyfile", "--address", r.admin)
	command.Env = append(os.Environ(), env...)
	out, err := command.CombinedOutput()
	r.process.waitForOneListener(r.address)
	return string(out), err
}

func (r *rotator) mustReload() {
	r.t.Helper()
	if said, err := r.reload(); err != nil {
		r.t.Fatalf("%s: caddy reload: %v\n%s", r.name, err, said)
	}
}

// fingerprints returns what `caddy instagram-auth sessions` prints about the session secrets.
func (r *rotator) fingerprints() string {
	r.t.Helper()
	out, err := command("sessions", "--address", r.admin)
	if err != nil {
		r.t.Fatalf("%v: %s", err, out)
	}
	for line := range strings.Lines(out) {
		if rest, ok := strings.CutPrefix(line, callback); ok {
			_, own, _ := strings.Cut(strings.TrimSpace(rest), " ")
			return strings.TrimSpace(own)
		}
	}
	r.t.Fatalf("no line of the block in %s", out)
	return ""
}

func (r *rotator) wantFingerprints(when, want string) {
	r.t.Helper()
	if got := r.fingerprints(); got != want {
		r.t.Errorf("%s: %s has the secrets %s, want %s", when, r.name, got, want)
	}
}

// waitChanges waits until so many changes have been taken over.
func (r *rotator) waitChanges(n int) {
	r.t.Helper()
	for deadline := time.Now().Add(90 * time.Second); strings.Count(r.process.out.String(), secretChanged) < n; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.t.Fatalf("%s took no %d changes over", r.name, n)
		}
	}
}

// wantVisitor fails the test unless a node serves the visitor, or does not.
func wantVisitor(t *testing.T, step string, v *visitor, signedIn bool, nodes ...*rotator) {
	t.Helper()
	for _, r := range nodes {
		if got := v.alive(r.node); got != signedIn {
			t.Errorf("%s: %s is signed in on %s: %v, want %v", step, v.name, r.name, got, signedIn)
		}
	}
}

// wantSealed fails the test unless a visitor's session was sealed with a secret.
func wantSealed(t *testing.T, v *visitor, secret string) {
	t.Helper()
	cookies, err := session.New(session.Config{Secrets: []string{secret}, Instance: appID + " /instagram_auth", Name: "instagram_auth", Lifetime: 7 * 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	found := cookies.Find([]string{cookie + "=" + v.cookies[cookie]})
	if _, ok := cookies.Open(&found, nil); !ok {
		t.Errorf("the session of %s is not sealed with the secret %s", v.name, session.Fingerprint(secret))
	}
}

func TestN18_RotationWithFilesOnTwoNodes(t *testing.T) {
	t.Parallel()
	c, one, two := rotators(t)
	older, newer := session.Fingerprint(oldSecret), session.Fingerprint(newSecret)
	for _, r := range []*rotator{one, two} {
		r.write("secret", oldSecret)
		r.configure(c, "{file.DIR/secret}")
		r.run()
	}
	before := c.visitor("visitor1")
	before.signIn(one.address, two.address)
	wantVisitor(t, "at first", before, true, one, two)

	// 1. The new secret stands second on all nodes, one after the other.
	for _, r := range []*rotator{one, two} {
		r.write("next", newSecret)
		r.configure(c, "{file.DIR/secret} {file.DIR/next}")
		r.mustReload()
		wantVisitor(t, "1", before, true, one, two)
	}
	for _, r := range []*rotator{one, two} {
		r.wantFingerprints("1", older+" "+newer)
	}
	// 2. They change places, one node after the other, without a reload.
	one.write("secret", newSecret)
	one.write("next", oldSecret)
	one.waitChanges(2)
	one.wantFingerprints("2", newer+" "+older)
	wantVisitor(t, "2, half", before, true, one, two)
	there, here := c.visitor("visitor2"), c.visitor("visitor3")
	there.signIn(one.address, one.address)
	here.signIn(two.address, two.address)
	over := c.visitor("visitor4")
	over.signIn(one.address, two.address) // the login begins with one secret and ends with the other
	wantSealed(t, there, newSecret)
	wantSealed(t, here, oldSecret)
	for _, v := range []*visitor{there, here, over} {
		wantVisitor(t, "2, half", v, true, one, two)
	}
	two.write("secret", newSecret)
	two.write("next", oldSecret)
	two.waitChanges(2)
	// A restart, and a sign-out, in the middle of it.
	one.restart()
	for _, v := range []*visitor{before, there, here, over} {
		wantVisitor(t, "2, done", v, true, one, two)
	}
	copied := here.twin()
	here.wantLogout(two.node, nil)
	untilOut(time.Now(), 0, []*node{one.node}, copied)
	// 3. After the longest lifetime the old one is taken out.
	for _, r := range []*rotator{one, two} {
		r.configure(c, "{file.DIR/secret}")
		r.mustReload()
	}
	wantVisitor(t, "3", there, true, one, two)
	wantVisitor(t, "3, whoever still has the old one", before, false, one)
}

// With one node there is one step. Several nodes that do the same one after the other do
// not know one another's new sessions until the last one has followed.
func TestN18_RotationWithOneFile(t *testing.T) {
	t.Parallel()
	c, one, two := rotators(t)
	for _, r := range []*rotator{one, two} {
		r.write("secret", oldSecret)
		r.configure(c, "{file.DIR/secret}")
		r.run()
	}
	before := c.visitor("visitor1")
	before.signIn(one.address, one.address)
	one.write("secret", newSecret)
	one.waitChanges(1)
	one.wantFingerprints("changed", session.Fingerprint(newSecret)+" (previous: "+session.Fingerprint(oldSecret)+")")
	fresh := c.visitor("visitor2")
	fresh.signIn(one.address, one.address)
	wantSealed(t, fresh, newSecret)
	wantVisitor(t, "changed", before, true, one, two)
	wantVisitor(t, "changed", fresh, true, one)
	wantVisitor(t, "before the other node follows", fresh, false, two)
	for range 3 {
		one.mustReload()
	}
	wantVisitor(t, "after reloads", before, true, one)
	two.write("secret", newSecret)
	two.waitChanges(1)
	for _, v := range []*visitor{before, fresh} {
		wantVisitor(t, "both", v, true, one, two)
	}
	// The former secret is in memory alone: this is the way out for one that has leaked.
	one.restart()
	wantVisitor(t, "restarted", fresh, true, one)
	wantVisitor(t, "restarted", before, false, one)
}

func TestN18_RotationWithVariables(t *testing.T) {
	t.Parallel()
	c, one, _ := rotators(t)
	older, newer := session.Fingerprint(oldSecret), session.Fingerprint(newSecret)
	one.env = []string{"ROTATED=" + oldSecret}
	one.configure(c, "{env.ROTATED}")
	one.run()
	before := c.visitor("visitor1")
	before.signIn(one.address, one.address)

	// Another shell has another value under the same name: Caddy cannot see it.
	if said, err := one.reload("ROTATED=" + newSecret); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	one.wantFingerprints("after a reload with another value", older)
	wantVisitor(t, "after a reload with another value", before, true, one)
	doctor := exec.Command(one.binary, "instagram-auth", "doctor", "--config", one.file, "--adapter", "caddyfile")
	home := t.TempDir()
	doctor.Env = append(os.Environ(), "ROTATED="+newSecret, "HOME="+home, "XDG_DATA_HOME="+home, "XDG_CONFIG_HOME="+home)
	out, _ := doctor.CombinedOutput()
	for _, says := range []string{"! secrets: the running Caddy has other secrets", "session secret " + older + "; here it is", "session secret " + newer, "{env.ROTATED}: this shell has another value than Caddy"} {
		if !strings.Contains(string(out), says) {
			t.Errorf("the doctor does not say %q:\n%s", says, out)
		}
	}

	// A new name fails, and the message says why. The old configuration goes on.
	one.configure(c, "{env.ROTATED_NEXT} {env.ROTATED}")
	said, err := one.reload("ROTATED="+oldSecret, "ROTATED_NEXT="+newSecret)
	for _, says := range []string{"400", "session secret: {env.ROTATED_NEXT} has no value", "a reload does not change the variables of a running Caddy: restart it, or use {file./absolute/path}"} {
		if err == nil || !strings.Contains(said, says) {
			t.Errorf("caddy reload says, without %q, %v:\n%s", says, err, said)
		}
	}
	wantVisitor(t, "after a reload that failed", before, true, one)

	// The way out without a restart: the secret moves into a file, and changes there.
	one.write("secret", oldSecret)
	one.configure(c, "{file.DIR/secret}")
	one.mustReload()
	wantVisitor(t, "moved into a file", before, true, one)
	one.write("secret", newSecret)
	one.waitChanges(1)
	fresh := c.visitor("visitor2")
	fresh.signIn(one.address, one.address)
	wantSealed(t, fresh, newSecret)
	wantVisitor(t, "changed", before, true, one)
	// And the way with a restart: both are listed, under two names.
	one.env = []string{"ROTATED=" + oldSecret, "ROTATED_NEXT=" + newSecret}
	one.configure(c, "{env.ROTATED_NEXT} {env.ROTATED}")
	one.restart()
	for _, v := range []*visitor{before, fresh} {
		wantVisitor(t, "restarted with two variables", v, true, one)
	}
}

// systemd copies credentials into a folder when a service starts, read-only and for as long
// as it runs. Nothing changes there until the next start, which gets a new folder.
func TestN18_RotationWithCredentials(t *testing.T) {
	t.Parallel()
	c, one, _ := rotators(t)
	service := func(credentials map[string]string) {
		t.Helper()
		folder := filepath.Join(t.TempDir(), "credentials")
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		for name, secret := range credentials {
			if err := os.WriteFile(filepath.Join(folder, name), []byte(secret), 0o400); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chmod(folder, 0o500); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.Chmod(folder, 0o700) })
		if one.process != nil {
			one.process.kill()
		}
		one.env = []string{"CREDENTIALS_DIRECTORY=" + folder}
		one.run()
	}
	const first, second = "{file.{$CREDENTIALS_DIRECTORY}/secret}", "{file.{$CREDENTIALS_DIRECTORY}/former}"
	one.configure(c, first)
	service(map[string]string{"secret": oldSecret})
	before := c.visitor("visitor1")
	before.signIn(one.address, one.address)

	one.configure(c, first+" "+second)
	service(map[string]string{"secret": newSecret, "former": oldSecret})
	one.wantFingerprints("restarted with both", fmt.Sprint(session.Fingerprint(newSecret), " ", session.Fingerprint(oldSecret)))
	wantVisitor(t, "restarted with both", before, true, one)
	fresh := c.visitor("visitor2")
	fresh.signIn(one.address, one.address)
	wantSealed(t, fresh, newSecret)

	// A reload from a shell that is not the service's does not know the folder.
	if said, err := one.reload(); err == nil || !strings.Contains(said, "have no value") {
		t.Errorf("caddy reload says %v:\n%s", err, said)
	}
	if said, err := one.reload(one.env...); err != nil { // as ExecReload does
		t.Errorf("caddy reload says %v:\n%s", err, said)
	}
	wantVisitor(t, "reloaded", before, true, one)

	// What happens without the former one: everybody who had signed in with it is out.
	one.configure(c, first)
	service(map[string]string{"secret": newSecret})
	wantVisitor(t, "restarted with the new one alone", before, false, one)
	wantVisitor(t, "restarted with the new one alone", fresh, true, one)
}
