package doctor

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
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

// load reads the configuration and adapts it.
func (r *run) load() error {
	configuration, err := r.source.Load()
	r.file, r.text = configuration.Name, configuration.Text
	if err != nil {
		number := 0
		for line := range strings.Lines(r.text) {
			if number++; stuck.MatchString(line) {
				return fmt.Errorf("a space is missing before {; write one there, at %s:%d", r.file, number)
			}
		}
		return err
	}
	if r.file == "" {
		return cli.NoConfiguration()
	}
	content := caddy.RemoveMetaFields(configuration.JSON)
	if err := caddy.StrictUnmarshalJSON(content, &r.config); err != nil {
		return fmt.Errorf("decoding the configuration: %w", err)
	}
	if r.config == nil {
		return cli.Failed("name the right file with --config", "%s is null: there is no configuration in it", r.file)
	}
	r.http = new(caddyhttp.App)
	return r.readHTTP(content)
}

// stuck matches a brace that belongs to the word before it.
var stuck = regexp.MustCompile(`^\s*[^#{]*[^\s{$"]\{\s*$`)

// prepare finds the blocks, and makes what checks load modules with.
func (r *run) prepare() (cancel func()) {
	for _, name := range slices.Sorted(maps.Keys(r.http.Servers)) {
		server := r.http.Servers[name]
		lists := []caddyhttp.RouteList{server.Routes}
		if server.Errors != nil {
			lists = append(lists, server.Errors.Routes)
		}
		for _, route := range slices.Sorted(maps.Keys(server.NamedRoutes)) {
			lists = append(lists, caddyhttp.RouteList{*server.NamedRoutes[route]})
		}
		for _, route := range slices.Concat(lists...) {
			for _, handler := range route.HandlersRaw {
				var document any
				_ = json.Unmarshal(handler, &document) // Caddy says what is wrong with it
				cli.EachHandler(document, directive, func(block map[string]any) { r.admit(server, canonical(block)) })
			}
		}
	}
	// Modules want a configuration around them, for their logger and file systems.
	around := new(caddy.Config)
	quiet(around)
	base, err := caddy.ProvisionContext(around)
	if err != nil {
		base = caddy.Context{Context: r.ctx}
	}
	r.modules, cancel = caddy.NewContext(base)
	r.unopened = r.openStorage() // from here on as its owner
	reader := routes.NewRaw(r.modules, r.blockOf)
	for _, b := range r.blocks {
		r.open(b, reader)
	}
	r.servers = r.serversBy(reader)
	r.checks = inspect.New(r.servers)
	return cancel
}

// serversBy returns the servers as a reader sees them.
func (r *run) serversBy(reader *routes.Raw) (all []*routes.Server) {
	for _, name := range slices.Sorted(maps.Keys(r.http.Servers)) {
		all = append(all, routes.New(r.http.Servers[name], reader, inspect.Among(r.inspected())))
	}
	return all
}

// blockOf returns the handler of a block, nil if the JSON is that of another handler.
func (r *run) blockOf(raw json.RawMessage) any {
	var document map[string]any
	if json.Unmarshal(raw, &document) != nil || document["handler"] != directive {
		return nil
	}
	text := canonical(document)
	for _, b := range r.blocks {
		if b.raw == text {
			return b.Handler
		}
	}
	return nil
}

// open makes the settings and the matchers of a block.
func (r *run) open(b *block, reader *routes.Raw) {
	if b.Block, b.wrong = r.Open(json.RawMessage(b.raw)); len(b.RedirectURI) > 0 {
		b.name = spelling.WithoutSecrets(b.RedirectURI[0])
	}
	if b.wrong != nil {
		return
	}
	inspected := *b.Routes
	if len(b.Protect) > 0 { // none at all match everything, as in Caddy
		if inspected.Matchers, b.wrong = reader.LoadMatchers(b.Protect); b.wrong != nil {
			return
		}
	}
	b.inspected = &inspected
}

// inspected returns the blocks that can be checked.
func (r *run) inspected() (all []*inspect.Block) {
	for _, b := range r.blocks {
		if b.inspected != nil {
			all = append(all, b.inspected)
		}
	}
	return all
}

