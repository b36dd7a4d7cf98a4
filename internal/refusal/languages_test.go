package refusal

import (
	"fmt"
	"net/http/httptest"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/text/language"
)

// texts returns every text of a language by where it stands.
func texts(l *Language) map[string]string {
	all := make(map[string]string)
	var walk func(name string, value reflect.Value)
	walk = func(name string, value reflect.Value) {
		switch value.Kind() {
		case reflect.String:
			all[name] = value.String()
		case reflect.Struct:
			for i := range value.NumField() {
				walk(name+"."+value.Type().Field(i).Name, value.Field(i))
			}
		case reflect.Map:
			for _, key := range value.MapKeys() {
				walk(name+"."+key.String(), value.MapIndex(key))
			}
		case reflect.Array:
			for i := range value.Len() {
				walk(fmt.Sprint(name, ".", i), value.Index(i))
			}
		}
	}
	walk("", reflect.ValueOf(l.words))
	return all
}

func TestEachLanguageHasEveryText(t *testing.T) {
	verb := regexp.MustCompile(`\{[a-z]+\}`)
	verbs := func(s string) []string {
		found := verb.FindAllString(s, -1)
		slices.Sort(found)
		return found
	}
	original := texts(english)
	if len(original) < 100 {
		t.Fatalf("%d texts", len(original))
	}
	for _, l := range languages[1:] {
		translated := texts(l)
		for where, text := range original {
			other, there := translated[where]
			switch {
			case !there || (text == "") != (other == ""):
				t.Errorf("%s%s is %q, and in English %q", l.tag, where, other, text)
			case text == other && strings.Count(text, " ") > 0 && where != ".Day" && where != ".Account.Moment":
				t.Errorf("%s%s is not translated: %q", l.tag, where, text)
			case !slices.Equal(verbs(text), verbs(other)):
				t.Errorf("%s%s has %q, and in English %q", l.tag, where, verbs(other), verbs(text))
			}
		}
		for where := range translated {
			if _, there := original[where]; !there {
				t.Errorf("%s%s is not there in English", l.tag, where)
			}
		}
	}
}

func TestPagesAreInTheLanguageThatIsAskedFor(t *testing.T) {
	for _, l := range languages {
		look := Look{Language: l, Negotiated: true}
		for name, w := range map[string]*httptest.ResponseRecorder{
			l.Refusals[Cancelled].Title: written(Reply{Code: Cancelled, Wants: Page, Look: look}),
			l.SignIn.SeesOnly:           shown(SignInPage{LoginURL: "/l", Look: look}),
			l.Labels.Everywhere:         shown(SignOutPage{Action: "/o", SignedIn: true, Username: "jay", Look: look}),
			l.SignedOut.Text:            shown(SignedOutPage{LoginURL: "/l", Look: look}),
			l.NotSignedIn:               shown(SignOutPage{LoginURL: "/l", Look: look}),
			l.date(deletedOn):           shown(DeletionPage{State: DeletionDone, Day: deletedOn, Code: "abc", Look: look}),
			l.Permissions["user_media"]: written(Reply{Code: MissingPermission, Missing: []string{"user_media"}, Wants: Page, Look: look}),
			l.DeletionRequested.Hint:    shown(DeletionPage{State: DeletionPending, Day: deletedOn, Code: "abc", Look: look}),
			strings.ReplaceAll(l.SignedIn, "@{user}", l.isolated("@jay_otter")): shown(SignOutPage{Action: "/o", SignedIn: true, Username: "jay_otter", Look: look}),
		} {
			page := w.Body.String()
			if !strings.Contains(page, name) || !strings.Contains(page, `<html lang="`+l.tag+`" dir="`+l.Direction+`">`) || strings.Contains(page, "{user}") || strings.Contains(page, "{site}") {
				t.Errorf("%s: %q is not on the page:\n%s", l.tag, name, page)
			}
			if w.Header().Get("Vary") != "Accept-Language" {
				t.Errorf("%s: Vary = %q", l.tag, w.Header().Get("Vary"))
			}
		}
		object := written(Reply{Code: Cancelled, Wants: JSON, Look: look})
		if !strings.Contains(object.Body.String(), Cancelled.Text()) || object.Header().Get("Vary") != "" {
			t.Errorf("%s: a program gets %s", l.tag, object.Body)
		}
	}
	if vary := shown(SignInPage{LoginURL: "/l", Look: Look{Language: LanguageOf("de")}}).Header().Get("Vary"); vary != "" {
		t.Errorf("Vary = %q where there is one language", vary)
	}
}

