package instagramauth

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/doctor"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/finding"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/lifecycle"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/operator"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/option"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/protect"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/rotation"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/telemetry"
)

// This file registers the admin API and the commands.

func init() {
	caddy.RegisterModule(operator.NewAdminAPI(runningApps))
	doctor.OfModule = doctor.Config{Open: openBlock, Running: operator.Prints}
	caddycmd.RegisterCommand(operator.Command(
		func() *cobra.Command { return doctor.Command(doctor.OfModule) },
		func() *cobra.Command { return operator.ReviewCommand(describeBlock) },
	))
}

// runningApps returns the apps of the running configuration.
func runningApps() map[string]operator.App {
	apps := make(map[string]operator.App)
	lifecycle.Lists.Range(func(id, value any) bool {
		ended := value.(lifecycle.SharedList)
		apps[id.(string)] = operator.App{
			List: ended.List, Prints: ended.Blocks.Prints,
			Person: func(clientIP, userID string) []zap.Field {
				shown := ended.Privacies.Newest()
				return []zap.Field{shown.Address(clientIP), shown.User(userID)}
			},
		}
		return true
	})
	return apps
}

// openBlock prepares a block of a configuration for the doctor, without starting it.
func openBlock(raw json.RawMessage) (*doctor.Block, error) {
	h := &Handler{now: time.Now, protect: new(protect.Rules)}
	err := option.WrongKind(json.Unmarshal(raw, h))
	b := &doctor.Block{Handler: h, AppID: h.AppID, AppSecret: h.AppSecret, SessionSecret: h.Session.Secret, RedirectURI: h.RedirectURI, Protect: h.coveredRaw()}
	if err == nil {
		h.settings, err = h.resolveLoaded()
	}
	if err != nil {
		return b, err
	}
	s := &h.settings
	s.Paths.Served = s.Paths.Redirects
	b.Settings = &doctor.Settings{
		Routes: h.inspected(nil), Client: s.client, Cookie: s.Cookies.Name(), Lifetime: s.Lifetime,
		Prints:  rotation.Prints{Block: s.Paths.Redirects[0].URI, App: session.Fingerprints(option.Distinct(s.secrets.app)), Session: session.Fingerprints(option.Distinct(s.secrets.session))},
		Options: slices.Concat(h.checkOptions(), h.checkPeople()), Secrets: h.checkSecrets(),
		API: finding.API(s.api, s.endpoints),
	}
	b.Endpoints, b.WindowClosed = finding.Endpoints(s.api, s.endpoints, h.now())
	return b, nil
}

// coveredRaw returns the matchers of all requests that need a session, as JSON: those of protect,
// and the paths of max_age.
func (h *Handler) coveredRaw() caddyhttp.RawMatcherSets {
	all := slices.Clone(h.ProtectRaw)
	for _, age := range h.MaxAge {
		if paths, err := json.Marshal(age.Paths); err == nil && len(h.ProtectRaw) > 0 && len(age.Paths) > 0 {
			all = append(all, caddy.ModuleMap{"path": paths})
		}
	}
	return all
}

// checkSecrets returns the doctor's findings about the secrets.
func (h *Handler) checkSecrets() []finding.Finding {
	found := []finding.Finding{finding.Credentials(h.settings.App, h.settings.secrets.app)}
	switch {
	case h.settings.Handoff:
		// The site keeps its own sessions.
	case len(h.Session.Secret) == 0 && h.settings.secrets.weak:
		found = append(found, telemetry.NoticeWeakSecret.Finding())
	case h.settings.secrets.appOpens:
		found = append(found, telemetry.NoticeNoSecret.Finding())
	}
	return append(found, h.settings.secrets.guessable...)
}
