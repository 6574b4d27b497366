package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// coldClients is how many clients wait for a server that starts.
const coldClients = 64

// cold measures clients that come while a server on demand starts. Only ours lets them
// wait: systemd would start socket-proxyd and the server at once, and socket-proxyd would
// connect too early.
func (b *bench) cold() error {
	const group = "cold"
	ours := slices.DeleteFunc(slices.Clone(b.all), func(p *peer) bool { return p.name != oursName })
	name := fmt.Sprintf("%d clients of a server on demand that starts for %v", coldClients, b.sizes.cold)
	lost := b.add(&series{name: name, unit: "lost", kind: count, relays: true})
	first := b.add(&series{name: name, unit: "ms from ready to the first byte, median client", kind: amount, relays: true})
	last := b.add(&series{name: name, unit: "ms from ready to the first byte, last client", kind: amount, relays: true})
	err := interleave(b, group, ours, func(p *peer, round int) error {
		args := fmt.Sprintf("cold %d %d", firstPort+1, b.sizes.cold.Milliseconds())
		d := b.launch(p, group, []entry{{addr: b.address(p), port: firstPort, keys: onDemand(b.bin("cold"), args, firstPort+1), ask: "?", mute: true}})
		if d == nil {
			return nil
		}
		defer d.stop()
		took := b.rush(d.entries[0])
		lost.put(d.String(), round, float64(coldClients-len(took)))
		first.put(d.String(), round, median(took))
		last.put(d.String(), round, quantile(took, 1))
		return nil
	})
	if err != nil {
		return err
	}
	return b.stopped(group, ours)
}

// onDemand returns the keys of a server that listens on a port of its own and is started
// by the first client that sends something. It is root, who alone may look into the cache.
func onDemand(program, args string, port int) string {
	return fmt.Sprintf("user = root, exec = %s, args = %s, connect = 127.0.0.1:%d, wake = data, idle_time = 1m", program, args, port)
}

// stopped measures what servers on demand cost while they do not run, beside as many
// services that start a server for each client: all alike, or each with keys of its own, as
// servers on demand have. It counts the daemon's anonymous memory alone: launch connects to
// three entries, which starts their relays, and these share the daemon's program.
func (b *bench) stopped(group string, ours []*peer) error {
	const services = 100
	var points []func(*peer, int) error
	for _, kind := range []struct {
		name string
		keys func(e entry) string
	}{
		{"services", func(entry) string { return "" }},
		{"services with keys of their own", func(e entry) string {
			return fmt.Sprintf("user = root, wait = no, exec = %s, args = tiny, idle_time = 1m, max_time = %dm", e.program, e.port)
		}},
		{"servers on demand, stopped", func(e entry) string { return onDemand(e.program, "tiny", e.port+services) }},
	} {
		size := b.add(&series{name: fmt.Sprintf("%d %s", services, kind.name), unit: "anonymous KiB of the daemon", kind: amount, relays: true})
		points = append(points, func(p *peer, round int) error {
			entries := b.tiny(services)(b.address(p))
			for i := range entries {
				e := &entries[i]
				e.keys = kind.keys(*e)
				e.mute = e.keys != ""
			}
			d := b.launch(p, group, entries)
			if d == nil {
				return nil
			}
			defer d.stop()
			time.Sleep(idle)
			n, err := memoryOf(d.pids[0], anonymous)
			if err != nil {
				return err
			}
			size.put(d.String(), round, float64(n))
			return nil
		})
	}
	return interleave(b, group, ours, points...)
}

// rush has clients connect at once to a server that starts, and returns how many
// milliseconds after the server was ready each client that was served had its first byte.
func (b *bench) rush(e entry) (took []float64) {
	done := make(chan float64)
	for range coldClients {
		go func() { done <- sinceReady(e, b.sizes.cold+patience) }()
	}
	for range coldClients {
		if ms := <-done; ms >= 0 {
			took = append(took, ms)
		}
	}
	return took
}

// sinceReady is one client of rush, which the server tells when it was ready; negative: the
// client was not served.
func sinceReady(e entry, limit time.Duration) float64 {
	fd, err := connect(e, limit)
	if err != nil {
		return -1
	}
	defer unix.Close(fd)
	if _, err := again(func() (int, error) { return unix.Write(fd, []byte(e.ask)) }); err != nil {
		return -1
	}
	buf := make([]byte, 32)
	n, err := again(func() (int, error) { return unix.Read(fd, buf) })
	var now unix.Timespec
	if err != nil || unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) != nil {
		return -1
	}
	ready, err := strconv.ParseInt(strings.TrimSpace(string(buf[:n])), 10, 64)
	if err != nil {
		return -1
	}
	return millis(time.Duration(now.Nano() - ready))
}
