package instagramauth

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/option"
)

// The placeholders in the values of options.

// resolveLoaded is resolve when the configuration is loaded. All values that are missing are told
// at once.
func (h *Handler) resolveLoaded() (settings, error) {
	replace := option.AtLoad(caddy.NewReplacer())
	if err := h.missing(replace); err != nil {
		return settings{}, err
	}
	return h.resolve(replace)
}

// missing tells which values are missing, if more than one is.
func (h *Handler) missing(replace option.Resolver) error {
	e := h.Endpoints
	replace = replace.RefusingNames()
	var all []string
	var first string
	for _, o := range []struct {
		option string
		values []string
	}{
		{"app_id", []string{h.AppID}}, {"app_secret", h.AppSecret}, {"redirect_uri", h.RedirectURI},
		{"session secret", h.Session.Secret}, {"endpoints", []string{e.Authorize, e.Token, e.Graph}},
	} {
		for _, value := range o.values {
			_, err := replace(o.option, value)
			if none, missing := errors.AsType[*option.MissingError](err); missing {
				first = cmp.Or(first, o.option)
				all = append(all, fmt.Sprintf("%s (%s)", none.Names, o.option))
			}
		}
	}
	if len(all) < 2 {
		return nil
	}
	return option.Errorf(first, "%s", strings.Join(all[:len(all)-1], ", ")+" and "+all[len(all)-1]+" have no value; "+strings.Replace(option.HowToSet(strings.Join(all, " ")), "it names", "each of them names", 1))
}
