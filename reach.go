package instagramauth

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/doctor"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/routes"
)

// Whether visitors and Meta reach the addresses of a block, told in words.

// callbackSize is about the size of what Meta sends to the callbacks, in bytes.
const callbackSize = 1 << 10

// checkArrivals follows a visitor who comes back to each redirect URI, and Meta's callbacks.
func (h *Handler) checkArrivals(servers []*routes.Server) (found []doctor.Finding) {
	for _, r := range h.settings.served {
		if f := h.arrival(servers, http.MethodGet, r.uri); f.Status != doctor.Fine {
			found = append(found, f)
		}
	}
	for _, path := range []string{pathDeauthorize, pathDataDeletion} {
		if f := h.arrival(servers, http.MethodPost, h.settings.served[0].origin+h.settings.pathPrefix+path); f.Status != doctor.Fine {
			found = append(found, f)
		}
	}
	return found
}

func notServed(address string) doctor.Finding {
	return doctor.Fault(address+" is not served by the site of this block", "give its host to the site, or write the redirect URI for a host that the site has")
}

// arrival tells whether a request for an address reaches a block. One server that leads there is
// enough: another one may be that of plain http, which redirects.
func (h *Handler) arrival(servers []*routes.Server, method, address string) doctor.Finding {
	finding := notServed(address)
	u, err := url.Parse(address)
	if err != nil {
		return finding
	}
	for _, s := range servers {
		if !s.Has(walked{h}) {
			continue
		}
		request := routes.Request{Method: method, URL: u}
		if method == http.MethodPost {
			request.Size = callbackSize
		}
		switch f := h.judge(address, s.Ends(request)); f.Status {
		case doctor.Fine:
			return f
		default:
			finding = f
		}
	}
	return finding
}

// judge tells what the ends of a request for an address of the block's own mean.
func (h *Handler) judge(address string, ends []routes.Ending) doctor.Finding {
	own := func(e routes.Ending) bool { return e.Kind == routes.Own && e.Block == walked{h} }
	elsewhere := slices.IndexFunc(ends, func(e routes.Ending) bool { return !own(e) && e.If() == "" && e.After() == "" })
	// No file stands at an address of a block's own.
	if i := slices.IndexFunc(ends, func(e routes.Ending) bool { return !own(e) && e.If() == routes.NoSuchFile }); i >= 0 {
		return answered(address, ends[i])
	}
	switch reached := slices.ContainsFunc(ends, own); {
	case reached && elsewhere < 0:
		return doctor.OK("%s reaches this block", address)
	case elsewhere < 0 || reached:
		i := max(elsewhere, slices.IndexFunc(ends, func(e routes.Ending) bool { return !own(e) }))
		return doctor.Doubt(fmt.Sprintf("nobody can tell from here whether %s reaches this block: %s comes before it", address, answeredBy(ends[i])), "see that it lets this address pass")
	}
	switch e := ends[elsewhere]; {
	case e.Kind != routes.Nothing:
		return answered(address, e)
	case e.Met():
		return doctor.Fault(address+" does not get to this block, which stands in a route for other addresses", "choose redirect_uri and path_prefix below the path of that route, or move the block out of it")
	}
	return notServed(address)
}

func answered(address string, e routes.Ending) doctor.Finding {
	return doctor.Fault(fmt.Sprintf("%s is answered by %s before it reaches this block", address, answeredBy(e)), "move that out of its way, or choose another path for it")
}
