package session

// SealNote seals a short text that travels in an address and back, for LoginLifetime. It
// tells nothing to anybody else, and nobody else can write one.
func (c *Cookies) SealNote(text string) (string, error) {
	return c.keys().login.seal(append(appendTime(nil, c.now()), text...), c.bind(c.name, "note"))
}

// OpenNote returns the text of a note that SealNote made in the last LoginLifetime.
func (c *Cookies) OpenNote(value string) (text string, ok bool) {
	plaintext, err := c.keys().login.open(value, c.bind(c.name, "note"))
	if err != nil {
		return "", false
	}
	r := reader{rest: plaintext}
	at := r.time()
	text = r.take(len(r.rest))
	return text, r.done() && c.recent(at, LoginLifetime)
}
