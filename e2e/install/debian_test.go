package install

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// commands returns the n-th block of shell commands below a heading of docs/install.md.
func commands(t *testing.T, heading string, n int) string {
	t.Helper()
	_, section, found := strings.Cut(read(t, "docs/install.md"), "\n## "+heading+"\n")
	section, _, _ = strings.Cut(section, "\n## ")
	blocks := regexp.MustCompile("(?ms)^```sh\n(.*?)^```$").FindAllStringSubmatch(section, -1)
	if !found || len(blocks) <= n {
		t.Fatalf("docs/install.md has %d blocks below %q", len(blocks), heading)
	}
	return blocks[n][1]
}

// A debian is a folder in which dpkg installs a package, as if it were the root of a machine.
type debian struct {
	t    *testing.T
	root string
}

func newDebian(t *testing.T) debian {
	t.Helper()
	d := debian{t, t.TempDir()}
	for _, folder := range []string{"usr/bin", "var/lib/dpkg/updates", "var/lib/dpkg/info"} {
		if err := os.MkdirAll(filepath.Join(d.root, folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"status", "available"} {
		if err := os.WriteFile(filepath.Join(d.root, "var/lib/dpkg", file), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

// sh runs commands as they stand in the docs. sudo is left out, and files go below the root of this
// Debian.
func (d debian) sh(text string) {
	d.t.Helper()
	command := exec.Command("bash", "-e", "-u", "-o", "pipefail", "-c", `
sudo() { "$@"; }
systemctl() { echo "systemctl $*" >>"$DPKG_ROOT/systemctl"; }
install() { command install "${@:1:$#-1}" "$DPKG_ROOT${!#}"; }
rm() { command rm "$DPKG_ROOT$1"; }
`+text)
	command.Dir = d.t.TempDir()
	if err := os.WriteFile(filepath.Join(command.Dir, "caddy"), []byte("built with xcaddy"), 0o600); err != nil {
		d.t.Fatal(err)
	}
	d.run(command)
}

func (d debian) run(command *exec.Cmd) {
	d.t.Helper()
	command.Env = append(os.Environ(), "DPKG_ROOT="+d.root, "DPKG_ADMINDIR="+filepath.Join(d.root, "var/lib/dpkg"), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
	if out, err := command.CombinedOutput(); err != nil {
		d.t.Fatalf("%s: %v\n%s", command, err, out)
	}
}

// upgrade installs a version of a package that has /usr/bin/caddy in it.
func (d debian) upgrade(version string) {
	d.t.Helper()
	folder := d.t.TempDir()
	for name, content := range map[string]string{
		"DEBIAN/control": "Package: caddy\nVersion: " + version + "\nArchitecture: all\nMaintainer: Test <test@example.com>\nDescription: test\n",
		"usr/bin/caddy":  "of the package, version " + version,
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(folder, name)), 0o755); err != nil {
			d.t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o644); err != nil {
			d.t.Fatal(err)
		}
	}
	if err := os.Chmod(folder, 0o755); err != nil {
		d.t.Fatal(err)
	}
	d.run(exec.Command("dpkg-deb", "--build", folder, folder+".deb"))
	defer os.Remove(folder + ".deb")
	d.run(exec.Command("dpkg", "--force-not-root", "--force-bad-path", "--install", folder+".deb"))
}

// want compares what is in a file; "" means that there is none.
func (d debian) want(name, content string) {
	d.t.Helper()
	got, err := os.ReadFile(filepath.Join(d.root, name))
	if string(got) != content || (err != nil) != (content == "") {
		d.t.Errorf("%s has %q, %v; want %q", name, got, err, content)
	}
}

func TestAnUpgradeOfDebiansPackageKeepsTheProgramThatWasDiverted(t *testing.T) {
	d := newDebian(t)
	d.upgrade("1")
	d.want("usr/bin/caddy", "of the package, version 1")

	d.sh(commands(t, "Debian's package", 0))
	d.want("usr/bin/caddy", "built with xcaddy")
	d.want("usr/bin/caddy.package", "of the package, version 1")
	d.want("systemctl", "systemctl restart caddy\n")

	d.upgrade("2")
	d.want("usr/bin/caddy", "built with xcaddy")
	d.want("usr/bin/caddy.package", "of the package, version 2")

	d.sh(commands(t, "Debian's package", 2))
	d.want("usr/bin/caddy", "of the package, version 2")
	d.want("usr/bin/caddy.package", "")
}
