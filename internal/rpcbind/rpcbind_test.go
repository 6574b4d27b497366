package rpcbind

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"inetd/internal/sock/socktest"
)

func binding(version uint32, netid, addr string) Binding {
	return Binding{Program: 391002, Version: version, Netid: netid, Addr: netip.MustParseAddrPort(addr)}
}

// lifeCycle sets, finds and unsets bindings that the portmapper does not have.
func lifeCycle(t *testing.T, c *Client, bindings []Binding) {
	t.Helper()
	registered := func(b Binding, want bool) {
		t.Helper()
		missing, err := c.Missing(t.Context(), []Binding{b})
		if got := len(missing) == 0; got != want || err != nil {
			t.Errorf("%v at %v is registered: %v, %v; want %v", b, b.Addr, got, err, want)
		}
	}
	for _, b := range bindings {
		registered(b, false)
		if err := c.Unset(t.Context(), b); err != nil {
			t.Errorf("unset of nothing: %v", err)
		}
		if err := c.Set(t.Context(), b); err != nil {
			t.Errorf("set: %v", err)
		}
		registered(b, true)

		moved, newer := b, b
		moved.Addr = netip.AddrPortFrom(b.Addr.Addr(), b.Addr.Port()+1)
		newer.Version += 10
		registered(moved, false)
		registered(newer, false)
		err := c.Set(t.Context(), moved)
		if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), b.String()+" is registered at ") {
			t.Errorf("set over another address: %v, want a refusal that tells that address", err)
		}
		registered(b, true)
	}
	absent := bindings[0]
	absent.Version = 77
	if missing, err := c.Missing(t.Context(), append([]Binding{absent}, bindings...)); err != nil || !slices.Equal(missing, []Binding{absent}) {
		t.Errorf("missing %v, %v; want %v alone", missing, err, absent)
	}
	for _, b := range bindings {
		if err := c.Unset(t.Context(), b); err != nil {
			t.Errorf("unset: %v", err)
		}
		registered(b, false)
	}
}

func TestRpcbind(t *testing.T) {
	t.Parallel()
	lifeCycle(t, startFake(t, rpcbindVersion), []Binding{
		binding(1, "tcp", "0.0.0.0:40000"), binding(1, "udp6", "[::]:40000"), binding(2, "tcp", "192.0.2.1:1"),
	})
}

func TestPortmapper(t *testing.T) {
	t.Parallel()
	client := startFake(t, portmapVersion)
	lifeCycle(t, client, []Binding{binding(1, "tcp", "0.0.0.0:40000"), binding(1, "udp", "0.0.0.0:40000")})

	err := client.Set(t.Context(), binding(1, "tcp6", "[::]:40000"))
	if !errors.Is(err, ErrRefused) {
		t.Errorf("set of tcp6: %v, want a refusal", err)
	}
}

