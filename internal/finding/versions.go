package finding

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
)

// ClosedWindow reports whether an address is the authorization window that Meta closed. It
// redirected until 2026-07-18 and has shown "Sorry, this page isn't available." since about
// 2026-08-22, for every family of the API.
func ClosedWindow(address string) bool {
	u, err := url.Parse(address)
	return err == nil && strings.EqualFold(strings.TrimSuffix(u.Hostname(), "."), "api.instagram.com")
}

// versions lists the versions of the Graph API with the day on which each ends. Instagram uses the
// same numbers. An empty day is not set yet. Older versions have ended. Sources, read in November
// 2026:
//   - https://developers.facebook.com/docs/graph-api/changelog/versions/, in the state that lists
//     v26.0 (2026-07-29) as the newest
//   - https://developers.facebook.com/documentation/ads-commerce/marketing-api/marketing-api-changelog/versions.md
//     for v27.0 (2026-11-04)
var versions = []struct{ name, ends string }{
	{"v17.0", "2025-09-12"}, {"v18.0", "2026-01-26"}, {"v19.0", "2026-05-21"}, {"v20.0", "2026-09-24"},
	{"v21.0", "2027-01-21"}, {"v22.0", "2027-05-20"}, {"v23.0", "2027-10-08"}, {"v24.0", "2028-02-18"},
	{"v25.0", "2028-07-29"}, {"v26.0", ""}, {"v27.0", ""},
}

// API knows what Meta switched off.
func API(api instagram.API, configured instagram.Endpoints) Finding {
	if api == instagram.BasicDisplay && configured == (instagram.Endpoints{}) {
		return Fault("Meta switched basic_display off on 2024-12-04", "use api instagram_login, with an app that has the product Instagram")
	}
	return OK("%s", api)
}

// Endpoints checks the configured addresses of Instagram's API without asking them; closedWindow
// says that the window is the one that Meta closed.
func Endpoints(api instagram.API, configured instagram.Endpoints, now time.Time) (found []Finding, closedWindow bool) {
	old := ClosedWindow(configured.Authorize)
	switch {
	case old && api == instagram.InstagramLogin:
		found = append(found, windowClosed("leave endpoints authorize out, or set it to https://www.instagram.com/oauth/authorize"))
	// The window of basic_display is the closed one. Without any endpoints, API says so.
	case api == instagram.BasicDisplay && (old || configured.Authorize == "" && configured != (instagram.Endpoints{})):
		found = append(found, windowClosed("use api instagram_login, with an app that has the product Instagram"))
	}
	closedWindow = len(found) > 0
	if graph := Graph(configured.Graph, now); graph.Status != Fine || !closedWindow {
		found = append(found, graph)
	}
	return found, closedWindow
}

func windowClosed(remedy string) Finding {
	return Fault(`Meta closed the authorization window at api.instagram.com: since August 2026 it shows only "Sorry, this page isn't available."`, remedy)
}

const (
	graphHost = "graph.instagram.com"
	// endsSoon is how early the end of a version is announced.
	endsSoon = 90 * 24 * time.Hour
)

var (
	versionSegment = regexp.MustCompile(`(?i)^v[0-9]+(\.[0-9]+)?$`)
	// ownNodes are the paths that the handler appends itself.
	ownNodes = []string{"me", "access_token", "refresh_access_token", "oauth"}
)

// Graph checks the base URL of the graph. An empty one stands for the family's own.
func Graph(address string, now time.Time) Finding {
	if address == "" {
		return OK("endpoints graph is not set: the default version of the app applies")
	}
	u, err := url.Parse(address)
	if err != nil {
		return Fault("endpoints graph is not an address", "write https://"+graphHost)
	}
	segments := strings.FieldsFunc(u.Path, func(r rune) bool { return r == '/' })
	named := slices.DeleteFunc(slices.Clone(segments), func(s string) bool { return !versionSegment.MatchString(s) })
	remedy := fmt.Sprintf("write https://%s, followed by one version at most, such as /%s", graphHost, newest())
	switch last := segments[max(0, len(segments)-1):]; {
	case strings.EqualFold(u.Hostname(), "graph.facebook.com"):
		return Fault("endpoints graph is that of Facebook Login", remedy)
	case len(named) > 1:
		return Fault(fmt.Sprintf("endpoints graph contains more than one version: %s", strings.Join(named, " and ")), remedy)
	case len(named) == 1 && !slices.Equal(named, last):
		return Fault("endpoints graph has a path after the version: "+u.Path, remedy)
	case len(last) == 1 && (slices.Contains(ownNodes, last[0]) || isNumber(last[0])):
		return Fault("endpoints graph ends with a path that the handler appends itself: "+u.Path, remedy)
	case len(segments) > len(named) && strings.EqualFold(u.Hostname(), graphHost):
		return Fault("endpoints graph has a path that "+graphHost+" does not have: "+u.Path, remedy)
	case len(named) == 0:
		return OK("endpoints graph has no version: the default version of the app applies")
	}
	return version(named[0], now)
}

// version checks one version of the graph.
func version(name string, now time.Time) Finding {
	var major, minor int
	if n, _ := fmt.Sscanf(name, "v%d.%d", &major, &minor); n != 2 || name != fmt.Sprintf("v%d.%d", major, minor) {
		return Doubt(name+" in endpoints graph is not in the form of a version", "write it like /"+newest())
	}
	var oldest, last int
	_, _ = fmt.Sscanf(versions[0].name, "v%d", &oldest)
	_, _ = fmt.Sscanf(newest(), "v%d", &last)
	move := fmt.Sprintf("set a current version in endpoints graph, such as /%s, and read in Meta's changelog what changes with it", newest())
	for _, known := range versions {
		if known.name != name {
			continue
		}
		ends, err := time.Parse(time.DateOnly, known.ends)
		switch {
		case err != nil:
			return OK("version %s of the graph is current, and Meta has set no end", name)
		case !now.Before(ends):
			return Fault(fmt.Sprintf("version %s of the graph ended on %s", name, known.ends), move)
		case ends.Sub(now) <= endsSoon:
			return Doubt(fmt.Sprintf("version %s of the graph ends on %s, in %d days", name, known.ends, int(ends.Sub(now).Hours()/24)), move)
		}
		return OK("version %s of the graph is available until %s", name, known.ends)
	}
	switch {
	case major < oldest:
		return Fault(fmt.Sprintf("version %s of the graph ended before %s", name, versions[0].ends), move)
	case major > last:
		return Doubt(fmt.Sprintf("version %s of the graph is not known to this version of the handler, whose newest is %s", name, newest()), "look up in Meta's changelog whether it exists and when it ends")
	}
	return Doubt(fmt.Sprintf("version %s of the graph is not in Meta's list", name), move)
}

func newest() string { return versions[len(versions)-1].name }
