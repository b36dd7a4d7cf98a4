package gate_test

import (
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

func TestMain(m *testing.M) { sitetest.Main(m) }
