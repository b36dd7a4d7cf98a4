package refusal

import (
	"cmp"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/language"
)

// Language is one that the pages are written in. What programs get is always English.
type Language struct {
	tag string // such as de, the name of its file
	words
}

// words are what a file in the folder words says in one language. Placeholders in the texts are
// replaced when a page is made: {site} by the name of the site, {user} by a username, {app} by
// the name of an app, {date} by a day, {seconds} and {minutes} by a number.
type words struct {
	// Direction is that of the script: ltr or rtl.
	Direction string           `json:"direction"`
	Refusals  map[Code]wording `json:"refusals"`
	// Permissions say what Instagram's names of permissions mean.
	Permissions map[string]string `json:"permissions"`

	// NotListed and Denied say of {user} why there is no access. Wait and WaitMinutes say how long
	// to wait, {seconds} or {minutes}.
	NotListed   string `json:"not_listed"`
	Denied      string `json:"denied"`
	Wait        string `json:"wait"`
	WaitMinutes string `json:"wait_minutes"`

	// OtherThan is the text of OtherAccount where {account} is signed in, and SwitchAccount the
	// label of the link that signs {user} in instead.
	OtherThan     string `json:"other_than"`
	SwitchAccount string `json:"switch_account"`

	SignIn            signInWords `json:"sign_in"`
	InApp             string      `json:"in_app"`        // on the page sign_in, to visitors in the browser of an app
	Framed            string      `json:"framed"`        // where the link leads, out of a frame
	SignOut           string      `json:"sign_out"`      // the heading
	SignedIn          string      `json:"signed_in"`     // with {user}
	NotSignedIn       string      `json:"not_signed_in"` // on the page that signs out
	SignedOut         wording     `json:"signed_out"`
	Deleted           wording     `json:"deleted"`            // with {date}
	SignInDeleted     wording     `json:"sign_in_deleted"`    // with {date}
	DeletionRequested wording     `json:"deletion_requested"` // with {date}
	DeletionUnknown   wording     `json:"deletion_unknown"`
	Labels            Labels      `json:"labels"`

	Account accountWords `json:"account"`

	Day    string     `json:"day"` // {day}: its number in the month; {month}; {year}
	Months [12]string `json:"months"`
}

// signInWords are those of the page that stands before Instagram's window.
type signInWords struct {
	Title, Link string
	// Sees says what the sign-in learns, and SeesOnly also that it cannot act for the visitor.
	Sees     string `json:"sees"`
	SeesOnly string `json:"sees_only"`
	// Asks and Later stand in front of lists of permissions.
	Asks  string `json:"asks"`
	Later string `json:"later"`
	// Accounts says which accounts can sign in.
	Accounts string `json:"accounts"`
}

// wording is what a page says: its heading, its sentence, a further line, and the label of
// its link where there is one.
type wording struct{ Title, Text, Hint, Link string }

// Labels are the short texts of a page.
type Labels struct {
	SignOut      string `json:"sign_out"`
	Everywhere   string `json:"everywhere"`
	Confirmation string `json:"confirmation"`
	// Request stands in front of RequestID. The built-in pages show Reference instead.
	Request string `json:"request"`
	// OpenElsewhere is the label of the link that opens a page in another browser. CopyAddress
	// stands in front of an address to copy, and OrCopyAddress where there is such a link, too.
	OpenElsewhere string `json:"open_elsewhere"`
	CopyAddress   string `json:"copy_address"`
	OrCopyAddress string `json:"or_copy_address"`
	// Home is the label of the way back to the site's home.
	Home string `json:"home"`
	// Privacy, Terms and Help are the labels of the site's own pages.
	Privacy string `json:"privacy"`
	Terms   string `json:"terms"`
	Help    string `json:"help"`
	// Reference stands in front of the reference, and ReferenceUse says what it is for.
	Reference    string `json:"reference"`
	ReferenceUse string `json:"reference_use"`
	// Site stands for the name of a site that has none which can be shown.
	Site string `json:"site"`
}

//go:embed words/*.json
var wordFiles embed.FS

// languages are all of them, English first.
var languages = readAll(wordFiles)

// english is the default. It always has a file.
var english = languages[0]

// matcher finds the language that is meant by a tag, such as zh-Hant by zh-TW. bases are those of
// languages: zh for zh-Hant.
var matcher, bases = matcherOf(languages)

// readAll reads all languages in the folder words. A file that cannot be read is a mistake in this
// module.
func readAll(files fs.FS) (all []*Language) {
	names, err := fs.Glob(files, "words/*.json")
	if err != nil {
		panic(err)
	}
	for _, name := range names {
		l := &Language{tag: strings.TrimSuffix(strings.TrimPrefix(name, "words/"), ".json")}
		if err := l.read(files, name); err != nil {
			panic(fmt.Sprintf("%s: %v", name, err))
		}
		all = append(all, l)
	}
	slices.SortFunc(all, func(a, b *Language) int {
		switch {
		case a.tag == "en":
			return -1
		case b.tag == "en":
			return 1
		}
		return strings.Compare(a.tag, b.tag)
	})
	return all
}

