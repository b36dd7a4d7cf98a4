package e2e

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const stranger = 65534 // a user who is not root, and owns the storage

// openFolder returns a folder that every user can get into, unlike those of the tests.
func openFolder(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "owner")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	return folder
}

// owned makes a folder below another one, of that user.
func owned(t *testing.T, parts ...string) string {
	t.Helper()
	folder := filepath.Join(parts...)
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(folder, stranger, stranger); err != nil {
		t.Fatal(err)
	}
	return folder
}

// tree lists what is below a folder, with the owner of each.
func tree(t *testing.T, folder string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == folder {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		names = append(names, fmt.Sprintf("%s of %d", strings.TrimPrefix(path, folder+"/"), info.Sys().(*syscall.Stat_t).Uid))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func mustBeRoot(t *testing.T) bool {
	if os.Geteuid() == 0 {
		return true
	}
	t.Log("only root can act as somebody else")
	return false
}

func TestRootLeavesNothingInTheStorage(t *testing.T) {
	t.Parallel()
	if !mustBeRoot(t) {
		return
	}
	folder := openFolder(t)
	home := filepath.Join(folder, "home")
	if err := os.Mkdir(home, 0o755); err != nil {
		t.Fatal(err)
	}
	env := []string{"HOME=" + home, "XDG_DATA_HOME=", "XDG_CONFIG_HOME="}
	storage := owned(t, folder, "storage")
	working := commandFolder(t, lonelySite(storage))

	out, talk, status := commandIn(t, working, env, "doctor")
	if status != 1 || !strings.Contains(out, "✓ storage") || !strings.Contains(talk, "the owner of the storage "+storage) {
		t.Errorf("status %d\n%s%s", status, out, talk)
	}
	if left := append(tree(t, storage), tree(t, home)...); len(left) > 0 {
		t.Errorf("the doctor left %q", left)
	}
	// A storage that the owner cannot use is told as the owner meets it.
	if err := os.Chmod(storage, 0o500); err != nil {
		t.Fatal(err)
	}
	out, _, status = commandIn(t, working, env, "doctor")
	if status != 1 || !strings.Contains(out, "✗ storage") || !strings.Contains(out, "permission denied") {
		t.Errorf("a storage that is read-only: status %d\n%s", status, out)
	}
	// What is not there is not made by root.
	if err := os.RemoveAll(storage); err != nil {
		t.Fatal(err)
	}
	for _, caddyfile := range []string{lonelySite(storage), strings.Replace(lonelySite(storage), "storage file_system", "#", 1)} {
		out, _, _ = commandIn(t, commandFolder(t, caddyfile), env, "doctor")
		if !strings.Contains(out, "! storage: the storage was not tried") || strings.Contains(out, "✓ storage") {
			t.Errorf("without the folder:\n%s", out)
		}
	}
	if left := tree(t, folder); len(left) != 1 {
		t.Errorf("left: %q", left)
	}
}

func TestRootsCommandsChangeNoOwner(t *testing.T) {
	t.Parallel()
	if !mustBeRoot(t) {
		return
	}
	folder := openFolder(t)
	storage, home := owned(t, folder, "storage"), owned(t, folder, "home")
	port, admin := freePort(t), "127.0.0.1:"+freePort(t)
	caddyfile := strings.Replace(lonelySite(storage), "admin off", "admin "+admin+"\nauto_https off", 1)
	caddyfile = strings.NewReplacer("example.test {", "http://:"+port+" {", "tls internal", "", "acme_server", "").Replace(caddyfile)
	working := commandFolder(t, caddyfile)
	// Caddy itself runs as the owner.
	binary, err := os.ReadFile(plain(t))
	if err != nil {
		t.Fatal(err)
	}
	own := filepath.Join(folder, "caddy")
	if err := os.WriteFile(own, binary, 0o755); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(folder, "Caddyfile")
	if err := os.WriteFile(config, []byte(caddyfile), 0o644); err != nil {
		t.Fatal(err)
	}
	setpriv, err := exec.LookPath("setpriv")
	if err != nil {
		t.Fatal(err)
	}
	id := fmt.Sprint(stranger)
	p := start(t, []string{"HOME=" + home, "XDG_DATA_HOME=" + home, "XDG_CONFIG_HOME=" + home},
		setpriv, "--reuid", id, "--regid", id, "--clear-groups", own, "run", "--config", config)
	p.waitFor(admin)
	roots := filepath.Join(folder, "root")
	if err := os.Mkdir(roots, 0o700); err != nil {
		t.Fatal(err)
	}
	env := []string{"HOME=" + roots, "XDG_DATA_HOME=", "XDG_CONFIG_HOME="}
	for _, args := range [][]string{{"doctor"}, {"status"}, {"revoke", "--user", userID}, {"revoke", "--all", "--yes"}, {"sessions"}, {"doctor"}} {
		out, talk, status := commandIn(t, working, env, args...)
		if want := map[bool]int{true: 1, false: 0}[args[0] == "doctor"]; status != want { // Instagram is not reachable
			t.Errorf("%q: status %d\n%s%s", args, status, out, talk)
		}
	}
	left := tree(t, storage)
	if len(left) < 3 {
		t.Errorf("what was revoked is not in the storage: %q", left)
	}
	for _, name := range left {
		if !strings.HasSuffix(name, " of "+id) || strings.Contains(name, ".lock") || strings.Contains(name, "doctor") {
			t.Errorf("left in the storage: %s", name)
		}
	}
	if left := tree(t, roots); len(left) > 0 {
		t.Errorf("left in root's home: %q", left)
	}
}

func TestRootWritesPagesAsTheOwnerOfTheFolder(t *testing.T) {
	t.Parallel()
	if !mustBeRoot(t) {
		return
	}
	folder := openFolder(t)
	above := owned(t, folder, "site")
	pages := filepath.Join(above, "deep", "pages")
	if _, talk, status := commandIn(t, folder, nil, "pages", pages); status != 0 {
		t.Fatal(talk)
	}
	left := tree(t, above)
	if len(left) < 4 {
		t.Errorf("written: %q", left)
	}
	for _, name := range left {
		if !strings.HasSuffix(name, fmt.Sprintf(" of %d", stranger)) {
			t.Errorf("%s", name)
		}
	}
}
