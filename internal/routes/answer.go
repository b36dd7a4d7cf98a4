package routes

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/fileserver"
)

// Answer is the result of a matcher for a request that is known only in part.
type Answer uint8

// The answers of a matcher.
const (
	No    Answer = iota
	Maybe        // it depends on what is not known
	Yes
)

func answer(yes bool) Answer {
	if yes {
		return Yes
	}
	return No
}

// reply is an answer, and more of one that is Maybe.
type reply struct {
	Answer
	usual   Answer      // for a request without anything special
	why     string      // what it depends on
	whyNot  string      // the opposite in words, if that is not "not" and why
	narrow  bool        // it depends on a matcher that is not negated
	files   []foundFile // that a file matcher may find
	fails   int         // the status of an error that it may end in
	failsIf string      // when it does
}

func sure(yes bool) reply { return reply{Answer: answer(yes), usual: answer(yes)} }

func not(r reply) reply {
	r.Answer, r.usual, r.files = Yes-r.Answer, Yes-r.usual, nil
	r.why, r.whyNot, r.narrow = r.otherwise(), r.why, false
	return r
}

const (
	// NoMatch begins the condition of what a block's matcher may not match.
	NoMatch = "the matcher of this block does not match"
	// LeftOut is the condition of what a block's matcher explicitly excepts.
	LeftOut = "the matcher of this block has an exception for it"
)

// leftOut says when the matchers of a block do not match.
func (s *Step) leftOut(sets caddyhttp.MatcherSets) string {
	for _, at := range []*Step{s, s.Original()} {
		if r := at.any(sets); r.Answer == Maybe && r.narrow {
			return NoMatch + " (" + r.why + ")"
		}
	}
	return LeftOut
}

// otherwise is the opposite of what a reply depends on.
func (r reply) otherwise() string {
	if r.why == "" {
		return ""
	}
	return cmp.Or(r.whyNot, "not "+r.why)
}

// Any asks matcher sets, of which one must match. No set at all matches everything.
func (s *Step) Any(sets caddyhttp.MatcherSets) Answer { return s.any(sets).Answer }

func (s *Step) any(sets caddyhttp.MatcherSets) reply {
	if len(sets) == 0 {
		return sure(true)
	}
	result := sure(false)
	for _, set := range sets {
		r := s.all(set)
		result.fails, result.failsIf = max(result.fails, r.fails), cmp.Or(result.failsIf, r.failsIf)
		if r.Answer == Yes {
			return r
		}
		result.narrow = result.narrow || r.narrow
		result.files = append(result.files, r.files...)
		result.usual = max(result.usual, r.usual)
		if r.Answer == Maybe && result.Answer != Maybe {
			result.Answer, result.why, result.whyNot = Maybe, r.why, r.whyNot
		}
	}
	return result
}

// all asks the matchers of a set, which must all match.
func (s *Step) all(set caddyhttp.MatcherSet) reply {
	result := sure(true)
	for _, matcher := range set {
		r := s.ask(matcher)
		if r.Answer == No {
			return r
		}
		result.narrow = result.narrow || r.narrow
		result.files = append(result.files, r.files...)
		result.fails, result.failsIf = max(result.fails, r.fails), cmp.Or(result.failsIf, r.failsIf)
		result.usual = min(result.usual, r.usual)
		// Caddy keeps the matchers of a set in no order: the reason must not depend on it.
		if r.Answer == Maybe && (result.Answer != Maybe || r.why < result.why) {
			result.Answer, result.why, result.whyNot = Maybe, r.why, r.whyNot
		}
	}
	return result
}

