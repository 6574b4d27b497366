// Command bench measures inetd against its peers in one interleaved run. In goes
// a built inetd; out comes a Markdown page of ratios to a C loop that does the
// least a super-server can do.
//
// It fetches Debian's packages of the peers and builds the C programs of
// testdata/bench into a cache, moves into a network and mount namespace of its
// own, and there starts the daemons, each on its own loopback address and in
// its own cgroup. A measure runs over all daemons in random order, again and
// again, so that a busy machine disturbs all of them alike; the page shows
// medians. Programs that pass connections on, inetd among them, are measured
// likewise; the server behind them is a part of this program.
//
// It needs root, gcc, cgroup v2 and, to fetch the peers, Debian's apt.
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
	"slices"
	"strings"
	"syscall"
	"time"
)

const resultsFile = "testdata/bench/RESULTS.md"

// options is the command line.
type options struct {
	inetd  string
	cache  string
	only   string
	peers  string
	rounds int
	window time.Duration
	quick  bool
	write  bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(),
		syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	// If the reader of our output has gone, SIGPIPE must not kill us before the daemons.
	// It goes to a channel that nobody reads, so that the write fails instead.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	if os.Geteuid() != 0 {
		return errors.New("must be root: it makes namespaces and cgroups")
	}
	if !exists("testdata/bench") {
		return errors.New("must be started at the top of the source tree: there is no testdata/bench here")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	say := func(format string, args ...any) {
		if _, err := fmt.Fprintf(stderr, format+"\n", args...); err != nil {
			cancel()
		}
	}
	store := cache{dir: o.cache, sources: "testdata/bench", say: say}
	peers := allPeers(&store, o.inetd)
	if o.peers != "" {
		if peers, err = choose(peers, strings.Split(o.peers, ",")); err != nil {
			return err
		}
	}
	if isolated() {
		return measure(ctx, o, &store, peers, stdout)
	}
	if err := store.fill(ctx, peers); err != nil {
		return err
	}
	return isolate()
}

// measure does the run, inside the namespaces, and writes the page.
func measure(ctx context.Context, o options, store *cache, peers []*peer, stdout io.Writer) error {
	if err := furnish(store.path("ld.so.cache")); err != nil {
		return err
	}
	b, err := newBench(ctx, o, store, peers)
	if err != nil {
		return err
	}
	defer b.close()
	if err := b.run(o.only); err != nil {
		return err
	}
	page := b.results.page(machine(ctx, peers), names(serving(peers)), names(relaying(peers)))
	if o.write {
		if err := os.WriteFile(resultsFile, []byte(page), 0o644); err != nil {
			return err
		}
	}
	_, err = io.WriteString(stdout, page)
	return err
}

func parse(args []string, stderr io.Writer) (options, error) {
	o := options{rounds: 9, window: 300 * time.Millisecond}
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.StringVar(&o.inetd, "inetd", "bin/inetd", "our daemon")
	fs.StringVar(&o.cache, "cache", defaultCache(), "`directory` for the peers and the C programs")
	fs.StringVar(&o.only, "only", "", "`measures` to run, separated by commas: "+strings.Join(measureNames(), ","))
	fs.StringVar(&o.peers, "peers", "", "`daemons` to run besides the reference, separated by commas")
	fs.IntVar(&o.rounds, "rounds", o.rounds, "rounds of each measure")
	fs.DurationVar(&o.window, "window", o.window, "time for one figure of one daemon")
	fs.BoolVar(&o.quick, "quick", false, "two short rounds with fewer services: to see that it works, not to publish")
	fs.BoolVar(&o.write, "write", false, "write the page to "+resultsFile+" as well")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if o.quick {
		o.rounds, o.window = 2, 100*time.Millisecond
	}
	return o, errors.Join(o.check(fs.Args()), absolute(&o.inetd), absolute(&o.cache))
}

// absolute makes a path absolute, so that it holds in any directory.
func absolute(path *string) (err error) {
	*path, err = filepath.Abs(*path)
	return err
}

func (o *options) check(operands []string) error {
	if len(operands) > 0 {
		return fmt.Errorf("unexpected operand %q", operands[0])
	}
	if o.rounds < 1 || o.window <= 0 {
		return fmt.Errorf("nothing to do in %d rounds of %v", o.rounds, o.window)
	}
	for _, name := range strings.Split(o.only, ",") {
		if o.only != "" && !slices.Contains(measureNames(), name) {
			return fmt.Errorf("unknown measure %q, want some of %s", name, strings.Join(measureNames(), ","))
		}
	}
	return nil
}

func defaultCache() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = os.TempDir()
	}
	return filepath.Join(dir, "inetd-bench")
}
