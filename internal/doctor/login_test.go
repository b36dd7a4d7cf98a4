package doctor_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
	"github.com/caddy-instagram/caddy-instagram-auth/simulator"
)

// person sits at a terminal: they open the address that is printed there, and paste what
// act returns, if that is anything.
func person(t *testing.T, env *sitetest.DoctorEnv, file string, act func(window string) (paste string)) (out, said string, err error) {
	t.Helper()
	terminal, talk := io.Pipe()
	in, paste := io.Pipe()
	var all strings.Builder
	var wait sync.WaitGroup
	wait.Go(func() {
		for lines := bufio.NewScanner(terminal); lines.Scan(); {
			all.WriteString(lines.Text() + "\n")
			address := strings.TrimSpace(lines.Text())
			if !strings.HasPrefix(address, env.Endpoints+"/oauth/authorize?") {
				continue
			}
			wait.Go(func() {
				if text := act(address); text != "" {
					_, _ = io.WriteString(paste, text)
				}
				_ = paste.Close()
			})
		}
	})
	out, err = sitetest.RunCaddy(t, in, talk, "doctor", "--browser", "--config", file)
	_ = in.Close()
	_ = talk.Close()
	wait.Wait()
	return out, all.String(), err
}

// opened presses Allow in a window and returns where it leads.
func opened(t *testing.T, window string) string {
	t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Get(window)
	if err != nil {
		t.Error(err)
		return ""
	}
	defer answer.Body.Close()
	body, _ := io.ReadAll(answer.Body)
	if answer.StatusCode == http.StatusFound {
		return answer.Header.Get("Location")
	}
	return string(body)
}

func TestTheDoctorGoesThroughALogin(t *testing.T) {
	env := sitetest.NewDoctorEnv(t, sitetest.Config{})
	address := ""
	out, said, err := person(t, env, env.File(), func(window string) string {
		address = opened(t, window)
		return address + "\n"
	})
	if err != nil || !strings.Contains(out, "✓ login: signed in as "+sitetest.Username+", user ID "+sitetest.UserID+"\n") {
		t.Errorf("%v\n%s", err, out)
	}
	code := sitetest.Query(t, address).Get("code")
	if code == "" || strings.Contains(out+said, code) || strings.Contains(out+said, "IGAA") || strings.Contains(out+said, sitetest.AppSecret) {
		t.Errorf("code %q in what was said:\n%s%s", code, said, out)
	}
}

