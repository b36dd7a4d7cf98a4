package refusal

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// maxTemplate is how long an operator's file may be, in bytes.
const maxTemplate = 256 << 10

// Templates are an operator's pages, with the built-in ones where there is none.
type Templates struct {
	set    *template.Template
	policy string
	report func(error)
}

// Load reads an operator's templates from a folder. It renders each once, so that a mistake is an
// error here, with its file and line, and not on a visitor's page. report gets later errors; the
// built-in page is shown then.
func Load(folder string, report func(error)) (*Templates, error) {
	set, err := template.New("pages").ParseFS(sources, "templates/*.html")
	if err != nil {
		return nil, err
	}
	names, err := filesOf(folder)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		text, err := readTemplate(filepath.Join(folder, name))
		if err == nil {
			_, err = set.New(name).Parse(text)
		}
		if err != nil {
			return nil, err
		}
	}
	t := &Templates{set: set, report: report}
	t.policy, err = t.try()
	return t, err
}

// filesOf returns the names of a folder's templates.
func filesOf(folder string) (names []string, err error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	known := Files()
	for _, entry := range entries {
		name := entry.Name()
		if filepath.Ext(name) != ".html" {
			continue
		}
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("%s is not one of %s", filepath.Join(folder, name), strings.Join(known, ", "))
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%s has none of %s", folder, strings.Join(known, ", "))
	}
	return names, nil
}

func readTemplate(file string) (string, error) {
	text, err := os.ReadFile(file)
	if err == nil && len(text) > maxTemplate {
		err = fmt.Errorf("%s is larger than %d KB", file, maxTemplate>>10)
	}
	return string(text), err
}

// Files returns the names of the templates.
func Files() []string {
	return []string{accountFile, deletionFile, errorFile, layoutFile, signInFile, signOutFile, signedOutFile}
}

var (
	inlineStyle = regexp.MustCompile(`(?is)<style[^>]*>(.*?)</style>`)
	scriptTag   = regexp.MustCompile(`(?i)<script`)
)

// try makes each page once and returns the Content-Security-Policy that it needs: files of
// this site, and the style sheets within the pages by their hashes. [E3]
func (t *Templates) try() (csp string, err error) {
	styles := []string{"'self'"}
	for _, sample := range samples() {
		body, err := t.execute(sample.file, sample.view)
		if err != nil {
			return "", err
		}
		if scriptTag.Match(body) {
			return "", fmt.Errorf("%s has a script: these pages may not run scripts", sample.file)
		}
		if !bytes.Contains(body, []byte(sample.needs)) {
			return "", fmt.Errorf("%s does not use %s: visitors could not continue from there", sample.file, sample.field)
		}
		for _, match := range inlineStyle.FindAllSubmatch(body, -1) {
			if source := "'" + hashOf(string(match[1])) + "'"; !slices.Contains(styles, source) {
				styles = append(styles, source)
			}
		}
	}
	return policy(strings.Join(styles, " "), "; img-src 'self' data:; font-src 'self'"), nil
}

// sample is a page as it may be shown, and what must be found on it for it to be of use.
type sample struct {
	file         string
	view         View
	needs, field string
}

func samples() []sample {
	labels := english.Labels
	signOut := View{Page: "sign_out", Language: "en", Title: "Title", Text: "Text", Labels: labels, Style: template.CSS(style)}
	signedIn, signedOut := signOut, signOut
	signedIn.SignOut = &SignOutForm{Action: "/sample/logout", SignedIn: true, Username: "sample"}
	signedOut.Page, signedOut.Hint, signedOut.Link, signedOut.LinkURL = "signed_out", "Hint", "Link", "/sample/login"
	refused := signOut
	refused.Page, refused.Code, refused.Status, refused.Missing = "error", MissingPermission, MissingPermission.Status(), []string{"Permission"}
	refused.Hint, refused.Link, refused.LinkURL, refused.RequestID = "Hint", "Link", "/sample/login", "0"
	bare := signOut
	bare.Page, bare.Code, bare.Status = "error", BadRequest, BadRequest.Status()
	signIn := refused
	signIn.Page, signIn.Missing, signIn.RequestID = "sign_in", nil, ""
	deleted, unknown := signOut, signOut
	deleted.Page, deleted.Confirmation = "data_deletion", "sampleconfirmation"
	unknown.Page = "data_deletion"
	account := signOut
	account.Page, account.Account = "account", sampleAccount()
	newest := account
	newest.Account = &AccountView{LogoutURL: account.Account.LogoutURL} // nothing else is certain
	return []sample{
		{accountFile, account, "/sample/logout", "{{.Account.LogoutURL}}"}, {accountFile, newest, "/sample/logout", "{{.Account.LogoutURL}}"},
		{signInFile, signIn, "/sample/login", "{{.LinkURL}}"}, {errorFile, refused, "/sample/login", "{{.LinkURL}}"}, {errorFile, bare, "", ""},
		{signOutFile, signedIn, "/sample/logout", "{{.SignOut.Action}}"}, {signedOutFile, signedOut, "/sample/login", "{{.LinkURL}}"},
		{deletionFile, deleted, "sampleconfirmation", "{{.Confirmation}}"}, {deletionFile, unknown, "", ""},
	}
}

func sampleAccount() *AccountView {
	at := Moment{Text: "Moment", ISO: "2026-11-27T08:30:00Z"}
	return &AccountView{
		Username: "sample", UserID: "1", PictureURL: "/sample/picture", Since: at, Until: at, Idle: "Idle",
		Granted: []Grant{{Text: "Grant", Kind: "Kind"}}, Unknown: "Unknown", Use: []string{"Use"},
		LogoutURL: "/sample/logout", AnotherURL: "/sample/login", AppsURL: "https://sample.test/", Labels: english.Account.Labels,
	}
}

func (t *Templates) execute(file string, view View) ([]byte, error) {
	var body bytes.Buffer
	err := t.set.ExecuteTemplate(&body, file, view)
	return body.Bytes(), err
}

// render makes a page and says what it may load.
func (t *Templates) render(file string, view View) (body []byte, csp string) {
	if t == nil {
		return render(file, view), contentSecurityPolicy
	}
	body, err := t.execute(file, view)
	if err != nil {
		t.report(err)
		return render(file, view), contentSecurityPolicy
	}
	return body, t.policy
}

// WriteFiles writes the built-in templates into a folder, as a start for one's own. It
// makes the folder if there is none and replaces no file.
func WriteFiles(folder string) (written []string, err error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	for _, name := range Files() {
		text, err := sources.ReadFile("templates/" + name)
		if err != nil {
			return written, err
		}
		file, err := os.OpenFile(filepath.Join(folder, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if err != nil {
			return written, err
		}
		_, err = file.Write(text)
		if err := errors.Join(err, file.Close()); err != nil {
			return written, err
		}
		written = append(written, file.Name())
	}
	return written, nil
}
