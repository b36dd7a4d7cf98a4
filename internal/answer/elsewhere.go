package answer

import (
	"html/template"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/audience"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/request"
)

// Elsewhere returns the offer to open a page of this site in the usual browser of the device, nil
// for a visitor who is not in the browser of an app. The address has the origin of a redirect URI:
// the Host header only chooses one. [A3, R1]
func (a *Writer) Elsewhere(v *request.State, returnTo string) *refusal.Elsewhere {
	redirect, ok := a.Paths.RedirectFor(v.R.Host)
	if !ok || audience.AppOf(v.R) == audience.NoApp {
		return nil
	}
	page := redirect.Origin + a.Paths.Safe(returnTo)
	// OpenElsewhere knows three schemes, and escapes what does not belong into an address.
	return &refusal.Elsewhere{Address: page, OpenURL: template.URL(audience.OpenElsewhere(v.R, page))}
}
