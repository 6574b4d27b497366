package main

import (
	"fmt"
	"time"
)

// idle is how long a daemon rests before its memory is read.
const idle = 3 * time.Second

// memory measures the start and the size of a daemon with one service and with
// many, and its growth with many servers running. Each daemon runs alone, as the
// pages of a library count less if others use it too.
func (b *bench) memory() error {
	const group = "memory"
	few, most := b.footprint("1 service"), b.footprint(fmt.Sprintf("%d services", b.sizes.services[1]))
	running := b.add(&series{name: fmt.Sprintf("growth with %d running servers", b.sizes.held), unit: "PSS KiB", kind: amount})
	cat := func(p *peer) []entry {
		return []entry{{addr: b.address(p), port: firstPort, program: "/bin/cat", ask: "?"}}
	}
	return interleave(b, group, b.peers,
		func(p *peer, round int) error {
			d := b.launch(p, few.group, cat(p))
			if d == nil {
				return nil
			}
			defer d.stop()
			before, err := few.put(d, round)
			if err != nil {
				return err
			}
			release, held, err := hold(b.ctx, d.middle(), b.sizes.held)
			defer release()
			if err != nil {
				return fmt.Errorf("held %d of %d connections: %w", held, b.sizes.held, err)
			}
			after, err := d.memory()
			if err != nil {
				return err
			}
			running.put(d.String(), round, float64(after-before))
			return nil
		},
		func(p *peer, round int) error {
			d := b.launch(p, most.group, b.tiny(b.sizes.services[1])(b.address(p)))
			if d == nil {
				return nil
			}
			defer d.stop()
			_, err := most.put(d, round)
			return err
		})
}

// footprint is the measures of start and size of daemons with some services.
type footprint struct {
	group      string
	start, pss *series
}

func (b *bench) footprint(services string) footprint {
	return footprint{
		group: "memory with " + services,
		start: b.add(&series{name: "start with " + services, unit: "ms until first, middle and last port answer"}),
		pss:   b.add(&series{name: "memory with " + services, unit: "PSS KiB"}),
	}
}

// put lets the daemon rest, takes its figures, and returns its size.
func (f footprint) put(d *daemon, round int) (kib int, err error) {
	time.Sleep(idle)
	kib, err = d.memory()
	if err != nil {
		return 0, err
	}
	f.start.put(d.String(), round, millis(d.took))
	f.pss.put(d.String(), round, float64(kib))
	return kib, nil
}

// builtins measures how much the daemons' own services move over one connection.
func (b *bench) builtins() error {
	const group = "builtins"
	names := []string{"chargen", "echo", "discard"}
	ports := []int{19, 7, 9}
	fleet, stop := b.fleet(group, b.peers, func(addr string) []entry {
		var entries []entry
		for i, name := range names {
			entries = append(entries, entry{addr: addr, port: ports[i], builtin: name, ask: "?", mute: name == "discard"})
		}
		return entries
	})
	defer stop()
	var points []func(*daemon, int) error
	for i, name := range names {
		rate := b.add(&series{name: name + ", one client", unit: "MB/s", higher: true, base: debianName})
		points = append(points, func(d *daemon, round int) error {
			r, err := stream(b.ctx, d.entries[i], b.window)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			rate.put(d.String(), round, r/1e6)
			return nil
		})
	}
	return interleave(b, group, fleet, points...)
}
