package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

// What breaks while visitors go on asking. None of them may notice.

func TestF5_ANodeDiesUnderLoad(t *testing.T) {
	onBoth(t, fastBinary, func(t *testing.T, c *cluster) {
		three := c.nodes[2]
		v := c.signedIn("visitor1")
		replay := v.twin()
		l := c.underLoad(c.balancer, 1)
		time.Sleep(2 * time.Second)
		// What a node has promised holds, even if it is the last that it said.
		v.wantLogout(three, nil)
		three.process.kill()
		untilOut(time.Now(), 0, c.others(three), replay)
		time.Sleep(2 * time.Second)
		three.run()
		replay.wantOut(three)
		time.Sleep(3 * time.Second)
		l.end()
		replay.wantOut(c.nodes[:]...)
	})
}

func TestF5_TheHolderOfTheSweepLockDies(t *testing.T) {
	onBoth(t, fastBinary, func(t *testing.T, c *cluster) {
		three := c.nodes[2]
		// What expired long ago is found by a node that starts: this one will sweep.
		c.signedIn("visitor9").wantLogout(c.nodes[0], nil)
		bucket := path.Join(path.Dir(path.Dir(c.keyOfAnEntry())), "0000001000")
		c.plant(bucket, 5000)
		l := c.underLoad(c.balancer, 1)
		for attempt := 1; ; attempt++ {
			three.process.kill()
			three.run()
			if c.killWhileLocked(three) {
				break
			}
			if attempt == 5 {
				t.Fatal("the node never died while it held the lock")
			}
		}
		left := len(c.below(bucket))
		t.Logf("node 3 died while it held the lock of the sweep, and left %d of 5000 entries", left)
		if left == 0 {
			t.Error("the sweep was over")
		}
		// The dead node's lock holds up neither those that live nor itself when it is back.
		one, two := c.signedIn("visitor1"), c.signedIn("visitor2")
		replay := one.twin()
		one.wantLogout(c.nodes[0], nil)
		untilOut(time.Now(), 0, c.nodes[1:2], replay)
		three.run()
		replay.wantOut(three)
		replay = two.twin()
		time.Sleep(syncInterval) // its second look tries the lock again
		two.wantLogout(c.nodes[0], nil)
		untilOut(time.Now(), 0, c.nodes[1:], replay)
		l.end()

		// In the end everything is swept: by the node that starts once the lock is stale.
		for deadline := time.Now().Add(11 * time.Second); len(c.locks()) > 0 && time.Now().Before(deadline); {
			time.Sleep(time.Second)
		}
		c.nodes[1].process.kill()
		c.nodes[1].run()
		c.nodes[1].process.waitUntil("an end of the sweep", func() bool { return len(c.below(bucket)) == 0 })
	})
}

// plant puts expired entries into a bucket.
func (c *cluster) plant(bucket string, n int) {
	c.t.Helper()
	for i := range n {
		key := path.Join(bucket, fmt.Sprintf("%020d", i))
		var err error
		if c.storage.redis != nil {
			err = c.storage.Store(c.t.Context(), key, []byte("ended\n"))
		} else {
			// Not by the storage, which waits for the disk each time.
			file := filepath.Join(c.storage.folder, key)
			if err = os.MkdirAll(filepath.Dir(file), 0o700); err == nil {
				err = os.WriteFile(file, []byte("ended\n"), 0o600)
			}
		}
		if err != nil {
			c.t.Fatal(err)
		}
	}
}

// below lists what is below a key, which may be gone.
func (c *cluster) below(key string) []string {
	keys, _ := c.storage.List(c.t.Context(), key, true)
	return keys
}

// locks returns the locks of sweeps, in Redis with their holders. A file counts when
// something has been written into it: only then somebody holds the lock.
func (c *cluster) locks() (locks []string) {
	if c.storage.redis == nil {
		files, _ := filepath.Glob(filepath.Join(c.storage.folder, "locks", "*sweep.lock"))
		for _, file := range files {
			if info, err := os.Stat(file); err == nil && info.Size() > 0 {
				locks = append(locks, file)
			}
		}
		return locks
	}
	client := redis.NewClient(&redis.Options{Addr: c.storage.redis.Address})
	defer client.Close()
	for _, key := range client.Keys(context.Background(), "caddy:lock:*sweep").Val() {
		if holder := client.Get(context.Background(), key).Val(); holder != "" {
			locks = append(locks, holder)
		}
	}
	return locks
}

// killWhileLocked kills a node when it holds the lock, and reports whether it held it
// to the last.
func (c *cluster) killWhileLocked(n *node) bool {
	c.t.Helper()
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		held := c.locks()
		if len(held) == 0 {
			continue
		}
		n.process.kill()
		if c.storage.redis != nil && !strings.HasPrefix(held[0], strconv.Itoa(n.process.cmd.Process.Pid)+" ") {
			c.t.Fatalf("the lock was held by another: %q", held[0])
		}
		after := c.locks()
		return len(after) == 1 && after[0] == held[0]
	}
	return false
}

