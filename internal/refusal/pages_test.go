package refusal

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// deletedOn is a moment of another day east of here.
var deletedOn = time.Date(2026, time.November, 25, 1, 0, 0, 0, time.FixedZone("", 5*3600))

// between returns what stands in a page between two texts, without breaks.
func between(page, from, to string) string {
	_, rest, _ := strings.Cut(page, from)
	inside, _, _ := strings.Cut(rest, to)
	return strings.ReplaceAll(inside, "\n", "")
}

func TestL2_SigningOutIsAFormThatNeedsNoScript(t *testing.T) {
	const button = `<p><button class="button" type="submit">Sign out</button></p>`
	const choice = `<p><label class="choice"><input type="checkbox" name="everywhere" value="1"> Also sign out on all other devices</label></p>`
	for name, row := range map[string]struct {
		page              SignOutPage
		title, text, form string
	}{
		"signed in":                         {SignOutPage{Action: "/a/logout", LoginURL: "/a/login", SignedIn: true, Username: "jay.posiris_9"}, "Sign out", "You are signed in as @jay.posiris_9.", choice + button},
		"not signed in":                     {SignOutPage{Action: "/a/logout", LoginURL: "/a/login"}, "Signed out", "You are not signed in.", ""},
		"a name that belongs to no session": {SignOutPage{Action: "/a/logout", LoginURL: "/a/login", Username: "jayposiris"}, "Signed out", "You are not signed in.", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := shown(row.page)
			page := w.Body.String()
			if w.Code != http.StatusOK || !strings.Contains(page, "<h1>"+row.title+"</h1>\n<p>"+row.text+"</p>") {
				t.Errorf("%d\n%s", w.Code, page)
			}
			if form := between(page, `<form method="post" action="/a/logout">`, "</form>"); form != row.form || strings.Count(page, "<form") != min(1, len(row.form)) {
				t.Errorf("form %s\nof\n%s", form, page)
			}
			if link := strings.Contains(page, `<a class="button" href="/a/login">Sign in with Instagram</a>`); link != (row.form == "") {
				t.Errorf("a way to sign in: %v\n%s", link, page)
			}
			for _, header := range []string{"Set-Cookie", "Www-Authenticate", "Retry-After"} {
				if got := w.Header().Get(header); got != "" {
					t.Errorf("%s: %s", header, got)
				}
			}
		})
	}
	for name, page := range map[string]string{"a refusal": written(Reply{Code: CrossSite, Wants: Page, LogoutURL: "/out"}).Body.String(), "a deletion": shown(DeletionPage{State: DeletionDone, Code: "abc"}).Body.String()} {
		if strings.Contains(page, "<form") || strings.Contains(page, "<button") {
			t.Errorf("%s has a form\n%s", name, page)
		}
	}
}

func TestL3_ThePageAfterSigningOutHasALinkAndNoForm(t *testing.T) {
	w := shown(SignedOutPage{LoginURL: "/a/login?return_to=%2Fx"})
	page := w.Body.String()
	// A link, and no form: form-action 'self' also holds for where a form is redirected to.
	for _, needed := range []string{"<h1>Signed out</h1>\n<p>You may still be signed in at Instagram itself.", `<p><a class="button" href="/a/login?return_to=%2Fx">Sign in again</a></p>`} {
		if w.Code != http.StatusOK || !strings.Contains(page, needed) || strings.Contains(page, "<form") {
			t.Errorf("%d, want %s and no form\n%s", w.Code, needed, page)
		}
	}
}

func TestK4_TheDeletionPageTellsTheStateAndNoMore(t *testing.T) {
	const code = "aaaqlnx3kk5gyaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	for _, row := range []struct {
		state  DeletionState
		status int
		title  string
		text   string
		code   bool
	}{
		{DeletionDone, 200, "Data deleted", "Your data was deleted on 24 November 2026, and all your sessions here were ended.", true},
		{DeletionPending, 200, "Deletion requested", "Your request was received on 24 November 2026, and all your sessions here were ended.", true},
		{DeletionUnknown, 404, "Not found", "There is no deletion request with this code.", false},
		{DeletionState(9), 404, "Not found", "There is no deletion request with this code.", false},
	} {
		w := shown(DeletionPage{State: row.state, Day: deletedOn, Code: code})
		page := w.Body.String()
		if w.Code != row.status || !strings.Contains(page, "<h1>"+row.title+"</h1>\n<p>"+row.text+"</p>") {
			t.Errorf("state %d: %d\n%s", row.state, w.Code, page)
		}
		if got := strings.Contains(page, `<p class="id">Confirmation code <span>`+code+`</span></p>`); got != row.code {
			t.Errorf("state %d: confirmation code %v\n%s", row.state, got, page)
		}
		if !row.code && (strings.Contains(page, code) || strings.Contains(page, "2026")) {
			t.Errorf("state %d tells what was asked\n%s", row.state, page)
		}
		// A request ID on a page that is kept as a proof would only puzzle.
		if strings.Contains(page, "Reference <bdi>") {
			t.Errorf("state %d has a request ID\n%s", row.state, page)
		}
	}
}

func TestAHeadRequestGetsThePagesHeadersAlone(t *testing.T) {
	for name, page := range map[string]interface {
		Write(http.ResponseWriter, bool)
	}{
		"sign-in": SignInPage{LoginURL: "/l"}, "sign-out": SignOutPage{Action: "/out"}, "signed out": SignedOutPage{LoginURL: "/l"}, "deletion": DeletionPage{State: DeletionDone, Day: deletedOn, Code: "abc"}, "unknown deletion": DeletionPage{},
	} {
		get, head := shown(page), httptest.NewRecorder()
		page.Write(head, true)
		if head.Code != get.Code || head.Body.Len() != 0 || head.Header().Get("Content-Length") != strconv.Itoa(get.Body.Len()) {
			t.Errorf("%s: %d with %d bytes of %s", name, head.Code, head.Body.Len(), head.Header().Get("Content-Length"))
		}
	}
}

// Somebody who sees no colours, or hears the page, or has thick fingers.
func TestE3_TheFormIsForEverybody(t *testing.T) {
	page := shown(SignOutPage{Action: "/out", SignedIn: true, Username: "jayposiris"}).Body.String()
	for _, input := range regexp.MustCompile(`<input[^>]*>`).FindAllString(page, -1) {
		if label := between(page, "<label", "</label>"); !strings.Contains(label, input) || !regexp.MustCompile(`> \w[\w ]+$`).MatchString(label) {
			t.Errorf("%s has no label", input)
		}
	}
	for _, needed := range []string{".button:focus-visible, .choice input:focus-visible { outline: 3px solid", "width: 1.375rem; height: 1.375rem"} {
		if !strings.Contains(style, needed) {
			t.Errorf("the style lacks %q", needed)
		}
	}
	if strings.Contains(page, " style=") || strings.Contains(page, "autofocus") || strings.Contains(page, "tabindex") {
		t.Errorf("attributes that harm\n%s", page)
	}
}
