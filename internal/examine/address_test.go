package examine

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"inetd/internal/sock"

	"golang.org/x/sys/unix"
)

func tcpSpec(addr string) sock.Spec {
	return sock.Spec{Family: unix.AF_INET, Type: unix.SOCK_STREAM, Protocol: unix.IPPROTO_TCP, Addr: netip.MustParseAddrPort(addr)}
}

func TestAddress(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, tt := range []struct {
		spec sock.Spec
		err  error
		want string // how the advice begins
	}{
		{tcpSpec("192.0.2.1:7001"), unix.EADDRNOTAVAIL, "this machine has 127.0.0.1"},
		{tcpSpec("127.0.0.1:65535"), unix.EACCES, ""},
		{tcpSpec("127.0.0.1:80"), unix.EMFILE, ""},
		{sock.UnixSpec(unix.SOCK_STREAM, dir+"/a/b/socket"), os.NewSyscallError("bind", unix.ENOENT), "there is no directory " + dir + "/a"},
		{sock.UnixSpec(unix.SOCK_STREAM, dir+"/socket"), unix.EACCES, "its directory may not be written by this user"},
		{sock.UnixSpec(unix.SOCK_STREAM, "@abstract"), unix.ENOENT, ""},
	} {
		got := Address(tt.spec, tt.err)
		if !strings.HasPrefix(got, tt.want) || (tt.want == "") != (got == "") {
			t.Errorf("%s, %v: %q, want %q", tt.spec, tt.err, got, tt.want)
		}
	}
}

// TestPrivileged: the first port that anybody may bind is a setting of the machine.
func TestPrivileged(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_unprivileged_port_start")
	if err != nil {
		t.Skip(err)
	}
	var start uint16
	fmt.Sscan(string(text), &start)
	if start < 2 {
		t.Skip("every port is for everybody here")
	}
	want := fmt.Sprintf("ports below %d need CAP_NET_BIND_SERVICE, or net.ipv4.ip_unprivileged_port_start = %d", start, start-1)
	if got := privileged(start - 1); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := privileged(start); got != "" {
		t.Errorf("of a port for everybody: %q", got)
	}
}

// TestHolder: Holder names the process that has an address or all addresses, and nobody
// once the address is free.
func TestHolder(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().String()
	soon := func() time.Time { return time.Now().Add(10 * time.Second) }
	want := fmt.Sprintf("process %d (", os.Getpid())
	_, port, _ := net.SplitHostPort(at)
	for _, busy := range []string{at, "0.0.0.0:" + port} {
		if got := Holder(tcpSpec(busy), soon()); !strings.HasPrefix(got, want) || !strings.HasSuffix(got, ") has "+at) {
			t.Errorf("%s: %q", busy, got)
		}
	}
	if got, want := Holder(tcpSpec(at), time.Now()), fmt.Sprintf("a process of user id %d has %s", os.Getuid(), at); got != want {
		t.Errorf("without time to look: %q, want %q", got, want)
	}
	l.Close()
	deadline := soon() // a child of another test may have the descriptor until its exec
	for got := "taken"; got != ""; got = Holder(tcpSpec(at), soon()) {
		if time.Now().After(deadline) {
			t.Fatalf("a free port: %q", got)
		}
	}
}
