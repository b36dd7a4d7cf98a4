//go:build unix

package cli

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// A folder of somebody's may have root's group, and they are not in that group for it.
func TestWhoBecomesAnOwnerIsNotInTheGroupOfTheFolder(t *testing.T) {
	if os.Getenv("TEST_BECOME") != "" {
		if err := (Owner{UID: 65534, GID: 0}).Become(); err != nil {
			t.Fatal(err)
		}
		groups, err := os.Getgroups()
		if os.Getuid() == 0 || os.Getgid() == 0 || slices.Contains(groups, 0) || err != nil {
			t.Errorf("user %d, group %d, groups %d, %v", os.Getuid(), os.Getgid(), groups, err)
		}
		if (Owner{}).Become() == nil {
			t.Error("there is a way back")
		}
		return
	}
	if !IsRoot() {
		t.Log("only root can act as somebody else")
		return
	}
	// There is no way back, so another process does it.
	child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	child.Env = append(os.Environ(), "TEST_BECOME=1")
	if out, err := child.CombinedOutput(); err != nil || strings.Contains(string(out), "FAIL") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestAnOwnerIsNamed(t *testing.T) {
	if me := Myself(); !me.Current() || me.String() == "" {
		t.Errorf("this process acts as %s, and %v", me, me.Current())
	}
	if nobody := (Owner{UID: 987654321}); nobody.Current() || nobody.String() != "user ID 987654321" {
		t.Errorf("nobody's name is %s", nobody)
	}
	if _, known, err := OwnerOf(t.TempDir() + "/nothing"); known || err == nil {
		t.Errorf("the owner of nothing: %v, %v", known, err)
	}
}
