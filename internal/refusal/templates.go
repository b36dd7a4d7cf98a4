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

// PagesConfig configures pages.
type PagesConfig struct {
	Site Site
	// Folder holds the operator's templates; "" for the built-in ones.
	Folder string
	// Report gets errors of templates that fail later; the built-in page is shown then.
	Report func(error)
}

// Pages are the pages of a site: built in, or an operator's templates with the built-in ones where
// there is none. They are made once, when the configuration is loaded.
type Pages struct {
	site   Site
	style  template.CSS
	policy string // of the built-in pages

	own         *template.Template // nil without templates of the operator
	ownPolicy   string
	report      func(error)
	withoutSite bool
}

func newPages(site Site) *Pages {
	sheet := style
	if site.accent.is {
		sheet += accentStyle(site.accent)
	}
	p := &Pages{site: site, style: template.CSS(sheet)}
	p.policy = policy("'"+hashOf(sheet)+"'", "")
	if source := site.imageSource(); source != "" {
		p.policy = policy("'"+hashOf(sheet)+"'", "; img-src "+source)
	}
	return p
}

// NewPages reads an operator's templates. It renders each once, so that a mistake is an error here,
// with its file and line, and not on a visitor's page.
func NewPages(c PagesConfig) (*Pages, error) {
	p := newPages(c.Site)
	if c.Folder == "" {
		return p, nil
	}
	set, err := template.New("pages").ParseFS(sources, "templates/*.html")
	if err != nil {
		return nil, err
	}
	names, err := filesOf(c.Folder)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		text, err := readTemplate(filepath.Join(c.Folder, name))
		if err == nil {
			_, err = set.New(name).Parse(text)
		}
		if err != nil {
			return nil, err
		}
	}
	p.own, p.report = set, c.Report
	p.ownPolicy, err = p.try()
	return p, err
}

// LeavesOutSite reports whether templates of the operator show nothing of the site that is
// configured, as those do that were written before there was one.
func (p *Pages) LeavesOutSite() bool { return p.site.set && p.withoutSite }

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
func (p *Pages) try() (csp string, err error) {
	styles := []string{"'self'"}
	for _, sample := range samples(p.style) {
		body, err := p.execute(sample.file, sample.view)
		if err != nil {
			return "", err
		}
		if scriptTag.Match(body) {
			return "", fmt.Errorf("%s has a script: these pages may not run scripts", sample.file)
		}
		if !bytes.Contains(body, []byte(sample.needs)) {
			return "", fmt.Errorf("%s does not use %s: visitors could not continue from there", sample.file, sample.field)
		}
		p.withoutSite = p.withoutSite || !bytes.Contains(body, []byte(sampleSite))
		for _, match := range inlineStyle.FindAllSubmatch(body, -1) {
			if source := "'" + hashOf(string(match[1])) + "'"; !slices.Contains(styles, source) {
				styles = append(styles, source)
			}
		}
	}
	images := "'self' data:"
	if source := p.site.imageSource(); source != "" && source != "'self'" {
		images += " " + source
	}
	return policy(strings.Join(styles, " "), "; img-src "+images+"; font-src 'self'"), nil
}

// sample is a page as it may be shown, and what must be found on it for it to be of use.
type sample struct {
	file         string
	view         View
	needs, field string
}

// sampleSite is a name that no template has by itself.
const sampleSite = "Sample Site 5150"

func samples(style template.CSS) []sample {
	site := ViewSite{Name: sampleSite, Logo: "/sample/logo", Privacy: "/sample/privacy", Terms: "/sample/terms", Help: "/sample/help"}
	signOut := View{
		Page: "sign_out", Language: "en", Direction: "ltr", Title: "Title", PageTitle: "Title · " + sampleSite, Text: "Text", Site: site, Home: HomePath,
		Labels: english.Labels, Style: style,
	}
	signedIn, signedOut := signOut, signOut
	signedIn.SignOut = &SignOutForm{Action: "/sample/logout", SignedIn: true, Username: "sample"}
	signedOut.Page, signedOut.Hint, signedOut.Link, signedOut.LinkURL = "signed_out", "Hint", "Link", "/sample/login"
	refused := signOut
	refused.Page, refused.Code, refused.Status, refused.Missing = "error", MissingPermission, MissingPermission.Status(), []string{"Permission"}
	refused.Hint, refused.Link, refused.LinkURL, refused.RequestID = "Hint", "Link", "/sample/login", "0"
	refused.Elsewhere = &Elsewhere{Label: "Label", OpenURL: "intent://sample/", Address: "https://sample/", Copy: "Copy"}
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
		Granted: []Grant{{Text: "Grant", Kind: "Kind"}}, Unknown: "Unknown", Use: "Use",
		LogoutURL: "/sample/logout", AnotherURL: "/sample/login", AppsURL: "https://sample.test/", Labels: english.Account.Labels,
	}
}

func (p *Pages) execute(file string, view View) ([]byte, error) {
	var body bytes.Buffer
	err := p.own.ExecuteTemplate(&body, file, view)
	return body.Bytes(), err
}

// render makes a page and its policy. In a frame, a template that does not use Target has a link
// that leads nowhere: the built-in page is shown instead.
func (p *Pages) render(file string, view View, framed bool) (body []byte, csp string) {
	view.Style = p.style
	if p.own == nil || framed && !p.leadsOut(file, view) {
		return renderBuiltIn(file, view), p.policy
	}
	body, err := p.execute(file, view)
	if err != nil {
		p.report(err)
		return renderBuiltIn(file, view), p.policy
	}
	return body, p.ownPolicy
}

// leadsOut reports whether the way on of an operator's template leads out of a frame. One that does
// not know of frames has a link that leads nowhere. The other links of the page are left out here:
// they are those of the layout, and say nothing of this one.
func (p *Pages) leadsOut(file string, view View) bool {
	view.Home, view.Elsewhere = "", nil
	view.Site.Help, view.Site.Privacy, view.Site.Terms = "", "", ""
	body, err := p.execute(file, view)
	return err != nil || view.LinkURL == "" || bytes.Contains(body, []byte(outOfFrame))
}

func renderBuiltIn(file string, view View) []byte {
	var body bytes.Buffer
	if err := builtIn.ExecuteTemplate(&body, file, view); err != nil {
		panic(err) // the template and its data are built in
	}
	return body.Bytes()
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
