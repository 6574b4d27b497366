package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// bench is one run.
type bench struct {
	options
	ctx     context.Context
	all     []*peer
	peers   []*peer                  // those that start servers
	bin     func(name string) string // returns the path of a C program of ours
	dir     string                   // for configurations and logs
	sizes   sizes
	results results
	say     func(format string, args ...any)
}

// sizes says how much a run demands of the daemons.
type sizes struct {
	services []int         // configured services
	burst    int           // connects at once
	held     int           // servers that run, or idle connections that are relayed, at the same time
	cold     time.Duration // until a server on demand listens
}

// measures are the groups that can be run alone, in the order of the page.
var measures = []struct {
	name string
	run  func(*bench) error
}{
	{"connections", (*bench).connections},
	{"services", (*bench).services},
	{"burst", (*bench).burst},
	{"reload", (*bench).reload},
	{"dgram", (*bench).dgram},
	{"memory", (*bench).memory},
	{"builtins", (*bench).builtins},
	{"status", (*bench).status},
	{"relays", (*bench).relays},
	{"cold", (*bench).cold},
}

func measureNames() []string {
	var list []string
	for _, m := range measures {
		list = append(list, m.name)
	}
	return list
}

// newBench prepares a run of the peers whose programs are in the cache.
func newBench(ctx context.Context, o options, c *cache, peers []*peer) (*bench, error) {
	if err := alone(c.path("lock")); err != nil {
		return nil, err
	}
	if err := removeLeftovers(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "inetd-bench-")
	if err != nil {
		return nil, err
	}
	b := &bench{options: o, ctx: ctx, all: peers, peers: serving(peers), dir: dir, say: c.say,
		bin:   func(name string) string { return c.path("bin", name) },
		sizes: sizes{services: []int{1000, 5000}, burst: 2000, held: 1000, cold: 5 * time.Second}}
	if o.quick {
		b.sizes = sizes{services: []int{100, 1000}, burst: 500, held: 100, cold: time.Second}
	}
	return b, nil
}

// alone takes a lock that ends with this process: a second run would spoil the
// figures and kill the daemons of the first.
func alone(path string) error {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	if err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return fmt.Errorf("another run holds %s: %w", path, err)
	}
	return nil
}

func (b *bench) close() error { return os.RemoveAll(b.dir) }

// run takes the measures named in only, separated by commas; all if it is empty.
func (b *bench) run(only string) error {
	for _, m := range measures {
		if only != "" && !slices.Contains(strings.Split(only, ","), m.name) {
			continue
		}
		if err := errors.Join(m.run(b), b.ctx.Err()); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	return nil
}

// address returns a peer's own loopback address, so that all can have the same ports.
func (b *bench) address(p *peer) string {
	return fmt.Sprintf("127.0.1.%d", 1+slices.Index(b.all, p))
}

// launch starts one peer with the entries. If the peer cannot serve them, it
// returns nil, notes why, and does not try again in this group. The reference,
// which serves one port, gets the middle one of many entries.
func (b *bench) launch(p *peer, group string, entries []entry) *daemon {
	if p.name == referenceName && len(entries) > 2 {
		entries = entries[len(entries)/2:][:1]
	}
	if b.results.lacks(p.name, group) {
		return nil
	}
	if why := p.unable(entries); why != "" {
		b.results.missing(p.name, group, why)
		return nil
	}
	d, err := launch(b.ctx, p, b.dir, entries)
	if err != nil {
		b.miss(p, group, err)
		return nil
	}
	return d
}

// miss notes and reports that a daemon could not be measured.
func (b *bench) miss(daemon fmt.Stringer, group string, err error) {
	b.say("%s: %s: %v", group, daemon, err)
	b.results.missing(daemon.String(), group, err.Error())
}

// fleet starts all peers that can serve the entries; the caller calls stop.
func (b *bench) fleet(group string, peers []*peer, entries func(addr string) []entry) (fleet []*daemon, stop func()) {
	for _, p := range peers {
		if d := b.launch(p, group, entries(b.address(p))); d != nil {
			fleet = append(fleet, d)
		}
	}
	return fleet, func() {
		for _, d := range fleet {
			if err := d.stop(); err != nil {
				b.say("stop %s: %v", d, err)
			}
		}
	}
}

// interleave calls points, which measure one daemon (or peer) in one round. Each
// point is called for all of them, in random order, before the next one, round
// after round. If a point fails, its figure is left out.
func interleave[T fmt.Stringer](b *bench, group string, all []T, points ...func(one T, round int) error) error {
	for round := range b.rounds {
		b.say("%s: round %d of %d", group, round+1, b.rounds)
		for _, point := range points {
			for _, i := range rand.Perm(len(all)) {
				err := point(all[i], round)
				if b.ctx.Err() != nil {
					return b.ctx.Err()
				}
				if err != nil {
					b.miss(all[i], group, err)
				}
				time.Sleep(settle)
			}
		}
	}
	return nil
}

// settle is the time that a daemon has to reap its servers before the next one
// is measured.
const settle = 10 * time.Millisecond

// add gives the page one more row.
func (b *bench) add(s *series) *series {
	b.results.series = append(b.results.series, s)
	return s
}
