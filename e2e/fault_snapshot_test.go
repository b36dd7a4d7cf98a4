package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/e2e/faultystorage"
)

// restarts is a Caddy that is killed, and starts again with what it has kept on its machine.
type restarts struct {
	*disk
	site *faultSite
}

func newRestarts(t *testing.T, binary string) *restarts {
	d := &disk{folder: filepath.Join(t.TempDir(), "storage"), fault: filepath.Join(t.TempDir(), "fault")}
	d.faulty = newFaulty(t, binary, fmt.Sprintf("storage e2e_faulty {\n root %s\n fault %s\n }", d.folder, d.fault), 1, "")
	d.run()
	d.running = true
	return &restarts{d, d.sites[0]}
}

// storageIs breaks and mends the storage.
func (r *restarts) storageIs(fault string) {
	r.t.Helper()
	if err := os.WriteFile(r.fault, []byte(fault), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// snapshot returns the file that the node keeps.
func (r *restarts) snapshot() string {
	r.t.Helper()
	found, err := filepath.Glob(filepath.Join(r.home, "caddy", "instagram_auth", "*", "snapshot"))
	if err != nil || len(found) != 1 {
		r.t.Fatalf("the snapshots of the node: %q, %v", found, err)
	}
	return found[0]
}

func TestF7_WhoSignedOutStaysOutIfANodeStartsWhileTheStorageIsDown(t *testing.T) {
	binary, err := raceBinary()
	if err != nil {
		t.Fatal(err)
	}
	r := newRestarts(t, binary)
	r.site.people()
	leaving := r.site.newcomer("visitor5")
	replay, gone := leaving.twin(), r.site.gone.twin()
	r.storageIs(faultystorage.Failing)
	if answer := r.site.signOut(leaving); answer.status != 503 {
		t.Errorf("a logout was answered %d", answer.status)
	}
	r.restart()
	for _, v := range []*visitor{replay, gone} {
		if r.site.serves(v) {
			t.Errorf("%s is back after a restart", v.name)
		}
	}
	if !r.site.serves(r.site.stays) {
		t.Error("somebody who is signed in was signed out")
	}
	t.Log(r.snapshot(), messages(r.warned(t, 0, func(line) bool { return true })))
	r.storageIs("")
	(&storageStory{disk: r.disk, site: r.site}).written()
	r.process.kill()
	if err := os.Remove(r.snapshot()); err != nil {
		t.Fatal(err)
	}
	r.run()
	for _, v := range []*visitor{replay, gone} {
		if r.site.serves(v) {
			t.Errorf("%s is back: the storage has not got what the node had kept", v.name)
		}
	}
}