// admit takes a block in. The same one in several places is one.
func (r *run) admit(server *caddyhttp.Server, raw string) {
	i := slices.IndexFunc(r.blocks, func(b *block) bool { return b.raw == raw })
	if i < 0 {
		i, r.blocks = len(r.blocks), append(r.blocks, &block{name: fmt.Sprintf("%s %d", directive, len(r.blocks)+1), raw: raw})
	}
	if b := r.blocks[i]; !slices.Contains(b.servers, server) {
		b.servers = append(b.servers, server)
	}
}

// canonical returns the JSON of a handler in a form that can be compared.
func canonical(document any) string {
	text, _ := json.Marshal(document) // it was JSON before
	return string(text)
}

// checkLoad has Caddy load the configuration, without starting it.
func (r *run) checkLoad(storageWorks bool) finding.Finding {
	var parsed *caddy.Config
	content, err := json.Marshal(r.config)
	if err == nil {
		err = caddy.StrictUnmarshalJSON(content, &parsed)
	}
	if err != nil {
		return finding.Fault(finding.Plain(err))
	}
	quiet(parsed)
	undo := r.shadowed(parsed)
	err = r.validate(parsed)
	undo()
	if err == nil {
		return finding.OK("%s loads, with %d instagram_auth in it", r.file, len(r.blocks))
	}
	if slices.ContainsFunc(r.blocks, func(b *block) bool { return b.wrong != nil }) {
		return finding.Doubt("Caddy does not load "+r.file, "see what is wrong with the options below")
	}
	_, ours, found := strings.Cut(err.Error(), "http.handlers."+directive+": ")
	ours = strings.TrimPrefix(ours, "invalid configuration: ")
	if name, problem, ok := strings.Cut(ours, ": "); found && ok {
		r.refused = name
		return r.explainOption(&block{Block: new(Block)}, option.Errorf(name, "%s", problem))
	}
	if !storageWorks && len(r.blocks) > 0 { // the finding about the storage says it all
		return finding.Doubt("Caddy does not load "+r.file, "fix the storage and run the doctor again")
	}
	message, remedy := finding.Plain(err)
	if len(r.nulls) > 0 && remedy == finding.AnyRemedy {
		remedy = "give it a value, or delete it, where null stands: " + strings.Join(r.nulls, ", ")
	}
	return finding.Fault("Caddy does not load "+r.file+": "+message, remedy)
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

// matching are lists in which an empty element has a meaning of its own.
var matching = []string{"match", "protect", "not", "routes", "handle"}

// withoutNulls returns JSON without null, on which Caddy may crash: in a list it becomes an empty
// object. It adds where they were to places.
func withoutNulls(value any, path string, places *[]string) any {
	switch value := value.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(value)) {
			if value[name] = withoutNulls(value[name], path+"."+name, places); value[name] == nil {
				delete(value, name)
			}
		}
	case []any:
		name := path[strings.LastIndexByte(path, '.')+1:]
		objects := slices.Contains(matching, name) || slices.ContainsFunc(value, func(element any) bool { _, is := element.(map[string]any); return is })
		for i, element := range value {
			if value[i] = withoutNulls(element, path+"["+strconv.Itoa(i)+"]", places); value[i] == nil && objects {
				value[i] = map[string]any{}
			}
		}
		return slices.DeleteFunc(value, func(element any) bool { return element == nil })
	case nil:
		*places = append(*places, strings.TrimPrefix(path, "."))
	}
	return value
}

// readHTTP decodes the http app, and notes where null stands in the configuration.
func (r *run) readHTTP(content []byte) error {
	var document any
	if err := json.Unmarshal(content, &document); err != nil {
		return err
	}
	whole, _ := withoutNulls(document, "", &r.nulls).(map[string]any)
	apps, _ := whole["apps"].(map[string]any)
	app, err := json.Marshal(apps["http"])
	if err == nil {
		err = json.Unmarshal(app, r.http) // leaves it as it is if there is none
	}
	if err != nil {
		return fmt.Errorf("decoding the http app: %w", err)
	}
	return nil
}

// validate has Caddy load a configuration, without starting it.
func (r *run) validate(config *caddy.Config) (err error) {
	defer func() {
		if p := recover(); p != nil {
			if err = errors.New("loading it makes Caddy crash"); len(r.nulls) == 0 {
				err = fmt.Errorf("loading it makes Caddy crash: %v", p)
			}
		}
	}()
	return caddy.Validate(config)
}
