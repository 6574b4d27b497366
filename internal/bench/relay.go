package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// relayPeers returns the peers that pass connections on. All get the same length of the
// listen queue, and none a lower limit of connections than the others.
func relayPeers(c *cache) []*peer {
	listen := func(e entry) string { return e.addr + ":" + strconv.Itoa(e.port) }
	return []*peer{
		c.packaged("systemd", "lib/systemd/systemd-socket-proxyd", peer{
			name: proxydName, remark: "one process an entry", relay: true,
			launcher: func(e entry) []string {
				// systemd starts it with SIGPIPE ignored, or else a client's reset would kill it.
				return []string{"/bin/sh", "-c", `trap "" PIPE; exec "$@"`, "sh",
					c.path("root", "systemd", "usr/bin/systemd-socket-activate"), "-l", listen(e)}
			},
			command: func(_ string, e entry) []string { return []string{"--connections-max=4096", e.to} },
		}),
		c.packaged("socat", "usr/bin/socat", peer{
			name: "socat", remark: "one process a connection", relay: true,
			command: func(_ string, e entry) []string {
				return []string{"-b65536", fmt.Sprintf("TCP4-LISTEN:%d,bind=%s,reuseaddr,fork,backlog=4096", e.port, e.addr), "TCP4:" + e.to}
			},
		}),
		c.packaged("haproxy", "usr/sbin/haproxy", peer{
			name: "haproxy", remark: "in tcp mode, with a thread for each core, and splicing", relay: true, config: haproxy,
			command: func(conf string, _ entry) []string { return []string{"-db", "-q", "-f", conf} },
		}),
	}
}

// haproxy returns the configuration of HAProxy, whose maxconn must be below half of its
// limit of descriptors.
func haproxy(entries []entry) string {
	var b strings.Builder
	b.WriteString("global\n\tmaxconn 4096\ndefaults\n\tmode tcp\n\toption splice-auto\n\tbacklog 4096\n" +
		"\ttimeout connect 10s\n\ttimeout client 1h\n\ttimeout server 1h\n")
	for i, e := range entries {
		fmt.Fprintf(&b, "listen l%d\n\tbind %s:%d\n\tserver s %s\n", i, e.addr, e.port, e.to)
	}
	return b.String()
}

// serving returns the peers that start servers, and relaying those that pass connections
// on. Ours does both.
func serving(peers []*peer) []*peer {
	return slices.DeleteFunc(slices.Clone(peers), func(p *peer) bool { return p.relay })
}

func relaying(peers []*peer) []*peer {
	return slices.DeleteFunc(slices.Clone(peers), func(p *peer) bool { return !p.relay && p.name != oursName })
}

// relays measures what it costs to pass connections on to a server that runs.
func (b *bench) relays() error {
	const group = "relays"
	back, err := newBackend()
	defer back.close()
	if err != nil {
		return err
	}
	names := []string{"chargen", "discard", "echo"}
	fleet, stop := b.fleet(group, relaying(b.all), func(addr string) []entry {
		entries := []entry{{addr: addr, port: firstPort, to: back.at["answer"]}}
		for i, name := range names {
			entries = append(entries, entry{addr: addr, port: firstPort + 1 + i, to: back.at[name], builtin: name, ask: "?", mute: name == "discard"})
		}
		for i := range entries {
			entries[i].keys = "user = nobody, connect = " + entries[i].to
		}
		return entries
	})
	defer stop()
	failed := &series{name: "connections that are passed on", unit: "failed", kind: count, relays: true}
	var points []func(*daemon, int) error
	for _, clients := range []int{8, 64} {
		points = append(points, b.relayedLoad(clients, failed))
	}
	b.add(failed)
	for i, name := range []string{"download", "upload", "both ways"} {
		points = append(points, b.relayedBytes(name, func(d *daemon) entry { return d.entries[1+i] }))
	}
	if err := interleave(b, group, fleet, points...); err != nil {
		return err
	}
	return b.relayedIdle(group, fleet)
}

