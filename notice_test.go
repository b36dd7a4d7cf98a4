package instagramauth

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/caddy-instagram/caddy-instagram-auth/instagram"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
)

// said returns the level and the remedy of a line.
func said(n notice, cause error) (level zapcore.Level, remedy string) {
	level, fields := n.entry(cause, nil)
	for _, field := range fields {
		if field.Key == "remedy" {
			remedy = field.String
		}
	}
	return level, remedy
}

func TestEachRefusalHasSomebodyWhoHasToAct(t *testing.T) {
	for _, code := range refusal.Codes() {
		n, ok := refusalNotices[code]
		if !ok {
			t.Errorf("nobody has to act on %s", code)
		}
		if n.action != noAction && n.remedy == "" {
			t.Errorf("the operator has to act on %s, and has no remedy", code)
		}
	}
}

// Whatever Instagram says, a line at WARN or ERROR has a remedy.
func TestNoLineAsksForSomethingWithoutARemedy(t *testing.T) {
	causes := []error{nil, errors.New("x"), fmt.Errorf("wrapped: %w", &instagram.Error{}), &instagram.WindowError{}, &pictureWait{"w", 0}, errStale, errTooOld}
	for kind := instagram.Refused; kind <= instagram.Unreachable; kind++ {
		for code := range 900 {
			causes = append(causes, &instagram.Error{Kind: kind, Code: code, Message: "words that nobody knows"})
		}
	}
	for _, code := range refusal.Codes() {
		for _, n := range []notice{signInRefused(code), callbackRefused(code), noticePictureFailed, noticeNotRenewed, noticeShortToken, noticeBreakerOpened} {
			for _, cause := range causes {
				if level, remedy := said(n, cause); level > zap.InfoLevel && remedy == "" {
					t.Fatalf("%s, %s, because of %v: %s without a remedy", n.message, code, cause, level)
				}
			}
		}
	}
}

func TestTheLevelSaysWhoHasToAct(t *testing.T) {
	refused := func(message string) *instagram.Error {
		return &instagram.Error{Kind: instagram.Refused, Message: message}
	}
	window := func(fault, reason string) error {
		return &instagram.WindowError{Callback: instagram.Callback{Failed: true, Fault: fault, Reason: reason}}
	}
	info, warn, urgent := zap.InfoLevel, zap.WarnLevel, zap.ErrorLevel
	for name, c := range map[string]struct {
		notice notice
		cause  error
		want   zapcore.Level
	}{
		"cancelled":                              {signInRefused(refusal.Cancelled), window("access_denied", "user_denied"), info},
		"expired, or an old bookmark":            {signInRefused(refusal.LoginExpired), errStale, info},
		"a crawler at the callback":              {signInRefused(refusal.BadRequest), oddCallback(""), info},
		"a crawler that makes up an error":       {signInRefused(refusal.BadRequest), oddCallback("error=invalid_scope&error=x"), info},
		"an error of the window without a login": {signInRefused(refusal.LoginExpired), fmt.Errorf("%w; %w", window("invalid_scope", ""), errStale), info},
		"a personal account":                     {signInRefused(refusal.ProviderRefused), window("access_denied", "not_professional"), info},
		"a personal account, at the token":       {signInRefused(refusal.ProviderRefused), refused("Not a professional account"), info},
		"a made-up code":                         {signInRefused(refusal.ProviderRefused), refused("Invalid authorization code"), info},
		"a code that was used":                   {signInRefused(refusal.ProviderRefused), refused("Matching code was not found or was already used"), info},
		"a private account":                      {signInRefused(refusal.PrivateAccount), nil, info},
		"too many failed sign-ins":               {signInRefused(refusal.TooMany), errClientLimit, info},
		"too many of all clients":                {signInRefused(refusal.TooMany), errOverallLimit, info},
		"a denied permission":                    {signInRefused(refusal.MissingPermission), errNotGranted, info},
		"shut out by the lists":                  {signInRefused(refusal.NoAccess), nil, info},
		"blocked cookies":                        {signInRefused(refusal.CookiesBlocked), nil, info},
		"a crawler on a host without sign-in":    {signInRefused(refusal.BadHost), errCallbackHost, info},
		"a link that somebody has made up":       {noticeForeignScope, errors.New("scope"), info},
		"a forged callback":                      {callbackRefused(refusal.BadSignature), nil, info},
		"too many forged callbacks":              {callbackRefused(refusal.TooMany), errForgeries, info},
		"a callback from a browser":              {callbackRefused(refusal.BadRequest), errBrowser, info},
		"the owner has to confirm":               {noticeNotRenewed, &instagram.Error{Kind: instagram.Refused, Code: 190, Subcode: 459}, info},

		"redirects against each other": {signInRefused(refusal.BadHost), errMovedBack, warn},
		"a redirect of the callback":   {signInRefused(refusal.CallbackMoved), nil, warn},
		"a wrong secret":               {signInRefused(refusal.ProviderRefused), refused("Error validating client secret."), warn},
		"a wrong scope":                {signInRefused(refusal.ProviderRefused), window("invalid_scope", ""), warn},
		"development mode":             {signInRefused(refusal.ProviderRefused), refused("Insufficient developer role"), warn},
		"words that nobody knows":      {signInRefused(refusal.ProviderRefused), refused("?"), warn},
		"an app without access":        {signInRefused(refusal.AppNotOpen), refused("Unsupported request - method type: get"), warn},
		"no answer":                    {signInRefused(refusal.ProviderTimeout), &instagram.Error{Kind: instagram.TimedOut}, warn},
		"an old callback":              {callbackRefused(refusal.BadRequest), errTooOld, warn},
		"a callback at another path":   {callbackRefused(refusal.BadRequest), errMisdirected, warn},
		"a storage that is down":       {signInRefused(refusal.StoreUnavailable), errOutdated, warn},

		"a bug":                 {signInRefused(refusal.Internal), errors.New("x"), urgent},
		"a breaker":             {noticeBreakerOpened, refused("Not a professional account"), urgent},
		"a restricted app":      {noticeAppRestricted, refused("API access blocked."), urgent},
		"an end on one node":    {noticeEndedHereAlone, errors.New("x"), urgent},
		"a site that is broken": {noticeHandoffFailed, errors.New("x"), urgent},
		"a matcher that failed": {noticeMatcherFailed, errors.New("x"), urgent},
		"a panic":               {noticePanic, nil, urgent},
	} {
		if got, _ := said(c.notice, c.cause); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// TestTheTableOfRefusalsHasTheirLevels compares the page with notices.go.
func TestTheTableOfRefusalsHasTheirLevels(t *testing.T) {
	text, err := os.ReadFile("docs/troubleshooting.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| \\d{3} \\| .* \\| (-|[A-Z]+)[^|]* \\|$").FindAllSubmatch(text, -1)
	for _, row := range rows {
		code := refusal.Code(row[1])
		if want := refusalNotices[code].action.level().CapitalString(); string(row[2]) != want && (string(row[2]) != "-" || want != "INFO") {
			t.Errorf("%s: the page says %s, the level is %s", code, row[2], want)
		}
	}
	if len(rows) != len(refusal.Codes()) {
		t.Errorf("%d rows for %d codes", len(rows), len(refusal.Codes()))
	}
}
