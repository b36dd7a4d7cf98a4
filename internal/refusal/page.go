package refusal

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
)

//go:embed page.html
var pageSource string

//go:embed page.css
var style string

var page = template.Must(template.New("page").Parse(pageSource))

// contentSecurityPolicy allows the one style sheet, by its hash, and forms and links
// to this site. There is no script and nothing to load. [E3]
var contentSecurityPolicy = func() string {
	hash := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) +
		"'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}()

// view is what the template shows.
type view struct {
	Title, Text, Hint string
	List              []string
	Link, LinkURL     string
	SignOut           *signOut
	Confirmation      string
	RequestID         string
}

func (v view) render() []byte {
	var body bytes.Buffer
	data := struct {
		view
		Style template.CSS
	}{v, template.CSS(style)}
	if err := page.Execute(&body, data); err != nil {
		panic(err) // the template and its data are ours alone
	}
	return body.Bytes()
}
