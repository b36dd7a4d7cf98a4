// Package review writes what an operator pastes into the forms of Meta's App Review: the addresses
// to register, why the app needs each permission, a script for the screencast, the steps for the
// reviewer, and facts for the questions about data.
//
// It gets the options of a block and returns text. It reads nothing and asks nobody.
package review

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Site is an instagram_auth block, as far as Meta asks about it.
type Site struct {
	Name string // the name of the site; default: the host of the first redirect URI
	// Addresses: paths of the site or whole ones, "" where they are not known.
	Privacy, Terms, Help string

	RedirectURIs              []string // at least one; the first one is that of the main host
	Deauthorize, DataDeletion string   // the callbacks for Meta, as paths
	Account, Login, Logout    string   // pages of the handler, as paths
	Start                     string   // a path that asks visitors to sign in; "" if none is known

	BasicDisplay bool     // the API that Meta has switched off
	Permissions  []string // those that each visitor is asked for; default: the basic one
	StepUp       []string // those that a link on the site asks for later
	Required     []string // those of Permissions without which nobody gets in
	Fields       []string // of the profile, beside IDs and username

	LoginPage bool // a page with a button comes before Instagram's window
	Handoff   bool // the site keeps its own sessions
	Listed    bool // only accounts on a list may sign in
	English   bool // the pages are in English, or in the language of the browser
	OwnPages  bool // the site has its own templates of the pages
	Elsewhere bool // the block asks another address than Instagram's

	Lifetime   time.Duration // of a session
	Token      bool          // the access token is kept in the session
	Forwarded  bool          // the site gets the access token
	Revalidate time.Duration // how often the profile is read again; 0 for never
	Picture    bool          // the site can show the profile picture

	LogsUserID, LogsAddress Logged // what the handler's log lines have of a visitor
	LogsUsername            bool

	// Secrets are values that the text must not contain.
	Secrets []string
}

// Logged says how a value gets into the log.
type Logged string

// The values of an option such as `log user_id`.
const (
	LoggedPlain  Logged = "on"
	LoggedHashed Logged = "hash"
	LoggedNever  Logged = "off"
)

// longestName is how many columns a name may take.
const longestName = 60

// basic is the permission without which there is no sign-in.
const basic = "instagram_business_basic"

// kit is a text about a site.
type kit struct {
	page
	Site
	hide   *hider
	name   string // of the site, to be shown
	origin string // of the first redirect URI
	all    []string
}

// Text returns what to paste into Meta's forms for one block. docs is the address of the folder of
// the documentation.
func Text(s Site, docs string) string {
	k := &kit{Site: s, hide: newHider(s.Secrets)}
	k.clean()
	k.title()
	if s.BasicDisplay {
		k.ended()
		return k.text.String()
	}
	k.introduction(docs)
	if notes := k.notes(); len(notes) > 0 {
		k.section("Look at this first")
		k.text.WriteByte('\n')
		for _, note := range notes {
			k.item("!", note)
		}
	}
	k.addresses()
	k.reasons()
	k.screencast()
	k.steps()
	k.data()
	k.checkList()
	return k.text.String()
}

// WithoutSecrets returns a message on one line, without these secrets and without long hex numbers,
// which app secrets are.
func WithoutSecrets(text string, secrets []string) string { return newHider(secrets).sentence(text) }

// clean hides secrets in the values of the configuration, and shortens them where they are long.
func (k *kit) clean() {
	k.RedirectURIs = slices.Clone(k.RedirectURIs)
	for i, uri := range k.RedirectURIs {
		k.RedirectURIs[i] = k.hide.value(uri)
	}
	host := "[your site]"
	if len(k.Site.RedirectURIs) > 0 {
		if u, err := url.Parse(k.Site.RedirectURIs[0]); err == nil && u.Host != "" {
			k.origin, host = u.Scheme+"://"+u.Host, u.Host
		}
	}
	k.name = short(k.hide.value(k.Name), longestName)
	if k.name == "" {
		k.name = short(host, longestName)
	}
	for _, address := range []*string{&k.Privacy, &k.Terms, &k.Help} {
		if strings.HasPrefix(*address, "/") {
			*address = k.origin + *address
		}
		*address = strings.TrimPrefix(k.hide.value(*address), "mailto:")
	}
	for _, path := range []*string{&k.Deauthorize, &k.DataDeletion, &k.Account, &k.Login, &k.Logout, &k.Start} {
		if *path != "" {
			*path = k.hide.value(k.origin + *path)
		}
	}
	if len(k.Permissions) == 0 {
		k.Permissions = []string{basic}
	}
	k.Permissions, k.StepUp, k.Fields = k.values(k.Permissions), k.values(k.StepUp), k.values(k.Fields)
	k.Required = k.values(k.Required)
	k.all = slices.Concat(k.Permissions, k.StepUp)
}

