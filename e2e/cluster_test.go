package e2e

import (
	"net/http"
	"net/url"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

// Three nodes, one storage, no load: what ends a session ends it everywhere.

func TestF5_ALoginGoesOverThreeNodesAndItsLogoutReachesAll(t *testing.T) {
	onBoth(t, raceBinary, func(t *testing.T, c *cluster) {
		one, two, three := c.nodes[0], c.nodes[1], c.nodes[2]
		v := c.visitor("visitor1")
		v.signIn(one.address, two.address)
		if page := v.get(three.address, "/private/page", byLink); page.status != http.StatusOK || page.body != v.name {
			t.Fatalf("the page is %d: %s", page.status, page.body)
		}
		v.wantAlive()

		// Whoever has copied the cookie has nothing. [L1]
		replay, stays := v.twin(), c.signedIn("visitor1")
		v.wantLogout(one, nil)
		began := time.Now()
		replay.wantOut(one)
		untilOut(began, 0, c.others(one), replay)
		replay.wantOut(c.nodes[:]...)
		if again := replay.get(two.address, "/private/page", byLink); again.status != http.StatusFound || !strings.HasPrefix(again.header.Get("Location"), c.instagram) {
			t.Errorf("the copy of a session that has ended was answered %d", again.status)
		}
		stays.wantAlive()

		// A node that starts later knows it, too, from its first answer on.
		three.process.kill()
		three.run()
		replay.wantOut(three)
		stays.wantAlive()
	})
}

func TestL1_ALogoutEverywhereEndsTheSessionsOfOtherBrowsersOnAllNodes(t *testing.T) {
	onBoth(t, raceBinary, func(t *testing.T, c *cluster) {
		desk, phone, other := c.signedIn("visitor1"), c.signedIn("visitor1"), c.signedIn("visitor2")
		replay := desk.twin()
		desk.wantLogout(c.nodes[0], url.Values{"everywhere": {"1"}})
		began := time.Now()
		phone.wantOut(c.nodes[0])
		replay.wantOut(c.nodes[0])
		untilOut(began, 0, c.others(c.nodes[0]), phone, replay)
		other.wantAlive()
		desk.signIn(c.balancer, c.balancer)
		desk.wantAlive()
		time.Sleep(2 * syncInterval) // what is yet to be heard of must do no harm
		desk.wantAlive()
		phone.wantOut(c.nodes[:]...)
	})
}

// Who ends all sessions and signs in again at once comes to a node that has not heard
// of the end yet, and must stay signed in all the same.
func TestL1_ALoginRightAfterALogoutEverywhereStays(t *testing.T) {
	onBoth(t, raceBinary, func(t *testing.T, c *cluster) {
		v := c.signedIn("visitor1")
		v.wantLogout(c.nodes[0], url.Values{"everywhere": {"1"}})
		v.signIn(c.nodes[1].address, c.nodes[1].address)
		v.wantAlive()
		time.Sleep(2 * syncInterval)
		v.wantAlive()
	})
}

func TestK3_InstagramsWordToOneNodeEndsAPersonsSessionsOnAll(t *testing.T) {
	onBoth(t, raceBinary, func(t *testing.T, c *cluster) {
		one, two, other := c.signedIn("visitor1"), c.signedIn("visitor1"), c.signedIn("visitor2")
		old := url.Values{"signed_request": {c.simulator.SignedRequest("visitor1")}}
		removal, err := c.simulator.RemoveApp(t.Context(), "visitor1")
		began := time.Now()
		if err != nil || removal.Deauthorize.Err != nil || removal.Deauthorize.Status != http.StatusOK {
			t.Fatalf("the callback: %+v, %v", removal.Deauthorize, err)
		}
		one.wantOut(c.nodes[1])
		two.wantOut(c.nodes[1])
		untilOut(began, 0, c.others(c.nodes[1]), one, two)
		other.wantAlive()

		// The same word, said again after a new login, ends nothing.
		fresh := c.signedIn("visitor1")
		for _, n := range c.nodes {
			answer := fresh.twin()
			answer.cookies = nil
			if got := answer.send(answer.request(http.MethodPost, n.address, "/instagram_auth/deauthorize", nil, old)); got.status != http.StatusOK {
				t.Errorf("said again, it was answered %d: %s", got.status, got.body)
			}
		}
		time.Sleep(2 * syncInterval)
		fresh.wantAlive()
		one.wantOut(c.nodes[:]...)
	})
}

func TestS10_ANewLoginEndsTheOldSessionOnAllNodes(t *testing.T) {
	onBoth(t, raceBinary, func(t *testing.T, c *cluster) {
		v := c.signedIn("visitor1")
		old := v.twin()
		v.signIn(c.nodes[0].address, c.nodes[1].address)
		began := time.Now()
		old.wantOut(c.nodes[1])
		untilOut(began, syncInterval, c.others(c.nodes[1]), old) // it may be written at the next look
		v.wantAlive()

		// A session that no node has ever seen leaves nothing in the storage.
		before := len(c.keys())
		stranger := c.visitor("visitor5")
		stranger.cookies[cookie] = sessionOf(t, session.Identity{UserID: userID, Username: stranger.name})
		stranger.wantAlive()
		if after := len(c.keys()); after != before {
			t.Errorf("the storage had %d keys, and has %d", before, after)
		}
	})
}

// rubbish is what a node of another version, or with another secret, may leave.
var rubbish = []string{"0", strings.Repeat("0", 104), strings.Repeat("v", 250), "not base32!", "UPPER", "ü"}

func TestF1_RubbishInTheStorageHarmsNobody(t *testing.T) {
	onBoth(t, raceBinary, func(t *testing.T, c *cluster) {
		v, stays := c.signedIn("visitor1"), c.signedIn("visitor2")
		first := c.signedIn("visitor3")
		first.wantLogout(c.nodes[0], nil)
		bucket := path.Dir(c.keyOfAnEntry())
		for _, name := range rubbish {
			for _, key := range []string{path.Join(bucket, name), path.Join(path.Dir(bucket), name)} {
				if err := c.storage.Store(t.Context(), key, []byte(name)); err != nil {
					t.Fatal(err)
				}
			}
		}
		c.nodes[2].process.kill()
		c.nodes[2].run()
		replay := v.twin()
		v.wantLogout(c.nodes[0], nil)
		untilOut(time.Now(), 0, c.others(c.nodes[0]), replay)
		stays.wantAlive()
		if left := strings.Join(c.keys(), "\n"); !strings.Contains(left, path.Join(bucket, rubbish[2])) {
			t.Error("what cannot be read was deleted")
		}
	})
}

// keyOfAnEntry returns the key of something that has ended.
func (c *cluster) keyOfAnEntry() string {
	c.t.Helper()
	for _, key := range c.keys() {
		if strings.Count(key, "/") == 4 && strings.Contains(key, "/ended/") {
			return key
		}
	}
	c.t.Fatal("nothing has ended")
	return ""
}
