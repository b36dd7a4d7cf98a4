package instagramauth

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/option"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
)

// The pages that people see: their language, and an operator's templates.

const languageAuto = "auto"

func (h *Handler) resolvePages(s *settings, _ option.Resolver) error {
	if s.negotiated = h.Language == "" || h.Language == languageAuto; s.negotiated {
		return nil
	}
	if s.language = refusal.LanguageOf(h.Language); s.language == nil {
		problem := fmt.Sprintf("%q is not one of auto, %s", h.Language, strings.Join(refusal.Tags(), ", "))
		if tag := strings.ToLower(h.Language[:min(2, len(h.Language))]); slices.Contains(refusal.Tags(), tag) {
			problem += fmt.Sprintf("; did you mean %q?", tag)
		}
		return option.Errorf("language", "%s", problem)
	}
	return nil
}

// loadPages reads the operator's templates.
func (h *Handler) loadPages() (err error) {
	if h.Pages == "" {
		return nil
	}
	h.settings.templates, err = refusal.Load(h.Pages, h.reportPage)
	if err != nil {
		return option.Errorf("pages", "%s", option.OneLine(err))
	}
	return nil
}

// remedyForPages is for templates that fail only with what some visitor brings up.
const remedyForPages = "mend the template in the folder of pages and reload; the built-in page was shown instead"

func (h *Handler) reportPage(err error) {
	h.notifySampled(noticePageFailed, "", err)
}

// look returns how a page is shown to whoever asks.
func (h *Handler) look(r *http.Request) refusal.Look {
	look := refusal.Look{Language: h.settings.language, Negotiated: h.settings.negotiated, Templates: h.settings.templates}
	if look.Negotiated {
		look.Language = refusal.Preferred(r.Header["Accept-Language"])
	}
	return look
}
