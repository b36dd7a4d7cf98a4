package review

import (
	"fmt"
	"slices"
	"strings"
)

// data writes what can be said about the visitors' data.
func (k *kit) data() {
	k.section("Answers about data handling")
	k.paragraph("These are facts about this block, for the questions on data handling. What your own site does with the data, only you know.")
	k.field("Which data do you get from Meta?")
	k.paste(k.received())
	k.field("What for?")
	k.paste("To sign members in, and to show each one which account is connected. [What else your site does with the data.] [We do not sell them, and we use them for no advertising.]")
	k.field("Where are the data kept, and for how long?")
	k.paste(k.kept()...)
	k.field("Who else gets them?")
	k.paste("[The company that hosts the server, with its country.] [Others, such as a service for logs or backups; or nobody.]")
	k.field("How are they deleted?")
	k.paste(k.deleted()...)
	k.field("How are they protected?")
	k.paste(k.guarded())
	k.paragraph("Only you can answer these:")
	for _, question := range []string{
		"who is responsible for the data, with name, address and country",
		"whether authorities have asked for data, and what you do when they ask",
		"when the next Data Use Checkup is due: once a year. Where it was overdue, Instagram has refused every call of the app",
	} {
		k.item("-", question)
	}
}

func (k *kit) received() string {
	what := append([]string{"the account ID", "the app-scoped ID", "the username"}, k.fieldNames()...)
	what = append(what, "the list of permissions that the member granted", "an access token")
	text := fmt.Sprintf("Of each member who signs in: %s.", list(what, "and"))
	if k.Picture && !slices.Contains(k.Fields, "profile_picture_url") {
		text += " The profile picture, when a page shows it."
	}
	for _, permission := range k.further() {
		text += fmt.Sprintf(" [What you read with %s.]", permission)
	}
	return text
}

func (k *kit) kept() []string {
	session := fmt.Sprintf("The values are in an encrypted session cookie in the member's own browser, for %s at most.", duration(k.Lifetime))
	switch {
	case k.Handoff:
		session = "The sign-in passes the values on to our site, which keeps its own session: [where, and for how long]."
	case k.Token && k.Forwarded:
		session += " The access token is in that cookie too, and our site gets it with the member's requests: [whether the site keeps it, where, and for how long]."
	case k.Token:
		session += " The access token is in that cookie too."
	}
	if k.Token && !k.Handoff {
		session += " After the server has refreshed the values, they stay in its memory as well, until two days after the last request with an older cookie."
	}
	if !k.Token && !k.Handoff {
		session += " The access token is dropped when the sign-in has ended."
	}
	if k.Handoff && k.Forwarded {
		session += " Our site gets the access token, too: [whether it keeps it, where, and for how long]."
	}
	server := "On the server, the part that signs members in keeps no profile. It keeps encrypted marks of sessions that were ended early, which name nobody, for up to 367 days."
	if k.Handoff {
		server = "On the server, the part that signs members in keeps no profile."
	}
	if k.Picture && !k.Handoff {
		server += " Where a page shows the profile picture, the server's memory holds it, or its address, and uses it for ten minutes."
	}
	return []string{session, server, k.logged(), "[What your site itself stores of a member, where, and for how long.]"}
}

// logged says what the handler's log lines have of a visitor.
func (k *kit) logged() string {
	var plainly, hashed []string
	for _, value := range []struct {
		is   Logged
		name string
	}{{k.LogsAddress, "IP address"}, {k.LogsUserID, "account ID"}} {
		switch value.is {
		case LoggedHashed:
			hashed = append(hashed, value.name)
		case LoggedNever:
		default:
			plainly = append(plainly, value.name)
		}
	}
	if k.LogsUsername {
		plainly = append(plainly, "username")
	}
	text := "Lines of the log about sign-ins "
	switch {
	case len(plainly) == 0 && len(hashed) == 0:
		return text + "contain neither IP address nor account ID nor username."
	case len(plainly) == 0:
		text += "contain pseudonyms of the " + list(hashed, "and") + "."
	case len(hashed) == 0:
		text += "contain the " + list(plainly, "and") + "."
	default:
		text += "contain the " + list(plainly, "and") + ", and a pseudonym of the " + list(hashed, "and") + "."
	}
	return text + " We delete them after [how long you keep logs]."
}

func (k *kit) deleted() []string {
	if k.Handoff {
		return []string{
			"A member who removes our app at Instagram, or asks Meta for deletion, reaches us through the two callback URLs above. [What your site then deletes, and how soon.]",
			k.contact(),
		}
	}
	return []string{
		"Signing out deletes the session cookie. When a member removes our app at Instagram, Meta calls our deauthorize callback URL, and all sessions of that member end. The data deletion request URL does the same and answers with a confirmation code, and with the address of a page that says what has become of the request.",
		"[What your site itself deletes then, and how soon.] " + k.contact(),
	}
}

// contact says where members can turn to.
func (k *kit) contact() string {
	return "A member can also turn to " + or(k.Help, "[contact address]") + "."
}

func (k *kit) guarded() string {
	text := "The site is served over https. The access token never appears in an address that a browser sees, in a page or in a log of the sign-in. Meta's callbacks count only with a valid signature."
	if !k.Handoff {
		text = "Sessions are encrypted, and protected against changes, with a key that only our server has (AES-256-GCM). " + text
	}
	if strings.HasPrefix(k.origin, "http:") {
		text = strings.Replace(text, "The site is served over https. ", "", 1)
	}
	return text + " [How you protect the server and what your site stores.]"
}

// checkList is what to look at before the request is sent.
func (k *kit) checkList() {
	k.section("Before you send it")
	k.text.WriteByte('\n')
	for _, check := range []string{
		"caddy instagram-auth doctor shows no line with ✗.",
		"A business portfolio exists, the app is connected to it, and Business Verification is done.",
		"Access Verification (Tech Provider) is done, or Meta does not ask you for it.",
		"Icon, category, privacy policy, verified contact e-mail and the platform Website are set.",
		"All three callback addresses are registered as they stand above.",
		"A tester has signed in once with exactly " + list(k.Permissions, "and") + ", and each permission was used once: Meta wants one successful call for each.",
		"The reviewer can reach " + k.accountPage() + ".",
		"The request contains " + list(k.all, "and") + ", and nothing else.",
		"The data handling questions are answered, and the date of the Data Use Checkup is in your calendar.",
		"The app is published: until it is, visitors without a role in the app cannot sign in.",
	} {
		k.item("[ ]", check)
	}
}
