package main

import (
	"context"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// serve runs handle for each connection to a port of its own until the test
// ends and returns the entry that leads there.
func serve(t *testing.T, handle func(net.Conn)) entry {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go serveAll(l, handle)
	return entry{addr: "127.0.0.1", port: l.Addr().(*net.TCPAddr).Port}
}

func hello(c net.Conn) { io.WriteString(c, "ok\n") }

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestDriveCountsWhatIsServed(t *testing.T) {
	t.Parallel()
	ctx, enough := context.WithCancel(t.Context())
	defer enough()
	var accepted atomic.Int64
	e := serve(t, func(c net.Conn) {
		if accepted.Add(1) == 50 {
			enough()
		}
		hello(c)
	})
	got, err := drive(ctx, e, 4)
	if err != nil {
		t.Fatal(err)
	}
	if got.failed != 0 || int64(got.served) != accepted.Load() || got.served < 4 || got.rate <= 0 {
		t.Errorf("served %d of %d, failed %d, %v a second", got.served, accepted.Load(), got.failed, got.rate)
	}
	if len(got.latency) != got.served || quantile(got.latency, 0) <= 0 {
		t.Errorf("%d latencies for %d connections, the least %v", len(got.latency), got.served, quantile(got.latency, 0))
	}
}

func TestDriveBurst(t *testing.T) {
	t.Parallel()
	now, cancel := context.WithCancel(t.Context())
	cancel()
	got, err := drive(now, serve(t, hello), 40)
	if err != nil || got.served != 40 || got.failed != 0 || got.total <= 0 {
		t.Errorf("served %d, failed %d in %v, %v: want each once", got.served, got.failed, got.total, err)
	}
}

func TestDriveCountsFailures(t *testing.T) {
	t.Parallel()
	now, cancel := context.WithCancel(t.Context())
	cancel()
	closed := serve(t, hello)
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.port = l.Addr().(*net.TCPAddr).Port
	l.Close()
	for _, tt := range []struct {
		name string
		e    entry
	}{
		{"closed without an answer", serve(t, func(net.Conn) {})},
		{"reset after an answer", serve(t, func(c net.Conn) {
			hello(c)
			c.(*net.TCPConn).SetLinger(0)
		})},
		{"refused", closed},
	} {
		got, err := drive(now, tt.e, 5)
		if err != nil || got.served != 0 || got.failed != 5 {
			t.Errorf("%s: served %d, failed %d, %v, want 5 failures", tt.name, got.served, got.failed, err)
		}
	}
}

func TestExpire(t *testing.T) {
	t.Parallel()
	l, err := newLoad(serve(t, func(c net.Conn) { io.Copy(io.Discard, c) }), 2)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(l.epoll)
	l.dial(0)
	l.dial(1)
	l.conns[1].began = time.Now().Add(-patience)
	l.expire()
	if l.open != 1 || l.failed != 1 || l.conns[0].fd < 0 {
		t.Errorf("%d open, %d failed, want only the old one given up", l.open, l.failed)
	}
	unix.Close(l.conns[0].fd)
}

func TestProbe(t *testing.T) {
	t.Parallel()
	echo := serve(t, func(c net.Conn) { io.Copy(c, c) })
	echo.ask = "?"
	mute := serve(t, func(c net.Conn) { io.Copy(io.Discard, c) })
	mute.mute = true
	for _, tt := range []struct {
		name string
		e    entry
		ok   bool
	}{
		{"speaks first", serve(t, hello), true},
		{"answers", echo, true},
		{"never answers", mute, true},
		{"closes", serve(t, func(net.Conn) {}), false},
	} {
		if err := probe(tt.e); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestHold(t *testing.T) {
	t.Parallel()
	var open atomic.Int64
	gone := make(chan struct{}, 8)
	e := serve(t, func(c net.Conn) {
		open.Add(1)
		io.Copy(c, c)
		gone <- struct{}{}
	})
	e.ask = "?"
	release, held, err := hold(t.Context(), e, 8)
	if err != nil || held != 8 || open.Load() != 8 || len(gone) != 0 {
		t.Errorf("held %d, %v; the server has %d", held, err, open.Load())
	}
	release()
	for range 8 {
		<-gone
	}
}

func TestHoldStopsAtTheFirstRefusal(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	e := serve(t, func(c net.Conn) {
		if n.Add(1) <= 3 {
			io.Copy(c, c)
		}
	})
	e.ask = "?"
	release, held, err := hold(t.Context(), e, 8)
	defer release()
	if err == nil || held != 3 {
		t.Errorf("held %d, %v, want 3 and an error", held, err)
	}
}

func TestPing(t *testing.T) {
	t.Parallel()
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	go func() { // ends with the socket; answers all but the third
		buf := make([]byte, 64)
		for i := 1; ; i++ {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			if i != 3 {
				c.WriteTo(buf[:n], from)
			}
		}
	}()
	e := entry{addr: "127.0.0.1", port: c.LocalAddr().(*net.UDPAddr).Port, dgram: true, ask: "?"}
	rate, lost, err := ping(within(t, 2*dgramPatience), e)
	if err != nil || lost != 1 || rate <= 0 {
		t.Errorf("%v a second, lost %d, %v, want 1 lost", rate, lost, err)
	}
}

func TestStream(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		builtin string
		mute    bool
		handle  func(net.Conn)
	}{
		{"echo", false, func(c net.Conn) { io.Copy(c, c) }},
		{"discard", true, func(c net.Conn) { io.Copy(io.Discard, c) }},
		{"chargen", false, func(c net.Conn) {
			line := make([]byte, 74)
			for {
				if _, err := c.Write(line); err != nil {
					return
				}
			}
		}},
	} {
		e := serve(t, tt.handle)
		e.builtin, e.mute, e.ask = tt.builtin, tt.mute, "?"
		rate, err := stream(t.Context(), e, 20*time.Millisecond)
		if err != nil || rate <= 0 {
			t.Errorf("%s: %v bytes a second, %v", tt.builtin, rate, err)
		}
	}
}

func TestStreamNoticesTheEnd(t *testing.T) {
	t.Parallel()
	e := serve(t, hello)
	e.builtin = "chargen"
	if _, err := stream(t.Context(), e, time.Minute); err == nil {
		t.Error("no error although the server closed the connection")
	}
}
