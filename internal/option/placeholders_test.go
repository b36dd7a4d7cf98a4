package option

import "testing"

func TestASecretInBase64IsNoNameOfAFile(t *testing.T) {
	for value, is := range map[string]bool{
		"/q8/vEjRWeJCrzSNFZ4kKvN7I0VniQq83vEjRWeJAaa=": false,
		"/Q8x/EjRWeJCrzSNFZ4kKvN7I0VniQq83vEjRWeJA":    false,
		"/run/secrets/app_secret":                      true,
		"/Users/me/secret":                             true,
		"./secrets/app":                                true,
		"file:/run/secrets/x":                          true,
	} {
		if fileName.MatchString(value) != is {
			t.Errorf("%s: %v", value, !is)
		}
	}
}
