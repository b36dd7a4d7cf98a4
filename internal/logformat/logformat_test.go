package logformat_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/logging"
	"go.uber.org/zap"
	"go.uber.org/zap/buffer"
	"go.uber.org/zap/zapcore"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/logformat"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/sitetest"
)

// encoderOf loads an encoder as Caddy does.
func encoderOf(t testing.TB, config string) zapcore.Encoder {
	t.Helper()
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	t.Cleanup(cancel)
	name, options, _ := strings.Cut(config, " ")
	module, err := ctx.LoadModuleByID("caddy.logging.encoders."+name, []byte(options))
	if err != nil {
		t.Fatal(err)
	}
	return module.(zapcore.Encoder)
}

func encoded(t testing.TB, e zapcore.Encoder, entry zapcore.Entry, fields ...zapcore.Field) string {
	t.Helper()
	line, err := e.EncodeEntry(entry, fields)
	if err != nil {
		t.Fatal(err)
	}
	defer line.Free()
	return line.String()
}

const plantedCode = "AQBx7-planted_Code0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_abcdefghijkl"

func TestP1_TheLogFormatRedactsMessageFieldsAndWhatALoggerHas(t *testing.T) {
	for _, config := range []string{`instagram_auth {}`, `instagram_auth {"wrap":{"format":"console"}}`, `instagram_auth {"wrap":{"format":"json","message_key":"m"}}`, `instagram_auth {"wrap":{"format":"instagram_auth"}}`} {
		e := encoderOf(t, config)
		own := e.Clone()
		zap.String("uri", "/?code="+plantedCode).AddTo(own)
		zap.Namespace("deeper").AddTo(own)
		entry := zapcore.Entry{Message: "asked for /?state=" + plantedCode, LoggerName: "a", Stack: "code=" + plantedCode}
		fields := []zapcore.Field{zap.Error(errors.New("at ?code=" + plantedCode)), zap.Any("form", map[string][]string{"signed_request": {plantedCode}}), zap.Int("n", 1)}
		got := encoded(t, own, entry, fields...)
		if strings.Contains(got, plantedCode) || strings.Count(got, "REDACTED") != 5 {
			t.Errorf("%s wrote %s", config, got)
		}
		// The logger's own fields are its own, and the next line is a new one.
		if got := encoded(t, e, zapcore.Entry{Message: "hello"}); strings.Contains(got, "REDACTED") || !strings.Contains(got, "hello") || strings.Count(got, "\n") != 1 {
			t.Errorf("%s then wrote %q", config, got)
		}
	}
}

func TestTheLogFormatIsThatOfCaddyWhereNoneIsNamed(t *testing.T) {
	e := encoderOf(t, "instagram_auth {}")
	if err := e.(caddy.ConfiguresFormatterDefault).ConfigureDefaultFormat(caddy.DiscardWriter{}); err != nil {
		t.Fatal(err)
	}
	entry := zapcore.Entry{Message: "hello"}
	if got, want := encoded(t, e, entry), encoded(t, encoderOf(t, "json {}"), entry); got != want {
		t.Errorf("wrote %s, Caddy %s", got, want)
	}
	// A format that is wrapped chooses for itself, and one that is named stays.
	chose := registerChoosing()
	e = encoderOf(t, `instagram_auth {"wrap":{"format":"choosing"}}`)
	if err := e.(caddy.ConfiguresFormatterDefault).ConfigureDefaultFormat(caddy.StderrWriter{}); err != nil || !chose.asked {
		t.Errorf("the format that is wrapped was asked: %v, %v", chose.asked, err)
	}
	e = encoderOf(t, `instagram_auth {"wrap":{"format":"json"}}`)
	if err := e.(caddy.ConfiguresFormatterDefault).ConfigureDefaultFormat(caddy.StderrWriter{}); err != nil {
		t.Error(err)
	}
	if got, want := encoded(t, e, entry), encoded(t, encoderOf(t, "json {}"), entry); got != want {
		t.Errorf("json was named, and the format wrote %s", got)
	}
}

