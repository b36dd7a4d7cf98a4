package instagramauth

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/option"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/doctor"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/secretfile"
	"github.com/caddy-instagram/caddy-instagram-auth/session"
)

// Secrets that stand in files change while Caddy runs: the new one seals, the former one
// goes on opening for as long as what it has sealed can live. [N18]

const (
	appSecretOption     = "app_secret"
	sessionSecretOption = "session secret"

	remedyFile = "write the whole secret into the file again, and let the user that Caddy runs as read it; until then Caddy cannot start with this configuration"
)

// secretInterval is how often files with secrets are looked at. Tests do so more often.
var secretInterval = secretfile.Interval

// secretFiles keeps one watch for each file and option, for all blocks and while one
// configuration replaces another: a reload must not end the sessions of a former secret.
var secretFiles = caddy.NewUsagePool()

// watchedFile is a watch in the pool.
type watchedFile struct{ *secretfile.Watch }

// Destruct implements caddy.Destructor.
func (f watchedFile) Destruct() error {
	f.Close()
	return nil
}

// rotation is what a block knows of its secrets while it runs.
type rotation struct {
	keep      time.Duration // how long a former secret is accepted
	callbacks atomic.Pointer[[]string]

	mu       sync.Mutex     // of what follows, which is applied in one go
	app, own []secretSource // in the order of the options; none before all of them are known
	inUse    [2][]string    // of the app, and of sessions

	leave    []func()
	borrowed []string // keys of secretFiles
}

// secretSource is one value of an option.
type secretSource struct {
	fixed string
	file  *secretfile.Watch // nil for what cannot change
}

// callbackSecrets are the app secrets that sign Meta's callbacks.
func (r *rotation) callbackSecrets() []string { return *r.callbacks.Load() }

// watchSecrets follows the files of the secrets from now on.
func (h *Handler) watchSecrets() error {
	r := &rotation{keep: max(h.settings.lifetime, session.LoginLifetime)}
	h.rotation = r
	r.callbacks.Store(&h.settings.appSecrets)
	app, err := h.sourcesOf(appSecretOption, h.AppSecret, h.settings.appSecrets)
	if err != nil {
		return err
	}
	own, err := h.sourcesOf(sessionSecretOption, h.Session.Secret, h.settings.ownSecrets)
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.app, r.own = app, own
	r.mu.Unlock()
	return h.applySecrets()
}

// sourcesOf joins the watches of an option's values.
func (h *Handler) sourcesOf(of string, options, secrets []string) (sources []secretSource, err error) {
	for i, value := range options {
		source := secretSource{fixed: secrets[i]}
		if path, ok := secretfile.Path(value); ok && secretfile.Regular(path) {
			if source.file, err = h.joinSecret(of, path, secrets[i]); err != nil {
				return nil, err
			}
		}
		sources = append(sources, source)
	}
	return sources, nil
}

// joinSecret returns the watch of a file from which the configuration has read a secret.
func (h *Handler) joinSecret(of, path, value string) (*secretfile.Watch, error) {
	shortest := option.MinSecret
	if of == appSecretOption && len(value) < shortest {
		shortest = 1 // a mirror may have shorter ones
	}
	key := of + " " + path
	shared, _, err := secretFiles.LoadOrNew(key, func() (caddy.Destructor, error) {
		rule := secretfile.NewSecret(value, func(found string) error { return option.SecretProblem(of, found, shortest) })
		read := func() (string, error) { return secretfile.Read(path) }
		return watchedFile{secretfile.New(rule, read, h.now, secretInterval)}, nil
	})
	if err != nil {
		return nil, err
	}
	watch := shared.(watchedFile).Watch
	r := h.rotation
	r.borrowed = append(r.borrowed, key)
	r.leave = append(r.leave, watch.Join(r.keep, func(events []secretfile.Event) {
		if err := h.applySecrets(); err != nil {
			h.notify(noticeSecretsNotChanged, err) // not seen to happen
		}
		for _, e := range events {
			h.saySecret(e, of, path)
		}
	}))
	watch.Adopt(value) // of a file that has changed since the configuration before
	return watch, nil
}

// leaveSecrets ends the following of files.
func (h *Handler) leaveSecrets() error {
	if h.rotation == nil {
		return nil
	}
	var errs []error
	for _, leave := range h.rotation.leave {
		leave()
	}
	for _, key := range h.rotation.borrowed {
		_, err := secretFiles.Delete(key)
		errs = append(errs, err)
	}
	h.rotation.borrowed = nil
	return errors.Join(errs...)
}

// values returns the secrets of an option: those in use in its order, and the former ones.
func (r *rotation) values(sources []secretSource) (current, former []string) {
	for _, source := range sources {
		if source.file == nil {
			current = append(current, source.fixed)
			continue
		}
		value, old := source.file.Values(r.keep)
		current = append(current, value)
		for _, f := range old {
			former = append(former, f.Value)
		}
	}
	current = option.Distinct(current)
	return current, option.Distinct(append(slices.Clone(current), former...))[len(current):]
}

// applySecrets puts the secrets in use that the files hold now. A look at one file may come
// before all of them are known, and is applied with them.
func (h *Handler) applySecrets() error {
	r := h.rotation
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.app) == 0 {
		return nil
	}
	app, sessions := slices.Concat(r.values(r.app)), slices.Concat(r.values(r.own))
	if len(sessions) == 0 {
		sessions = app
	}
	if !slices.Equal(app, r.inUse[0]) {
		if err := h.settings.appKeys.Change(app); err != nil {
			return err
		}
		h.settings.client.SetAppSecret(app[0])
		r.callbacks.Store(&app)
		r.inUse[0] = app
	}
	if !slices.Equal(sessions, r.inUse[1]) {
		if err := h.settings.sessionKeys.Change(sessions); err != nil {
			return err
		}
		r.inUse[1] = sessions
	}
	return nil
}

// saySecret tells the operator what has become of a secret.
func (h *Handler) saySecret(e secretfile.Event, of, path string) {
	about := []zap.Field{zap.String("option", of), zap.String("file", path), zap.String("fingerprint", session.Fingerprint(e.Value))}
	switch e.Kind {
	case secretfile.Changed:
		h.notify(noticeSecretChanged, nil, append(about,
			zap.String("former_fingerprint", session.Fingerprint(e.Former)), zap.Time("former_accepted_until", h.now().Add(h.rotation.keep)))...)
		h.warnChanged(of, e.Value, about)
	case secretfile.Broken:
		h.notify(noticeSecretFile, e.Problem, about...)
	case secretfile.Mended:
		h.notify(noticeSecretFileAgain, nil, about...)
	case secretfile.Retired:
		h.notify(noticeSecretRetired, nil, about...)
	}
}

// warnChanged says of a secret that came while Caddy runs what is said of one at load. [N16]
func (h *Handler) warnChanged(of, value string, about []zap.Field) {
	r := h.rotation
	r.mu.Lock()
	opens := slices.Contains(r.inUse[0], value) && slices.Contains(r.inUse[1], value)
	r.mu.Unlock()
	switch {
	case h.settings.handoff: // the site keeps the sessions
	case of == sessionSecretOption && doctor.IsGuessable(value):
		h.notify(noticeGuessableSecret, nil, about...)
	case opens && len(value) < option.MinSecret:
		h.notify(noticeWeakSecret, nil, about...)
	case opens && len(r.own) > 0: // without session secrets it was said at load
		h.notify(noticeNoSecret, nil, about...)
	}
}
