package instagramauth

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/finding"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/secretfile"
)

// A file that may not be read is a placeholder without a value for Caddy, and another thing for
// the operator: the file is right, and the user is not.

// denied tells of the files of a block that this process may not read. Status is Fine if there is
// none.
func (p *patient) denied(read func(path string) error) finding.Finding {
	var found []string
	h := p.handler
	for _, value := range slices.Concat(h.AppSecret, h.Session.Secret, h.RedirectURI, []string{h.AppID}) {
		path, ok := secretfile.Path(value)
		if ok && !slices.Contains(found, path) && errors.Is(read(path), fs.ErrPermission) {
			found = append(found, path)
		}
	}
	if len(found) == 0 {
		return finding.Finding{}
	}
	return finding.Fault(fmt.Sprintf("%s cannot be read: permission denied (as user %s)", strings.Join(found, " and "), userName()),
		"let the user that Caddy runs as read it, or run this as that user")
}

// tryToRead opens a file, unless it is one that can be read only once.
func tryToRead(path string) error {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return err
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	return file.Close()
}

// userName returns the user as whom this process acts, who may be another than at its start.
func userName() string {
	id := strconv.Itoa(os.Geteuid())
	if known, err := user.LookupId(id); err == nil {
		return known.Username
	}
	return id
}
