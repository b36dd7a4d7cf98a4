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
	"github.com/caddy-instagram/caddy-instagram-auth/internal/endpoint"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/login"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/refusal"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/telemetry"
)

// said returns the level and the remedy of a line.
func said(n telemetry.Notice, cause error) (level zapcore.Level, remedy string) {
	level, fields := n.Entry(cause, nil)
	for _, field := range fields {
		if field.Key == "remedy" {
			remedy = field.String
		}
	}
	return level, remedy
}

func TestEachRefusalHasSomebodyWhoHasToAct(t *testing.T) {
	for _, code := range refusal.Codes() {
		n, ok := telemetry.RefusalNotices[code]
		if !ok {
			t.Errorf("nobody has to act on %s", code)
		}
		if n.Action != telemetry.NoAction && n.Remedy == "" {
			t.Errorf("the operator has to act on %s, and has no remedy", code)
		}
	}
}

// Whatever Instagram says, a line at WARN or ERROR has a remedy.
func TestNoLineAsksForSomethingWithoutARemedy(t *testing.T) {
	causes := []error{nil, errors.New("x"), fmt.Errorf("wrapped: %w", &instagram.Error{}), &instagram.WindowError{}, telemetry.NewCause("x", "")}
	for kind := instagram.Refused; kind <= instagram.Unreachable; kind++ {
		for code := range 900 {
			causes = append(causes, &instagram.Error{Kind: kind, Code: code, Message: "words that nobody knows"})
		}
	}
	for _, code := range refusal.Codes() {
		for _, n := range []telemetry.Notice{telemetry.SignInRefused(code), telemetry.CallbackRefused(code), telemetry.NoticePictureFailed, telemetry.NoticeRefreshFailed, telemetry.NoticeShortToken, telemetry.NoticeBreakerOpened} {
			for _, cause := range causes {
				if level, remedy := said(n, cause); level > zap.InfoLevel && remedy == "" {
					t.Fatalf("%s, %s, because of %v: %s without a remedy", n.Message, code, cause, level)
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
		notice telemetry.Notice
		cause  error
		want   zapcore.Level
	}{
		"cancelled":                              {telemetry.SignInRefused(refusal.Cancelled), window("access_denied", "user_denied"), info},
		"expired, or an old bookmark":            {telemetry.SignInRefused(refusal.LoginExpired), login.ErrStale, info},
		"a crawler at the callback":              {telemetry.SignInRefused(refusal.BadRequest), login.MalformedCallback(""), info},
		"a crawler that makes up an error":       {telemetry.SignInRefused(refusal.BadRequest), login.MalformedCallback("error=invalid_scope&error=x"), info},
		"an error of the window without a login": {telemetry.SignInRefused(refusal.LoginExpired), fmt.Errorf("%w; %w", window("invalid_scope", ""), login.ErrStale), info},
		"a personal account":                     {telemetry.SignInRefused(refusal.ProviderRefused), window("access_denied", "not_professional"), info},
		"a personal account, at the token":       {telemetry.SignInRefused(refusal.ProviderRefused), refused("Not a professional account"), info},
		"a made-up code":                         {telemetry.SignInRefused(refusal.ProviderRefused), refused("Invalid authorization code"), info},
		"a code that was used":                   {telemetry.SignInRefused(refusal.ProviderRefused), refused("Matching code was not found or was already used"), info},
		"a private account":                      {telemetry.SignInRefused(refusal.PrivateAccount), nil, info},
		"too many failed sign-ins":               {telemetry.SignInRefused(refusal.TooMany), login.ErrClientLimit, info},
		"too many of all clients":                {telemetry.SignInRefused(refusal.TooMany), login.ErrOverallLimit, info},
		"a denied permission":                    {telemetry.SignInRefused(refusal.MissingPermission), login.ErrNotGranted, info},
		"shut out by the lists":                  {telemetry.SignInRefused(refusal.NoAccess), nil, info},
		"blocked cookies":                        {telemetry.SignInRefused(refusal.CookiesBlocked), nil, info},
		"a crawler on a host without sign-in":    {telemetry.SignInRefused(refusal.BadHost), login.ErrCallbackHost, info},
		"a link that somebody has made up":       {telemetry.NoticeForeignScope, errors.New("scope"), info},
		"a forged callback":                      {telemetry.CallbackRefused(refusal.BadSignature), nil, info},
		"too many forged callbacks":              {telemetry.CallbackRefused(refusal.TooMany), endpoint.ErrForgeries, info},
		"a callback from a browser":              {telemetry.CallbackRefused(refusal.BadRequest), endpoint.ErrBrowser, info},
		"the owner has to confirm":               {telemetry.NoticeRefreshFailed, &instagram.Error{Kind: instagram.Refused, Code: 190, Subcode: 459}, info},

		"redirects against each other": {telemetry.SignInRefused(refusal.BadHost), login.ErrRedirectLoop, warn},
		"a redirect of the callback":   {telemetry.SignInRefused(refusal.CallbackMoved), nil, warn},
		"a wrong secret":               {telemetry.SignInRefused(refusal.ProviderRefused), refused("Error validating client secret."), warn},
		"a wrong scope":                {telemetry.SignInRefused(refusal.ProviderRefused), window("invalid_scope", ""), warn},
		"development mode":             {telemetry.SignInRefused(refusal.ProviderRefused), refused("Insufficient developer role"), warn},
		"words that nobody knows":      {telemetry.SignInRefused(refusal.ProviderRefused), refused("?"), warn},
		"an app without access":        {telemetry.SignInRefused(refusal.AppNotOpen), refused("Unsupported request - method type: get"), warn},
		"no answer":                    {telemetry.SignInRefused(refusal.ProviderTimeout), &instagram.Error{Kind: instagram.TimedOut}, warn},
		"an old callback":              {telemetry.CallbackRefused(refusal.BadRequest), endpoint.ErrTooOld, warn},
		"a callback at another path":   {telemetry.CallbackRefused(refusal.BadRequest), endpoint.ErrMisdirected, warn},
		"a storage that is down":       {telemetry.SignInRefused(refusal.StoreUnavailable), login.ErrOutdated, warn},

		"a bug":                 {telemetry.SignInRefused(refusal.Internal), errors.New("x"), urgent},
		"a breaker":             {telemetry.NoticeBreakerOpened, refused("Not a professional account"), urgent},
		"a restricted app":      {telemetry.NoticeAppRestricted, refused("API access blocked."), urgent},
		"an end on one node":    {telemetry.NoticeRevokedHereOnly, errors.New("x"), urgent},
		"a site that is broken": {telemetry.NoticeHandoffFailed, errors.New("x"), urgent},
		"a matcher that failed": {telemetry.NoticeMatcherFailed, errors.New("x"), urgent},
		"a panic":               {telemetry.NoticePanic, nil, urgent},
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
		if want := telemetry.RefusalNotices[code].Action.Level().CapitalString(); string(row[2]) != want && (string(row[2]) != "-" || want != "INFO") {
			t.Errorf("%s: the page says %s, the level is %s", code, row[2], want)
		}
	}
	if len(rows) != len(refusal.Codes()) {
		t.Errorf("%d rows for %d codes", len(rows), len(refusal.Codes()))
	}
}
