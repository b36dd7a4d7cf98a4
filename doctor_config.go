package instagramauth

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddy-instagram/caddy-instagram-auth/internal/cli"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/finding"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/inspect"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/option"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/routes"
	"github.com/caddy-instagram/caddy-instagram-auth/internal/spelling"
)

// The configuration that is checked, and the blocks in it.

// load reads the configuration and adapts it.
func (e *examination) load() error {
	configuration, err := e.source.Load()
	e.file, e.text = configuration.Name, configuration.Text
	if err != nil {
		return e.adapting(err)
	}
	if e.file == "" {
		return cli.NoConfiguration()
	}
	content := configuration.JSON
	content = caddy.RemoveMetaFields(content)
	if err := caddy.StrictUnmarshalJSON(content, &e.config); err != nil {
		return fmt.Errorf("decoding the configuration: %w", err)
	}
	if e.config == nil {
		return cli.Failed("name the right file with --config", "%s is null: there is no configuration in it", e.file)
	}
	e.http = new(caddyhttp.App)
	return e.readHTTP(content)
}

// stuck matches a brace that belongs to the word before it.
var stuck = regexp.MustCompile(`^\s*[^#{]*[^\s{$"]\{\s*$`)

// adapting tells why a Caddyfile cannot be adapted.
func (e *examination) adapting(err error) error {
	number := 0
	for line := range strings.Lines(e.text) {
		if number++; stuck.MatchString(line) {
			return fmt.Errorf("a space is missing before {; write one there, at %s:%d", e.file, number)
		}
	}
	return err
}

// prepare finds the blocks, and makes what checks load modules with.
func (e *examination) prepare() (cancel func()) {
	for _, name := range slices.Sorted(maps.Keys(e.http.Servers)) {
		server := e.http.Servers[name]
		var lists []caddyhttp.RouteList
		lists = append(lists, server.Routes)
		if server.Errors != nil {
			lists = append(lists, server.Errors.Routes)
		}
		for _, route := range slices.Sorted(maps.Keys(server.NamedRoutes)) {
			lists = append(lists, caddyhttp.RouteList{*server.NamedRoutes[route]})
		}
		for _, routes := range lists {
			for _, route := range routes {
				for _, handler := range route.HandlersRaw {
					e.find(server, handler)
				}
			}
		}
	}
	// Modules want a configuration around them, for their logger and file systems.
	around := new(caddy.Config)
	quiet(around)
	base, err := caddy.ProvisionContext(around)
	if err != nil {
		base = caddy.Context{Context: e.ctx}
	}
	e.modules, cancel = caddy.NewContext(base)
	e.unopened = e.openStorage() // from here on as its owner
	reader := routes.NewRaw(e.modules, e.blockOf)
	for _, p := range e.patients {
		e.resolve(p, reader)
	}
	for _, name := range slices.Sorted(maps.Keys(e.http.Servers)) {
		e.servers = append(e.servers, routes.New(e.http.Servers[name], reader, inspect.Among(e.blocks())))
	}
	e.checks = inspect.New(e.servers)
	return cancel
}

// blockOf returns the handler of a block, nil if the JSON is that of another handler.
func (e *examination) blockOf(raw json.RawMessage) any {
	var document map[string]any
	if json.Unmarshal(raw, &document) != nil || document["handler"] != directive {
		return nil
	}
	text := canonical(document)
	for _, p := range e.patients {
		if p.raw == text {
			return p.handler
		}
	}
	return nil
}

// resolve makes the settings and the matchers of a block.
func (e *examination) resolve(p *patient, reader *routes.Raw) {
	p.handler.now = e.now
	if p.wrong != nil {
		return
	}
	if p.settings, p.wrong = p.handler.resolveLoaded(); p.wrong != nil {
		return
	}
	p.settings.paths.Served = p.settings.paths.Redirects
	p.handler.settings = p.settings
	if len(p.handler.ProtectRaw) > 0 { // none at all match everything, as in Caddy
		if p.handler.protect, p.wrong = reader.LoadMatchers(p.handler.ProtectRaw); p.wrong != nil {
			return
		}
	}
	p.block = p.handler.inspected()
}

// blocks returns the blocks that can be checked.
func (e *examination) blocks() (all []*inspect.Block) {
	for _, p := range e.patients {
		if p.block != nil {
			all = append(all, p.block)
		}
	}
	return all
}

// find finds the blocks in a handler, however deep they are.
func (e *examination) find(server *caddyhttp.Server, raw json.RawMessage) {
	var document any
	if json.Unmarshal(raw, &document) != nil {
		return // Caddy says what is wrong with it
	}
	eachBlock(document, func(block map[string]any) { e.admit(server, canonical(block)) })
}

