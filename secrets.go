package instagramauth

// remedySecret is the way out of session keys that others may know.
const remedySecret = "set session secret to a value of its own, made with: openssl rand -hex 32"

// warnSecret tells the operator whose secret the sessions rest on. The app secret is known
// to everybody with a role in Meta's dashboard, and often to other programs. [N16]
func (h *Handler) warnSecret() {
	switch {
	case !h.settings.appSecretOpens || h.settings.handoff:
		// With handoff the site keeps the sessions.
	case h.settings.weakSecret:
		h.notify(noticeWeakSecret, nil)
	default:
		h.notify(noticeNoSecret, nil)
	}
}
