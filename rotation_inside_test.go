package instagramauth

import "time"

// Files with secrets are looked at often, so that no test waits for long.
func init() { secretInterval = 20 * time.Millisecond }