// relayedLoad returns a point of many short connections.
func (b *bench) relayedLoad(clients int, failed *series) func(*daemon, int) error {
	name := fmt.Sprintf("short connections, C=%d", clients)
	rate := b.add(&series{name: name, unit: "conn/s", higher: true, base: proxydName, relays: true})
	cpu := b.add(&series{name: name, unit: "CPU us/conn", base: proxydName, relays: true})
	return func(d *daemon, round int) error {
		if err := probe(d.entries[0]); err != nil { // starts a relay again, which ends after 10 s without a client
			return err
		}
		before, err := d.group.usage()
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(b.ctx, b.window)
		defer cancel()
		t, err := drive(ctx, d.entries[0], clients)
		if err != nil {
			return err
		}
		after, err := d.group.usage()
		if err != nil {
			return err
		}
		rate.put(d.String(), round, t.rate)
		failed.put(d.String(), round, float64(t.failed))
		cpu.put(d.String(), round, micros(after-before)/float64(t.served))
		return nil
	}
}

// relayedBytes returns a point of one connection that moves as many bytes as it can.
func (b *bench) relayedBytes(name string, at func(*daemon) entry) func(*daemon, int) error {
	rate := b.add(&series{name: name + ", one client", unit: "MB/s", higher: true, base: proxydName, relays: true})
	cpu := b.add(&series{name: name + ", one client", unit: "CPU s/GB", base: proxydName, relays: true})
	return func(d *daemon, round int) error {
		e := at(d)
		fd, err := connect(e, patience)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		if err := underWay(fd, e); err != nil {
			return err
		}
		before, err := d.group.usage()
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(b.ctx, b.window)
		defer cancel()
		began := time.Now()
		n, err := flow(ctx, fd, e)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		rate.put(d.String(), round, float64(n)/1e6/time.Since(began).Seconds())
		after, err := d.group.usage()
		if err != nil {
			return err
		}
		cpu.put(d.String(), round, (after-before).Seconds()/float64(n)*1e9)
		return nil
	}
}

// relayedIdle measures the memory of a daemon and its relays with idle connections.
func (b *bench) relayedIdle(group string, fleet []*daemon) error {
	name := fmt.Sprintf("%d idle connections", b.sizes.held)
	all := b.add(&series{name: name, unit: "PSS KiB of all processes", base: proxydName, relays: true})
	own := b.add(&series{name: name, unit: "PSS KiB of the relay of inetd alone", kind: amount, relays: true})
	return interleave(b, group, fleet, func(d *daemon, round int) error {
		release, held, err := hold(b.ctx, d.entries[3], b.sizes.held)
		defer release()
		if err != nil {
			return fmt.Errorf("held %d of %d connections: %w", held, b.sizes.held, err)
		}
		time.Sleep(idle)
		pids, err := d.group.pids()
		if err != nil {
			return err
		}
		sum, most := 0, 0
		for _, pid := range pids {
			n, err := pssOf(pid)
			if err != nil {
				return err
			}
			sum += n
			if pid != d.pids[0] {
				most = max(most, n)
			}
		}
		all.put(d.String(), round, float64(sum))
		if d.String() == oursName {
			own.put(d.String(), round, float64(most))
		}
		return nil
	})
}

// backend is the server that connections are passed on to.
type backend struct {
	listeners []net.Listener
	at        map[string]string // the addresses, by what the server does there
}

// newBackend starts a backend. The caller closes it, even after an error.
func newBackend() (*backend, error) {
	b := &backend{at: map[string]string{}}
	block := make([]byte, 64<<10)
	for name, serve := range map[string]func(net.Conn){
		"answer": func(c net.Conn) { io.WriteString(c, "ok\n") },
		"chargen": func(c net.Conn) {
			for {
				if _, err := c.Write(block); err != nil {
					return
				}
			}
		},
		"discard": func(c net.Conn) {
			into := make([]byte, 64<<10)
			for {
				if _, err := c.Read(into); err != nil {
					return
				}
			}
		},
		"echo": func(c net.Conn) { io.Copy(c, c) },
	} {
		l, err := net.Listen("tcp4", "127.0.2.1:0")
		if err != nil {
			return b, err
		}
		b.listeners = append(b.listeners, l)
		b.at[name] = l.Addr().String()
		go serveAll(l, serve)
	}
	return b, nil
}

// serveAll serves each client of a listener until the listener is closed.
func serveAll(l net.Listener, serve func(net.Conn)) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			serve(c)
		}()
	}
}

func (b *backend) close() {
	for _, l := range b.listeners {
		l.Close()
	}
}
