package refusal

import (
	"cmp"
	"embed"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Language is one that the pages are written in. What programs get is always English.
type Language struct {
	tag string // such as de, the name of its file
	words
}

// words are what a file in the folder words says in one language.
type words struct {
	Refusals map[Code]wording `json:"refusals"`
	// Permissions say what Instagram's names of permissions mean.
	Permissions map[string]string `json:"permissions"`

	SignIn            wording `json:"sign_in"`
	Framed            string  `json:"framed"`        // where the link leads, out of a frame
	SignOut           string  `json:"sign_out"`      // the heading
	SignedIn          string  `json:"signed_in"`     // %s: the username
	NotSignedIn       string  `json:"not_signed_in"` // on the page that signs out
	SignedOut         wording `json:"signed_out"`
	Deleted           wording `json:"deleted"`            // %s: the day
	SignInDeleted     wording `json:"sign_in_deleted"`    // likewise
	DeletionRequested wording `json:"deletion_requested"` // likewise
	DeletionUnknown   wording `json:"deletion_unknown"`
	Labels            Labels  `json:"labels"`

	Account accountWords `json:"account"`

	Day    string     `json:"day"` // %[1]d: its number in the month, %[2]s: the month, %[3]d: the year
	Months [12]string `json:"months"`
}

// wording is what a page says: its heading, its sentence, a further line, and the label of
// its link where there is one.
type wording struct{ Title, Text, Hint, Link string }

// Labels are the short texts of a page.
type Labels struct {
	SignOut      string `json:"sign_out"`
	Everywhere   string `json:"everywhere"`
	Confirmation string `json:"confirmation"`
	Request      string `json:"request"`
}

//go:embed words/*.json
var wordFiles embed.FS

// languages are all of them; the first one is the default.
var languages = []*Language{read("en"), read("de"), read("es"), read("fr"), read("it"), read("pt"), read("tr")}

var english = languages[0]

// read reads the file of a language. A file that cannot be read is a mistake in this module.
func read(tag string) *Language {
	file, err := wordFiles.Open("words/" + tag + ".json")
	if err != nil {
		panic(err)
	}
	l := &Language{tag: tag}
	decoder := json.NewDecoder(file)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&l.words); err != nil {
		panic(fmt.Sprintf("words/%s.json: %v", tag, err))
	}
	return l
}

// Tags returns the tags of all languages.
func Tags() (tags []string) {
	for _, l := range languages {
		tags = append(tags, l.tag)
	}
	return tags
}

// LanguageOf returns the language with a tag such as `de`, nil if there is none.
func LanguageOf(tag string) *Language {
	for _, l := range languages {
		if strings.EqualFold(l.tag, tag) {
			return l
		}
	}
	return nil
}

const (
	// A browser sends some dozens of bytes. Only the beginning of a longer header is read.
	maxAcceptLanguage = 512
	maxPreferences    = 32
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
			primary, _, _ := strings.Cut(strings.Trim(tag, " \t"), "-")
			l, w := LanguageOf(primary), maxWeight
			if weighted {
				w = weightOf(parameter)
			}
			if l != nil && w > weight { // the first one of the same weight
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
	return fmt.Sprintf(l.Day, t.Day(), l.Months[t.Month()-1], t.Year())
}

// inWords lists permissions for people, by their names where there are no words.
func (l *Language) inWords(names []string) (list []string) {
	for _, name := range names {
		list = append(list, cmp.Or(l.Permissions[name], name))
	}
	return list
}
