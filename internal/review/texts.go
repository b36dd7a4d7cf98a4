package review

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// addresses are what the dashboard asks for.
func (k *kit) addresses() {
	k.section("Addresses to register")
	k.paragraph("In the App Dashboard, API setup with Instagram login, Business login settings. Fill in all three, and compare them after saving: the dashboard may add a slash.")
	k.field("OAuth redirect URI", k.RedirectURIs...)
	k.field("Deauthorize callback URL", k.Deauthorize)
	k.field("Data deletion request URL", k.DataDeletion)
	k.paragraph("In App settings, Basic:")
	k.field("Privacy policy URL", or(k.Privacy, "[the address of your privacy policy, which opens without a sign-in]"))
	if k.Terms != "" {
		k.field("Terms of service URL", k.Terms)
	}
	k.field("Platform Website, its address", or(k.origin, "[the address of your site]")+"/")
	k.field("App icon, category, contact e-mail", "[1024 x 1024 pixels] [category] [an address that you have verified]")
}

// A reason is what can be said about a permission without knowing the site.
type reason struct{ lets, unused string }

// reasons of the permissions, from their names. Only the site knows more.
var reasons = map[string]reason{
	"instagram_business_content_publish": {"publish posts for a member", "publish anything"},
	"instagram_business_manage_messages": {"read and answer a member's messages", "read messages"},
	"instagram_business_manage_comments": {"read and manage the comments on a member's posts", "read comments"},
	"instagram_business_manage_insights": {"read the statistics of a member's account and posts", "read statistics"},
}

// reasons writes why the app needs each permission.
func (k *kit) reasons() {
	k.section("Why the app needs each permission")
	k.paragraph("How does your app use this permission? One text for each.")
	k.field(basic)
	k.paste(
		fmt.Sprintf("%s (%s) is [a members' area for the creators and shops that work with us]. Members sign in with their own Instagram professional account, a business or a creator account.", k.name, k.origin),
		k.read(),
		fmt.Sprintf("With these values we [open the member's workspace: their briefs, files and invoices]. The member sees their username and account ID at %s.", k.accountPage()),
		k.notRead(),
	)
	for _, permission := range k.further() {
		k.field(permission)
		k.reasonFor(permission)
	}
	k.paragraph("Meta's own words on what each permission may be used for, to compare yours with:")
	k.field("Permissions reference", "https://developers.facebook.com/docs/permissions")
}

func (k *kit) reasonFor(permission string) {
	lets := or(reasons[permission].lets, "[what the permission allows]")
	when := "We ask for it when the member signs in."
	if slices.Contains(k.StepUp, permission) {
		when = "We do not ask for it at sign-in. We ask for it later, when the member presses [the button] on [the page that needs it]. The member can refuse and go on without it."
	} else if slices.Contains(k.Required, permission) {
		when += " A member who does not grant it cannot sign in, because [why the site is of no use without it]."
	}
	k.paste(
		fmt.Sprintf("With %s, %s can %s. We use it to [say in one sentence what your site does with it, and what the member gains].", permission, k.name, lets),
		when,
		"The member sees the result on [the page, with its address]. [We use it for their own account only, and for nothing else.]",
	)
}

// read says what a sign-in reads, and when.
func (k *kit) read() string {
	what := append([]string{"account ID", "username"}, k.fieldNames()...)
	text := fmt.Sprintf("At sign-in we read the %s of that account, to know which member is there and to show which account is connected.", list(what, "and"))
	if k.Revalidate > 0 {
		text += fmt.Sprintf(" We read them again every %s while the member uses the site, so that a changed name shows.", duration(k.Revalidate))
	}
	if k.Picture {
		text += " [We show the member their own profile picture.]"
	}
	return text
}

// fieldNames are the further fields of the profile in words.
func (k *kit) fieldNames() (names []string) {
	for _, field := range k.Fields {
		names = append(names, strings.ReplaceAll(strings.TrimSuffix(field, "_url"), "_", " "))
	}
	return names
}

// notRead says what the app leaves alone.
func (k *kit) notRead() string {
	var unused []string
	for _, name := range permissionNames() {
		if !slices.Contains(k.all, name) {
			unused = append(unused, reasons[name].unused)
		}
	}
	text := "We read nothing of other people's accounts, and no posts or other media."
	if k.Forwarded { // only the site knows what it does with the token
		text = "[" + text + "]"
	}
	if len(unused) > 0 {
		text += " We do not " + list(unused, "or") + "."
	}
	return text
}

// permissionNames are those with a reason, in a fixed order.
func permissionNames() []string {
	return []string{"instagram_business_content_publish", "instagram_business_manage_comments", "instagram_business_manage_messages", "instagram_business_manage_insights"}
}

// accountPage is where the username and the ID can be seen.
func (k *kit) accountPage() string {
	return or(k.ownPage(), "[the page of your site that shows both]")
}

// start is where the reviewer begins: a page with a button.
func (k *kit) start() string {
	if page := or(k.Start, k.ownPage()); k.LoginPage && page != "" {
		return page
	}
	return "[the page of your site with the login button]"
}

