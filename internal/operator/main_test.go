package operator_test

import (
	"testing"
	"time"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/rotation"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

func TestMain(m *testing.M) {
	rotation.Interval = 20 * time.Millisecond // a test waits for a secret that changes in its file
	sitetest.Main(m)
}