// read reads the file of a language. It fails for a key that no page uses.
func (l *Language) read(files fs.FS, name string) error {
	file, err := files.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	decoder := json.NewDecoder(file)
	decoder.DisallowUnknownFields()
	return decoder.Decode(&l.words)
}

func matcherOf(all []*Language) (_ language.Matcher, bases []language.Base) {
	var tags []language.Tag
	for _, l := range all {
		tag := language.MustParse(l.tag)
		base, _ := tag.Base()
		tags, bases = append(tags, tag), append(bases, base)
	}
	return language.NewMatcher(tags), bases
}

// Tags returns the tags of all languages.
func Tags() (tags []string) {
	for _, l := range languages {
		tags = append(tags, l.tag)
	}
	return tags
}

// Tag returns the tag of the language, such as `de`.
func (l *Language) Tag() string { return l.tag }

// LanguageOf returns the language with a tag such as `de`, nil if there is none.
func LanguageOf(tag string) *Language {
	for _, l := range languages {
		if strings.EqualFold(l.tag, tag) {
			return l
		}
	}
	return nil
}

// Closest returns the language that a tag means, such as that of `de` for `de-AT` and that of
// `zh-Hant` for `zh-HK`. It returns nil if there is none, and for everything that is not a language
// tag. Other languages are never the answer: the matcher offers Russian for Armenian, and English
// for Urdu, though the visitor may prefer another of the languages.
func Closest(tag string) *Language {
	if len(tag) > maxTag {
		return nil
	}
	wanted, err := language.Parse(tag)
	if err != nil {
		return nil
	}
	base, confidence := wanted.Base()
	if confidence != language.Exact || !slices.Contains(bases, base) { // "und-DE" does not say which
		return nil
	}
	if _, i, confidence := matcher.Match(wanted); confidence >= language.High && bases[i] == base {
		return languages[i]
	}
	return nil
}

const (
	// A browser sends some dozens of bytes. Only the beginning of a longer header is read.
	maxAcceptLanguage = 512
	maxPreferences    = 32
	// maxTag is how long a tag of one language can be, in bytes.
	maxTag = 35
)

// Preferred returns the language that a visitor likes best, by the lines of Accept-Language
// (RFC 9110, 12.5.4), and English if there is none of them.
func Preferred(lines []string) *Language {
	best, weight := english, 0
	room, preferences := maxAcceptLanguage, maxPreferences
	for _, line := range lines {
		line = line[:min(len(line), room)]
		room -= len(line)
		for item := range strings.SplitSeq(line, ",") {
			if preferences--; preferences < 0 {
				return best
			}
			tag, parameter, weighted := strings.Cut(item, ";")
			w := maxWeight
			if weighted {
				w = weightOf(parameter)
			}
			if w <= weight { // of the same weight the first one counts
				continue
			}
			if l := Closest(strings.Trim(tag, " \t")); l != nil {
				best, weight = l, w
			}
		}
	}
	return best
}

const maxWeight = 1000

// weightOf returns the thousandths of a parameter such as `q=0.8`, 0 of anything else.
func weightOf(parameter string) int {
	name, value, _ := strings.Cut(strings.Trim(parameter, " \t"), "=")
	whole, decimals, _ := strings.Cut(value, ".")
	if !strings.EqualFold(name, "q") || whole != "0" && whole != "1" || len(decimals) > 3 {
		return 0
	}
	thousandths, err := strconv.ParseUint(whole+decimals+"000"[len(decimals):], 10, 16)
	if err != nil || thousandths > maxWeight {
		return 0
	}
	return int(thousandths)
}

// date writes a day for people.
func (l *Language) date(t time.Time) string {
	t = t.UTC()
	return strings.NewReplacer(
		"{day}", strconv.Itoa(t.Day()), "{month}", l.Months[t.Month()-1], "{year}", strconv.Itoa(t.Year()),
	).Replace(l.Day)
}

// inWords lists permissions for people, by their names where there are no words.
func (l *Language) inWords(names []string) (list []string) {
	for _, name := range names {
		list = append(list, cmp.Or(l.Permissions[name], name))
	}
	return list
}

// facts are the values of the placeholders in words. A value is never searched for placeholders.
type facts struct {
	site, user, app, account string
	date                     time.Time
	seconds                  int64
}

// filler returns what replaces the placeholders in texts of this language.
func (l *Language) filler(f facts) *strings.Replacer {
	pairs := []string{"{site}", l.isolated(f.site), "@{user}", l.isolated("@" + f.user), "{user}", l.isolated(f.user), "@{account}", l.isolated("@" + f.account), "{account}", l.isolated(f.account), "{app}", l.isolated(f.app)}
	if !f.date.IsZero() {
		pairs = append(pairs, "{date}", l.date(f.date))
	}
	pairs = append(pairs, "{seconds}", strconv.FormatInt(f.seconds, 10), "{minutes}", strconv.FormatInt((f.seconds+59)/60, 10))
	return strings.NewReplacer(pairs...)
}

// isolated keeps the direction of a value from disturbing that of the text around it (Unicode
// UAX 9, first strong isolate).
func (l *Language) isolated(value string) string {
	if value == "" || l.Direction != "rtl" && !hasRightToLeft(value) {
		return value
	}
	return "\u2068" + value + "\u2069"
}
