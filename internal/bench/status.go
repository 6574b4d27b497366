package main

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"time"
)

// statusWindow is how long clients connect while the daemon is asked once. Nobody
// asks a daemon for its state more often.
const statusWindow = time.Second

// status measures how long a daemon with many services and servers takes to tell its
// state, and how it delays its clients meanwhile. Only ours can be asked.
func (b *bench) status() error {
	group := fmt.Sprintf("status of %d services", b.sizes.services[1])
	ours := slices.DeleteFunc(slices.Clone(b.peers), func(p *peer) bool { return p.name != oursName })
	fleet, stop := b.fleet(group, ours, func(addr string) []entry {
		entries := b.tiny(b.sizes.services[1])(addr)
		entries[0].program, entries[0].ask = "/bin/cat", "?"
		return entries
	})
	defer stop()
	for _, d := range fleet {
		release, held, err := hold(b.ctx, d.entries[0], b.sizes.held)
		defer release()
		if err != nil {
			return fmt.Errorf("held %d of %d connections: %w", held, b.sizes.held, err)
		}
	}
	name := fmt.Sprintf("%s with %d servers", group, b.sizes.held)
	alone := b.add(&series{name: name, unit: "ms", kind: amount})
	busy := b.add(&series{name: name + ", C=8", unit: "ms", kind: amount})
	calm := b.add(&series{name: "clients of " + name + ", nobody asks", unit: "p99 us", kind: amount})
	asked := b.add(&series{name: "clients of " + name + ", asked once a second", unit: "p99 us", kind: amount})
	failed := b.add(&series{name: "clients of " + name, unit: "failed", kind: count})
	load := func(d *daemon, round int, into *series, meanwhile func() error) error {
		t, err := b.driveFor(d.middle(), meanwhile)
		failed.put(d.String(), round, float64(t.failed))
		into.put(d.String(), round, quantile(t.latency, 0.99))
		return err
	}
	return interleave(b, group, fleet,
		func(d *daemon, round int) error { return d.tell(b.ctx, round, alone) },
		func(d *daemon, round int) error { return load(d, round, calm, func() error { return nil }) },
		func(d *daemon, round int) error {
			return load(d, round, asked, func() error { return d.tell(b.ctx, round, busy) })
		})
}

// driveFor has eight clients connect for a statusWindow, and calls meanwhile once in it.
func (b *bench) driveFor(e entry, meanwhile func() error) (t tally, err error) {
	ctx, cancel := context.WithTimeout(b.ctx, statusWindow)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		time.Sleep(statusWindow / 4)
		done <- meanwhile()
	}()
	if t, err = drive(ctx, e, 8); err != nil {
		return t, err
	}
	return t, <-done
}

// tell asks a daemon for its state, as its administrator would, and notes how long
// that takes.
func (d *daemon) tell(ctx context.Context, round int, into *series) error {
	began := time.Now()
	out, err := exec.CommandContext(ctx, d.peer.binary, "--status", "-p", d.conf+".pid").CombinedOutput()
	if err != nil {
		return fmt.Errorf("--status: %w: %s", err, out)
	}
	into.put(d.String(), round, millis(time.Since(began)))
	return nil
}
