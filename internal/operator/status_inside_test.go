package operator

import (
	"strings"
	"testing"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/cli"
)

func TestL4_TheTableSaysWhatWasLostAndWhatCannotBeRead(t *testing.T) {
	age := int64(61)
	var out strings.Builder
	err := writeStatus(&out, cli.Style{}, []appState{{AppID: "1", AgeSeconds: &age}, {AppID: "2", Lost: 3, Unreadable: 4, Error: "disk\nfull"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"1m1s", "never read", "! app 2: 3 revoked sessions were dropped", "! app 2: 4 entries of the storage cannot be read"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "app 1:") || strings.Contains(out.String(), "disk\nfull") {
		t.Errorf("wrote\n%s", out.String())
	}
}
