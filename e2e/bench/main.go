// Command bench measures what instagram_auth costs a request, beside what else Caddy can
// do with one, in real Caddy processes on this machine.
//
//	cd e2e && go run ./bench -out ../docs/evidence
//
// It measures in rounds, each of which has every contestant once and in another order,
// and writes a table (results.md) and a plot (results.svg). With -scale it measures
// instead how the cost grows, and writes scale.md. All traffic is on loopback addresses.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	out, peers, profiled string
	rounds, requests     int
	connections, procs   int
	slice                time.Duration
	seed                 uint64
	only                 *regexp.Regexp
	quick, scale         bool

	command string // that repeats this run
}

// bench is one run: its servers, and what they share.
type bench struct {
	options
	ctx    context.Context
	log    io.Writer // what is going on
	folder string    // temporary
	binary string    // the Caddy of all contestants

	site, authorizer *origin
	instagram        *server
	session          string // the pair of a valid session cookie
	servers          []*server

	entered []*contestant
	logins  logins
}

func main() {
	o, err := parse(os.Args[1:], os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err == nil {
		err = benchmark(ctx, o, os.Stdout, os.Stderr)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

// parse reads the flags.
func parse(args []string, output io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(output)
	flags.StringVar(&o.out, "out", "", "folder for results.md, results.svg and scale.md; none are written without it")
	flags.StringVar(&o.peers, "peers", "", "file with further contestants, see bench/peers.example")
	flags.StringVar(&o.profiled, "profile", "", "write profiles of a contestant, or of logins, into the folder of -out and measure nothing else")
	flags.IntVar(&o.rounds, "rounds", 15, "rounds")
	flags.IntVar(&o.requests, "requests", 5000, "requests over which allocations are counted")
	flags.IntVar(&o.connections, "connections", 16, "connections to each contestant")
	flags.IntVar(&o.procs, "procs", 0, "GOMAXPROCS of the servers; 0 for Go's default")
	flags.DurationVar(&o.slice, "time", 500*time.Millisecond, "time for each contestant in each round")
	flags.Uint64Var(&o.seed, "seed", uint64(time.Now().Unix()), "seed of the order within rounds")
	flags.BoolVar(&o.quick, "quick", false, "3 rounds of 100 ms: to see that it works")
	flags.BoolVar(&o.scale, "scale", false, "measure how the cost grows instead")
	only := flags.String("only", "", "regular expression of the contestants, or of the tables with -scale; respond and reverse_proxy always take part")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.quick {
		o.rounds, o.slice, o.requests = 3, 100*time.Millisecond, 500
	}
	if o.only, err = regexp.Compile(*only); err != nil {
		return o, err
	}
	if flags.NArg() > 0 || o.rounds < 1 || o.rounds > 1000 || o.connections < 1 || o.connections > 1000 || o.requests < 10 || o.slice < 10*time.Millisecond || o.slice > time.Minute {
		return o, errors.New("want 1 to 1000 rounds and connections, 10 requests or more, and 10ms to 1m of time")
	}
	if o.profiled != "" && o.out == "" {
		return o, errors.New("-profile needs -out")
	}
	o.command = repeat(flags, o.seed)
	return o, nil
}

// repeat returns the command that does the same again.
func repeat(flags *flag.FlagSet, seed uint64) string {
	command := []string{"cd e2e && go run ./bench"}
	flags.Visit(func(f *flag.Flag) {
		switch f.Name {
		case "seed":
		case "out", "peers": // may name what is on this machine alone
			command = append(command, "-"+f.Name, filepath.Base(f.Value.String()))
		case "only", "profile":
			command = append(command, fmt.Sprintf("-%s '%s'", f.Name, f.Value))
		default:
			command = append(command, fmt.Sprintf("-%s=%s", f.Name, f.Value))
		}
	})
	return strings.Join(append(command, fmt.Sprintf("-seed=%d", seed)), " ")
}

// benchmark does what the options say and leaves no process behind, whatever happens.
func benchmark(ctx context.Context, o options, stdout, log io.Writer) (err error) {
	b := &bench{options: o, ctx: ctx, log: log}
	if b.folder, err = os.MkdirTemp("", "bench"); err != nil {
		return err
	}
	defer b.close()
	if err := b.prepare(); err != nil {
		return err
	}
	switch {
	case o.profiled != "":
		return b.profileOne()
	case o.scale:
		return b.measureScale(stdout)
	}
	if err := b.enter(); err != nil {
		return err
	}
	var logins func() error
	if o.only.MatchString("logins") {
		if err := b.startLogins(); err != nil {
			return err
		}
		logins = func() error { return b.measureLogins(b.slice) }
	}
	if err := b.run(b.entered, logins); err != nil {
		return err
	}
	if err := b.countAllocations(b.entered); err != nil {
		return err
	}
	if err := b.explainLogins(); err != nil {
		return err
	}
	return b.report(stdout)
}

// prepare builds Caddy, starts what all contestants need and signs somebody in.
func (b *bench) prepare() (err error) {
	b.progress("building Caddy")
	if b.binary, err = build(b.ctx, b.folder, withSimulator); err != nil {
		return err
	}
	if b.site, err = newOrigin(siteAnswer); err != nil {
		return err
	}
	if b.authorizer, err = newOrigin(authorizerAnswer); err != nil {
		return err
	}
	if err = b.startInstagram(); err != nil {
		return err
	}
	address, err := freeAddress()
	if err != nil {
		return err
	}
	s, err := b.caddy("sign-in", b.binary, "http://:"+portOf(address)+" {\n"+b.instagramAuth("", appID, host)+b.proxy()+"}\n", address)
	if err != nil {
		return err
	}
	b.session, err = b.signIn(address, host)
	b.release(s)
	return err
}

// release ends servers before the rest of the bench.
func (b *bench) release(servers ...*server) {
	for _, s := range servers {
		s.stop()
		b.servers = slices.DeleteFunc(b.servers, func(other *server) bool { return other == s })
	}
}

// close ends everything that was started.
func (b *bench) close() {
	for _, s := range b.servers {
		s.stop()
	}
	for _, o := range []*origin{b.site, b.authorizer} {
		if o != nil {
			o.close()
		}
	}
	_ = os.RemoveAll(b.folder)
}

func (b *bench) progress(format string, values ...any) { fmt.Fprintf(b.log, format+"\n", values...) }

// conditions tells where and how something was measured.
func (b *bench) conditions(what string) (string, error) {
	golang, caddy, err := versions(b.binary)
	if err != nil {
		return "", err
	}
	procs := "Go's default"
	if b.procs > 0 {
		procs = fmt.Sprint(b.procs)
	}
	return fmt.Sprintf("%s, on a machine with %d cores (%s/%s), which also ran the load, the site behind and everything else. Caddy %s, %s, GOMAXPROCS of the servers: %s. %s.\n\n    %s\n",
		time.Now().UTC().Format(time.DateOnly), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, caddy, golang, procs, what, b.command), nil
}
