package instagramauth

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/address"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/endpoint"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/option"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/review"
)

// This file collects from a block what Meta's App Review wants to know.

// describeBlock checks a block of a configuration without its app ID, its secrets and its
// endpoints: a review is prepared before they are there.
func describeBlock(raw json.RawMessage) (review.Site, error) {
	h := &Handler{now: time.Now}
	if err := option.WrongKind(json.Unmarshal(raw, h)); err != nil {
		return review.Site{Secrets: h.secretsToHide()}, err
	}
	site := review.Site{Secrets: h.secretsToHide()}
	endpoints := h.Endpoints
	h.AppID, h.AppSecret, h.Session.Secret, h.Endpoints = "1", []string{strings.Repeat("0", option.MinSecret)}, nil, EndpointOptions{}
	s, err := h.resolveLoaded()
	if err != nil {
		return site, err
	}
	site.Name, site.Privacy, site.Terms, site.Help = s.site.Name, s.site.Privacy, s.site.Terms, s.site.Help
	for _, redirect := range s.Paths.Redirects {
		site.RedirectURIs = append(site.RedirectURIs, redirect.URI)
	}
	site.Deauthorize, site.DataDeletion = s.Paths.Of(address.Deauthorize), s.Paths.Of(address.DataDeletion)
	site.Login, site.Logout, site.Account = s.Paths.Of(address.Login), s.Paths.Of(address.Logout), s.Paths.Of(address.Account)
	site.Start = h.startPath(s.Handoff)
	site.BasicDisplay = s.api == instagram.BasicDisplay
	site.Permissions, site.StepUp, site.Required, site.Fields = h.Scope, h.StepUp, h.RequireScope, h.Fields
	site.LoginPage, site.Handoff, site.OwnPages = h.LoginPage, s.Handoff, h.Pages != ""
	site.Listed = len(h.Allow) > 0 || len(h.Deny) > 0
	site.English = slices.Contains([]string{"", "auto", "en"}, h.Language)
	site.Elsewhere = slices.ContainsFunc([]string{endpoints.Authorize, endpoints.Token, endpoints.Graph}, isElsewhere)
	site.Lifetime, site.Revalidate = s.Lifetime, s.Revalidate
	site.Token, site.Forwarded, site.Picture = s.KeepToken, s.forwardAs != "", s.picture != endpoint.PictureOff
	site.LogsAddress, site.LogsUserID = review.Logged(cmp.Or(h.Log.ClientIP, "on")), review.Logged(cmp.Or(h.Log.UserID, "on"))
	site.LogsUsername = h.Log.Username == "on"
	return site, nil
}

// isElsewhere reports whether an endpoint is known not to be Instagram's.
func isElsewhere(endpoint string) bool {
	return endpoint != "" && !strings.Contains(endpoint, "{") && !strings.Contains(endpoint, ".instagram.com")
}

// startPath returns a path that asks visitors to sign in, "" if the matcher does not say one
// plainly.
func (h *Handler) startPath(handoff bool) string {
	if len(h.ProtectRaw) == 0 {
		if handoff {
			return "" // asks nobody
		}
		return "/"
	}
	for _, set := range h.ProtectRaw {
		var paths []string
		switch {
		case len(set) == 0:
			return "/"
		case len(set) > 1 || json.Unmarshal(set["path"], &paths) != nil:
			continue
		}
		for _, path := range paths {
			plain := cmp.Or(strings.TrimSuffix(path, "*"), "/")
			if strings.HasPrefix(plain, "/") && !strings.ContainsAny(plain, "*{}% \t") {
				return plain
			}
		}
	}
	return ""
}

// secretsToHide returns the secrets of a block that can be known without opening a file. They are
// used to keep them out of what is printed.
func (h *Handler) secretsToHide() (secrets []string) {
	replacer := caddy.NewReplacer()
	for _, value := range slices.Concat(h.AppSecret, h.Session.Secret, []string{h.AppID}) {
		if strings.Contains(value, "{file.") || isDigits(value) {
			continue
		}
		secrets = append(secrets, value, replacer.ReplaceAll(value, ""))
	}
	for _, value := range h.RedirectURI {
		// A file that was named by mistake.
		if text := replacer.ReplaceAll(value, ""); strings.Contains(value, "{file.") && !strings.Contains(text, "://") {
			secrets = append(secrets, text)
		}
	}
	return slices.DeleteFunc(secrets, func(secret string) bool { return strings.HasPrefix(secret, "{") || isDigits(secret) })
}

// isDigits reports whether a text is a number, as an app ID is, or empty.
func isDigits(text string) bool {
	return strings.Trim(text, "0123456789") == ""
}