func TestDaysAreWrittenAsPeopleWriteThem(t *testing.T) {
	day := time.Date(2026, time.March, 1, 23, 30, 0, 0, time.FixedZone("", -3600))
	for tag, want := range map[string]string{
		"en": "2 March 2026", "de": "2. März 2026", "es": "2 de marzo de 2026", "fr": "2 mars 2026", "it": "2 marzo 2026", "pt": "2 de março de 2026", "tr": "2 Mart 2026",
		"ar": "2 مارس 2026", "hi": "2 मार्च 2026", "id": "2 Maret 2026", "ja": "2026年3月2日", "ko": "2026년 3월 2일", "nl": "2 maart 2026", "pl": "2 marca 2026",
		"ru": "2 марта 2026 г.", "zh-Hans": "2026年3月2日", "zh-Hant": "2026年3月2日",
	} {
		if got := LanguageOf(tag).date(day); got != want {
			t.Errorf("%s: %q", tag, got)
		}
	}
}

func TestTheVisitorsPreferenceCounts(t *testing.T) {
	for _, c := range []struct {
		lines []string
		want  string
	}{
		{nil, "en"}, {[]string{""}, "en"}, {[]string{"de"}, "de"}, {[]string{"de-AT,de;q=0.9,en;q=0.8"}, "de"}, {[]string{"pt-BR"}, "pt"},
		{[]string{"sv, tr;q=0.4"}, "tr"}, {[]string{"en;q=0.5, fr;q=0.7"}, "fr"}, {[]string{"fr;q=0.7, en;q=0.7"}, "fr"}, {[]string{"DE"}, "de"},
		{[]string{"de;q=0"}, "en"}, {[]string{"de;q=0, es;q=0.001"}, "es"}, {[]string{"*"}, "en"}, {[]string{"sv", "it"}, "it"}, {[]string{"ja", "it"}, "ja"}, {[]string{"zh-TW"}, "zh-Hant"}, {[]string{"zh-HK"}, "zh-Hant"}, {[]string{"zh-CN"}, "zh-Hans"}, {[]string{"zh"}, "zh-Hans"}, {[]string{"ar-EG"}, "ar"}, {[]string{"in"}, "id"}, {[]string{"en, de"}, "en"},
		{[]string{"hy, fr;q=0.5"}, "fr"}, {[]string{"ur, ar;q=0.5"}, "ar"}, {[]string{"bn, hi;q=0.5"}, "hi"}, {[]string{"eu, fr;q=0.5"}, "fr"}, {[]string{"und-DE, fr;q=0.5"}, "fr"}, {[]string{"de-AA"}, "de"},
		{[]string{"de;q=1.5"}, "en"}, {[]string{"de;q=-1"}, "en"}, {[]string{"de;q=abc"}, "en"}, {[]string{"de;level=1"}, "en"}, {[]string{"de;q=0.1234"}, "en"},
		{[]string{"de_AT"}, "de"}, {[]string{"deutsch"}, "en"}, {[]string{"de;q=1.000"}, "de"}, {[]string{"de;q=1."}, "de"}, {[]string{"\tde ;\tq=0.3"}, "de"},
		{[]string{strings.Repeat("xx,", 31) + "de"}, "de"}, {[]string{strings.Repeat("xx,", 32) + "de"}, "en"}, {[]string{strings.Repeat("x", 600) + ",de"}, "en"},
	} {
		if got := Preferred(c.lines).tag; got != c.want {
			t.Errorf("%.60q: %s, want %s", c.lines, got, c.want)
		}
	}
	if LanguageOf("xx") != nil || LanguageOf("") != nil || LanguageOf("PT").tag != "pt" || len(Tags()) != len(languages) {
		t.Error("a language is not found by its tag")
	}
}