func TestTheDoctorCatchesTheBrowserOnLoopback(t *testing.T) {
	for _, taken := range []bool{false, true} {
		addr := sitetest.FreeAddr(t)
		uri := "http://" + addr + sitetest.Callback
		env := sitetest.NewDoctorEnv(t, sitetest.Config{Redirects: []string{uri}})
		if taken { // by the site itself, as a rule
			listener, err := net.Listen("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer listener.Close()
		}
		out, said, err := person(t, env, env.File("example.test {", "http://"+addr+" {", "tls internal", "", sitetest.RedirectURI, uri), func(window string) string {
			address := opened(t, window)
			if taken {
				return address
			}
			for _, address := range []string{"http://" + addr + "/favicon.ico", address} {
				answer, err := http.Get(address)
				if err != nil {
					t.Error(err)
					return ""
				}
				_ = answer.Body.Close()
			}
			return ""
		})
		if err != nil || !strings.Contains(out, "signed in as "+sitetest.Username) || strings.Contains(said, "paste") != taken {
			t.Errorf("port taken %v: %v\n%s%s", taken, err, said, out)
		}
		sitetest.WantFault(t, "!", out, "cookies: ", "plain http")
	}
}

func TestTheDoctorCatchesARefusalOnLoopback(t *testing.T) {
	addr := sitetest.FreeAddr(t)
	uri := "http://" + addr + sitetest.Callback
	env := sitetest.NewDoctorEnv(t, sitetest.Config{Redirects: []string{uri}})
	out, _, err := person(t, env, env.File("example.test {", "http://"+addr+" {", "tls internal", "", sitetest.RedirectURI, uri), func(window string) string {
		answer, err := http.Get(uri + "?error_code=100&error_message=Invalid+redirect_uri&state=" + url.QueryEscape(sitetest.Query(t, window).Get("state")))
		if err != nil {
			t.Error(err)
			return ""
		}
		_ = answer.Body.Close()
		return ""
	})
	if err == nil {
		t.Error("the command succeeds")
	}
	sitetest.WantFault(t, "✗", out, "login: ", `says "Invalid redirect_uri"`, "slash included")
}

func TestTheDoctorStopsWaitingForTheBrowser(t *testing.T) {
	addr := sitetest.FreeAddr(t)
	uri := "http://" + addr + sitetest.Callback
	env := sitetest.NewDoctorEnv(t, sitetest.Config{Redirects: []string{uri}})
	ctx, cancel := context.WithCancel(t.Context())
	out, err := sitetest.RunCaddyIn(ctx, nil, writerFunc(func(text string) {
		if strings.Contains(text, "Waiting") {
			cancel()
		}
	}), "doctor", "--browser", "--config", env.File("example.test {", "http://"+addr+" {", "tls internal", "", sitetest.RedirectURI, uri))
	if err == nil {
		t.Error("the command succeeds")
	}
	sitetest.WantFault(t, "✗", out, "login: ", "no address came back")
}

// writerFunc is a writer that tells what is written.
type writerFunc func(string)

func (f writerFunc) Write(p []byte) (int, error) { f(string(p)); return len(p), nil }

func TestTheDoctorExplainsALoginThatFails(t *testing.T) {
	swap := func(name, value string) func(*testing.T, string) string {
		return func(t *testing.T, window string) string {
			return sitetest.ReplaceQuery(t, opened(t, window), name, value)
		}
	}
	back := func(parameters string) func(*testing.T, string) string {
		return func(t *testing.T, window string) string {
			return sitetest.RedirectURI + "?" + parameters + "&state=" + url.QueryEscape(sitetest.Query(t, window).Get("state"))
		}
	}
	paste := func(text string) func(*testing.T, string) string {
		return func(*testing.T, string) string { return text }
	}
	node := func(body string) func(*sitetest.DoctorEnv) {
		return misdeed(simulator.UserNode, simulator.Fault{Kind: simulator.Answer, Status: 400, Body: body})
	}
	for _, c := range []struct {
		name  string
		act   func(t *testing.T, window string) string
		after func(*sitetest.DoctorEnv) // while the window is open
		words []string
	}{
		{"nothing pasted", paste(""), nil, []string{"no address came back"}},
		{"an empty line", paste("\n"), nil, []string{"the line is empty"}},
		{"a word", paste("hello\n"), nil, []string{"not an address", "https://"}},
		{"what the window says", paste(`{"error_type":"OAuthException","code":400,"error_message":"Insufficient developer role"}`), nil, []string{"development mode", "tester"}},
		{"the wrong app", paste("Invalid platform app"), nil, []string{"not the Facebook app ID"}},
		{"a slash", func(t *testing.T, window string) string {
			return strings.Replace(opened(t, window), "/auth/?", "/auth?", 1)
		}, nil, []string{"by the slash at the end", "byte for byte"}},
		{"capitals", func(t *testing.T, window string) string {
			return strings.Replace(opened(t, window), "/auth/", "/Auth/", 1)
		}, nil, []string{"capital letters"}},
		{"elsewhere", paste("https://elsewhere.test/?code=x"), nil, []string{"is not on redirect_uri"}},
		{"no code", paste(sitetest.RedirectURI), nil, []string{"no valid code or error"}},
		{"another state", swap("state", strings.Repeat("x", session.StateLength)), nil, []string{"state"}},
		{"cancelled", back("error=access_denied&error_reason=user_denied&error_description=The+user+denied+your+request"), nil, []string{"cancelled", "Allow"}},
		{"a personal account", back("error=access_denied&error_reason=not_professional&error_description=A+professional+account+is+required"), nil, []string{"personal one", "business or creator"}},
		{"cancelled, without a state", paste(sitetest.RedirectURI + "?error=access_denied&error_reason=user_denied&error_description=The+user+denied+your+request"), nil, []string{"cancelled", "Allow"}},
		{"cancelled in another login", paste(sitetest.RedirectURI + "?error=access_denied&state=" + strings.Repeat("x", session.StateLength)), nil, []string{"the state in the address"}},
		{"cancelled, and #_ is encoded", func(t *testing.T, window string) string {
			return sitetest.RedirectURI + "?error=access_denied&state=" + url.QueryEscape(sitetest.Query(t, window).Get("state")) + "%23_"
		}, nil, []string{"cancelled"}},
		{"not one of its testers", back("error=access_denied&error_reason=user_denied&error_description=Insufficient+developer+role"), nil, []string{"Insufficient developer role", "development mode", "tester"}},
		{"a permission that is not offered", back("error=invalid_scope&error_description=Invalid+scopes"), nil, []string{`says "invalid scope: `, "scope names a permission"}},
		{"a fault of Instagram's", back("error=server_error&error_description=An+unexpected+error+has+occurred."), nil, []string{"server error: An unexpected error", "try again later"}},
		{"an error as Facebook's", back("error_code=100&error_message=Invalid+redirect_uri"), nil, []string{`says "Invalid redirect_uri"`, "slash included"}},
		{"what the window says today", paste("Invalid Request: Request parameters are invalid: Invalid scope: user_profile"), nil, []string{"Invalid scope: user_profile", "scope names a permission"}},
		{"all that the window shows", paste("Instagram\n\nInvalid Request\nRequest parameters are invalid: Invalid platform app\n\nMeta\nAbout\n"), nil, []string{`says "Request parameters are invalid: Invalid platform app"`, "not the Facebook app ID"}},
		{"the source of the page", paste("<!DOCTYPE html>\n<html>\n<script>var x = 1</script>\n<p>Insufficient developer role</p>\n</html>\n"), nil, []string{`says "Insufficient developer role"`, "development mode"}},
		{"what it says with an apostrophe", paste("Sorry, this page isn’t available."), nil, []string{"this page isn't available", "leave endpoints authorize out"}},
		{"its message about sessions", paste("400 Session Invalid"), nil, []string{"400 Session Invalid", "three URLs"}},
		{"the address of the error page", paste("https://www.instagram.com/oauth/authorize/third_party/error/?message=Insufficient%20Developer%20Role"), nil, []string{"Insufficient Developer Role", "tester"}},
		{"the address of the login", paste("https://www.instagram.com/accounts/login/?next=%2Foauth%2Fauthorize%2F"), nil, []string{"still at Instagram", "press Allow"}},
		{"a used code", func(t *testing.T, window string) string { return opened(t, window) }, says(simulator.Token, "This authorization code has been used"), []string{"code was used before"}},
		{"an expired code", func(t *testing.T, window string) string { return opened(t, window) }, says(simulator.Token, "This authorization code has expired"), []string{"code had expired"}},
		{"a permission that is not approved", func(t *testing.T, window string) string { return opened(t, window) },
			node(`{"error":{"message":"(#10) Application does not have permission for this action","type":"OAuthException","code":10}}`), []string{"user node", "permission is missing", "approved"}},
		{"a node that is a page", func(t *testing.T, window string) string { return opened(t, window) },
			misdeed(simulator.UserNode, simulator.Fault{Kind: simulator.HTML}), []string{"user node", "not JSON"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			env := sitetest.NewDoctorEnv(t, sitetest.Config{})
			out, _, err := person(t, env, env.File(), func(window string) string {
				if c.after != nil {
					c.after(env)
				}
				return c.act(t, window)
			})
			if err == nil {
				t.Error("the command succeeds")
			}
			sitetest.WantFault(t, "✗", out, append(c.words, "login: ")...)
		})
	}
}
