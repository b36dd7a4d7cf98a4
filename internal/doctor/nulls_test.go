package doctor_test

import (
	"context"
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

// examineJSON returns the report of the doctor on JSON, while no server answers.
func examineJSON(t *testing.T, text string) (said string) {
	t.Helper()
	defer func() {
		if p := recover(); p != nil {
			t.Errorf("panic: %v\n%s", p, text)
		}
	}()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var talk strings.Builder
	out, _ := sitetest.RunCaddyIn(ctx, strings.NewReader(text), &talk, "doctor", "--config", "-")
	return out + talk.String()
}

func TestTheDoctorReadsNull(t *testing.T) {
	for text, want := range map[string]string{
		`null`:          "standard input is null: there is no configuration in it",
		`{"apps":null}`: "standard input loads",
		`{"apps":{"http":{"servers":{"a":null}}}}`:                           "where null stands: apps.http.servers.a",
		`{"apps":{"http":{"servers":{"a":{"named_routes":{"x":null}}}}}}`:    "",
		`{"apps":{"http":{"servers":{"a":{"routes":[{"handle":[null]}]}}}}}`: "Caddy does not load standard input",
		`{"apps":{"http":{"servers":{"a":{"routes":[null]}}}}}`:              "loads",
		`{"logging":{"logs":{"x":null}}}`:                                    "where null stands: logging.logs.x",
		`{"apps":{"http":{"servers":{"a":{"routes":[{"handle":[5]}]}}}}}`:    "a number where an object belongs",
		`{"apps":{"http":{"servers":{"a":{"listen":5}}}}}`:                   "servers.listen is a number and not a list",
		`{"storage":null}`: "where null stands: storage",
	} {
		if got := examineJSON(t, text); !strings.Contains(got, want) {
			t.Errorf("%s: %s", text, got)
		}
	}
}

// Every value of a configuration is exchanged for what does not belong there.
func TestTheDoctorSurvivesOddJSON(t *testing.T) {
	const whole = `{
	"admin":{"listen":"localhost:2019","config":{"persist":false}},"logging":{"sink":{"writer":{"output":"stderr"}},"logs":{"default":{"include":["http"]},"x":{"writer":{"output":"stdout"},"encoder":{"format":"filter","wrap":{"format":"json"},"fields":{"request>uri":{"filter":"delete"}}},"exclude":["a"]}}},
	"storage":{"module":"file_system","root":"STORAGE"},
	"apps":{"http":{"http_port":80,"servers":{"a":{"listen":[":443"],"logs":{"default_logger_name":"x","logger_names":{"example.test":["x"]},"skip_hosts":["b"]},"trusted_proxies":{"source":"static","ranges":["10.0.0.0/8"]},
	"named_routes":{"x":{"handle":[{"handler":"static_response","body":"x"}]}},
	"errors":{"routes":[{"handle":[{"handler":"static_response","status_code":"404"}]}]},
	"routes":[{"match":[{"host":["example.test"],"not":[{"path":["/x"]}],"header":{"A":["b"]},"expression":"true"}],"handle":[{"handler":"subroute","errors":{"routes":[{"handle":[{"handler":"invoke","name":"x"}]}]},"routes":[
		{"handle":[{"handler":"vars","root":"/srv"},{"handler":"rewrite","uri":"/a","path_regexp":[{"find":"a","replace":"b"}],"uri_substring":[{"find":"a","replace":"b"}]}]},
		{"handle":[{"handler":"headers","request":{"set":{"A":["b"]},"delete":["C"]},"response":{"set":{"Vary":["x"]},"deferred":true}}]},
		{"handle":[{"handler":"authentication","providers":{"http_basic":{"accounts":[{"username":"a","password":"b"}]}}},{"handler":"intercept","handle_response":[{"match":{"status_code":[4]},"routes":[{"handle":[{"handler":"static_response"}]}]}]}]},
		{"match":[{"file":{"try_files":["{http.request.uri.path}","=404"]}}],"handle":[{"handler":"file_server","hide":["a"]}]},
		{"handle":[{"handler":"instagram_auth","app_id":"990602627938098","app_secret":["ad7c8347d8b34e5498230c69c7cf66bc"],"session":{"secret":["5c1f0b7e9d3a48c2b6e07f1d9a2c4e8b"]},"redirect_uri":["https://example.test/auth/"],"protect":[{"path":["/m/*"]}]}]},
		{"handle":[{"handler":"reverse_proxy","upstreams":[{"dial":"localhost:9000"}],"handle_response":[{"match":{"status_code":[5]},"routes":[{"handle":[{"handler":"copy_response"}]}]}],"headers":{"request":{"set":{"A":["b"]}}}}]}
	]}]}]}}}}}`
	var document any
	if err := json.Unmarshal([]byte(strings.Replace(whole, "STORAGE", t.TempDir(), 1)), &document); err != nil {
		t.Fatal(err)
	}
	count, number, every := 0, 0, 5 // a part of them, and all with GENERATE
	if os.Getenv("GENERATE") != "" {
		every = 1
	}
	try := func() {
		text, _ := json.Marshal(document) // it was JSON before
		if said := examineJSON(t, string(text)); strings.Contains(said, "Go value") || strings.Contains(said, "Go struct") {
			t.Errorf("%s\n%s", said, text)
		}
		count++
	}
	odd := []any{nil, 5.0, "x", []any{nil}, map[string]any{"x": nil}}
	var each func(value any)
	each = func(value any) {
		put := func(value any, set func(any)) {
			for _, instead := range odd {
				if number++; number%every == 0 {
					set(instead)
					try()
				}
			}
			set(value)
			each(value)
		}
		switch value := value.(type) {
		case map[string]any:
			for _, name := range slices.Sorted(maps.Keys(value)) {
				put(value[name], func(instead any) { value[name] = instead })
			}
		case []any:
			for i, element := range value {
				put(element, func(instead any) { value[i] = instead })
			}
		}
	}
	try()
	each(document)
	t.Logf("%d configurations", count)
}
