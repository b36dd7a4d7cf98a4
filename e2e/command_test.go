package e2e

import (
	"fmt"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// command runs `caddy instagram-auth` and returns what it says.
func command(args ...string) (string, error) {
	out, err := exec.Command(caddyBinary, append([]string{"instagram-auth"}, args...)...).CombinedOutput()
	return string(out), err
}

// operatorsSite is a site with an admin endpoint.
func operatorsSite(admin, port string) string {
	return fmt.Sprintf(`{
		admin %s
		auto_https off
	}
	http://:%s {
		instagram_auth {
			app_id %s
			app_secret %s
			redirect_uri https://example.test/auth/
		}
		respond hello
	}`, admin, port, appID, appSecret)
}

func TestL4_TheOperatorsCommands(t *testing.T) {
	port, admin := freePort(t), "127.0.0.1:"+freePort(t)
	p := startCaddy(t, operatorsSite(admin, port), nil, "127.0.0.1:"+port, admin)
	cookie := sessionFor(t)
	status := func() int {
		request, err := http.NewRequest(http.MethodGet, "http://127.0.0.1:"+port+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Host = "example.test"
		request.Header.Set("Cookie", cookie)
		request.Header.Set("Accept", "application/json")
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = body(t, answer)
		return answer.StatusCode
	}
	if got := status(); got != http.StatusOK {
		t.Fatalf("with a session: %d\n%s", got, p.out)
	}
	for _, wrong := range []struct {
		says string
		args []string
	}{
		{"revoke, status", []string{"--address", admin}},
		{"revoke, status", []string{"end", "--address", admin}},
		{"exactly one of", []string{"revoke", "--address", admin}},
		{"exactly one of", []string{"revoke", "--all", "--user", "1", "--address", admin}},
		{"by ID, not by username", []string{"revoke", "--user", "jayposiris", "--address", admin}},
		{"16 hex digits", []string{"revoke", "--session", "x", "--address", admin}},
		{"no instagram_auth of app", []string{"revoke", "--all", "--yes", "--app", "7", "--address", admin}},
		{"no Caddy answers", []string{"status", "--address", "127.0.0.1:" + freePort(t)}},
	} {
		if out, err := command(wrong.args...); err == nil || !strings.Contains(out, wrong.says) {
			t.Errorf("%q says %q, %v", wrong.args, out, err)
		}
	}
	if got := status(); got != http.StatusOK {
		t.Fatalf("after commands that were wrong: %d", got)
	}
	if out, err := command("revoke", "--user", userID, "--address", admin); err != nil || !strings.Contains(out, "app "+appID+": the sessions of user "+userID+" are revoked, if there are any.") {
		t.Errorf("revoke says %q, %v", out, err)
	}
	if out, err := command("revoke", "--all", "--yes", "--address", admin); err != nil {
		t.Errorf("revoke --all says %q, %v", out, err)
	}
	if got := status(); got != http.StatusUnauthorized {
		t.Errorf("after revoke: %d", got)
	}
	out, err := command("status", "--address", admin)
	if err != nil || !regexp.MustCompile(`APP +REVOKED +QUEUED +AGE +STORAGE\n`+appID+` +2 +0 +\d+s +ok`).MatchString(out) {
		t.Errorf("status says %q, %v", out, err)
	}
}
