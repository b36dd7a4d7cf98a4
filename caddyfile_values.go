package instagramauth

import (
	"time"

	"github.com/caddyserver/caddy/v2"
)

// The values of options in a Caddyfile: how many an option takes, and of what kind.

// none, one and some read the values of an option, and say how many it takes.

func (p *parser) none(name string) error {
	if p.NextArg() {
		return p.Errf("%s: unexpected %q", name, p.Val())
	}
	return nil
}

func (p *parser) one(name string, to *string) error {
	if args := p.RemainingArgs(); len(args) == 1 && args[0] != "" {
		*to = args[0]
		return nil
	}
	return p.Errf("%s: want exactly one value", name)
}

func (p *parser) some(name string, to *[]string) error {
	*to = p.RemainingArgs()
	for _, arg := range *to {
		if arg == "" {
			return p.Errf("%s: has an empty value", name)
		}
	}
	if len(*to) == 0 {
		return p.Errf("%s: want at least one value", name)
	}
	return nil
}

// optional reads the one value that an option may have.
func (p *parser) optional(name string, to *string) error {
	args := p.RemainingArgs()
	if len(args) == 1 {
		*to = args[0]
	}
	if len(args) > 1 || len(args) == 1 && args[0] == "" {
		return p.Errf("%s: want at most one value", name)
	}
	return nil
}

func (p *parser) onStorageFailure(name string) error {
	args := p.RemainingArgs()
	if len(args) == 0 || len(args) > 2 {
		return p.Errf("%s: want keep, or deny and how old the list may be, such as: on_storage_failure deny 1m", name)
	}
	p.h.OnStorageFailure = args[0]
	if len(args) == 2 {
		return p.parseDuration(name, args[1], &p.h.MaxStaleness)
	}
	return nil
}

func (p *parser) duration(name string, to *caddy.Duration) error {
	var text string
	if err := p.one(name, &text); err != nil {
		return err
	}
	return p.parseDuration(name, text, to)
}

func (p *parser) parseDuration(name, text string, to *caddy.Duration) error {
	d, err := caddy.ParseDuration(text)
	if err != nil || d < time.Millisecond {
		return p.Errf("%s: %q is no duration; want one such as 10s, 12h or 7d", name, text)
	}
	*to = caddy.Duration(d)
	return nil
}
