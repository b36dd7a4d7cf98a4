package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/finding"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/rotation"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/secretfile"
)

// The doctor reads secrets in its own process: {env.…} gives it the variables of the shell
// that it was started in, and those of the running Caddy may be others.

// runningTime is the timeout for a running Caddy.
const runningTime = 2 * time.Second

// compareSecrets compares the secrets with those of the running Caddy.
func (r *run) compareSecrets(b *block) finding.Finding {
	here := b.Prints
	variables := slices.DeleteFunc(slices.Concat(b.AppSecret, b.SessionSecret), func(value string) bool {
		return !strings.Contains(value, "{env.")
	})
	fingerprints := fmt.Sprintf("app_secret %s; session secret %s", here.AppSecrets(), here.SessionSecrets())
	there, err := r.runningSecrets(b)
	switch {
	case err != nil && len(variables) > 0:
		return finding.OK("fingerprints: %s; %s: the doctor read the variables of this shell, and the running Caddy may have others: %v", fingerprints, strings.Join(variables, " and "), err)
	case err != nil:
		return finding.OK("fingerprints: %s", fingerprints)
	case !slices.Equal(here.App, there.App) || !slices.Equal(here.Session, there.Session):
		remedy := "reload Caddy if the configuration is newer; if the secret is in a file, Caddy looks at it every 10s, and logs what is wrong with it"
		if len(variables) > 0 {
			remedy = strings.Join(variables, " and ") + ": this shell has another value than Caddy, which keeps the variables that it was started with; restart it, or use {file./absolute/path}"
		}
		return finding.Doubt(fmt.Sprintf("the running Caddy has other secrets: app_secret %s; session secret %s; here it is %s",
			there.AppSecrets(), there.SessionSecrets(), fingerprints), remedy)
	}
	return finding.OK("fingerprints: %s; the running Caddy has the same", fingerprints)
}

// runningSecrets asks the running Caddy for the fingerprints of a block.
func (r *run) runningSecrets(b *block) (rotation.Prints, error) {
	address := caddy.DefaultAdminListen
	if r.config.Admin != nil {
		if r.config.Admin.Disabled {
			return rotation.Prints{}, errors.New("its admin endpoint is off")
		}
		if r.config.Admin.Listen != "" {
			address = r.config.Admin.Listen
		}
	}
	blocks, err := r.Running(address, runningTime)
	i := slices.IndexFunc(blocks, func(there rotation.Prints) bool { return there.Block == b.Prints.Block })
	if err != nil || i < 0 {
		return rotation.Prints{}, fmt.Errorf("it did not answer at %s for this block", address)
	}
	return blocks[i], nil
}

// denied names the files of a block that this process may not read; to Caddy these are placeholders
// without a value. The zero Finding means that there are none.
func (b *block) denied(read func(path string) error) finding.Finding {
	var found []string
	for _, value := range slices.Concat(b.AppSecret, b.SessionSecret, b.RedirectURI, []string{b.AppID}) {
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