// admit takes a block in. The same one in several places is one.
func (e *examination) admit(server *caddyhttp.Server, raw string) {
	i := slices.IndexFunc(e.patients, func(p *patient) bool { return p.raw == raw })
	if i < 0 {
		h := new(Handler)
		unread := json.Unmarshal([]byte(raw), h)
		name := fmt.Sprintf("%s %d", directive, len(e.patients)+1)
		if len(h.RedirectURI) > 0 {
			name = spelling.WithoutSecrets(h.RedirectURI[0])
		}
		i, e.patients = len(e.patients), append(e.patients, &patient{name: name, raw: raw, handler: h, wrong: ofAnotherKind(unread)})
	}
	if p := e.patients[i]; !slices.Contains(p.servers, server) {
		p.servers = append(p.servers, server)
	}
}

// ofAnotherKind explains a value in JSON that is not of the kind that its option takes. Of other
// errors Caddy says what is wrong.
func ofAnotherKind(err error) error {
	kind, ok := errors.AsType[*json.UnmarshalTypeError](err)
	if !ok || kind.Field == "" {
		return nil
	}
	name := strings.ReplaceAll(kind.Field, ".", " ")
	switch kind.Type.Kind() {
	case reflect.Slice:
		return option.Errorf(name, "takes a list; write [ and ] around the value")
	case reflect.Map, reflect.Struct:
		return option.Errorf(name, "takes an object; write its values between { and }")
	case reflect.Bool:
		return option.Errorf(name, "takes true or false, without quotes")
	case reflect.String:
		return option.Errorf(name, "takes one text; write it between quotes")
	}
	return option.Errorf(name, "takes no %s", strings.Fields(kind.Value + " value")[0])
}

// canonical returns the JSON of a handler in a form that can be compared.
func canonical(document any) string {
	text, _ := json.Marshal(document) // it was JSON before
	return string(text)
}

// checkLoad has Caddy load the configuration, without starting it.
func (e *examination) checkLoad(storageWorks bool) finding.Finding {
	var parsed *caddy.Config
	content, err := json.Marshal(e.config)
	if err == nil {
		err = caddy.StrictUnmarshalJSON(content, &parsed)
	}
	if err != nil {
		return finding.Fault(finding.Plain(err))
	}
	quiet(parsed)
	undo := e.shadowed(parsed)
	err = e.validate(parsed)
	undo()
	if err == nil {
		return finding.OK("%s loads, with %d instagram_auth in it", e.file, len(e.patients))
	}
	for _, p := range e.patients {
		if _, wrong := p.handler.resolveLoaded(); p.wrong != nil || wrong != nil {
			return finding.Doubt("Caddy does not load "+e.file, "see what is wrong with the options below")
		}
	}
	_, ours, found := strings.Cut(err.Error(), "http.handlers."+directive+": ")
	ours = strings.TrimPrefix(ours, "invalid configuration: ")
	if name, problem, ok := strings.Cut(ours, ": "); found && ok {
		e.refused = name
		return e.explainOption(new(patient{handler: new(Handler)}), option.Errorf(name, "%s", problem))
	}
	if !storageWorks && len(e.patients) > 0 { // the finding about the storage says it all
		return finding.Doubt("Caddy does not load "+e.file, "mend the storage and ask again")
	}
	return e.notLoaded(err)
}

// quiet keeps a configuration that is only looked at from writing: opening a log file
// as another user than Caddy's would lock Caddy out of it.
func quiet(config *caddy.Config) {
	if config.Logging == nil {
		config.Logging = new(caddy.Logging)
	}
	if config.Logging.Logs == nil {
		config.Logging.Logs = make(map[string]*caddy.CustomLog)
	}
	if config.Logging.Logs[caddy.DefaultLoggerName] == nil {
		config.Logging.Logs[caddy.DefaultLoggerName] = new(caddy.CustomLog)
	}
	discard := json.RawMessage(`{"output":"discard"}`)
	for name, log := range config.Logging.Logs {
		if log == nil {
			continue // Caddy says what it thinks of null
		}
		if name == caddy.DefaultLoggerName {
			log.WriterRaw, log.Level = nil, "FATAL" // the report says it, in plain lines
			continue
		}
		log.WriterRaw = bytes.Clone(discard)
	}
	if config.Logging.Sink != nil {
		config.Logging.Sink.WriterRaw = bytes.Clone(discard)
	}
}