// button names the way to Instagram's window.
func (k *kit) button() string {
	switch {
	case k.LoginPage && !k.OwnPages && k.English:
		return `"Sign in with Instagram"`
	case k.LoginPage:
		return "[the words of the button]"
	}
	return "[the words of the login button]"
}

// within is a page that needs a sign-in.
func (k *kit) within() string {
	return or(k.Start, or(k.ownPage(), "[a page that needs a sign-in]"))
}

// ownPage is the handler's page that needs a sign-in, whatever the matcher says.
func (k *kit) ownPage() string {
	if k.Handoff {
		return ""
	}
	return k.Account
}

// screencast writes the script: what to do, what is seen, and the caption.
func (k *kit) screencast() {
	k.section("Script for the screencast")
	k.paragraph("Record 60 to 90 seconds, with the address bar in the picture, in English or with English captions. Use a professional test account. Show no password: cut or blur it.")
	scene := 0
	show := func(do, seen, caption string) {
		scene++
		k.text.WriteByte('\n')
		sign := fmt.Sprintf("%d.", scene)
		k.item(sign, do)
		k.wrap(strings.Repeat(" ", len(sign)+3), "Seen: ", seen)
		k.wrap(strings.Repeat(" ", len(sign)+3), "Caption: ", `"`+caption+`"`)
	}
	granted := list(k.Permissions, "and")
	show("Open "+k.start()+", signed out.", "the page with the login button.", "Members sign in with their Instagram professional account.")
	show("Press "+k.button()+".", "Instagram's own window, with the permissions that the app asks for.", "This button starts the login with Instagram.")
	show("Sign in as the test account, show the list of permissions, press Allow.", "your site again, signed in.", "The member grants "+granted+". Nothing else is asked for.")
	show("Open "+k.accountPage()+".", "the username and the account ID.", "These two values come from "+basic+". They decide whose workspace opens.")
	for _, permission := range k.further() {
		if slices.Contains(k.StepUp, permission) {
			show("On [the page that needs it], press [the button]. It leads to "+k.Login+"?scope="+permission+".", "Instagram's window, which asks for "+permission+".", "We ask for "+permission+" only when the member needs it.")
		}
		show("Use "+permission+": [what a member does].", "[the result on your site, and at Instagram if it shows there].", "This is what "+permission+" is for: [one sentence].")
	}
	show("Sign out"+k.signOut()+", then open "+k.within()+".", "the site asks for a sign-in.", "A member can sign out.")
	show("Sign in again. Then remove the app at Instagram"+k.appsLink()+": Settings and privacy, Website permissions, Apps and websites. Reload "+k.within()+" until it asks for a sign-in.", "the site asks for a sign-in.", k.removalCaption())
	show("Open "+or(k.Privacy, "[your privacy policy]")+".", "the privacy policy, without a sign-in.", "The privacy policy says what we keep and how to have it deleted.")
}

// appsLink says where the way to Instagram's list of apps begins.
func (k *kit) appsLink() string {
	if k.ownPage() == "" {
		return ""
	}
	return ", by the link on the account page or in Instagram's settings"
}

func (k *kit) removalCaption() string {
	if k.Handoff {
		return "Removing the app ends the session: [what your site does when Meta's callback comes]."
	}
	return "Removing the app ends the member's sessions."
}

func (k *kit) signOut() string {
	if k.Handoff {
		return " by [the sign-out of your site]"
	}
	return " at " + k.Logout
}

// steps writes what the reviewer does.
func (k *kit) steps() {
	k.section("Steps for the reviewer")
	k.paragraph("The reviewer must be able to repeat the screencast. Give them a professional account whose sign-in asks for no second factor. Until the app has Advanced Access, only Instagram testers can sign in: invite this account, accept the invitation as that account, and sign in with it once yourself.")
	steps := []string{
		"Open " + k.start() + ".",
		"Press " + k.button() + ".",
		"Sign in to Instagram as [@username of the test account], password [the password, in this form only]. It is a professional account and asks for no code.",
		"Press Allow.",
		"Open " + k.accountPage() + ". You see the username and the account ID of the test account: this is the data that " + basic + " gives us.",
	}
	for _, permission := range k.further() {
		if slices.Contains(k.StepUp, permission) {
			steps = append(steps, "On [page], press [button]. Instagram asks for "+permission+". Press Allow.")
		}
		steps = append(steps, "[What to press, and what to look at, for "+permission+".]")
	}
	steps = append(steps, "Sign out"+k.signOut()+".")
	k.text.WriteByte('\n')
	for i, step := range steps {
		k.wrap(strings.Repeat(" ", margin), fmt.Sprintf("%d. ", i+1), step)
	}
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// duration writes a duration in the largest units that fit.
func duration(d time.Duration) string {
	const day = 24 * time.Hour
	units := []struct {
		of   time.Duration
		name string
	}{{day, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}}
	var parts []string
	for _, unit := range units {
		if n := d / unit.of; n > 0 {
			plural := "s"
			if n == 1 {
				plural = ""
			}
			parts = append(parts, fmt.Sprintf("%d %s%s", n, unit.name, plural))
			d -= n * unit.of
		}
	}
	return list(parts, "and")
}
