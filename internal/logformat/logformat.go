// Package logformat is a log format for Caddy that redacts what signs visitors in.
package logformat

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/logging"
	"go.uber.org/zap/buffer"
	"go.uber.org/zap/zapcore"
	"golang.org/x/term"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/redact"
)

// encoders is where Caddy keeps log formats.
const encoders = "caddy.logging.encoders."

const directive = "instagram_auth"

// Redactor keeps what signs visitors in out of a log: authorization codes, states, signed
// requests, access tokens, secrets and cookies.
//
// Another encoder writes the line, and this one replaces their values in it by `REDACTED`. It
// looks at the finished line: at the message, all fields, headers, errors, and whatever a
// plugin logs. It works in the logs that have it as their format.
type Redactor struct {
	// The encoder that writes the line. The default is Caddy's own: `console` if the log goes
	// to a terminal, `json` otherwise.
	WrapRaw json.RawMessage `json:"wrap,omitempty" caddy:"namespace=caddy.logging.encoders inline_key=format"`

	// The fields that a logger gets in advance go straight to the encoder that is wrapped.
	zapcore.Encoder `json:"-"`

	ctx       caddy.Context
	isDefault bool // no encoder is named
}

// CaddyModule returns the Caddy module information.
func (*Redactor) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: encoders + directive, New: func() caddy.Module { return new(Redactor) }}
}

// Provision sets up the encoder that is wrapped.
func (e *Redactor) Provision(ctx caddy.Context) error {
	e.ctx, e.isDefault = ctx, e.WrapRaw == nil // LoadModule empties WrapRaw
	if e.isDefault {
		inner := new(logging.JSONEncoder)
		e.Encoder = inner
		return inner.Provision(ctx)
	}
	inner, err := ctx.LoadModule(e, "WrapRaw")
	if err != nil {
		return fmt.Errorf("loading the encoder to wrap: %v", err)
	}
	encoder, ok := inner.(zapcore.Encoder)
	if !ok {
		return fmt.Errorf("%T is not a log encoder", inner)
	}
	e.Encoder = encoder
	return nil
}

// ConfigureDefaultFormat chooses console for a terminal where no encoder is named, as Caddy does.
func (e *Redactor) ConfigureDefaultFormat(writer caddy.WriterOpener) error {
	if !e.isDefault {
		if inner, ok := e.Encoder.(caddy.ConfiguresFormatterDefault); ok {
			return inner.ConfigureDefaultFormat(writer)
		}
		return nil
	}
	if !caddy.IsWriterStandardStream(writer) || !term.IsTerminal(int(os.Stderr.Fd())) {
		return nil
	}
	inner := new(logging.ConsoleEncoder)
	e.Encoder = inner
	return inner.Provision(e.ctx)
}

// UnmarshalCaddyfile sets up the encoder from Caddyfile tokens. Syntax:
//
//	instagram_auth {
//		wrap <encoder> {
//			<options of the encoder>
//		}
//	}
func (e *Redactor) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // the encoder's name
	if d.NextArg() {
		return d.Errf("format instagram_auth takes no argument: write wrap %s in a block of its own", d.Val())
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if d.Val() != "wrap" {
			return d.Errf("%q is not an option of format instagram_auth: there is only wrap", d.Val())
		}
		if e.WrapRaw != nil {
			return d.Err("wrap already specified")
		}
		if !d.NextArg() {
			return d.ArgErr()
		}
		name := d.Val()
		module, err := caddyfile.UnmarshalModule(d, encoders+name)
		if err != nil {
			return err
		}
		inner, ok := module.(zapcore.Encoder)
		if !ok {
			return d.Errf("%s is not a log encoder", name)
		}
		e.WrapRaw = caddyconfig.JSONModuleObject(inner, "format", name, nil)
	}
	return nil
}

// EncodeEntry lets the encoder that is wrapped write the line, and redacts it. [P1]
func (e *Redactor) EncodeEntry(entry zapcore.Entry, fields []zapcore.Field) (*buffer.Buffer, error) {
	line, err := e.Encoder.EncodeEntry(entry, fields)
	if err != nil || line == nil {
		return line, err
	}
	if left := redact.Line(line.Bytes()); len(left) < line.Len() {
		line.Reset()
		_, _ = line.Write(left) // onto itself
	}
	return line, nil
}

// Clone returns an encoder that takes further fields, for a logger that has some of its own.
func (e *Redactor) Clone() zapcore.Encoder {
	clone := *e
	clone.Encoder = e.Encoder.Clone()
	return &clone
}

// Interface guards.
var (
	_ caddy.Provisioner                = (*Redactor)(nil)
	_ caddyfile.Unmarshaler            = (*Redactor)(nil)
	_ zapcore.Encoder                  = (*Redactor)(nil)
	_ caddy.ConfiguresFormatterDefault = (*Redactor)(nil)
)
