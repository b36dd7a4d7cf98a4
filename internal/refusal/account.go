package refusal

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// AccountPage shows visitors their own session: who they are, how long it lasts, what they have
// granted, and the ways out. It needs no script. [P7]
type AccountPage struct {
	Username, UserID string
	// PictureURL is the address of the profile picture, a path of this site; "" for none.
	PictureURL string
	// PictureSources are the hosts that it may come from, for the Content-Security-Policy.
	PictureSources []string
	// Since is when the visitor signed in, and Until when the session ends.
	Since, Until time.Time
	// Idle ends the session earlier, after this time without a request; 0 for no such limit.
	Idle time.Duration
	// Granted are the names of the permissions that Instagram has reported; empty if it has not.
	Granted []string
	// Acting are those of Granted that do more than read.
	Acting []string
	// NoToken says that the session has no access token, or one that has expired.
	NoToken bool
	// LogoutURL is where the forms are sent, and AnotherURL where the visitor can sign in with
	// another account. Both are paths of this site.
	LogoutURL, AnotherURL string
	// AppsURL is Instagram's page on which people remove apps.
	AppsURL string
	Look    Look
}

// AccountView is what the template of the account page is given.
type AccountView struct {
	Username, UserID string
	// PictureURL is the address of the profile picture, a path of this site; empty for none.
	PictureURL string
	// Since is when the visitor signed in, and Until when the session ends.
	Since, Until Moment
	// Idle says how the session ends earlier; empty if it does not.
	Idle string
	// Granted are the permissions in words. It is empty if Instagram has not reported any, and
	// Unknown says so.
	Granted []Grant
	Unknown string
	// Use says whether the site can use them later.
	Use string
	// LogoutURL is where a form signs out, with POST. A field `everywhere` with the value 1 ends
	// all of the person's sessions.
	LogoutURL string
	// AnotherURL is where the visitor can sign in with another account.
	AnotherURL string
	// AppsURL is Instagram's page on which people remove apps.
	AppsURL string
	// Labels are the short texts of the page.
	Labels AccountLabels
}

// Moment is a point in time, for people in UTC and for programs.
type Moment struct{ Text, ISO string }

// Grant is a permission in words.
type Grant struct {
	Text string
	// Acts says that the permission does more than read, and Kind says the same in words.
	Acts bool
	Kind string
}

// accountWords are the texts of the account page.
type accountWords struct {
	Title string `json:"title"`
	Text  string `json:"text"`
	// Moment has {date} and {time}.
	Moment string `json:"moment"`
	// Idle has {duration}, which is one of the others: they have {n}, which is two or more.
	Idle    string `json:"idle"`
	Days    string `json:"days"`
	Hours   string `json:"hours"`
	Minutes string `json:"minutes"`
	Seconds string `json:"seconds"`

	Unknown string `json:"unknown"`
	Reads   string `json:"reads"`
	Acts    string `json:"acts"`
	Token   string `json:"token"`
	NoToken string `json:"no_token"`

	Labels AccountLabels `json:"labels"`
}

// AccountLabels are the short texts of the account page.
type AccountLabels struct {
	Username   string `json:"username"`
	UserID     string `json:"user_id"`
	Since      string `json:"since"`
	Until      string `json:"until"`
	Granted    string `json:"granted"`
	SignOut    string `json:"sign_out"`
	Everywhere string `json:"everywhere"`
	Another    string `json:"another"`
	// Apps is the label of the link to Instagram, and AppsHint says what for.
	Apps     string `json:"apps"`
	AppsHint string `json:"apps_hint"`
}

// Write answers with the page.
func (p AccountPage) Write(w http.ResponseWriter, head bool) {
	language := p.Look.language()
	words := language.Account
	account := &AccountView{
		Username: p.Username, UserID: p.UserID, PictureURL: p.PictureURL,
		Since: language.moment(p.Since), Until: language.moment(p.Until),
		LogoutURL: p.LogoutURL, AnotherURL: p.AnotherURL, AppsURL: p.AppsURL, Labels: words.Labels,
	}
	if p.Idle > 0 {
		account.Idle = strings.ReplaceAll(words.Idle, "{duration}", words.duration(p.Idle))
	}
	for i, text := range language.inWords(p.Granted) {
		grant := Grant{Text: text, Acts: slices.Contains(p.Acting, p.Granted[i]), Kind: words.Reads}
		if grant.Acts {
			grant.Kind = words.Acts
		}
		account.Granted = append(account.Granted, grant)
	}
	if len(p.Granted) == 0 {
		account.Unknown = words.Unknown
	}
	if account.Use = words.Token; p.NoToken {
		account.Use = words.NoToken
	}
	view := View{Title: words.Title, Text: words.Text, Home: HomePath, Account: account}
	header := w.Header()
	SecurityHeaders(header)
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	// With no-referrer a browser calls the origin of a form "null", and one that does not send
	// Sec-Fetch-Site could not sign out. [L2]
	header.Set("Referrer-Policy", "same-origin")
	p.Look.Framed = false // a page with these buttons must not be framed [E3]
	p.Look.Images = p.PictureSources
	p.Look.show(w, accountFile, http.StatusOK, draft{View: view}, head)
}

// moment returns a point in time for people. It names the time zone: the server does not know the
// visitor's.
func (l *Language) moment(t time.Time) Moment {
	t = t.UTC()
	text := strings.NewReplacer("{date}", l.date(t), "{time}", t.Format("15:04")).Replace(l.Account.Moment)
	return Moment{Text: text, ISO: t.Format(time.RFC3339)}
}

// duration writes a duration in the largest unit of which it is at least two and a whole number, so
// that one plural is enough.
func (w *accountWords) duration(d time.Duration) string {
	for _, unit := range []struct {
		length time.Duration
		words  string
	}{{24 * time.Hour, w.Days}, {time.Hour, w.Hours}, {time.Minute, w.Minutes}} {
		if d%unit.length == 0 && d >= 2*unit.length {
			return strings.ReplaceAll(unit.words, "{n}", strconv.Itoa(int(d/unit.length)))
		}
	}
	return strings.ReplaceAll(w.Seconds, "{n}", strconv.Itoa(int(d/time.Second)))
}

// allowImages returns a policy that also allows images from these sources.
func allowImages(policy string, sources []string) string {
	if len(sources) == 0 {
		return policy
	}
	directives := strings.Split(policy, "; ")
	for i, directive := range directives {
		if known := strings.Fields(directive); known[0] == "img-src" {
			for _, source := range sources {
				if !slices.Contains(known, source) {
					known = append(known, source)
				}
			}
			directives[i] = strings.Join(known, " ")
			return strings.Join(directives, "; ")
		}
	}
	return policy + "; img-src " + strings.Join(sources, " ")
}
