package simulator

import (
	"slices"
	"strings"
)

// permission is something that an app can ask for.
type permission struct {
	Name   string // as in the scope parameter
	Text   string // what a person reads in the window
	fields []string
}

// permissionsOf are a family's permissions. The first one is the basis of all and cannot be
// refused in the window. `fields` are those that the user node contains only with the permission.
func permissionsOf(api API) []permission {
	if api == basicDisplay {
		return []permission{
			{"user_profile", "See your profile: account type and username", nil},
			{"user_media", "See your photos and videos", []string{"media_count"}},
		}
	}
	return []permission{
		{"instagram_business_basic", "See your profile and your photos and videos", nil},
		{"instagram_business_content_publish", "Publish photos and videos for you", nil},
		{"instagram_business_manage_messages", "Read and answer your messages", nil},
		{"instagram_business_manage_comments", "Read and answer comments on your posts", nil},
		{"instagram_business_manage_insights", "See figures about your account and your posts", nil},
	}
}

// basicPermission is the one without which there is no user node.
func basicPermission(api API) string { return permissionsOf(api)[0].Name }

// mediaPermission is the one that the media edge needs.
func mediaPermission(api API) string {
	if api == basicDisplay {
		return "user_media"
	}
	return basicPermission(api)
}

// parseScope reads the scope parameter, a list separated by commas or by spaces. It
// returns the permissions in their order, each once, and those that do not exist;
// the names without `instagram_` that ended in January 2025 are among the latter.
func parseScope(api API, scope string) (asked []permission, unknown []string) {
	known := permissionsOf(api)
	names := strings.FieldsFunc(scope, func(r rune) bool { return r == ',' || r == ' ' })
	for _, name := range names {
		if !slices.ContainsFunc(known, func(p permission) bool { return p.Name == name }) {
			unknown = append(unknown, name)
		}
	}
	for _, p := range known {
		if slices.Contains(names, p.Name) {
			asked = append(asked, p)
		}
	}
	return asked, unknown
}