func TestAbsent(t *testing.T) {
	t.Parallel()
	stale := filepath.Join(t.TempDir(), "sock")
	l := listen(t, "unix", stale)
	l.(interface{ SetUnlinkOnClose(bool) }).SetUnlinkOnClose(false)
	if err := socktest.HangUp(l); err != nil {
		t.Fatal(err)
	}
	taken, err := net.Dial("tcp4", listen(t, "tcp4", "127.0.0.1:0").Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close() // meanwhile nobody can listen on its port
	for _, path := range []string{"/nonexistent", stale} {
		client, b := &Client{Socket: path, Portmap: taken.LocalAddr().String()}, binding(1, "tcp", "0.0.0.0:1")
		if err := client.Set(t.Context(), b); err != ErrAbsent {
			t.Errorf("%s: set: %v, want ErrAbsent", path, err)
		}
		if err := client.Unset(t.Context(), b); err != ErrAbsent {
			t.Errorf("%s: unset: %v, want ErrAbsent", path, err)
		}
		if _, err := client.Missing(t.Context(), []Binding{b}); err != ErrAbsent {
			t.Errorf("%s: missing: %v, want ErrAbsent", path, err)
		}
		if _, err := client.Watch(t.Context()); err != ErrAbsent {
			t.Errorf("%s: watch: %v, want ErrAbsent", path, err)
		}
	}
}

// startScript serves one scripted answer to everything.
func startScript(t *testing.T, reply func(call []byte) []byte) *Client {
	t.Helper()
	l := listen(t, "unix", filepath.Join(t.TempDir(), "sock"))
	go serve(l, reply)
	return &Client{Socket: l.Addr().String()}
}

func TestSilence(t *testing.T) {
	t.Parallel()
	hang := make(chan struct{})
	t.Cleanup(func() { close(hang) })
	client, b := startScript(t, func([]byte) []byte { <-hang; return nil }), binding(1, "tcp", "0.0.0.0:1")

	client.Timeout = time.Millisecond
	var netErr net.Error
	if err := client.Set(t.Context(), b); !errors.As(err, &netErr) || !netErr.Timeout() {
		t.Errorf("after the time-out: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	client = startScript(t, func([]byte) []byte { cancel(); <-hang; return nil })
	client.Timeout = time.Hour
	if err := client.Set(ctx, b); err == nil {
		t.Error("a cancelled call succeeds")
	}
}

// TestWatch watches for longer than a call may take, until the connection ends
// or the context does.
func TestWatch(t *testing.T) {
	t.Parallel()
	l := listen(t, "unix", filepath.Join(t.TempDir(), "sock"))
	client := &Client{Socket: l.Addr().String(), Timeout: 500 * time.Millisecond}
	ctx, cancel := context.WithCancel(t.Context())
	for _, end := range []func(net.Conn){func(c net.Conn) { c.Close() }, func(net.Conn) { cancel() }} {
		ended, err := client.Watch(ctx)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		select {
		case <-ended:
			t.Fatal("it has ended, it is told")
		case <-time.After(client.Timeout + 100*time.Millisecond):
		}
		end(conn)
		<-ended
	}
	if _, err := client.Watch(ctx); err == nil {
		t.Error("something can be watched under a context that is done")
	}
}

func TestReservedPort(t *testing.T) {
	t.Parallel()
	l := listen(t, "tcp4", "127.0.0.1:0")
	conn, err := dialReserved(t.Context(), net.Dialer{}, l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	port := conn.LocalAddr().(*net.TCPAddr).Port
	if os.Geteuid() != 0 {
		t.Skipf("connected from port %d, but only root can be sure of a reserved one", port)
	}
	if port < 600 || port > 1023 {
		t.Errorf("root connects from port %d", port)
	}
}

func TestRefusalsAndRubbish(t *testing.T) {
	t.Parallel()
	reply := func(words ...uint32) func(call []byte) []byte {
		return func(call []byte) []byte { return record(appendUint32(call[:4:4], words...)) }
	}
	tests := []struct {
		reply   func(call []byte) []byte
		refused bool
		want    string
	}{
		{reply(messageReply, 0, 0, 0, 3), true, "procedure unavailable"},
		{reply(messageReply, 0, 0, 0, 99), true, "unknown reason 99"},
		{reply(messageReply, 1, 0, 2, 2), true, "RPC version not supported"},
		{reply(messageReply, 1, 1, 5), true, "credentials too weak"},
		{reply(messageReply, 1, 1), false, "truncated message from rpcbind"},
		{reply(messageReply, 0, 0, 0, 0), false, "truncated message from rpcbind"},
		{reply(messageReply, 0, 0, 1<<30, 0), false, "truncated message from rpcbind"},
		{reply(), false, "truncated message from rpcbind"},
		{reply(messageCall, 0, 0, 0, 0, 1), false, "message from rpcbind is no reply to ours"},
		{func([]byte) []byte { return record(appendUint32(nil, 99, messageReply, 0, 0, 0, 0, 1)) }, false, "message from rpcbind is no reply to ours"},
		{func([]byte) []byte { return appendUint32(nil, lastFragment|(maxRecord+1)) }, false, "message from rpcbind is longer than 1048576 bytes"},
		{func([]byte) []byte { return nil }, false, "unexpected EOF"},
	}
	for _, tt := range tests {
		err := startScript(t, tt.reply).Set(t.Context(), binding(1, "tcp", "0.0.0.0:1"))
		if err == nil || errors.Is(err, ErrRefused) != tt.refused || !strings.HasSuffix(err.Error(), ": "+tt.want) {
			t.Errorf("error %v, want one that ends in %q, refused %v", err, tt.want, tt.refused)
		}
	}
}

// If rpcbind answers false and the list shows no reason, the error says so.
func TestRefusalWithoutReason(t *testing.T) {
	t.Parallel()
	client := startScript(t, func(call []byte) []byte { return accepted(call, boolean(false)) })
	err := client.Set(t.Context(), binding(1, "tcp6", "[::]:1"))
	const want = "refused by rpcbind: program 391002 version 1 on tcp6: this network or this user is not served"
	if !errors.Is(err, ErrRefused) || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}
