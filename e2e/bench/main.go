// Command bench measures what instagram_auth costs a request, beside what else Caddy can
// do with one, in real Caddy processes on this machine.
//
//	cd e2e && go run ./bench -out ../docs/evidence
//
// It measures in rounds, each of which has every contestant once and in another order, and
// writes a table (results.md). With -scale it measures instead how the cost grows, and
// writes scale.md. All traffic is on loopback addresses. It runs on Linux.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	out                 string
	rounds, connections int
	requests            int // over which allocations are counted
	slice               time.Duration
	seed                uint64
	only                *regexp.Regexp
	quick, scale        bool

	command string // that repeats this run
}

// bench is one run: its servers, and what they share.
type bench struct {
	options
	ctx    context.Context
	log    io.Writer // what is going on
	folder string    // temporary
	binary string    // the Caddy of all contestants

	site      string // the address of the site behind
	behind    *httptest.Server
	instagram *server
	session   string // the pair of a valid session cookie
	servers   []*server

	entered []*contestant
	logins  *contestant
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
	flags.StringVar(&o.out, "out", "", "folder for results.md and scale.md; none are written without it")
	flags.IntVar(&o.rounds, "rounds", 15, "rounds")
	flags.IntVar(&o.connections, "connections", 16, "connections to each contestant")
	flags.DurationVar(&o.slice, "time", 500*time.Millisecond, "time for each contestant in each round")
	flags.Uint64Var(&o.seed, "seed", uint64(time.Now().Unix()), "seed of the order within rounds")
	flags.BoolVar(&o.quick, "quick", false, "3 rounds of 100 ms: to see that it works")
	flags.BoolVar(&o.scale, "scale", false, "measure how the cost grows instead")
	only := flags.String("only", "", "regular expression of the contestants, or of the tables with -scale; respond and reverse_proxy always take part")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	o.requests = 5000
	if o.quick {
		o.rounds, o.slice, o.requests = 3, 100*time.Millisecond, 500
	}
	if o.only, err = regexp.Compile(*only); err != nil {
		return o, err
	}
	if flags.NArg() > 0 || o.rounds < 1 || o.connections < 1 || o.slice < 10*time.Millisecond || o.slice > time.Minute {
		return o, errors.New("want one round and connection or more, and 10ms to 1m of time")
	}
	command := []string{"cd e2e && go run ./bench"}
	flags.Visit(func(f *flag.Flag) {
		if f.Name != "out" { // may name what is on this machine alone
			command = append(command, fmt.Sprintf("-%s='%s'", f.Name, f.Value))
		}
	})
	o.command = strings.Join(command, " ")
	return o, nil
}

// benchmark does what the options say and leaves no process behind, whatever happens.
func benchmark(ctx context.Context, o options, stdout, log io.Writer) (err error) {
	b := &bench{options: o, ctx: ctx, log: log, behind: startSite()}
	b.site = b.behind.Listener.Addr().String()
	defer b.close()
	if b.folder, err = os.MkdirTemp("", "bench"); err != nil {
		return err
	}
	if err := b.prepare(); err != nil {
		return err
	}
	if o.scale {
		return b.measureScale(stdout)
	}
	if err := b.enter(); err != nil {
		return err
	}
	all := b.entered
	if b.logins != nil {
		all = append([]*contestant{b.logins}, all...)
	}
	if err := b.run(all); err != nil {
		return err
	}
	if err := b.countAllocations(b.entered); err != nil {
		return err
	}
	return b.report(stdout)
}

// prepare builds Caddy, starts what all contestants need and signs somebody in.
func (b *bench) prepare() (err error) {
	b.progress("building Caddy")
	if b.binary, err = b.build(withSimulator); err != nil {
		return err
	}
	if err = b.startInstagram(); err != nil {
		return err
	}
	s, err := b.start(config{binary: b.binary, sites: siteWith(b.instagramAuth("", appID, host) + b.proxy())})
	if err != nil {
		return err
	}
	defer s.stop()
	b.session, err = browser{s.address, newTransport(1)}.signIn(b.ctx, "127.0.0.1")
	return err
}

// close ends everything that was started.
func (b *bench) close() {
	b.release(b.servers...)
	b.behind.CloseClientConnections()
	b.behind.Close()
	_ = os.RemoveAll(b.folder)
}

func (b *bench) progress(format string, values ...any) { fmt.Fprintf(b.log, format+"\n", values...) }
