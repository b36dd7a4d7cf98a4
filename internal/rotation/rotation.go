// Package rotation follows secrets in files while Caddy runs. When a file changes, the new secret
// encrypts, and the former one still decrypts until everything that it encrypted has expired. [N18]
//
// It changes keys and reports; it writes no log lines.
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

// The options whose values are secrets, as Change.Option names them.
const (
	AppSecretOption     = "app_secret"
	SessionSecretOption = "session secret"
)

// Interval is how often files with secrets are read. Tests shorten it before they load Caddy.
var Interval = secretfile.Interval

// files has one watch for each file and option. All blocks share it, and it outlives reloads: a
// reload must not end the sessions of a former secret.
var files = caddy.NewUsagePool()

// watched is a watch in the pool.
type watched struct{ *secretfile.Watch }

// Destruct implements caddy.Destructor.
func (w watched) Destruct() error {
	w.Close()
	return nil
}

// Option has the values of an option as the operator wrote them, and with their placeholders
// replaced. Both have the same length.
type Option struct{ Written, Secrets []string }

// Config has a block's secrets and what to do when they change. All functions are required.
type Config struct {
	App, Session Option        // without Session, the app secrets take its place
	Keep         time.Duration // how long a former secret is accepted
	Now          func() time.Time

	// AppKeys and SessionKeys get keys derived from the secrets in use.
	AppKeys, SessionKeys *session.Keyring
	// SetAppSecret gets the app secret for calls to Instagram from now on.
	SetAppSecret func(string)

	// Changed is called after the secret in a file has changed, perhaps before Watch returns.
	Changed func(Change)
	// Failed is called if keys cannot be derived from new secrets, which would be a bug.
	Failed func(error)
}

// Change is a change of the secret in a file.
type Change struct {
	secretfile.Event
	Option, Path string
	// OpensSessions means that the value is an app secret that also encrypts sessions.
	OpensSessions bool
}

// Rotation has the secrets of a running block. It is safe for concurrent use.
type Rotation struct {
	config    Config
	callbacks atomic.Pointer[[]string]

	mu       sync.Mutex  // guards app, own and inUse, which change together
	app, own []source    // in the order of the options; empty until all are known
	inUse    [2][]string // app secrets, session secrets

	leave    []func()
	borrowed []string // keys in files
}

// source is one value of an option.
type source struct {
	fixed string
	file  *secretfile.Watch // nil for a value that cannot change
}

// Watch follows the files of a block's secrets until Close, which must be called even after an
// error.
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

// CallbackSecrets returns the app secrets that may sign Meta's callbacks.
func (r *Rotation) CallbackSecrets() []string { return *r.callbacks.Load() }

// opens reports whether an app secret also decrypts sessions.
func (r *Rotation) opens(secret string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Contains(r.inUse[0], secret) && slices.Contains(r.inUse[1], secret)
}

// sources returns the values of an option, with a watch for each that stands in a file.
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

// join returns the watch of a file whose content at the time of loading was value.
func (r *Rotation) join(name, path, value string) (*secretfile.Watch, error) {
	shortest := option.MinSecret
	if name == AppSecretOption && len(value) < shortest {
		shortest = 1 // another implementation of Meta's API may use shorter ones
	}
	key := name + " " + path
	shared, _, err := files.LoadOrNew(key, func() (caddy.Destructor, error) {
		problem := func(found string) error { return option.SecretProblem(name, found, shortest) }
		rule := secretfile.NewSecret(value, problem)
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
	watch.Adopt(value) // the file may have changed since the previous configuration
	return watch, nil
}

// Close stops following the files. The secrets in use stay in use.
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

// values returns the current secrets of an option, in its order, and the former ones.
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

// apply puts the secrets in use that the files have now. It does nothing before all files are
// known; Watch calls it then.
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
