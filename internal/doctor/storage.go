package doctor

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/cli"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/finding"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/option"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/revocation"
)

// storageTime is how long the storage may take to answer.
const storageTime = 5 * time.Second

// openStorage opens the storage. As root it becomes the storage's owner first, because Caddy could
// not read what root leaves there. A finding says why it does not.
func (r *run) openStorage() *finding.Finding {
	r.storage = caddy.DefaultStorage
	holder := struct {
		StorageRaw json.RawMessage `caddy:"namespace=caddy.storage inline_key=module"`
	}{slices.Clone(r.config.StorageRaw)}
	if holder.StorageRaw != nil {
		module, err := r.modules.LoadModule(&holder, "StorageRaw")
		if err == nil {
			r.storage, err = module.(caddy.StorageConverter).CertMagicStorage()
		}
		if err != nil {
			r.storage = nil
			found := finding.Fault("the storage cannot be used: "+finding.Kinds(option.OneLine(err)), "check the storage option")
			return &found
		}
	}
	var isFolder bool
	if r.folder, isFolder = cli.StorageFolder(r.storage); !isFolder {
		return nil
	}
	return r.becomeOwner()
}

func (r *run) becomeOwner() *finding.Finding {
	owner, known, err := cli.OwnerOf(r.folder)
	var found finding.Finding
	switch {
	case errors.Is(err, fs.ErrNotExist) && cli.IsRoot():
		// Making it as root would keep Caddy's user out of it.
		found = finding.Doubt("the storage was not tried: the folder "+r.folder+" does not exist, and as root the doctor does not create it",
			"if Caddy has run before, its storage is elsewhere: run this as Caddy's user, or with the environment of its service (HOME and XDG_DATA_HOME, by --envfile)")
	case err != nil || !known || owner.Current() || !cli.IsRoot():
		return nil // trying it says more
	default:
		if err := owner.Become(); err == nil {
			fmt.Fprintf(r.talk, "Checking as %s, the owner of the storage %s\n", owner, r.folder)
			return nil
		}
		found = finding.Doubt(fmt.Sprintf("the storage was not tried: %s belongs to %s, and this command cannot act as that user", r.folder, owner),
			"run it as that user: sudo -u "+owner.String()+" caddy instagram-auth doctor")
	}
	return &found
}

// checkStorage writes, reads and deletes a small key.
func (r *run) checkStorage() finding.Finding {
	if r.unopened != nil {
		return *r.unopened
	}
	ctx, cancel := context.WithTimeout(r.ctx, storageTime)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- tryStorage(ctx, r.storage, r.folder) }() // a storage may know nothing of time
	select {
	case err := <-done:
		return r.judgeStorage(err)
	case <-ctx.Done():
		return finding.Fault(fmt.Sprintf("the storage did not answer within %v", storageTime), "check its address and the network")
	}
}

func (r *run) judgeStorage(err error) finding.Finding {
	if err == nil {
		return finding.OK("can be written, read and deleted from")
	}
	if owner, known, problem := cli.OwnerOf(r.folder); errors.Is(err, fs.ErrPermission) && problem == nil && known && !owner.Current() {
		return finding.Doubt(fmt.Sprintf("the storage %s belongs to %s, and %s may not use it", r.folder, owner, cli.Myself()),
			"run this as Caddy's user, or as root: sudo caddy instagram-auth doctor")
	}
	remedy := "let the user that Caddy runs as read and write it, or check its address"
	if _, missing := os.Stat(r.folder); errors.Is(err, fs.ErrPermission) && missing == nil && r.folder != "" {
		remedy = fmt.Sprintf("if Caddy runs as %s: sudo chown -R %[1]s: %s", cli.Myself(), r.folder)
	}
	return finding.Fault("the storage fails: "+option.OneLine(err), remedy)
}

// tryStorage leaves nothing behind: of a storage in a folder, also the folders that were made are
// removed.
func tryStorage(ctx context.Context, storage revocation.Storage, folder string) error {
	key, value := directive+"/doctor/"+rand.Text(), []byte("a trial")
	if folder != "" {
		made := missing(filepath.Join(folder, directive, "doctor"))
		defer func() { // as long as they are empty: Caddy may use them by now
			for len(made) > 0 && os.Remove(made[0]) == nil {
				made = made[1:]
			}
		}()
	}
	if err := storage.Store(ctx, key, value); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	got, err := storage.Load(ctx, key)
	if err == nil && string(got) != string(value) {
		err = errors.New("it is not what was written")
	}
	if err != nil {
		err = fmt.Errorf("reading: %w", err)
	}
	if gone := storage.Delete(ctx, key); gone != nil {
		err = errors.Join(err, fmt.Errorf("deleting: %w", gone))
	}
	return err
}

// missing returns the folders of a path that do not exist, the deepest one first.
func missing(folder string) (folders []string) {
	for {
		if _, err := os.Lstat(folder); !errors.Is(err, fs.ErrNotExist) {
			return folders
		}
		folders = append(folders, folder)
		folder = filepath.Dir(folder)
	}
}

// shadowed lets a configuration that is only looked at read the storage and not write there.
func (r *run) shadowed(config *caddy.Config) (undo func()) {
	undo = func() {}
	if r.storage != nil {
		cli.ShadowFor(r.storage)
		config.StorageRaw = json.RawMessage(`{"module":"` + cli.ShadowModule + `"}`)
	}
	var document any
	_ = json.Unmarshal(r.config.AppsRaw["http"], &document) // was decoded before
	signs := false
	cli.EachHandler(document, "acme_server", func(map[string]any) { signs = true })
	if !signs {
		return undo
	}
	// The database of acme_server stands in Caddy's data folder, and is locked while Caddy runs.
	folder, err := os.MkdirTemp("", "caddy-instagram-auth")
	if err != nil {
		return undo
	}
	before, set := os.LookupEnv("XDG_DATA_HOME")
	_ = os.Setenv("XDG_DATA_HOME", folder)
	return func() {
		if _ = os.Unsetenv("XDG_DATA_HOME"); set {
			_ = os.Setenv("XDG_DATA_HOME", before)
		}
		_ = os.RemoveAll(folder)
	}
}
