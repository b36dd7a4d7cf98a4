package finding

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
)

func TestAVersionIsLookedAtByTheDayOfItsEnd(t *testing.T) {
	day := func(text string) time.Time {
		at, err := time.Parse(time.DateTime, text)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	const of = "2026-11-26 12:00:00"
	for _, c := range []struct {
		path, now string
		status    Status
		says      string
	}{
		{"/v20.0", of, Wrong, "ended on 2026-09-24"},
		{"/v20.0", "2026-09-23 23:59:59", Look, "ends on 2026-09-24, in 0 days"},
		{"/v20.0", "2026-09-24 00:00:00", Wrong, "ended"},
		{"/v21.0", of, Look, "ends on 2027-01-21, in 55 days"},
		{"/v21.0", "2026-10-23 00:00:00", Look, "in 90 days"},
		{"/v21.0", "2026-10-22 23:59:59", Fine, "until 2027-01-21"},
		{"/v21.0/", "2027-01-21 00:00:00", Wrong, "ended"},
		{"/v22.0", of, Fine, "until 2027-05-20"},
		{"/v25.0", of, Fine, "until 2028-07-29"},
		{"/v26.0", of, Fine, "no end"},
		{"/v27.0", "2036-01-01 00:00:00", Fine, "no end"},
		{"/v28.0", of, Look, "newest is v27.0"},
		{"/v26.1", of, Look, "not in Meta's list"},
		{"/v1.0", of, Wrong, "ended before"},
		{"/v16.0", of, Wrong, "ended before"},
		{"/v021.0", of, Look, "the form of a version"},
		{"/V21.0", of, Look, "the form of a version"},
		{"/v21", of, Look, "the form of a version"},
		{"/v99999999999999999999.0", of, Look, "the form of a version"},
		{"", of, Fine, "no version"},
		{"/", of, Fine, "no version"},
		{"/v21.0/v21.0", of, Wrong, "v21.0 and v21.0"},
		{"/v21.0//v22.0/", of, Wrong, "v21.0 and v22.0"},
		{"/v21.0/me", of, Wrong, "after the version"},
		{"/me", of, Wrong, "appends itself"},
		{"/refresh_access_token", of, Wrong, "appends itself"},
		{"/17841405793187218", of, Wrong, "appends itself"},
		{"/graph", of, Wrong, "does not have"},
		{"/graph/v22.0", of, Wrong, "does not have"},
		{"/vvv.0", of, Wrong, "does not have"},
	} {
		f := Graph("https://graph.instagram.com"+c.path, day(c.now))
		if f.Status != c.status || !strings.Contains(f.Message, c.says) || (f.Remedy == "") != (c.status == Fine) {
			t.Errorf("%s at %s: %+v", c.path, c.now, f)
		}
	}
	// A mirror may have a path of its own in front.
	for address, status := range map[string]Status{"": Fine, "http://localhost:9100": Fine, "https://mirror.test/graph": Fine, "https://mirror.test/graph/v22.0": Fine, "https://mirror.test/graph/v20.0": Wrong, "https://mirror.test/graph/me": Wrong, "://": Wrong} {
		if f := Graph(address, day(of)); f.Status != status {
			t.Errorf("%q: %+v", address, f)
		}
	}
}

func TestTheListOfVersionsIsInOrder(t *testing.T) {
	for i, v := range versions {
		if i > 0 && (v.name <= versions[i-1].name || v.ends != "" && v.ends <= versions[i-1].ends) {
			t.Errorf("%+v stands behind %+v", v, versions[i-1])
		}
		if _, err := time.Parse(time.DateOnly, v.ends); v.ends != "" && err != nil {
			t.Errorf("%+v: %v", v, err)
		}
	}
	if open := slices.IndexFunc(versions, func(v struct{ name, ends string }) bool { return v.ends == "" }); open < 0 || slices.ContainsFunc(versions[open:], func(v struct{ name, ends string }) bool { return v.ends != "" }) {
		t.Error("a version ends behind one that does not")
	}
}

func TestTheClosedWindowIsKnown(t *testing.T) {
	for address, old := range map[string]bool{
		"https://api.instagram.com/oauth/authorize": true, "https://API.Instagram.com:443/oauth/authorize/": true, "https://api.instagram.com./x": true,
		"https://www.instagram.com/oauth/authorize": false, "https://api.instagram.com.mirror.test/": false, "http://localhost/api.instagram.com": false, "": false, "://": false,
	} {
		if ClosedWindow(address) != old {
			t.Errorf("%s: %v", address, !old)
		}
	}
}

func TestMetaHasSwitchedBasicDisplayOff(t *testing.T) {
	if f := API(instagram.BasicDisplay, instagram.Endpoints{}); f.Status != Wrong || !strings.Contains(f.Message, "2024-12-04") {
		t.Errorf("found %+v", f)
	}
	for api, endpoints := range map[instagram.API]instagram.Endpoints{instagram.InstagramLogin: {}, instagram.BasicDisplay: {Graph: "https://mirror.test"}} {
		if f := API(api, endpoints); f.Status != Fine {
			t.Errorf("%s at %v: %+v", api, endpoints, f)
		}
	}
}

func TestTheWindowThatMetaClosedIsKnown(t *testing.T) {
	const closed, mirror = "https://api.instagram.com/oauth/authorize", "https://mirror.test/"
	now := time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		api    instagram.API
		set    instagram.Endpoints
		remedy string // of the old window, "" where it is another one
	}{
		"today's":                     {instagram.InstagramLogin, instagram.Endpoints{}, ""},
		"the old one":                 {instagram.InstagramLogin, instagram.Endpoints{Authorize: closed}, "leave endpoints authorize out"},
		"the old one by the tutorial": {instagram.BasicDisplay, instagram.Endpoints{Authorize: closed}, "use api instagram_login"},
		"the family's, that is old":   {instagram.BasicDisplay, instagram.Endpoints{Token: mirror}, "use api instagram_login"},
		"another one":                 {instagram.BasicDisplay, instagram.Endpoints{Authorize: mirror}, ""},
		"reported for api":            {instagram.BasicDisplay, instagram.Endpoints{}, ""},
	} {
		found, isClosed := Endpoints(c.api, c.set, now)
		if c.remedy == "" {
			if len(found) != 1 || found[0].Status != Fine || isClosed {
				t.Errorf("%s: %v, %+v", name, isClosed, found)
			}
			continue
		}
		if len(found) != 1 || !isClosed || found[0].Status != Wrong || !strings.Contains(found[0].Message, "Sorry, this page isn't available.") || !strings.HasPrefix(found[0].Remedy, c.remedy) {
			t.Errorf("%s: %v, %+v", name, isClosed, found)
		}
	}
	both := instagram.Endpoints{Authorize: closed, Graph: "https://graph.instagram.com/v21.0"}
	if found, _ := Endpoints(instagram.InstagramLogin, both, now); len(found) != 2 || found[1].Status != Look || !strings.Contains(found[1].Message, "2027-01-21, in 56 days") {
		t.Errorf("an old version, too: %+v", found)
	}
}
