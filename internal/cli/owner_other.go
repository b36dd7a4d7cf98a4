//go:build !unix

package cli

// Owner is whom a file belongs to. Elsewhere than on Unix, files inherit what their folder allows.
type Owner struct{}

// OwnerOf knows no owner here.
func OwnerOf(string) (o Owner, known bool, err error) { return Owner{}, false, nil }

func (Owner) String() string { return "another user" }

// Current reports whether this process acts as the owner.
func (Owner) Current() bool { return true }

// Myself is the user that this process acts as.
func Myself() Owner { return Owner{} }

// IsRoot reports whether this process may become somebody else.
func IsRoot() bool { return false }

// Become does nothing here.
func (Owner) Become() error { return nil }