func (k *kit) values(of []string) (clean []string) {
	for _, value := range of {
		if value = short(k.hide.value(value), longestName); value != "" {
			clean = append(clean, value)
		}
	}
	return clean
}

func (k *kit) title() {
	title := short("Meta's App Review for "+k.name, columns)
	fmt.Fprintf(&k.text, "%s\n%s\n", title, strings.Repeat("=", width(title)))
}

// ended is all that there is to say about Basic Display.
func (k *kit) ended() {
	k.paragraph("This block has api basic_display. Meta switched that API off on 2024-12-04: nobody can sign in with it, and there is nothing left to review.")
	k.paragraph("Remove the option api, or write api instagram_login. Take the permissions of basic_display out of scope. Your app at Meta needs the product Instagram. Then run this command again.")
}

func (k *kit) introduction(docs string) {
	k.paragraph("Indented text is for Meta's forms. Fill in what stands in [brackets]. Delete what is not true of your site. Meta renames its fields now and then: use the text that answers the question.")
	k.paragraph("This is not legal advice, and it promises no approval. What is known of Meta's rules was collected in November 2026:")
	k.field("What Meta allows, and the four gates", docs+"before-you-start.md")
	k.field("How to use this text", docs+"app-review.md")
}

// notes are what can make a review fail, or makes it needless.
func (k *kit) notes() (notes []string) {
	notes = append(notes, "Do you own or manage every account that signs in? Then you need no review: add them in the dashboard, or invite them as Instagram testers.")
	if k.hide.hidden {
		notes = append(notes, mark+" stands where something in your configuration looks like a secret. Take it out of that name or address.")
	}
	if strings.HasPrefix(k.origin, "http:") {
		notes = append(notes, "redirect_uri is an address of your own machine. A reviewer cannot open it: use the public address of your site.")
	}
	if k.Elsewhere {
		notes = append(notes, "endpoints leads to another server than Instagram. A review needs a site that signs people in with Instagram itself.")
	}
	if k.Listed {
		notes = append(notes, "allow or deny decides who may sign in. Let the account of the reviewer in, until the review is over.")
	}
	if !k.LoginPage && !k.Handoff {
		notes = append(notes, "Meta can refuse an app if its screencast shows no login button. Your block sends visitors to Instagram at once: add login_page, or start on a page of your site with a button that leads to "+k.Login+".")
	}
	if !k.English {
		notes = append(notes, "language makes the pages speak another language than English. Set it to auto for the screencast, or add captions in English.")
	}
	if further := k.further(); len(further) > 0 {
		if !k.Forwarded {
			notes = append(notes, "Your configuration asks for "+list(further, "and")+", and your site gets no access token (token forward_as), so that it cannot use it. Take it out of scope and step_up, unless something else uses it: Meta refuses apps for permissions that they do not show.")
		} else {
			notes = append(notes, "Each further permission ("+list(further, "and")+") must be seen in use in the screencast. Meta refuses apps for permissions that they do not show.")
		}
	}
	if !slices.Contains(k.all, basic) {
		notes = append(notes, "scope does not contain "+basic+", which a sign-in needs.")
	}
	if k.Privacy == "" {
		notes = append(notes, "Meta asks for a privacy policy. Set site privacy to its address; it must open without a sign-in.")
	}
	return notes
}

// further are the permissions beside the basic one.
func (k *kit) further() []string {
	return slices.DeleteFunc(slices.Clone(k.all), func(p string) bool { return p == basic })
}
