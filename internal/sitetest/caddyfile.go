package sitetest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
)

// Caddyfile returns the Caddyfile of a configuration.
func (s *Site) Caddyfile(c Config) string {
	block := c.Block
	if block == "" {
		block = strings.Replace(DefaultBlock(c.Options), "instagram_auth", "instagram_auth "+c.Matcher, 1)
	}
	if c.TokenEndpoint != "" {
		block = strings.Replace(block, "endpoints {endpoints}", "endpoints {\n authorize {endpoints}/oauth/authorize\n token "+c.TokenEndpoint+"\n graph {endpoints}\n}", 1)
	}
	format := c.LogFilter
	if format == "" {
		format = "format json"
	}
	after := c.After
	if after == "" {
		after = "reverse_proxy {upstream}"
	}
	return strings.NewReplacer("{endpoints}", s.Endpoints, "{upstream}", s.Upstream.Addr, "{addr}", s.Addr, "{port}", Port(s.Addr)).Replace(fmt.Sprintf(`{
		admin %s
		auto_https off
		persist_config off
		storage %s %s
		log default {
			output file %s
			level DEBUG
			%s
		}
		%s
	}
	http://:%s {
		log {
			output file %s
			%s
		}
		%s
		%s
		%s
	}
	%s`, cmp.Or(c.Admin, "off"), cmp.Or(c.Storage, "file_system"), s.Storage, s.LogFile, format, c.Global, Port(s.Addr), s.LogFile+".access", format, c.Before, block, after, c.Extra))
}

// DefaultBlock returns the block of a test site, with further options.
func DefaultBlock(options string) string {
	return fmt.Sprintf(`instagram_auth {
		app_id %s
		app_secret %s
		redirect_uri %s
		endpoints {endpoints}
		%s
	}`, AppID, AppSecret, RedirectURI, options)
}

// MinimalBlock returns a block with the required options. Further options begin in line 5.
func MinimalBlock(more string) string {
	return "instagram_auth {\n app_id 1\n app_secret {env.TEST_SECRET}\n redirect_uri https://a.test/cb\n " + more + "\n}"
}

// BlockWithRedirect returns a block with the required options and this redirect_uri.
func BlockWithRedirect(value string) string {
	return "instagram_auth {\n app_id 1\n app_secret {env.TEST_SECRET}\n redirect_uri " + value + "\n}"
}

// BlockOpening makes a Caddyfile of the options of a block, together with two closing braces.
const BlockOpening = "http://localhost:8089 {\n instagram_auth {\n app_id 1\n app_secret {env.INSTAGRAM_APP_SECRET}\n redirect_uri http://localhost:8089/auth/\n"

// TwoBlocks is a site with two apps. The options are those of the second block.
func TwoBlocks(options string) Config {
	return Config{Block: fmt.Sprintf(`%s
	instagram_auth /second* {
		app_id 2
		app_secret 0123456789abcdef0123456789abcdef
		redirect_uri https://example.test/second-auth/
		path_prefix /second_auth
		endpoints {endpoints}
		session {
			cookie second
		}
		%s
	}`, strings.Replace(DefaultBlock(""), "instagram_auth", "instagram_auth /first*", 1), options)}
}

// Adapt returns the JSON of a Caddyfile.
func Adapt(caddyfile string) ([]byte, error) {
	config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(caddyfile), map[string]any{"filename": "Caddyfile"})
	return config, err
}

// Validate does what `caddy validate` does with a Caddyfile. Its JSON may be changed before that.
func Validate(caddyfile string, change func(config map[string]any)) error {
	return validateChanged("{\n admin off\n auto_https off\n}\n"+caddyfile, change)
}

// ValidateFile does what `caddy validate` does with a Caddyfile that has global options.
func ValidateFile(caddyfile string) error {
	return validateChanged(caddyfile, func(config map[string]any) { config["admin"] = map[string]any{"disabled": true} })
}

func validateChanged(caddyfile string, change func(config map[string]any)) error {
	config, err := Adapt(caddyfile)
	if err != nil {
		return err
	}
	var object map[string]any
	if err := json.Unmarshal(config, &object); err != nil {
		return err
	}
	if change != nil {
		change(object)
	}
	changed, err := json.Marshal(object)
	if err != nil {
		return err
	}
	var parsed caddy.Config
	if err := caddy.StrictUnmarshalJSON(changed, &parsed); err != nil {
		return err
	}
	return caddy.Validate(&parsed)
}

// WantLoadRefused fails the test unless Caddy refuses to load a block and names the option.
func WantLoadRefused(t *testing.T, block, option string) {
	t.Helper()
	err := Validate("http://a.test:"+Port(FreeAddr(t))+" {\n"+block+"\n}", nil)
	if err == nil {
		_ = caddy.Stop()
		t.Fatal("loaded")
	}
	if !strings.Contains(err.Error(), option+":") && !strings.Contains(err.Error(), "("+option+")") {
		t.Errorf("message %q does not name %s", err, option)
	}
}

// LongLivedToken are options that keep a long-lived token and forward it.
const LongLivedToken = "token {\n long_lived\n forward_as " + TokenHeader + "\n}"

// RecheckedToken is LongLivedToken with a token that is checked every minute.
const RecheckedToken = LongLivedToken + "\nrevalidate 1m"

// CommentsPermission is a permission beyond the basic one.
const CommentsPermission = "instagram_business_manage_comments"

// RecipeSite returns the configuration of a test site for a Caddyfile of the documentation. The app
// and the upstream are the test's.
func RecipeSite(t *testing.T, caddyfile string) (c Config) {
	t.Helper()
	at := siteOpening.FindStringIndex(caddyfile)
	if at == nil {
		t.Fatalf("no site in\n%s", caddyfile)
	}
	global := strings.TrimSpace(caddyfile[:at[0]])
	c.Global = strings.TrimSuffix(strings.TrimPrefix(global, "{"), "}")
	inner := strings.TrimSuffix(strings.TrimSpace(caddyfile[at[1]:]), "}")
	c.Block = strings.NewReplacer(
		"{env.INSTAGRAM_APP_ID}", AppID, "{env.INSTAGRAM_APP_SECRET}", AppSecret, "https://example.com/auth/", RedirectURI+"\nendpoints {endpoints}",
		"localhost:3000", "{upstream}",
	).Replace(inner)
	c.After = "# The recipe is the whole site."
	return c
}

// siteOpening is the line with which a recipe's site begins.
var siteOpening = regexp.MustCompile(`(?m)^(?:http://)?example\.com \{$`)
