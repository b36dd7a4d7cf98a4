package refusal

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Language is one that the pages are written in. What programs get is always English.
type Language struct {
	tag      string
	refusals map[Code]wording
	// permissions say what Instagram's names of permissions mean.
	permissions map[string]string

	signIn                     wording
	framed                     string // where the way on leads, out of a frame
	signOut                    string // the heading
	signedIn, notSignedIn      string // %s: the username
	signedOut                  wording
	deleted, deletionRequested wording // %s: the day
	signInDeleted              wording // likewise
	deletionUnknown            wording
	labels                     Labels

	day    string // %[1]d: its number in the month, %[2]s: the month, %[3]d: the year
	months [12]string
}

// wording is what a page says: its heading, its sentence, a further line, and the label of
// the way on where there is one.
type wording struct{ title, text, hint, link string }

// Labels are the short texts of a page.
type Labels struct {
	SignOut, Everywhere, Confirmation, Request string
}

// languages are all of them; the first one is the default.
var languages = []*Language{english, german, spanish, french, italian, portuguese, turkish}

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
	return fmt.Sprintf(l.day, t.Day(), l.months[t.Month()-1], t.Year())
}

// inWords lists permissions for people, by their names where there are no words.
func (l *Language) inWords(names []string) (list []string) {
	for _, name := range names {
		list = append(list, cmp.Or(l.permissions[name], name))
	}
	return list
}