func TestAFormatThatIsNoneOrFailsIsSaid(t *testing.T) {
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	t.Cleanup(cancel)
	registerWrong()
	for format, says := range map[string]string{"nowhere": "unknown module", "wrong": "is not a log encoder"} {
		_, err := ctx.LoadModuleByID("caddy.logging.encoders.instagram_auth", []byte(`{"wrap":{"format":"`+format+`"}}`))
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", format, err)
		}
		config, err := sitetest.Adapt("{\nlog default {\nformat instagram_auth {\nwrap " + format + "\n}\n}\n}\n")
		if err == nil {
			t.Errorf("a Caddyfile with %s: %s", format, config)
		}
	}
	failing := &logformat.Redactor{Encoder: failing{new(logging.JSONEncoder)}}
	if line, err := failing.EncodeEntry(zapcore.Entry{}, nil); !errors.Is(err, errFails) || line != nil {
		t.Errorf("%v, %v", line, err)
	}
}

var errFails = errors.New("the line cannot be written")

// failing is a log format that cannot write a line.
type failing struct{ zapcore.Encoder }

func (failing) EncodeEntry(zapcore.Entry, []zapcore.Field) (*buffer.Buffer, error) {
	return nil, errFails
}

// wrong stands among the log formats and is none.
type wrong struct{}

var registerWrong = sync.OnceFunc(func() { caddy.RegisterModule(wrong{}) })

func (wrong) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "caddy.logging.encoders.wrong", New: func() caddy.Module { return new(wrong) }}
}

// UnmarshalCaddyfile takes anything.
func (*wrong) UnmarshalCaddyfile(*caddyfile.Dispenser) error { return nil }

// choosing is a log format that notes when Caddy asks it for its default.
type choosing struct {
	logging.JSONEncoder
	asked bool
}

var registerChoosing = sync.OnceValue(func() *choosing {
	c := new(choosing)
	caddy.RegisterModule(c)
	return c
})

func (c *choosing) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "caddy.logging.encoders.choosing", New: func() caddy.Module { return c }}
}

func (c *choosing) ConfigureDefaultFormat(caddy.WriterOpener) error {
	c.asked = true
	return nil
}

func TestTheLogFormatInACaddyfile(t *testing.T) {
	for format, want := range map[string]string{
		"format instagram_auth":                                                          `"encoder":{"format":"instagram_auth"}`,
		"format instagram_auth {\n}":                                                     `"encoder":{"format":"instagram_auth"}`,
		"format instagram_auth {\nwrap console\n}":                                       `"encoder":{"format":"instagram_auth","wrap":{"format":"console"}}`,
		"format instagram_auth {\nwrap json {\ntime_format wall\n}\n}":                   `"wrap":{"format":"json","time_format":"wall"}`,
		"format instagram_auth {\nwrap filter {\nrequest>uri delete\nwrap console\n}\n}": `"wrap":{"fields":{"request\u003euri":{"filter":"delete"}},"format":"filter","wrap":{"format":"console"}}`,
		"format instagram_auth console":                                                  "error takes no argument: write wrap console in a block of its own",
		"format instagram_auth {\nwrap\n}":                                               "error wrong argument count",
		"format instagram_auth {\nwrap json\nwrap console\n}":                            "error wrap already specified",
		"format instagram_auth {\nfields x\n}":                                           `error "fields" is not an option of format instagram_auth: there is only wrap`,
		"format instagram_auth {\nwrap xml\n}":                                           "error caddy.logging.encoders.xml",
	} {
		config, err := sitetest.Adapt("{\nlog default {\n" + format + "\n}\n}\n")
		if text, wrong := strings.CutPrefix(want, "error "); wrong && (err == nil || !strings.Contains(err.Error(), text)) || !wrong && (err != nil || !strings.Contains(string(config), want)) {
			t.Errorf("%s: %s, %v; want %s", format, config, err, want)
		}
	}
}

