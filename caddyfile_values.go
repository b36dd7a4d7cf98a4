package instagramauth

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// The values of options in a Caddyfile: how many an option takes, and of what kind.

// values reads the values of an option. They are not empty.
func (p *parser) values(name string) ([]string, error) {
	args := p.RemainingArgs()
	for i, arg := range args {
		switch {
		case arg == "":
			return nil, p.empty(name)
		case i == 0 && strings.Trim(arg, "=:") == "":
			return nil, p.fail("%s: leave out %q: a space is all that stands between an option and its values", name, arg)
		}
		if slip := p.slipInValue(name, arg, i); slip != "" {
			return nil, p.fail("%s", slip)
		}
	}
	if len(args) == 0 {
		if variables := p.unset(); len(variables) > 0 {
			return nil, p.empty(name)
		}
	}
	return args, nil
}

// flag reads an option without values.
func (p *parser) flag(to *bool) func(string) error {
	return func(name string) error {
		*to = true
		if p.NextArg() {
			return p.fail("%s: unexpected %q; the option takes no value, and is off where it does not stand", name, p.Val())
		}
		return nil
	}
}

// one reads an option with one value.
func (p *parser) one(to *string) func(string) error {
	return func(name string) error {
		args, err := p.values(name)
		if err == nil && len(args) != 1 {
			return p.tooMany(name, args)
		}
		if err == nil {
			*to = args[0]
		}
		return err
	}
}

// some reads an option with one value or more.
func (p *parser) some(to *[]string) func(string) error {
	return func(name string) error {
		args, err := p.values(name)
		if err == nil && len(args) == 0 {
			return p.fail("%s: takes at least one value", name)
		}
		*to = args
		return err
	}
}

// list is some for values that have no comma in them.
func (p *parser) list(to *[]string) func(string) error {
	return func(name string) error {
		if err := p.some(to)(name); err != nil {
			return err
		}
		for _, value := range *to {
			if strings.Contains(value, ",") && !strings.Contains(value, "{") {
				return p.fail("%s: write spaces between values, without commas", name)
			}
		}
		return nil
	}
}

// optional reads the one value that an option may have.
func (p *parser) optional(to *string) func(string) error {
	return func(name string) error {
		args, err := p.values(name)
		if err == nil && len(args) > 1 {
			return p.fail("%s: takes at most one value, and has %s", name, count(len(args)))
		}
		if err == nil && len(args) == 1 {
			*to = args[0]
		}
		return err
	}
}

func count(n int) string {
	return map[int]string{0: "none", 1: "one", 2: "two", 3: "three"}[min(n, 3)] + map[bool]string{true: " or more"}[n > 3]
}

func (p *parser) duration(to *caddy.Duration) func(string) error {
	return func(name string) error {
		args, err := p.values(name)
		if err == nil {
			err = p.parseDuration(name, args, to)
		}
		return err
	}
}

// parseDuration reads a duration, which is one word.
func (p *parser) parseDuration(name string, args []string, to *caddy.Duration) error {
	d, err := caddy.ParseDuration(strings.Join(args, " "))
	if err == nil && d >= time.Millisecond {
		*to = caddy.Duration(d)
		return nil
	}
	if err == nil {
		return p.fail("%s: takes a duration of 1ms or more, such as 10s, 12h or 7d", name)
	}
	if len(args) == 0 {
		return p.fail("%s: takes a duration, such as 10s, 12h or 7d", name)
	}
	text := strings.Join(args, " ")
	if short := shortDuration(text); short != "" {
		return p.fail("%s: %q is not a duration; write %s", name, text, short)
	}
	return p.fail("%s: %q is not a duration; write one such as 10s, 12h or 7d", name, text)
}

// inWords matches a duration as people say it.
var inWords = regexp.MustCompile(`^(\d+) ?([a-z]*)\.?$`)

// shortDuration returns the duration that a text means, "" if nobody knows.
func shortDuration(text string) string {
	found := inWords.FindStringSubmatch(strings.ToLower(text))
	if found == nil {
		return ""
	}
	n, unit := found[1], found[2]
	if strings.Trim(n, "0") == "" {
		return ""
	}
	switch strings.TrimSuffix(unit, "s") {
	case "":
		return n + "s, " + n + "m, " + n + "h or " + n + "d: the unit is missing"
	case "sec", "second":
		return n + "s"
	case "min", "minute":
		return n + "m"
	case "h", "hr", "hour":
		return n + "h"
	case "d", "day":
		return n + "d"
	case "w", "wk", "week":
		return times(n, 7)
	case "mo", "month":
		return times(n, 30)
	case "y", "yr", "year":
		return times(n, 365)
	}
	return ""
}

// times returns a number of days.
func times(n string, days int) string {
	total := 0
	for _, digit := range n {
		if total = 10*total + int(digit-'0'); total > 1000 {
			return ""
		}
	}
	return strconv.Itoa(total*days) + "d"
}

// rateLimit reads the option in a Caddyfile.
func (p *parser) rateLimit(name string) error {
	const takes = "%s: takes off, or how many sign-ins of one client may fail and in which time, such as: rate_limit 20 1m"
	args, err := p.values(name)
	if err != nil {
		return err
	}
	if len(args) == 1 && args[0] == "off" {
		p.h.RateLimit.Off = true
		return nil
	}
	if len(args) < 2 {
		return p.fail(takes, name)
	}
	n, err := strconv.Atoi(args[0])
	if err != nil || n < 1 {
		return p.fail(takes, name)
	}
	p.h.RateLimit.Failures = n
	return p.parseDuration(name, args[1:], &p.h.RateLimit.Per)
}
