package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/certmagic"
)

// Source says where a command finds Caddy's configuration.
type Source struct {
	File     string // "-" is standard input; "" looks for a file in the working folder
	Adapter  string // "" goes by the file's name, as Caddy does
	Envfiles []string
	In       io.Reader
}

// Configuration is one that was read. The zero value is none.
type Configuration struct {
	Name  string // of the file, for people
	Found bool   // the file was not named: it stands in the working folder
	Text  string // of a file that was adapted, "" for JSON
	JSON  []byte
}

// nearby are the files that are looked for where none is named: first the one that `caddy run`
// takes by itself.
var nearby = []string{"Caddyfile", "caddy.json"}

// packaged is where packages of Caddy put its configuration.
const packaged = "/etc/caddy/Caddyfile"

// NoConfiguration is the problem that no file is there.
func NoConfiguration() *Problem {
	remedy := "go to its folder, or name it with --config"
	if _, err := os.Stat(packaged); err == nil {
		remedy = "add --config " + packaged
	}
	folder, err := os.Getwd()
	if err != nil {
		folder = "this folder"
	}
	return Failed(remedy, "there is no Caddyfile and no caddy.json in %s", folder)
}

// LoadEnvironment reads the environment files, as `caddy run` does first.
func (s Source) LoadEnvironment() error {
	for _, name := range s.Envfiles {
		if err := LoadEnvfile(name); err != nil {
			return err
		}
	}
	if len(s.Envfiles) > 0 { // they may say where the storage is
		caddy.DefaultStorage = &certmagic.FileStorage{Path: caddy.AppDataDir()}
	}
	return nil
}

// Load reads and adapts the configuration. It returns the zero value where no file was named and
// none is there.
func (s Source) Load() (c Configuration, err error) {
	name, found, err := s.find()
	if name == "" || err != nil {
		return Configuration{}, err
	}
	c = Configuration{Name: name, Found: found}
	if name == "-" {
		c.Name = "standard input"
		c.JSON, err = io.ReadAll(s.In)
	} else {
		c.JSON, err = os.ReadFile(name)
	}
	if err != nil {
		return c, Failed("check the path after --config, and who may read it", "cannot read the configuration: %s", reason(err))
	}
	adapter := s.Adapter
	if adapter == "" && isCaddyfile(name) {
		adapter = "caddyfile"
	}
	if adapter == "" {
		return c, c.checkJSON()
	}
	with := caddyconfig.GetAdapter(adapter)
	if with == nil {
		return c, Usage("use one of "+strings.Join(Adapters(), ", ")+", or build Caddy with the module", "there is no configuration adapter %q", adapter)
	}
	c.Text = string(c.JSON)
	if c.JSON, _, err = with.Adapt(c.JSON, map[string]any{"filename": name}); err != nil {
		return c, Failed("", "adapting the configuration: %s", err)
	}
	return c, nil
}

func (s Source) find() (name string, found bool, err error) {
	if s.File != "" {
		if info, err := os.Stat(s.File); err == nil && info.IsDir() {
			return "", false, Usage("name the file in it, such as --config "+filepath.Join(s.File, nearby[0]), "%s is a folder", s.File)
		}
		return s.File, false, nil
	}
	for _, name := range nearby {
		// Where an adapter is named, a JSON file beside is not meant.
		if filepath.Ext(name) == ".json" && s.Adapter != "" {
			continue
		}
		if _, err := os.Stat(name); err == nil || !errors.Is(err, fs.ErrNotExist) {
			return name, true, nil
		}
	}
	return "", false, nil
}

// isCaddyfile goes by the name of a file, as Caddy does.
func isCaddyfile(name string) bool {
	base := strings.ToLower(filepath.Base(name))
	return filepath.Ext(base) != ".json" && (strings.HasPrefix(base, "caddyfile") || strings.HasSuffix(base, ".caddyfile"))
}

func (c *Configuration) checkJSON() error {
	if err := json.Unmarshal(c.JSON, new(any)); err != nil {
		remedy := "fix the JSON"
		if text := bytes.TrimSpace(c.JSON); !bytes.HasPrefix(text, []byte(`{"`)) {
			remedy = "if it is a Caddyfile, add --adapter caddyfile"
		}
		return Failed(remedy, "%s is not valid JSON: %s", c.Name, err)
	}
	return nil
}

// Adapters returns the names of the configuration adapters that Caddy was built with.
func Adapters() (names []string) {
	for _, module := range caddy.GetModules("caddy.adapters") {
		names = append(names, module.ID.Name())
	}
	return names
}

// AdminAddress returns where the admin endpoint of a configuration is.
func (c Configuration) AdminAddress() (string, error) {
	var document struct {
		Admin struct {
			Disabled bool   `json:"disabled"`
			Listen   string `json:"listen"`
		} `json:"admin"`
	}
	if len(c.JSON) > 0 {
		if err := json.Unmarshal(caddy.RemoveMetaFields(c.JSON), &document); err != nil {
			return "", Failed("fix the configuration, or name the endpoint with --address", "finding Caddy's admin endpoint in %s: %s", c.Name, otherKind(err))
		}
	}
	if document.Admin.Disabled {
		return "", Failed("remove admin off from the global options and restart Caddy", "%s turns Caddy's admin endpoint off, and this command needs it", c.Name)
	}
	if document.Admin.Listen == "" {
		return caddy.DefaultAdminListen, nil
	}
	address, err := caddy.NewReplacer().ReplaceOrErr(document.Admin.Listen, true, true)
	if err != nil {
		return "", Failed("set the variable, give the file that sets it with --envfile, or name the endpoint with --address", "the address of Caddy's admin endpoint in %s: %s", c.Name, err)
	}
	return address, nil
}

// reason is an error of the file system without the name of the call.
func reason(err error) string {
	if of, ok := errors.AsType[*fs.PathError](err); ok {
		return of.Path + ": " + of.Err.Error()
	}
	return err.Error()
}

// EachHandler finds the handlers with a name in the JSON of a configuration, however deep they are.
func EachHandler(value any, handler string, found func(options map[string]any)) {
	switch value := value.(type) {
	case []any:
		for _, element := range value {
			EachHandler(element, handler, found)
		}
	case map[string]any:
		if value["handler"] == handler {
			found(value)
			return
		}
		for _, name := range slices.Sorted(maps.Keys(value)) {
			EachHandler(value[name], handler, found)
		}
	}
}
