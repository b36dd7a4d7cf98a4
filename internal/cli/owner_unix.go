//go:build unix

package cli

import (
	"fmt"
	"os"
	"os/user"
	"slices"
	"strconv"
	"syscall"
)

// Owner is whom a file belongs to.
type Owner struct {
	UID, GID int
}

// OwnerOf returns the owner of a file.
func OwnerOf(name string) (o Owner, known bool, err error) {
	info, err := os.Stat(name)
	if err != nil {
		return Owner{}, false, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return Owner{}, false, nil
	}
	return Owner{int(stat.Uid), int(stat.Gid)}, true, nil
}

// String returns the user's name, or the number where there is no name.
func (o Owner) String() string {
	if u, err := user.LookupId(strconv.Itoa(o.UID)); err == nil {
		return u.Username
	}
	return fmt.Sprintf("user ID %d", o.UID)
}

// Current reports whether this process acts as the owner.
func (o Owner) Current() bool { return o.UID == os.Geteuid() }

// Myself is the user that this process acts as.
func Myself() Owner { return Owner{os.Geteuid(), os.Getegid()} }

// IsRoot reports whether this process may become somebody else.
func IsRoot() bool { return os.Geteuid() == 0 }

// Become makes root another user for the rest of the process: what it writes then is theirs, and
// it sees what they may see. There is no way back, so that no later step can slip.
func (o Owner) Become() error {
	gid := o.GID
	var groups []int
	if u, err := user.LookupId(strconv.Itoa(o.UID)); err == nil {
		// The folder's group may be root's, and then Caddy's user is not in it.
		if n, err := strconv.Atoi(u.Gid); err == nil {
			gid = n
		}
		ids, _ := u.GroupIds() // their own group is enough to go on
		for _, id := range ids {
			if n, err := strconv.Atoi(id); err == nil {
				groups = append(groups, n)
			}
		}
	}
	if !slices.Contains(groups, gid) {
		groups = append(groups, gid)
	}
	if err := syscall.Setgroups(groups); err != nil {
		return fmt.Errorf("setgroups: %w", err)
	}
	if err := syscall.Setgid(gid); err != nil {
		return fmt.Errorf("setgid: %w", err)
	}
	if err := syscall.Setuid(o.UID); err != nil {
		return fmt.Errorf("setuid: %w", err)
	}
	return nil
}
