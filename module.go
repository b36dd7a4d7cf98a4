// Package instagramauth is a Caddy HTTP handler that signs visitors in with
// Instagram and hands their identity to the site behind it.
package instagramauth