// ask asks one matcher. One by others is never called.
func (s *Step) ask(matcher any) (r reply) {
	defer func() {
		if recover() != nil { // a matcher that needs all of Caddy
			r = reply{Answer: Maybe, usual: Maybe, why: "the matcher " + name(matcher)}
		}
		if _, negated := matcher.(*caddyhttp.MatchNot); !negated {
			r.narrow = r.Answer == Maybe
		}
	}()
	switch m := matcher.(type) {
	case interface{ MatchesAll() }:
		return sure(true)
	case *caddyhttp.MatchNot:
		return not(s.any(m.MatcherSets))
	case *caddyhttp.MatchHost:
		return s.testIf(!s.otherHost && !slices.ContainsFunc(*m, func(host string) bool { return !s.knows(host) }), m, "host")
	case *caddyhttp.MatchPath:
		return s.testIf(s.decidesAll(*m), m, "path "+strings.Join(*m, ", "))
	case *caddyhttp.MatchPathRE, *caddyhttp.MatchMethod:
		return s.test(m.(caddyhttp.RequestMatcherWithError))
	case *caddyhttp.MatchProtocol:
		return s.maybe(m, "protocol "+string(*m))
	case *caddyhttp.MatchHeader:
		return s.maybe(m, "header "+names(*m))
	case *caddyhttp.MatchHeaderRE:
		return s.maybe(m, "header "+names(*m))
	case *caddyhttp.MatchQuery:
		return s.maybe(m, "query "+names(*m))
	case *caddyhttp.MatchRemoteIP, *caddyhttp.MatchClientIP, *caddyhttp.MatchTLS:
		return s.maybe(m, name(m))
	case *caddyhttp.VarsMatcher:
		known := s.knowsAll(maps.Keys(*m)) && s.decidesAll(slices.Concat(slices.Collect(maps.Values(*m))...))
		return s.testBoth(known, m, "vars "+names(*m))
	case *caddyhttp.MatchVarsRE:
		return s.testBoth(s.knowsAll(maps.Keys(*m)), m, "vars "+names(*m))
	case *caddyhttp.MatchExpression:
		if !onlyCalls(m.Expr, ours) {
			return reply{Answer: Maybe, usual: Maybe, why: "expression " + m.Expr}
		}
		return s.testBoth(s.decides(m.Expr) && onlyCalls(m.Expr, harmless), m, "expression "+m.Expr)
	case *fileserver.MatchFile:
		return s.file(m)
	}
	return reply{Answer: Maybe, usual: Maybe, why: "the matcher " + name(matcher)}
}

// test has a matcher decide by what is known: the address and the method.
func (s *Step) test(m caddyhttp.RequestMatcherWithError) reply {
	switch {
	case s.of.Any && isMethod(m):
		return s.maybe(m, "method "+strings.Join(*m.(*caddyhttp.MatchMethod), ", "))
	case !isMethod(m) && !isHost(m) && s.unclear() != "":
		return reply{Answer: Maybe, usual: Maybe, why: s.unclear()}
	}
	match, err := m.MatchWithError(s.Request)
	if err != nil {
		return reply{Answer: Maybe, usual: Maybe, why: "the matcher " + name(m)}
	}
	return sure(match)
}

// testIf has a matcher decide if all that it looks at is known.
func (s *Step) testIf(known bool, m caddyhttp.RequestMatcherWithError, why string) reply {
	if known {
		return s.test(m)
	}
	return s.maybe(m, why)
}

// testBoth is testIf for what may compare the host as it is: whoever asks can write it in capitals.
func (s *Step) testBoth(known bool, m caddyhttp.RequestMatcherWithError, why string) reply {
	r := s.testIf(known, m, why)
	if r.Answer == Maybe || !s.of.Any || s.of.URL == nil {
		return r
	}
	shouted := *s
	of, u := *s.of, *s.of.URL
	u.Host, of.URL = strings.ToUpper(u.Host), &u
	shouted.of = &of
	other := shouted.copy()
	if !s.otherHost && s.Request.Host == s.of.URL.Host {
		other.Request.Host = u.Host
	}
	if match, err := m.MatchWithError(other.Request); err == nil && answer(match) != r.Answer {
		return reply{Answer: Maybe, usual: r.usual, why: why}
	}
	return r
}

// maybe is for matchers of what a request may have and need not have. What they say of one that
// has nothing special is what most visitors get.
func (s *Step) maybe(matcher any, why string) reply {
	r := reply{Answer: Maybe, usual: Maybe, why: why}
	if m, ok := matcher.(caddyhttp.RequestMatcherWithError); ok {
		if match, err := m.MatchWithError(s.Request); err == nil {
			r.usual = answer(match)
		}
	}
	return r
}

// unclear says why the address is not known, "" if it is.
func (s *Step) unclear() string {
	switch {
	case len(s.vague) > 0:
		return "the handler " + s.vague[0]
	case s.blind:
		return "what the request was rewritten to"
	}
	return ""
}

func isMethod(matcher any) bool { _, ok := matcher.(*caddyhttp.MatchMethod); return ok }
func isHost(matcher any) bool   { _, ok := matcher.(*caddyhttp.MatchHost); return ok }

// names returns the names in a matcher. The values may be secrets.
func names[V any](m map[string]V) string {
	return strings.Join(slices.Sorted(maps.Keys(m)), ", ")
}
