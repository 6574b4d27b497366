package main

import (
	"context"
	"fmt"
	"slices"
	"syscall"
	"time"
)

// firstPort is outside the range from which the kernel takes clients' ports.
const firstPort = 20000

// tiny returns a function that makes n entries for the smallest server.
func (b *bench) tiny(n int) func(addr string) []entry {
	return func(addr string) []entry {
		entries := make([]entry, n)
		for i := range entries {
			entries[i] = entry{addr: addr, port: firstPort + i, program: b.bin("tiny")}
		}
		return entries
	}
}

// connections measures what a connection to one service costs.
func (b *bench) connections() error {
	const group = "connections"
	servers := []string{"tiny", "dynamic"}
	fleet, stop := b.fleet(group, b.peers, func(addr string) []entry {
		var entries []entry
		for i, server := range servers {
			entries = append(entries, entry{addr: addr, port: firstPort + i, program: b.bin(server)})
		}
		return entries
	})
	defer stop()

	failed := &series{name: "connections to one service", unit: "failed", kind: count}
	var points []func(*daemon, int) error
	for i, server := range servers {
		for _, clients := range []int{1, 8, 64} {
			name := fmt.Sprintf("%s server, C=%d", server, clients)
			points = append(points, b.load(name, clients, failed, func(d *daemon) entry { return d.entries[i] }))
		}
	}
	b.add(failed)
	return interleave(b, group, fleet, points...)
}

// services measures a connection to one of many services.
func (b *bench) services() error {
	for _, n := range b.sizes.services {
		group := fmt.Sprintf("%d services", n)
		fleet, stop := b.fleet(group, b.peers, b.tiny(n))
		failed := &series{name: "connections to one of " + group, unit: "failed", kind: count}
		point := b.load(group+", tiny server, C=8", 8, failed, (*daemon).middle)
		b.add(failed)
		err := interleave(b, group, fleet, point)
		stop()
		if err != nil {
			return err
		}
	}
	return nil
}

// load returns a point that puts an entry under the load of some clients. With
// one client it also measures the latency, with eight the CPU time.
func (b *bench) load(name string, clients int, failed *series, at func(*daemon) entry) func(*daemon, int) error {
	rate := b.add(&series{name: name, unit: "conn/s", higher: true})
	var p50, p99, own, all *series
	switch clients {
	case 1:
		p50 = b.add(&series{name: name, unit: "p50 us"})
		p99 = b.add(&series{name: name, unit: "p99 us"})
	case 8:
		own = b.add(&series{name: name, unit: "daemon CPU us/conn"})
		all = b.add(&series{name: name, unit: "all CPU us/conn"})
	}
	return func(d *daemon, round int) error {
		t, used, err := b.loaded(d, at(d), clients)
		if err != nil {
			return err
		}
		rate.put(d.String(), round, t.rate)
		failed.put(d.String(), round, float64(t.failed))
		switch clients {
		case 1:
			p50.put(d.String(), round, quantile(t.latency, 0.50))
			p99.put(d.String(), round, quantile(t.latency, 0.99))
		case 8:
			own.put(d.String(), round, micros(used.own)/float64(t.served))
			all.put(d.String(), round, micros(used.all)/float64(t.served))
		}
		return nil
	}
}

// loaded drives clients for one window, and returns what CPU time serving them took.
func (b *bench) loaded(d *daemon, e entry, clients int) (tally, usage, error) {
	before, err := d.cpu()
	if err != nil {
		return tally{}, usage{}, err
	}
	ctx, cancel := context.WithTimeout(b.ctx, b.window)
	defer cancel()
	t, err := drive(ctx, e, clients)
	if err != nil {
		return t, usage{}, err
	}
	after, err := d.cpu()
	return t, usage{after.own - before.own, after.all - before.all}, err
}

// burst measures many connects at once.
func (b *bench) burst() error {
	const group = "burst"
	fleet, stop := b.fleet(group, b.peers, b.tiny(1))
	defer stop()
	name := fmt.Sprintf("%d connects at once", b.sizes.burst)
	total := b.add(&series{name: name, unit: "ms until all served"})
	failed := b.add(&series{name: name, unit: "failed", kind: count})
	now, cancel := context.WithCancel(b.ctx)
	cancel()
	return interleave(b, group, fleet, func(d *daemon, round int) error {
		t, err := drive(now, d.middle(), b.sizes.burst)
		if err != nil {
			return err
		}
		failed.put(d.String(), round, float64(t.failed))
		if t.failed > 0 {
			b.results.missing(d.String(), group, "not all served")
			return nil
		}
		total.put(d.String(), round, millis(t.total))
		return nil
	})
}

