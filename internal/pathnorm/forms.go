package pathnorm

import (
	"net/url"
	"slices"
)

// Bounds of one address. Real addresses stay far below; beyond them AnyForm gives up and says yes.
const (
	maxLength = 8 << 10
	maxForms  = 256
	maxWork   = 128 << 10 // bytes of all texts that are looked at
)

// Form is one way to read a path, in the shape in which a url.URL has it.
type Form struct {
	Path, RawPath string
	Authority     bool // //host was left out, as by programs that parse //host/path as an address
}

// AnyForm reports whether ask says yes to a form of the path, other than the path itself. The
// first yes ends it. It also says yes if the path is too long, or has too many forms, to ask about.
func AnyForm(u *url.URL, ask func(Form) bool) bool {
	raw := u.EscapedPath()
	if len(raw) > maxLength {
		return true
	}
	r := reader{ask: ask, seen: map[Form]bool{{Path: u.Path, RawPath: u.RawPath}: true}}
	r.encoded(raw)
	if rest, ok := afterAuthority(raw); ok {
		r.authority = true
		r.encoded(rest)
	}
	return r.done
}

// reader goes through the forms of one path.
type reader struct {
	ask       func(Form) bool
	seen      map[Form]bool
	asked     int
	work      int
	done      bool
	authority bool
}

// encoded goes through the forms of servers that normalize the path before they decode it, and
// hands what they decode on to those that normalize it afterwards.
func (r *reader) encoded(raw string) {
	var later []string
	for _, text := range alternatives(raw, cutParameters(raw, false), cutParameters(raw, true), backslashes.Replace(raw)) {
		for _, resolved := range alternatives(text, resolveDots(text, false), resolveDots(text, true), clean(text)) {
			if !r.pair(resolved) {
				return
			}
			if text := decode(resolved); !slices.Contains(later, text) {
				later = append(later, text)
			}
		}
		if !r.pair(standIn(text)) {
			return
		}
		for rest := range afterScripts(text) {
			for _, resolved := range alternatives(rest, standIn(rest), resolveDots(rest, true), clean(rest)) {
				if !r.pair(resolved) {
					return
				}
			}
		}
	}
	for _, text := range later {
		r.decoded(text)
		if twice := decodeLeniently(text); twice != text {
			r.decoded(twice)
		}
	}
}

// pair asks for a raw path twice: with what is encoded left as it is, and with the path that
// belongs to it. Patterns with a percent sign are compared with the raw one.
func (r *reader) pair(raw string) bool {
	return r.spend(len(raw)) && r.form(Form{Path: decodeOrdinary(raw)}) && r.form(Form{Path: decode(raw), RawPath: raw})
}

// decoded goes through the forms of servers that normalize a path after they have decoded it. Some
// parse it as an address once more.
func (r *reader) decoded(path string) {
	for _, slashed := range alternatives(path, slashes(path)) {
		for _, ended := range alternatives(endings(slashed)...) {
			if !r.resolved(ended) {
				return
			}
			if rest, ok := afterAuthority(ended); ok && !r.authority {
				r.authority = true
				goOn := r.resolved(rest)
				if r.authority = false; !goOn {
					return
				}
			}
		}
	}
}

// resolved goes through the ways to resolve dots, and reports whether to go on.
func (r *reader) resolved(path string) bool {
	for _, cut := range alternatives(path, cutParameters(path, false)) {
		if !r.spend(len(path)) {
			return false
		}
		for _, resolved := range alternatives(cut, resolveDots(cut, false), clean(cut), standIn(cut)) {
			if !r.form(Form{Path: resolved}) || !r.scripts(resolved) {
				return false
			}
		}
	}
	return true
}

// scripts goes through what follows the scripts of a decoded path. It can begin with dots of its
// own, as in /index.php../members.
func (r *reader) scripts(path string) bool {
	for rest := range afterScripts(path) {
		for _, resolved := range alternatives(rest, standIn(rest), resolveDots(rest, false), clean(rest)) {
			if !r.form(Form{Path: resolved}) {
				return false
			}
		}
	}
	return true
}

// spend counts work and reports whether to go on.
func (r *reader) spend(bytes int) bool {
	r.work += bytes
	r.done = r.done || r.work > maxWork
	return !r.done
}

// form asks for a form, if it has not been asked for yet, and reports whether to go on.
func (r *reader) form(f Form) bool {
	if f.Path == "" || f.Path[0] != '/' {
		f.Path, f.RawPath = "/"+f.Path, ""
	}
	f.Authority = r.authority
	if r.done || !r.spend(len(f.Path)) || r.seen[f] {
		return !r.done
	}
	r.seen[f] = true
	r.asked++
	r.done = r.asked > maxForms || r.ask(f)
	return !r.done
}

// alternatives returns each text once.
func alternatives(all ...string) []string {
	distinct := make([]string, 0, len(all))
	for _, text := range all {
		if !slices.Contains(distinct, text) {
			distinct = append(distinct, text)
		}
	}
	return distinct
}