// accessEntry is a line of an access log as Caddy writes it for a browser.
func accessEntry() (zapcore.Entry, []zapcore.Field) {
	r, _ := http.NewRequest(http.MethodGet, "https://example.test/members/photos?page=2&sort=new", nil)
	r.RequestURI, r.RemoteAddr, r.Proto = "/members/photos?page=2&sort=new", "203.0.113.7:51234", "HTTP/2.0"
	r.Header = http.Header{
		"User-Agent": {"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}, "Accept": {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"},
		"Accept-Encoding": {"gzip, deflate, br, zstd"}, "Accept-Language": {"en-US,en;q=0.5"}, "Cookie": {"theme=dark"}, "Referer": {"https://example.test/members/"}, "Sec-Fetch-Mode": {"navigate"},
	}
	answer := http.Header{"Content-Type": {"text/html; charset=utf-8"}, "Server": {"Caddy"}, "Vary": {"Cookie"}, "Cache-Control": {"private"}}
	return zapcore.Entry{Level: zapcore.InfoLevel, Time: time.Unix(1_800_000_000, 0), LoggerName: "http.log.access.log0", Message: "handled request"}, []zapcore.Field{
		zap.Object("request", caddyhttp.LoggableHTTPRequest{Request: r}), zap.Int("bytes_read", 0), zap.String("user_id", "17841405793187218"), zap.Duration("duration", 4321*time.Microsecond),
		zap.Int("size", 5123), zap.Int("status", 200), zap.Object("resp_headers", caddyhttp.LoggableHTTPHeader{Header: answer}),
	}
}

// encode writes a line n times and returns how long each took.
func encode(e zapcore.Encoder, entry zapcore.Entry, fields []zapcore.Field, n int) time.Duration {
	began := time.Now()
	for range n {
		if line, err := e.EncodeEntry(entry, fields); err == nil {
			line.Free()
		}
	}
	return time.Since(began) / time.Duration(n)
}

// raceDetector is set in builds with the race detector, which watches each byte that the scan
// reads and so makes it dearer than the rest. There, only the allocations say something.
var raceDetector bool

// Lines without a secret are nearly all of a log. Both encoders take turns, and the quickest
// turn of each counts, so that what else the machine does falls on both.
func TestTheLogFormatCostsLittleOnALineWithoutASecret(t *testing.T) {
	entry, fields := accessEntry()
	for _, inner := range []string{"json", "console"} {
		bare, wrapped := encoderOf(t, inner+" {}"), encoderOf(t, `instagram_auth {"wrap":{"format":"`+inner+`"}}`)
		if one, other := encoded(t, bare, entry, fields...), encoded(t, wrapped, entry, fields...); len(one) != len(other) {
			t.Fatalf("not the same line:\n%s%s", one, other)
		}
		allocations := func(e zapcore.Encoder) float64 {
			return testing.AllocsPerRun(500, func() { encode(e, entry, fields, 1) })
		}
		without, with := allocations(bare), allocations(wrapped)
		for range 10 { // the race detector throws buffers away at random
			without, with = max(without, allocations(bare)), min(with, allocations(wrapped))
		}
		if with > without {
			t.Errorf("%s: %v allocations, and %v without", inner, with, without)
		}
		if raceDetector {
			continue
		}
		share := 1.0
		for range 20 { // until it is seen once: a busy machine makes it more, and never less
			var took [2][]time.Duration
			for range 40 {
				took[0] = append(took[0], encode(bare, entry, fields, 200))
				took[1] = append(took[1], encode(wrapped, entry, fields, 200))
			}
			without, with := slices.Min(took[0]), slices.Min(took[1])
			if share = float64(with-without) / float64(without); share <= 0.25 { // the benchmark says how much it is
				t.Logf("%s: %v a line, %v with the format (%.1f %%)", inner, without, with, 100*share)
				break
			}
		}
		if share > 0.25 {
			t.Errorf("%s: the format costs %.1f %% of a line", inner, 100*share)
		}
	}
}

func BenchmarkLogLine(b *testing.B) {
	entry, fields := accessEntry()
	hit := slices.Concat(fields, []zapcore.Field{zap.String("asked", "/auth/?code="+plantedCode+"&state="+plantedCode[:43])})
	for _, inner := range []string{"json", "console"} {
		for name, e := range map[string]zapcore.Encoder{"bare": encoderOf(b, inner+" {}"), "wrapped": encoderOf(b, `instagram_auth {"wrap":{"format":"`+inner+`"}}`)} {
			for kind, fields := range map[string][]zapcore.Field{"no hit": fields, "two hits": hit} {
				b.Run(inner+"/"+name+"/"+kind, func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						encode(e, entry, fields, 1)
					}
				})
			}
		}
	}
}

var _ caddy.Module = (*logformat.Redactor)(nil)
