package docs_test

import (
	"os"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

// TestMain runs the tests in the root of the module: they name files as links of the project do.
func TestMain(m *testing.M) {
	if err := os.Chdir(".."); err != nil {
		panic(err)
	}
	sitetest.Main(m)
}