// dgram measures wait services: a server for each datagram.
func (b *bench) dgram() error {
	const group = "dgram"
	servers := []string{"tiny", "dynamic"}
	fleet, stop := b.fleet(group, b.peers, func(addr string) []entry {
		var entries []entry
		for i, server := range servers {
			entries = append(entries, entry{addr: addr, port: firstPort + i, dgram: true, program: b.bin(server + "dgram"), ask: "?"})
		}
		return entries
	})
	defer stop()
	lost := &series{name: "wait dgram", unit: "not answered", kind: count}
	var points []func(*daemon, int) error
	for i, server := range servers {
		rate := b.add(&series{name: "wait dgram, " + server + " server, one outstanding", unit: "starts/s", higher: true})
		points = append(points, func(d *daemon, round int) error {
			ctx, cancel := context.WithTimeout(b.ctx, b.window)
			defer cancel()
			r, n, err := ping(ctx, d.entries[i])
			if err != nil {
				return err
			}
			rate.put(d.String(), round, r)
			lost.put(d.String(), round, float64(n))
			return nil
		})
	}
	b.add(lost)
	return interleave(b, group, fleet, points...)
}

// reload measures a reload that changes one port of many: first the CPU time of
// an idle daemon, then the time with clients on a service that does not change.
func (b *bench) reload() error {
	configured := slices.DeleteFunc(slices.Clone(b.peers), func(p *peer) bool { return p.config == nil })
	for _, n := range b.sizes.services {
		group := fmt.Sprintf("reload of %d services", n)
		fleet, stop := b.fleet(group, configured, b.tiny(n))
		busy := b.add(&series{name: group + " under load, one changed", unit: "ms until the new port answers", base: debianName})
		failed := b.add(&series{name: group + " under load, connections to an unchanged one", unit: "failed", kind: count})
		cpu := b.add(&series{name: group + ", one changed", unit: "daemon CPU ms", base: debianName})
		err := interleave(b, group, fleet,
			func(d *daemon, round int) error {
				before, err := d.cpu()
				if err != nil {
					return err
				}
				if _, err := d.move(b.ctx); err != nil {
					return err
				}
				after, err := d.cpu()
				if err != nil {
					return err
				}
				cpu.put(d.String(), round, millis(after.own-before.own))
				return nil
			},
			func(d *daemon, round int) error {
				took, t, err := b.moveUnderLoad(d)
				if err != nil {
					return err
				}
				busy.put(d.String(), round, millis(took))
				failed.put(d.String(), round, float64(t.failed))
				return nil
			})
		stop()
		if err != nil {
			return err
		}
	}
	return nil
}

// moveUnderLoad changes the last entry while clients use the middle one.
func (b *bench) moveUnderLoad(d *daemon) (time.Duration, tally, error) {
	type outcome struct {
		tally
		err error
	}
	ctx, cancel := context.WithCancel(b.ctx)
	ended := make(chan outcome, 1)
	go func() { // ends with ctx
		t, err := drive(ctx, d.middle(), 8)
		ended <- outcome{t, err}
	}()
	time.Sleep(b.window / 4)
	took, err := d.move(b.ctx)
	time.Sleep(b.window / 4)
	cancel()
	o := <-ended
	if err != nil {
		return 0, o.tally, err
	}
	return took, o.tally, o.err
}

// move gives the last entry another port, or back the one before, by a reload. It
// waits until the old port is closed, and returns how long the new one took to
// answer.
func (d *daemon) move(ctx context.Context) (time.Duration, error) {
	last := &d.entries[len(d.entries)-1]
	old := *last
	last.port = 2*(firstPort+len(d.entries)) - 1 - old.port
	if err := d.configure(d.entries); err != nil {
		return 0, err
	}
	began := time.Now()
	if err := syscall.Kill(d.pids[0], syscall.SIGHUP); err != nil {
		return 0, err
	}
	if err := d.answers(ctx, *last); err != nil {
		return 0, err
	}
	took := time.Since(began)
	return took, d.refuses(ctx, old)
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
