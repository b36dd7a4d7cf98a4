package e2e

import (
	"io"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

// What a token needs is asked for once, however many requests come to however many nodes.
// Real clocks cannot wait a day for a refresh: here the exchange for a long-lived token is
// what is due, because it failed at the login.
func TestT7_AThousandRequestsToThreeNodesAskInstagramOnce(t *testing.T) {
	onBoth(t, fastBinary, func(t *testing.T, c *cluster) {
		c.simulator.Misbehave(simulator.LongLived, simulator.Fault{Kind: simulator.Status503, Times: 1})
		v := c.signedIn("visitor1")
		begun := time.Now()
		var all sync.WaitGroup
		for i := range 10 {
			client := v.twin()
			all.Go(func() {
				for n := range 100 {
					client.wantPage(c.nodes[(i+n)%3])
				}
			})
		}
		all.Wait()
		t.Logf("1,000 requests took %s", time.Since(begun).Round(time.Millisecond))
		for deadline := time.Now().Add(10 * time.Second); c.simulator.Calls(simulator.LongLived) < 2 && time.Now().Before(deadline); {
			time.Sleep(10 * time.Millisecond)
		}
		// Whoever waits for the lock sees after a second that there is nothing left to do.
		time.Sleep(2 * time.Second)
		if calls := c.simulator.Calls(simulator.LongLived); calls != 1+1 {
			t.Errorf("%d calls, that of the login included", calls)
		}
		v.wantAlive()
	}, "token {\n long_lived\n}")
}

// wantPage asks for a page and keeps no cookie of the answer.
func (v *visitor) wantPage(n *node) {
	request, err := v.request(http.MethodGet, n.address, "/private/page", byScript, nil)
	if err != nil {
		v.t.Error(err)
		return
	}
	answer, err := v.client.Do(request)
	if err != nil {
		v.t.Error(err)
		return
	}
	defer answer.Body.Close()
	if body, err := io.ReadAll(answer.Body); err != nil || answer.StatusCode != http.StatusOK || string(body) != v.name {
		v.t.Errorf("answered %s, %v", answer.Status, err)
	}
}

// A visitor who has removed the app at Instagram is out on every node, although its
// callback never came.
func TestT7_ARevokedTokenEndsTheSessionOnAllNodes(t *testing.T) {
	onBoth(t, raceBinary, func(t *testing.T, c *cluster) {
		c.simulator.Misbehave(simulator.LongLived, simulator.Fault{
			Kind: simulator.Answer, Status: http.StatusBadRequest, ContentType: "application/json",
			Body: `{"error":{"message":"The user has not authorized the application","type":"OAuthException","code":190,"error_subcode":458}}`,
		})
		v := c.signedIn("visitor1")
		untilOut(time.Now(), 5*time.Second, c.nodes[:], v)
		c.simulator.Misbehave(simulator.LongLived, simulator.Fault{})
		v.signIn(c.nodes[1].address, c.nodes[2].address)
		v.wantAlive()
		v.wantLogout(c.nodes[0], url.Values{})
	}, "token {\n long_lived\n}")
}
