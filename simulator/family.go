package simulator

import "github.com/caddy-instagram/caddy-instagram-auth/instagram"

// API names a family of Instagram's API, as the client does.
type API = instagram.API

const (
	instagramLogin = instagram.InstagramLogin
	basicDisplay   = instagram.BasicDisplay
)
