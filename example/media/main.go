// The upstream of media.Caddyfile: it asks Instagram for a visitor's latest media, with
// the access token that arrives in a request header, and answers with a piece of HTML.
package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"time"
)

// list is included in a page, so it says in words what went wrong, and not by a status.
var list = template.Must(template.New("list").Parse(`{{if .Problem}}
<p>Instagram does not show your media right now. If this continues, <a href="/instagram_auth/login?return_to=/">sign in again</a>.</p>
{{else}}<ul class="media">{{range .Media}}
<li><a href="{{.Permalink}}"><img src="{{or .Thumbnail .URL}}" alt="{{if not .Caption}}Without a caption{{end}}" width="320" height="320">{{.Caption}}</a></li>
{{else}}<li>You have no media yet.</li>{{end}}</ul>{{end}}`))

type media struct {
	Caption, Permalink string
	URL                string `json:"media_url"`
	Thumbnail          string `json:"thumbnail_url"` // of a video
}

// client follows no redirect: the address with the token in it is for Instagram alone.
var client = http.Client{
	Timeout:       10 * time.Second,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// ask returns the latest media of the person whom a token stands for.
func ask(graph, token string) (latest []media, err error) {
	query := url.Values{
		"fields": {"id,caption,media_url,thumbnail_url,permalink"}, "limit": {"6"}, "access_token": {token},
	}
	answer, err := client.Get(graph + "/me/media?" + query.Encode())
	if err != nil {
		return nil, errors.Unwrap(err) // without the address, which has the token in it
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the answer is %s", answer.Status)
	}
	var page struct{ Data []media }
	err = json.NewDecoder(io.LimitReader(answer.Body, 1<<20)).Decode(&page)
	return page.Data, err
}

func main() {
	graph := cmp.Or(os.Getenv("GRAPH"), "http://localhost:9102")
	http.HandleFunc("GET /latest", func(w http.ResponseWriter, r *http.Request) {
		latest, err := ask(graph, r.Header.Get("X-Instagram-Access-Token"))
		if err != nil {
			log.Print("asking for media: ", err)
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_ = list.Execute(w, map[string]any{"Media": latest, "Problem": err})
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:9002", nil))
}
