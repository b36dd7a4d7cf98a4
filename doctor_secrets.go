package instagramauth

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/finding"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/option"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/rotation"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

// The doctor reads secrets in its own process: {env.…} gives it the variables of the shell
// that it was started in, and those of the running Caddy may be others.

// doctorPatience is how long the doctor waits for a running Caddy.
const doctorPatience = 2 * time.Second

var (
	errNoAdmin  = errors.New("its admin endpoint is off")
	errNoAnswer = errors.New("it did not answer")
)

// compareSecrets compares the secrets with those of the running Caddy.
func (e *examination) compareSecrets(p *patient) finding.Finding {
	here := rotation.Prints{Block: p.settings.paths.Redirects[0].URI, App: session.Fingerprints(option.Distinct(p.settings.appSecrets)), Session: session.Fingerprints(option.Distinct(p.settings.ownSecrets))}
	variables := variablesOf(slices.Concat(p.handler.AppSecret, p.handler.Session.Secret))
	told := fmt.Sprintf("app_secret %s; session secret %s", listPrints(here.App, nil), listPrints(here.Session, nil))
	there, err := e.runningSecrets(p)
	switch {
	case err != nil && len(variables) > 0:
		return finding.OK("fingerprints: %s; %s: the doctor has read what this shell has, and the running Caddy may have something else: %v", told, strings.Join(variables, " and "), err)
	case err != nil:
		return finding.OK("fingerprints: %s", told)
	case !slices.Equal(here.App, there.App) || !slices.Equal(here.Session, there.Session):
		remedy := "reload Caddy if the configuration is newer; if the secret is in a file, Caddy looks at it every 10s, and logs what is wrong with it"
		if len(variables) > 0 {
			remedy = strings.Join(variables, " and ") + ": this shell has another value than Caddy, which keeps the variables that it was started with; restart it, or use {file./absolute/path}"
		}
		return finding.Doubt(fmt.Sprintf("the running Caddy has other secrets: app_secret %s; session secret %s; here it is %s",
			listPrints(there.App, there.FormerApp), listPrints(there.Session, there.FormerSession), told), remedy)
	}
	return finding.OK("fingerprints: %s; the running Caddy has the same", told)
}

// variablesOf returns the placeholders of variables in the values of options.
func variablesOf(values []string) (variables []string) {
	for _, value := range values {
		if strings.Contains(value, "{env.") {
			variables = append(variables, value)
		}
	}
	return variables
}

// runningSecrets asks the running Caddy for the fingerprints of a block.
func (e *examination) runningSecrets(p *patient) (rotation.Prints, error) {
	address := caddy.DefaultAdminListen
	if e.config.Admin != nil {
		if e.config.Admin.Disabled {
			return rotation.Prints{}, errNoAdmin
		}
		if e.config.Admin.Listen != "" {
			address = e.config.Admin.Listen
		}
	}
	states, err := runningCaddy{address: address, patience: doctorPatience}.ask(http.MethodGet, adminSessions, nil)
	if err != nil {
		return rotation.Prints{}, fmt.Errorf("%w at %s for this block", errNoAnswer, address)
	}
	for _, state := range states {
		for _, there := range state.Secrets {
			if there.Block == p.settings.paths.Redirects[0].URI {
				return there, nil
			}
		}
	}
	return rotation.Prints{}, fmt.Errorf("%w at %s for this block", errNoAnswer, address)
}
