// Package rotation lets secrets that stand in files change while Caddy runs: the new one encrypts,
// and the former one goes on decrypting for as long as what it has encrypted can live. [N18]
package rotation

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/option"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/secretfile"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

// The options whose values are secrets.
const (
	AppSecretOption     = "app_secret"
	SessionSecretOption = "session secret"
)

// Interval is how often files with secrets are looked at. Tests do so more often.
var Interval = secretfile.Interval

// files keeps one watch for each file and option, for all blocks and while one configuration
// replaces another: a reload must not end the sessions of a former secret.
var files = caddy.NewUsagePool()

// watched is a watch in the pool.
type watched struct{ *secretfile.Watch }

// Destruct implements caddy.Destructor.
func (w watched) Destruct() error {
	w.Close()
	return nil
}

// Option is an option with secrets: as it is written, and with its placeholders replaced.
type Option struct{ Written, Secrets []string }

// Config says what a block's secrets are, and what to do when they change.
type Config struct {
	App, Session Option // no Session: the app secrets stand in for them
	Keep         time.Duration
	Now          func() time.Time

	// AppKeys and SessionKeys are derived from the secrets.
	AppKeys, SessionKeys *session.Keyring
	// SetAppSecret gets the app secret that Instagram is asked with from now on.
	SetAppSecret func(string)

	// Changed is called with what has become of a file's secret, maybe before Watch returns.
	Changed func(Change)
	// Failed is called where new secrets could not be put in use, which is not seen to happen.
	Failed func(error)
}

// Change is what has become of the secret in a file.
type Change struct {
	secretfile.Event
	Option, Path string
	// OpensSessions says that the value is an app secret with which sessions can be made, too.
	OpensSessions bool
}

// Rotation is what a block knows of its secrets while it runs.
type Rotation struct {
	config    Config
	callbacks atomic.Pointer[[]string]

	mu       sync.Mutex // of what follows, which is applied in one go
	app, own []source   // in the order of the options; none before all of them are known
	inUse    [2][]string

	leave    []func()
	borrowed []string // keys of files
}

// source is one value of an option.
type source struct {
	fixed string
	file  *secretfile.Watch // nil for what cannot change
}

// Watch follows the files of a block's secrets until Close.
func Watch(c Config) (*Rotation, error) {
	r := &Rotation{config: c}
	r.callbacks.Store(&c.App.Secrets)
	app, err := r.sources(AppSecretOption, c.App)
	if err != nil {
		return r, err
	}
	own, err := r.sources(SessionSecretOption, c.Session)
	if err != nil {
		return r, err
	}
	r.mu.Lock()
	r.app, r.own = app, own
	r.mu.Unlock()
	return r, r.apply()
}

// CallbackSecrets are the app secrets that sign Meta's callbacks.
func (r *Rotation) CallbackSecrets() []string { return *r.callbacks.Load() }

// opens reports whether an app secret also decrypts sessions.
func (r *Rotation) opens(secret string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Contains(r.inUse[0], secret) && slices.Contains(r.inUse[1], secret)
}

// sources joins the watches of an option's values.
func (r *Rotation) sources(name string, o Option) (all []source, err error) {
	for i, value := range o.Written {
		s := source{fixed: o.Secrets[i]}
		if path, ok := secretfile.Path(value); ok && secretfile.Regular(path) {
			if s.file, err = r.join(name, path, o.Secrets[i]); err != nil {
				return nil, err
			}
		}
		all = append(all, s)
	}
	return all, nil
}

// join returns the watch of a file from which the configuration has read a secret.
func (r *Rotation) join(name, path, value string) (*secretfile.Watch, error) {
	shortest := option.MinSecret
	if name == AppSecretOption && len(value) < shortest {
		shortest = 1 // a mirror may have shorter ones
	}
	key := name + " " + path
	shared, _, err := files.LoadOrNew(key, func() (caddy.Destructor, error) {
		rule := secretfile.NewSecret(value, func(found string) error { return option.SecretProblem(name, found, shortest) })
		read := func() (string, error) { return secretfile.Read(path) }
		return watched{secretfile.New(rule, read, r.config.Now, Interval)}, nil
	})
	if err != nil {
		return nil, err
	}
	watch := shared.(watched).Watch
	r.borrowed = append(r.borrowed, key)
	r.leave = append(r.leave, watch.Join(r.config.Keep, func(events []secretfile.Event) {
		if err := r.apply(); err != nil {
			r.config.Failed(err)
		}
		for _, e := range events {
			r.config.Changed(Change{e, name, path, r.opens(e.Value)})
		}
	}))
	watch.Adopt(value) // of a file that has changed since the configuration before
	return watch, nil
}

// Close ends the following of files.
func (r *Rotation) Close() error {
	var errs []error
	for _, leave := range r.leave {
		leave()
	}
	for _, key := range r.borrowed {
		_, err := files.Delete(key)
		errs = append(errs, err)
	}
	r.borrowed = nil
	return errors.Join(errs...)
}

// values returns the secrets of an option: those in use in its order, and the former ones.
func (r *Rotation) values(sources []source) (current, former []string) {
	for _, s := range sources {
		if s.file == nil {
			current = append(current, s.fixed)
			continue
		}
		value, old := s.file.Values(r.config.Keep)
		current = append(current, value)
		for _, f := range old {
			former = append(former, f.Value)
		}
	}
	current = option.Distinct(current)
	return current, option.Distinct(append(slices.Clone(current), former...))[len(current):]
}

// apply puts the secrets in use that the files hold now. A look at one file may come before all
// of them are known, and is applied with them.
func (r *Rotation) apply() error {
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
		if err := r.config.AppKeys.Change(app); err != nil {
			return err
		}
		r.config.SetAppSecret(app[0])
		r.callbacks.Store(&app)
		r.inUse[0] = app
	}
	if !slices.Equal(sessions, r.inUse[1]) {
		if err := r.config.SessionKeys.Change(sessions); err != nil {
			return err
		}
		r.inUse[1] = sessions
	}
	return nil
}
