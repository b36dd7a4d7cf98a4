package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

// startPHP runs php-fpm with a folder that has one script in it and returns the
// address of its socket and the folder.
func startPHP(t *testing.T, script string) (socket, root string) {
	t.Helper()
	binaries, _ := filepath.Glob("/usr/sbin/php-fpm*")
	if len(binaries) == 0 {
		t.Fatal("php-fpm is not installed; the project's test script installs it")
	}
	dir := t.TempDir()
	root, socket = filepath.Join(dir, "site"), filepath.Join(dir, "fpm.sock")
	config := filepath.Join(dir, "fpm.conf")
	for name, content := range map[string]string{
		filepath.Join(root, "index.php"): script,
		config: fmt.Sprintf("[global]\nerror_log = %[1]s/fpm.log\ndaemonize = no\n[www]\nuser = root\ngroup = root\nlisten = %[1]s/fpm.sock\npm = static\npm.max_children = 2\n"+
			"php_admin_value[session.save_path] = %[1]s\n", dir),
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{"--nodaemonize", "--fpm-config", config}
	if os.Getuid() == 0 {
		args = append(args, "--allow-to-run-as-root")
	}
	start(t, nil, binaries[len(binaries)-1], args...).waitFor(socket)
	return socket, root
}

// printServer answers with what PHP knows of a request.
const printServer = `<?php header("Content-Type: application/json"); echo json_encode($_SERVER);`

// sessionFor returns a cookie with a session that no node has made.
func sessionFor(t *testing.T) string {
	t.Helper()
	return cookie + "=" + sessionOf(t, session.Identity{UserID: userID, Username: username})
}

// sessionOf makes the value of a session cookie as another node with the same secret
// would.
func sessionOf(t *testing.T, who session.Identity) string {
	t.Helper()
	return sealedWith(t, appSecret, who)
}

// sealedWith is sessionOf with a secret of another site.
func sealedWith(t *testing.T, secret string, who session.Identity) string {
	t.Helper()
	cookies, err := session.New(session.Config{Secrets: []string{secret}, Instance: appID + " /instagram_auth", Name: "instagram_auth", Lifetime: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	_, line, _, err := cookies.Create(session.Session{Identity: who})
	if err != nil {
		t.Fatal(err)
	}
	pair, _, _ := strings.Cut(line, ";")
	return strings.TrimPrefix(pair, cookie+"=")
}

// startPHPSite runs Caddy over plain HTTP, as behind a TLS proxy, with PHP behind.
// Caddy's own protection against look-alike headers is switched off for our names,
// as an operator could.
func startPHPSite(t *testing.T, options string) (address string) {
	t.Helper()
	socket, root := startPHP(t, printServer)
	port := freePort(t)
	startCaddy(t, fmt.Sprintf(`{
		admin off
		auto_https off
	}
	http://:%s {
		root %s
		instagram_auth /private* {
			app_id %s
			app_secret %s
			redirect_uri https://example.test/auth/
			%s
		}
		php_fastcgi unix/%s
	}`, port, root, appID, appSecret, options, socket), nil, "127.0.0.1:"+port)
	return "127.0.0.1:" + port
}

// askPHP sends a request as it is and returns what PHP knows of it.
func askPHP(t *testing.T, address, headers string) map[string]any {
	t.Helper()
	answer := raw(t, address, "GET /index.php HTTP/1.1\r\nHost: example.test\r\n"+headers+"Connection: close\r\n\r\n")
	var server map[string]any
	if err := json.Unmarshal([]byte(answer), &server); err != nil {
		t.Fatalf("PHP answered %.500s", answer)
	}
	return server
}

func raw(t *testing.T, address, request string) string {
	t.Helper()
	connection, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if _, err := connection.Write([]byte(request)); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(newReader(connection), nil)
	if err != nil {
		t.Fatal(err)
	}
	return body(t, answer)
}

func TestH1_PHPSeesNoForgedIdentity(t *testing.T) {
	address := startPHPSite(t, "")
	forged := "X-Instagram-User-Id: 1\r\nX-Instagram-Username: admin\r\n"
	server := askPHP(t, address, forged)
	for _, name := range []string{"HTTP_X_INSTAGRAM_USER_ID", "HTTP_X_INSTAGRAM_USERNAME"} {
		if server[name] != nil {
			t.Errorf("without a session %s = %v", name, server[name])
		}
	}
	if user, _ := server["REMOTE_USER"].(string); user != "" {
		t.Errorf("without a session REMOTE_USER = %q", user)
	}
	server = askPHP(t, address, forged+"Cookie: a=1; "+sessionFor(t)+"\r\n")
	for name, value := range map[string]string{"HTTP_X_INSTAGRAM_USER_ID": userID, "HTTP_X_INSTAGRAM_USERNAME": username, "REMOTE_USER": userID, "HTTP_COOKIE": "a=1"} {
		if server[name] != value {
			t.Errorf("%s = %v, want %q", name, server[name], value)
		}
	}
}

func TestH2_PHPSeesNoLookAlikes(t *testing.T) {
	address := startPHPSite(t, "")
	cookie := "Cookie: " + sessionFor(t) + "\r\n"
	for range 10 { // the order of a map decides which of two would win
		for _, name := range []string{"X_Instagram_User_Id", "x.instagram.user.id", "X-Instagram_User.Id", "X_INSTAGRAM_USER_ID", "X-Instagram-User_Id", "x-instagram-user-id"} {
			server := askPHP(t, address, name+": 1\r\n"+cookie+name+": 2\r\n")
			if server["HTTP_X_INSTAGRAM_USER_ID"] != userID {
				t.Errorf("with %s: HTTP_X_INSTAGRAM_USER_ID = %v", name, server["HTTP_X_INSTAGRAM_USER_ID"])
			}
		}
	}
}

func TestH3_ConnectionCannotDropIdentityOnTheWayToPHP(t *testing.T) {
	address := startPHPSite(t, "")
	server := askPHP(t, address, "Cookie: "+sessionFor(t)+"\r\nConnection: X-Instagram-User-Id, x_instagram_username\r\n")
	if server["HTTP_X_INSTAGRAM_USER_ID"] != userID || server["HTTP_X_INSTAGRAM_USERNAME"] != username {
		t.Errorf("PHP got %v, %v", server["HTTP_X_INSTAGRAM_USER_ID"], server["HTTP_X_INSTAGRAM_USERNAME"])
	}
}

// A PHP site with sessions of its own takes the visitor over at the callback.
const ownSessions = `<?php
session_name("site"); session_start();
if (isset($_SERVER["HTTP_X_INSTAGRAM_USER_ID"])) {
	session_regenerate_id(true);
	$_SESSION["user"] = $_SERVER["HTTP_X_INSTAGRAM_USERNAME"];
	header("Location: " . $_GET["return_to"]);
	http_response_code(303);
	exit;
}
$name = $_SESSION["user"] ?? "nobody";
echo "<!doctype html><h1>Own session of $name</h1><p id='id'>" . htmlspecialchars($_SERVER["REQUEST_URI"]) . "</p><a id='in' href='/instagram_auth/login?return_to=/members?x=1'>Sign in</a>";`

func TestHandoffToASiteWithItsOwnSessions(t *testing.T) {
	socket, root := startPHP(t, ownSessions)
	s := startSite(t, "", "after_login handoff", "root "+root+"\nphp_fastcgi unix/"+socket)
	tab := newBrowser(t, "")
	run(t, tab, chromedp.Navigate(s.origin+"/"), atSite)
	want(t, tab, s.origin+"/", "Own session of nobody")
	run(t, tab, chromedp.Click("#in"), allow, atSite)
	want(t, tab, s.origin+"/members?x=1", "Own session of "+username)
	run(t, tab, chromedp.Navigate(s.origin+"/elsewhere"), atSite)
	want(t, tab, s.origin+"/elsewhere", "Own session of "+username)
}
