package instagramauth

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"go.uber.org/zap"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/finding"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/inspect"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/option"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/rotation"
)

// What is likely wrong with a configuration that loads. Caddy says it at start, and the doctor says
// the same.

// inspected is what the checks of the routes know of a block.
func (h *Handler) inspected(logger *zap.Logger) *inspect.Block {
	return &inspect.Block{
		Handler: h, Logger: logger, Strict: h.StrictConfig,
		Paths: h.settings.paths, Matchers: h.protect, Handoff: h.settings.handoff, HandleErrors: h.settings.handleErrors,
		HeaderNames: h.settings.identity.Guard().Names(),
		Cookie:      func(page string) (string, error) { return h.settings.cookies.MarkMove(page, 1) }, // any cookie will do
		Options:     h.optionFindings,
	}
}

// optionFindings is what the options show, each for itself.
func (h *Handler) optionFindings() []finding.Finding {
	s := &h.settings
	endpoints, _ := finding.Endpoints(s.api, s.endpoints, h.now())
	return slices.Concat([]finding.Finding{finding.Credentials(s.appID, s.appSecrets)}, s.guessable, h.checkOptions(), []finding.Finding{finding.API(s.api, s.endpoints)}, endpoints)
}

// pathAuthorize is where the authorization window is below a host that has the whole API.
const pathAuthorize = "/oauth/authorize"

// baseProblem says what is wrong with the one address of endpoints, below which paths follow.
func baseProblem(base string) string {
	u, err := url.Parse(base)
	switch {
	case err != nil || strings.Contains(base, "{"):
		return "" // it is looked at when it is known
	case u.Scheme == "" || u.Host == "":
		return "is not an address; write one such as http://localhost:9100"
	case strings.Trim(u.Path, "/") != "":
		return "has a path; write scheme and host alone, or in a block the address that has one: endpoints { graph … }"
	}
	return ""
}

// checkOptions looks at options that make sense, each for itself.
func (h *Handler) checkOptions() (found []finding.Finding) {
	denied := make(map[string]bool)
	for _, id := range h.Deny {
		denied[id] = true
	}
	for _, id := range h.Allow {
		if denied[id] {
			found = append(found, finding.Doubt(id+" is in allow and in deny, and is kept out", "delete it from one of them"))
		}
	}
	const secret = " is what an app secret looks like, and others get to see it"
	if finding.IsAppSecret(h.Session.Cookie) {
		found = append(found, finding.Fault("session cookie"+secret, "write the name of the cookie there, and get a new app secret from Meta"))
	}
	for _, name := range h.Headers {
		if finding.IsAppSecret(name) {
			found = append(found, finding.Fault("the name of a header"+secret, "write the name of the header there, and get a new app secret from Meta"))
		}
	}
	return found
}

// checkPeople is what the log says of lists with names in them.
func (h *Handler) checkPeople() (found []finding.Finding) {
	for option, people := range map[string]*people{"allow": h.settings.allow, "deny": h.settings.deny} {
		if people != nil && len(people.names) > 0 {
			found = append(found, finding.Doubt(option+" has usernames, which can change and change owner", "list numeric user IDs instead"))
		}
	}
	if h.wantsPicture() && !h.settings.keepToken {
		found = append(found, finding.Doubt("the visitor's picture needs an access token that is kept: until then its path answers 404", "add token long_lived"))
	}
	return found
}

// guessable tells of session secrets that somebody may guess, although they are long enough.
func guessable(secrets []string) (found []finding.Finding) {
	for i, secret := range secrets {
		if finding.IsGuessable(secret) {
			found = append(found, finding.Doubt(fmt.Sprintf("session secret: value %d can be guessed, and whoever does can make sessions: it has few different characters, or repeats them", i+1), option.WhereSecretsAre[rotation.SessionSecret]))
		}
	}
	return found
}
