package ident

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

const dialVariable = "IDENT_TEST_DIAL"

// TestMain makes this program a client too: one that connects, says from where,
// and stays until its standard input ends.
func TestMain(m *testing.M) {
	if address := os.Getenv(dialVariable); address != "" {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			panic(err)
		}
		fmt.Println(conn.LocalAddr())
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}
	os.Setenv("GORACE", "atexit_sleep_ms=0") // a program with -race would end a second late
	os.Exit(m.Run())
}

func listen(t *testing.T, network, address string) *net.TCPListener {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Skipf("no %s on %s here: %v", network, address, err)
	}
	t.Cleanup(func() { l.Close() })
	return l.(*net.TCPListener)
}

func addrPort(a net.Addr) netip.AddrPort { return a.(*net.TCPAddr).AddrPort() }

// accept accepts a connection and holds it until the test ends.
func accept(t *testing.T, l *net.TCPListener) net.Conn {
	t.Helper()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func wantOwner(t *testing.T, what string, local, remote netip.AddrPort, uid int) {
	t.Helper()
	if got, ok := Owner(local, remote); !ok || got != uint32(uid) {
		t.Errorf("%s: Owner(%v, %v) = %d, %v; want %d", what, local, remote, got, ok, uid)
	}
}

func wantNobody(t *testing.T, what string, local, remote netip.AddrPort) {
	t.Helper()
	if got, ok := Owner(local, remote); ok {
		t.Errorf("%s: Owner(%v, %v) = %d, want nobody", what, local, remote, got)
	}
}

func TestOwner(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, listen, host string }{
		{"IPv4", "127.0.0.1:0", "127.0.0.1"},
		{"IPv6", "[::1]:0", "::1"},
		{"IPv4 on an IPv6 socket", "[::]:0", "127.0.0.1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := listen(t, "tcp", tt.listen)
			_, port, _ := net.SplitHostPort(l.Addr().String())
			client := dial(t, net.JoinHostPort(tt.host, port))
			here, there := addrPort(client.LocalAddr()), addrPort(client.RemoteAddr())

			wantOwner(t, "client", here, there, os.Getuid())
			wantNobody(t, "server before accept", there, here)
			accept(t, l)
			wantOwner(t, "server", there, here, os.Getuid())

			mapped := func(a netip.AddrPort) netip.AddrPort {
				return netip.AddrPortFrom(netip.AddrFrom16(a.Addr().As16()), a.Port())
			}
			wantOwner(t, "server, addresses mapped", mapped(there), mapped(here), os.Getuid())
		})
	}
}

// TestOwnerLinkLocal: a link-local address means nothing without its interface.
func TestOwnerLinkLocal(t *testing.T) {
	t.Parallel()
	addr := linkLocal(t)
	l := listen(t, "tcp", netip.AddrPortFrom(addr, 0).String())
	there := netip.AddrPortFrom(addr, addrPort(l.Addr()).Port())
	here := addrPort(dial(t, there.String()).LocalAddr())
	wantOwner(t, "client", here, there, os.Getuid())
	wantNobody(t, "without interface", here, netip.AddrPortFrom(addr.WithZone(""), there.Port()))
}

// linkLocal returns a link-local address of this machine with its zone.
func linkLocal(t *testing.T) netip.Addr {
	t.Helper()
	interfaces, _ := net.Interfaces()
	for _, ifi := range interfaces {
		addrs, _ := ifi.Addrs()
		for _, a := range addrs {
			prefix, err := netip.ParsePrefix(a.String())
			if err == nil && prefix.Addr().Is6() && prefix.Addr().IsLinkLocalUnicast() {
				return prefix.Addr().WithZone(ifi.Name)
			}
		}
	}
	t.Skip("no interface here has a link-local address")
	return netip.Addr{}
}

// TestOwnerOfNothing is not parallel: a process that another test forks holds the
// closed sockets open until its exec.
func TestOwnerOfNothing(t *testing.T) {
	l := listen(t, "tcp", "127.0.0.1:0")
	client := dial(t, l.Addr().String())
	server := accept(t, l)
	here, there := addrPort(client.LocalAddr()), addrPort(client.RemoteAddr())

	other := func(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr(), a.Port()^1) }
	wantNobody(t, "a port that only listens", there, other(here))
	wantNobody(t, "no such local port", other(here), there)
	wantNobody(t, "another address", here, netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), there.Port()))
	wantNobody(t, "mixed families", here, netip.AddrPortFrom(netip.IPv6Loopback(), there.Port()))
	wantNobody(t, "no addresses", netip.AddrPort{}, netip.AddrPort{})

	client.Close() // stays behind in FIN_WAIT2, then in TIME_WAIT
	wantNobody(t, "closed, peer open", here, there)
	io.Copy(io.Discard, server)
	wantOwner(t, "open, peer closed", there, here, os.Getuid())
	server.Close()
	wantNobody(t, "both closed", here, there)
}

func TestOwnerIsTheUserOfTheProcess(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root can start a process of another user")
	}
	const uid = 12345
	l := listen(t, "tcp", "127.0.0.1:0")
	cmd := exec.Command("/proc/self/exe") // whose path another user may be unable to search
	cmd.Env = append(os.Environ(), dialVariable+"="+l.Addr().String())
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	stdin, _ := cmd.StdinPipe()
	stdout, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { stdin.Close(); cmd.Wait() }()
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	client := netip.MustParseAddrPort(line[:len(line)-1])
	wantOwner(t, "client", client, addrPort(l.Addr()), uid)
}