func FuzzE2_AcceptLanguage(f *testing.F) {
	for _, line := range []string{"de-AT,de;q=0.9,en;q=0.8", "*", "en;q=,,;;", "tr;q=1.0001", strings.Repeat("a,", 1000)} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		got := Preferred([]string{line})
		if got == nil || !slices.Contains(languages, got) {
			t.Fatalf("%q: %v", line, got)
		}
		// A language that the line does not name is never the answer.
		named := func(item string) bool {
			tag, _, _ := strings.Cut(item, ";")
			return Closest(strings.Trim(tag, " \t")) == got
		}
		if got != english && !slices.ContainsFunc(strings.Split(line, ","), named) {
			t.Errorf("%q: %s", line, got.tag)
		}
	})
}

// A new language is a new file: what is found is used, also for its neighbours.
func TestEveryFileIsALanguage(t *testing.T) {
	files := fstest.MapFS{}
	for _, tag := range []string{"zh-Hant", "de", "en", "ar", "zh-Hans", "pt", "uk"} {
		files["words/"+tag+".json"] = &fstest.MapFile{Data: []byte(`{"direction": "rtl"}`)}
	}
	all := readAll(files)
	if len(all) != 7 || all[0].tag != "en" || all[1].tag != "ar" || all[1].Direction != "rtl" {
		t.Fatalf("%v", all)
	}
	m, _ := matcherOf(all)
	for tag, want := range map[string]string{
		"zh-CN": "zh-Hans", "zh": "zh-Hans", "zh-SG": "zh-Hans", "zh-TW": "zh-Hant", "zh-HK": "zh-Hant", "zh-Hant-MO": "zh-Hant", "pt-BR": "pt", "pt-PT": "pt", "de-AT": "de", "de-CH": "de",
		"ar-EG": "ar", "en-GB": "en", "uk": "uk", "ru": "", "ja": "", "nl": "", "ca": "", "gl": "", "lb": "de", "gsw": "de",
	} {
		wanted := language.MustParse(tag)
		if _, i, confidence := m.Match(wanted); (confidence >= language.High) != (want != "") || want != "" && all[i].tag != want {
			t.Errorf("%s: %s with confidence %v, want %q", tag, all[i].tag, confidence, want)
		}
	}
	for name, text := range map[string]string{"an unknown key": `{"colour": 1}`, "no JSON": `{`} {
		func() {
			defer func() {
				if cause := recover(); cause == nil || !strings.Contains(fmt.Sprint(cause), "words/xx.json") {
					t.Errorf("%s: %v", name, cause)
				}
			}()
			readAll(fstest.MapFS{"words/xx.json": &fstest.MapFile{Data: []byte(text)}})
		}()
	}
}

func TestEachLanguageHasADirectionAndDates(t *testing.T) {
	rightToLeft := []string{"ar", "fa", "he", "ur"}
	for _, l := range languages {
		if l.Direction != "ltr" && l.Direction != "rtl" || (l.Direction == "rtl") != slices.Contains(rightToLeft, strings.Split(l.tag, "-")[0]) {
			t.Errorf("%s is written %q", l.tag, l.Direction)
		}
		seen := make(map[string]bool)
		for month := time.January; month <= time.December; month++ {
			seen[l.date(time.Date(2031, month, 28, 0, 0, 0, 0, time.UTC))] = true
		}
		for date := range seen {
			if !strings.Contains(date, "28") || !strings.Contains(date, "2031") || strings.ContainsAny(date, "{}") {
				t.Errorf("%s: %q", l.tag, date)
			}
		}
		if len(seen) != 12 {
			t.Errorf("%s: %d months", l.tag, len(seen))
		}
	}
}

func TestPapersAreThoseOfTheStyleSheet(t *testing.T) {
	for i, block := range regexp.MustCompile(`:root \{[^}]*\}`).FindAllString(style, -1) {
		if paper := []colour{paperLight, paperDark}[i]; !strings.Contains(block, "--paper: "+paper.String()+";") {
			t.Errorf("scheme %d has not the paper %s", i, paper)
		}
	}
}
