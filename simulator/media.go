package simulator

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	pageSize    = 25  // media in an answer, unless `limit` says otherwise
	maxPageSize = 100 // the most that `limit` can ask for
)

// firstMedia is when the oldest media of every account was made.
var firstMedia = time.Date(2025, time.March, 1, 9, 30, 0, 0, time.UTC)

// serveMedia lists a person's media, newest first, in pages. The media are made up:
// as many as the account's media count, always the same.
func (s *Simulator) serveMedia(w http.ResponseWriter, c graphCall) {
	if !slices.Contains(c.permissions, mediaPermission(s.config.App.API)) {
		writeGraphError(w, missingPermission())
		return
	}
	query := c.r.URL.Query()
	// A cursor is the index of a media; clients must treat it as opaque.
	limit, start := pageSize, 0
	if query.Has("limit") {
		n, err := strconv.Atoi(only(query, "limit"))
		if err != nil || n < 1 {
			writeGraphError(w, graphError{Code: 100, Message: "(#100) param limit must be a positive number"})
			return
		}
		// Inferred: a limit above the most is lowered, not refused.
		limit = min(n, maxPageSize)
	}
	if query.Has("after") {
		n, err := strconv.Atoi(only(query, "after"))
		if err != nil || n < 0 || n >= c.user.MediaCount {
			writeGraphError(w, graphError{Code: 100, Message: "(#100) Invalid cursor"})
			return
		}
		start = n + 1
	}
	end := min(start+limit, c.user.MediaCount)
	// An account without media has an empty list, not null.
	list := []object{}
	for i := start; i < end; i++ {
		media, problem := choose(c.r, makeMedia(c, i), "Media", func(string) bool { return true })
		if problem != nil {
			writeGraphError(w, *problem)
			return
		}
		list = append(list, media)
	}
	writeJSON(w, http.StatusOK, mediaPage(c, list, start, end))
}

// mediaPage adds the cursors. `next` contains the access token, as the graph's does,
// and (inferred) also where the token came in a header: a client that follows or logs
// it gives the token away.
func mediaPage(c graphCall, list []object, start, end int) object {
	if len(list) == 0 {
		return object{{"data", list}}
	}
	after := strconv.Itoa(end - 1)
	paging := object{{"cursors", object{{"before", strconv.Itoa(start)}, {"after", after}}}}
	if end < c.user.MediaCount {
		query := c.r.URL.Query()
		query.Set("after", after)
		query.Set("access_token", c.token)
		paging = append(paging, member{"next", base(c.r) + c.r.URL.Path + "?" + query.Encode()})
	}
	return object{{"data", list}, {"paging", paging}}
}

// makeMedia makes up the media with this index, 0 being the newest. Its picture is
// drawn by the simulator, so that a page which shows it needs nothing from outside.
func makeMedia(c graphCall, index int) object {
	number := c.user.MediaCount - index // the oldest is 1
	// Media IDs are above 2^53 and differ between accounts: their middle is the end of
	// the account's ID, which has up to 32 digits.
	account, _ := strconv.ParseUint(c.user.ID[max(0, len(c.user.ID)-9):], 10, 64)
	id := strconv.FormatUint(18e15+account*1e6+uint64(number), 10)
	picture := base(c.r) + "/simulator/media/" + id + ".svg"
	kinds := []string{"IMAGE", "CAROUSEL_ALBUM", "VIDEO"}
	kind, thumbnail := kinds[number%len(kinds)], ""
	if kind == "VIDEO" {
		thumbnail = picture
	}
	return object{
		{"id", id}, {"caption", fmt.Sprintf("Picture %d of %s", number, c.user.Username)}, {"media_type", kind},
		{"media_url", picture}, {"permalink", base(c.r) + "/p/" + id + "/"}, {"thumbnail_url", thumbnail},
		{"timestamp", firstMedia.AddDate(0, 0, 3*number).Format("2006-01-02T15:04:05-0700")}, {"username", c.user.Username},
	}
}

// pictureBehind returns the picture behind a permalink, where Instagram has a page, or "".
func pictureBehind(path string) string {
	id, ok := strings.CutPrefix(path, "/p/")
	if id = strings.TrimSuffix(id, "/"); !ok || !isDecimal(id) {
		return ""
	}
	return "/simulator/media/" + id + ".svg"
}

// base is the address by which the client reached the simulator.
func base(r *http.Request) string {
	u := url.URL{Scheme: "http", Host: r.Host}
	if r.TLS != nil {
		u.Scheme = "https"
	}
	return u.String()
}

// servePicture draws a media: two colours and its number. The same ID always looks the same.
func servePicture(w http.ResponseWriter, name string) {
	id, ok := strings.CutSuffix(name, ".svg")
	n, err := strconv.ParseUint(id, 10, 64)
	if !ok || err != nil {
		http.Error(w, "there is no such picture", http.StatusNotFound)
		return
	}
	hue := n * 47 % 360
	w.Header().Set("Content-Type", "image/svg+xml")
	w.Header().Set("Cache-Control", "max-age=3600")
	w.Header().Set("Content-Security-Policy", "default-src 'none'")
	fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 320 320"><defs><linearGradient id="g" x2="1" y2="1">`+
		`<stop stop-color="hsl(%d 70%% 62%%)"/><stop offset="1" stop-color="hsl(%d 65%% 38%%)"/></linearGradient></defs>`+
		`<rect width="320" height="320" fill="url(#g)"/><circle cx="%d" cy="%d" r="70" fill="#fff" fill-opacity=".25"/></svg>`,
		hue, (hue+70)%360, 60+n*31%200, 60+n*53%200)
}
