package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"net"
	"strings"

	"github.com/caddyserver/caddy/v2"
)

// CheckAddress refuses what cannot be the address of an admin endpoint.
func CheckAddress(address string) error {
	const form = "write --address as localhost:2019 or unix//run/caddy.sock"
	if scheme, rest, ok := strings.Cut(address, "://"); ok {
		return Usage("write --address "+strings.TrimRight(rest, "/"), "an admin endpoint's address has no %s://", scheme)
	}
	at, err := caddy.ParseNetworkAddress(address)
	if err == nil && (at.IsUnixNetwork() || at.IsFdNetwork()) {
		return nil
	}
	badHost := strings.Contains(at.Host, ":") && net.ParseIP(strings.SplitN(at.Host, "%", 2)[0]) == nil
	if err != nil || at.StartPort == 0 || at.PortRangeSize() != 1 || badHost {
		return Usage(form, "%q is not the address of an admin endpoint", address)
	}
	return nil
}

// otherKind says in plain words where JSON has a value of another kind than Caddy wants.
func otherKind(err error) string {
	wrong, ok := errors.AsType[*json.UnmarshalTypeError](err)
	if !ok {
		return err.Error()
	}
	want := map[string]string{"admin.disabled": "true or false", "admin.listen": "a text"}[wrong.Field]
	is, _, _ := strings.Cut(wrong.Value, " ")
	return cmp.Or(wrong.Field, "the whole") + " is not " + cmp.Or(want, "an object") + ", but: " + is
}
