package lifecycle_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/attack"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/lifecycle"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/session"
)

func FuzzX1_AccessList(f *testing.F) {
	for _, list := range []string{"17841405793187218", "@jayposiris", "@JayPosiris\n1", "", "@", "1 ", "١", "0x1", "@a b", "17841405793187218\n@maria.sees\n25025320793187218", strings.Repeat("1", 33), "1\n\n2"} {
		f.Add(list, "17841405793187218", "25025320793187218", "jayposiris")
		f.Add(list, "1784140579318721", "", "JAYPOSIRIS")
	}
	entry := regexp.MustCompile(`^([0-9]{1,32}|@[A-Za-z0-9._]{1,30})$`)
	f.Fuzz(func(t *testing.T, list, id, scoped, name string) {
		entries := strings.Split(list, "\n")
		bad := slices.ContainsFunc(entries, func(e string) bool { return !entry.MatchString(e) })
		p, err := lifecycle.ParseAccounts("allow", entries)
		if (err != nil) != bad {
			t.Fatalf("%q: %v", entries, err)
		}
		if bad || !entry.MatchString(id) || id[0] == '@' || scoped != "" && (!entry.MatchString(scoped) || scoped[0] == '@') || !entry.MatchString("@"+name) {
			return // nobody has such an ID or name
		}
		want := slices.ContainsFunc(entries, func(e string) bool {
			return e == id || e == scoped || attack.LowerASCII(e) == "@"+attack.LowerASCII(name)
		})
		if got := p.Includes(&session.Identity{UserID: id, AppScopedID: scoped, Username: name}); got != want {
			t.Errorf("%q includes %s, %s, %s: %v", entries, id, scoped, name, got)
		}
	})
}
