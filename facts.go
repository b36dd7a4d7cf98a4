package instagramauth

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/address"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/option"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/doctor"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/routes"
)

// What is likely wrong with a configuration that loads, beside the ways that requests take. Caddy
// says it at start, and the doctor says the same.

// checkSite looks at the hosts of a block's site, its addresses of Instagram, and what happens to
// its cookies.
func (h *Handler) checkSite(servers []*routes.Server) []doctor.Finding {
	endpoints, _ := h.checkEndpoints(h.now())
	found := slices.Concat([]doctor.Finding{doctor.Credentials(h.settings.appID, h.settings.appSecrets)}, h.settings.guessable, h.checkOptions(), h.checkFamily(), endpoints, h.checkHosts(servers), h.checkCapitals(), h.checkRequests(servers), h.checkResponses(servers))
	return slices.DeleteFunc(found, func(f doctor.Finding) bool { return f.Status == doctor.Fine })
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
func (h *Handler) checkOptions() (found []doctor.Finding) {
	denied := make(map[string]bool)
	for _, id := range h.Deny {
		denied[id] = true
	}
	for _, id := range h.Allow {
		if denied[id] {
			found = append(found, doctor.Doubt(id+" is in allow and in deny, and is kept out", "delete it from one of them"))
		}
	}
	const secret = " is what an app secret looks like, and others get to see it"
	if doctor.IsAppSecret(h.Session.Cookie) {
		found = append(found, doctor.Fault("session cookie"+secret, "write the name of the cookie there, and get a new app secret from Meta"))
	}
	for _, name := range h.Headers {
		if doctor.IsAppSecret(name) {
			found = append(found, doctor.Fault("the name of a header"+secret, "write the name of the header there, and get a new app secret from Meta"))
		}
	}
	return found
}

// checkPeople is what the log says of lists with names in them.
func (h *Handler) checkPeople() (found []doctor.Finding) {
	for option, people := range map[string]*people{"allow": h.settings.allow, "deny": h.settings.deny} {
		if people != nil && len(people.names) > 0 {
			found = append(found, doctor.Doubt(option+" has usernames, which can change and change owner", "list numeric user IDs instead"))
		}
	}
	if h.wantsPicture() && !h.settings.keepToken {
		found = append(found, doctor.Doubt("the visitor's picture needs an access token that is kept: until then its path answers 404", "add token long_lived"))
	}
	return found
}

// guessable tells of session secrets that somebody may guess, although they are long enough.
func guessable(secrets []string) (found []doctor.Finding) {
	for i, secret := range secrets {
		if doctor.IsGuessable(secret) {
			found = append(found, doctor.Doubt(fmt.Sprintf("session secret: value %d can be guessed, and whoever does can make sessions: it has few different characters, or repeats them", i+1), option.WhereSecretsAre[sessionSecretOption]))
		}
	}
	return found
}

// checkHosts looks for hosts of the site on which nobody can sign in.
func (h *Handler) checkHosts(servers []*routes.Server) (found []doctor.Finding) {
	var hosts []string
	for _, s := range servers {
		for _, host := range s.Hosts(walked{h}) {
			if !slices.Contains(hosts, host) {
				hosts = append(hosts, host)
			}
		}
	}
	for _, host := range hosts {
		if strings.Contains(host, "{") {
			continue // only Caddy knows which host that is
		}
		var own []string
		for _, r := range h.settings.paths.Redirects {
			if leadsTo(caddyhttp.MatchHost{host}, r.Host) {
				own = append(own, r.Host)
			}
		}
		to := h.settings.paths.CanonicalFor(host).Origin
		const remedy = "list a redirect_uri for each host that visitors sign in on, and register it with Meta; right as it is if all of them are to go to the other host"
		switch wildcard := strings.Contains(host, "*"); {
		case len(own) == 0:
			found = append(found, doctor.Doubt(fmt.Sprintf("nobody can sign in on %s, which has no redirect_uri: its visitors are sent to %s", host, to), remedy))
		case wildcard:
			some := doctor.Doubt(fmt.Sprintf("of %s, visitors can sign in on %s alone: those of the others are sent there", host, strings.Join(own, ", ")), remedy)
			some.Quiet = true // nobody knows which hosts there are
			found = append(found, some)
		}
	}
	return found
}

// checkCapitals looks for hosts that no browser spells like that.
func (h *Handler) checkCapitals() (found []doctor.Finding) {
	for _, r := range h.settings.paths.Redirects {
		if u, err := url.Parse(r.URI); err == nil && u.Host != strings.ToLower(u.Host) {
			found = append(found, doctor.Doubt(fmt.Sprintf("redirect_uri %s has capital letters in its host: Meta compares it byte for byte with what is registered", r.URI), "write the host in lower case, here and in Meta's dashboard"))
		}
	}
	return found
}

// checkResponses looks for handlers that change the cookies of a login on their way to the browser.
func (h *Handler) checkResponses(servers []*routes.Server) (found []doctor.Finding) {
	login, err := url.Parse(h.settings.paths.Served[0].Origin + h.settings.paths.Of(address.Login))
	if err != nil {
		return nil
	}
	cookie, err := h.settings.cookies.MarkMove(login.String(), 1) // any cookie will do
	if err != nil {
		return nil
	}
	add := func(f doctor.Finding) {
		if f.Status != doctor.Fine && !slices.Contains(found, f) {
			found = append(found, f)
		}
	}
	for _, s := range servers {
		if !s.Has(walked{h}) {
			continue
		}
		for _, end := range s.Ends(routes.Request{Method: http.MethodGet, URL: login}) {
			if end.Kind == routes.Own && end.Block == (walked{h}) {
				add(doctor.Cookie("header", cookie, end.Cookies(http.StatusFound, []string{cookie})))
			}
		}
		for _, front := range servers {
			for _, cookies := range front.Through(s, http.StatusFound, []string{cookie}) {
				add(doctor.Cookie("header_down of the reverse_proxy to "+strings.Join(s.Caddy.Listen, ", "), cookie, cookies))
			}
		}
	}
	return found
}
