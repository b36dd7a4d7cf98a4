package instagram

import (
	"fmt"
	"slices"
	"strings"
)

// Permissions is a set of granted permissions. Empty means that Instagram did not say which.
type Permissions uint16

// permissionNames names the bits of a set. Sessions keep sets as numbers, so that this
// list may grow at its end and change nowhere else.
var permissionNames = []string{
	"user_profile", "user_media",
	"instagram_business_basic", "instagram_business_content_publish", "instagram_business_manage_messages",
	"instagram_business_manage_comments", "instagram_business_manage_insights",
}

// PermissionsOf returns the set of the permissions with these names. Those that are not
// known here are left out: an app may have been given others by other means.
func PermissionsOf(names ...string) (p Permissions) {
	for _, name := range names {
		if bit := slices.Index(permissionNames, name); bit >= 0 {
			p |= 1 << bit
		}
	}
	return p
}

// Names lists the permissions of a set.
func (p Permissions) Names() (names []string) {
	for bit, name := range permissionNames {
		if p&(1<<bit) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// acting are the permissions that do more than read.
var acting = PermissionsOf("instagram_business_content_publish", "instagram_business_manage_messages", "instagram_business_manage_comments")

// Acting returns those of p that let an app act for a person: publish, write, or remove something.
// The others let it read.
func (p Permissions) Acting() Permissions { return p & acting }

// String lists the permissions with commas between.
func (p Permissions) String() string { return strings.Join(p.Names(), ",") }

// Without returns those of p that are not among others.
func (p Permissions) Without(others Permissions) Permissions { return p &^ others }

// checkPermissions checks what has to be granted, and what may be asked for later.
func (c *Config) checkPermissions(f family) error {
	if err := checkList("require_scope", c.Required, c.Scopes, "scope"); err != nil {
		return err
	}
	further := slices.DeleteFunc(slices.Clone(f.scopes), func(name string) bool { return slices.Contains(c.Scopes, name) })
	if len(c.StepUp) > 0 && len(further) == 0 {
		return &ConfigError{Option: "step_up", Problem: fmt.Sprintf("scope already has all permissions of %s", c.API)}
	}
	return checkList("step_up", c.StepUp, further, string(c.API)+" beyond scope")
}
