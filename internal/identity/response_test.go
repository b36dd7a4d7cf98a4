package identity

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestP4_SharedAnswersAreKnownByTheirHeaders(t *testing.T) {
	for _, c := range []struct {
		header, value string
		shared        bool
	}{
		{"Cache-Control", "", false},
		{"Cache-Control", "private, max-age=3600", false},
		{"Cache-Control", "no-store", false},
		{"Cache-Control", "no-cache", false},
		{"Cache-Control", "no-cache, max-age=60", false},
		{"Cache-Control", "max-age=0", false},
		{"Cache-Control", `max-age="0"`, false},
		{"Cache-Control", "max-age=0, must-revalidate", false},
		{"Cache-Control", "max-age=3600", true},
		{"Cache-Control", "Max-Age=3600, must-revalidate", true},
		{"Cache-Control", "public", true},
		{"Cache-Control", "s-maxage=1, private", true},
		{"CDN-Cache-Control", "max-age=3600", true},
		{"Surrogate-Control", "max-age=3600", true},
	} {
		header := make(http.Header)
		if c.value != "" {
			header.Set(c.header, c.value)
		}
		if got := isShared(header); got != c.shared {
			t.Errorf("%s: %s is shared: %v", c.header, c.value, got)
		}
	}
}

func TestP4_AFlushSendsNoHeaderThatIsNotComplete(t *testing.T) {
	for name, flush := range map[string]func(http.ResponseWriter) error{
		"a ResponseController": func(w http.ResponseWriter) error { return http.NewResponseController(w).Flush() },
		"an http.Flusher":      func(w http.ResponseWriter) error { w.(http.Flusher).Flush(); return nil },
	} {
		recorder := httptest.NewRecorder()
		w := &ResponseWriter{Private: true}
		w.ResponseWriter = recorder
		if err := flush(w); err != nil || !recorder.Flushed {
			t.Errorf("%s: flushed %v, %v", name, recorder.Flushed, err)
		}
		if sent := recorder.Result().Header; sent.Get("Cache-Control") != "private" || sent.Get("Vary") != "Cookie" {
			t.Errorf("%s: sent %v", name, sent)
		}
	}
}