func TestF1_RedisDiesUnderLoad(t *testing.T) {
	c := startCluster(t, fastBinary, inRedis(t))
	leaves, old, removes := c.signedIn("visitor1"), c.signedIn("visitor2"), c.signedIn("visitor4")
	replay, oldReplay := leaves.twin(), old.twin()
	old.wantLogout(c.nodes[1], nil)
	untilOut(time.Now(), 0, c.others(c.nodes[1]), oldReplay)
	l := c.underLoad(c.balancer, 1)
	time.Sleep(2 * time.Second)
	c.storage.redis.Kill()
	time.Sleep(2 * time.Second)

	// The logout is honest: ended here, not known elsewhere yet.
	answer := leaves.logout(c.nodes[0], nil)
	if answer.status != http.StatusServiceUnavailable || answer.header.Get("Retry-After") == "" || leaves.cookies[cookie] != "" {
		t.Errorf("a logout during the outage was answered %d, cookie left: %t: %s", answer.status, leaves.cookies[cookie] != "", answer.body)
	}
	replay.wantOut(c.nodes[0])
	if again := replay.twin(); !again.alive(c.nodes[1]) {
		t.Error("a node knows what nobody can have told it")
	}
	oldReplay.wantOut(c.nodes[:]...)
	// So is the answer to Instagram, which may call again. [K5]
	removal, err := c.simulator.RemoveApp(t.Context(), removes.name)
	if err != nil || removal.Deauthorize.Status != http.StatusServiceUnavailable {
		t.Errorf("the callback: %+v, %v", removal.Deauthorize, err)
	}
	removes.wantOut(c.nodes[1])
	// A login needs no storage. [F5]
	c.signedIn("visitor3").wantAlive()
	time.Sleep(3 * time.Second)

	c.storage.redis.Run()
	// First the node with the logout must try again, then the others must look.
	untilOut(time.Now(), syncInterval, c.nodes[:], replay, removes)
	time.Sleep(2 * time.Second)
	l.end()
	oldReplay.wantOut(c.nodes[:]...)
}

func TestF1_TheStorageFolderBreaksUnderLoad(t *testing.T) {
	c := startCluster(t, fastBinary, inFiles(t))
	first, second, third := c.signedIn("visitor1"), c.signedIn("visitor2"), c.signedIn("visitor3")
	early, during, late := first.twin(), second.twin(), third.twin()
	first.wantLogout(c.nodes[0], nil)
	untilOut(time.Now(), 0, c.others(c.nodes[0]), early)
	l := c.underLoad(c.balancer, 1)
	folder, away := c.storage.folder, c.storage.folder+".away"
	move := func(from, to string) {
		t.Helper()
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}

	// A file stands where the folder was.
	move(folder, away)
	if err := os.WriteFile(folder, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * syncInterval)
	if answer := second.logout(c.nodes[0], nil); answer.status != http.StatusServiceUnavailable {
		t.Errorf("a logout that cannot be written was answered %d: %s", answer.status, answer.body)
	}
	during.wantOut(c.nodes[0])
	early.wantOut(c.nodes[:]...)
	if err := os.Remove(folder); err != nil {
		t.Fatal(err)
	}
	move(away, folder)
	untilOut(time.Now(), syncInterval, c.nodes[:], during)

	// The folder is gone, and comes back with the next logout.
	move(folder, away)
	time.Sleep(2 * syncInterval)
	early.wantOut(c.nodes[:]...)
	third.wantLogout(c.nodes[2], nil)
	untilOut(time.Now(), 0, c.others(c.nodes[2]), late)
	for _, v := range []*visitor{early, during, late} {
		v.wantOut(c.nodes[:]...)
	}
	l.end()
}

// A node that looks into the storage while another writes into it must not take what
// it could not see for nothing.
func TestF5_ANodeStartsWhileOthersWrite(t *testing.T) {
	onBoth(t, fastBinary, func(t *testing.T, c *cluster) {
		old := c.signedIn("visitor1")
		replay := old.twin()
		old.wantLogout(c.nodes[0], nil)
		three := c.nodes[2]
		stop, stopped := make(chan struct{}), make(chan struct{})
		logouts := 0
		go func() {
			defer close(stopped)
			for ; ; logouts++ {
				select {
				case <-stop:
					return
				default:
					v := c.visitor("visitor2")
					v.cookies[cookie] = sessionOf(t, session.Identity{UserID: userID, Username: v.name})
					if answer := v.logout(c.nodes[0], nil); answer.status != http.StatusSeeOther {
						t.Errorf("a logout was answered %d", answer.status)
						return
					}
				}
			}
		}()
		for range 5 {
			three.process.kill()
			three.run()
			replay.wantOut(three)
		}
		last := c.signedIn("visitor3")
		lastReplay := last.twin()
		last.wantLogout(c.nodes[0], nil)
		untilOut(time.Now(), 0, c.others(c.nodes[0]), lastReplay)
		close(stop)
		<-stopped
		t.Logf("%d logouts meanwhile", logouts)
	})
}
