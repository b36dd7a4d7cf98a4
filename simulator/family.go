package simulator

// API names a family of Instagram's API.
type API string

const (
	instagramLogin API = "instagram_login"
	basicDisplay   API = "basic_display"
)
