package sockdiag

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"inetd/internal/sock/socktest"

	"golang.org/x/sys/unix"
)

// tcp returns a query for the listening and connected sockets of a port.
func tcp(family uint8, port uint16) Query {
	return Query{Family: family, Protocol: unix.IPPROTO_TCP, States: []State{Listen, Established}, Port: port, Times: true}
}

// at returns the sockets of a list at an address. All must have its port; those at other
// addresses may be other processes' of this machine.
func at(t *testing.T, local netip.AddrPort, list []Socket) []Socket {
	t.Helper()
	return slices.DeleteFunc(list, func(s Socket) bool {
		if s.Local.Port() != local.Port() {
			t.Errorf("it is at another port than %v: %+v", local, s)
		}
		return s.Local != local
	})
}

// TestDump: the kernel's sockets of a port, and no others, with their owners.
func TestDump(t *testing.T) {
	t.Parallel()
	client := socktest.Dial(t, socktest.Listen(t))
	local := client.RemoteAddr().(*net.TCPAddr).AddrPort()
	list, err := Dump(tcp(unix.AF_INET, local.Port()))
	if err != nil {
		t.Fatal(err)
	}
	list = at(t, local, list)
	slices.SortFunc(list, func(a, b Socket) int { return int(b.State) - int(a.State) })
	if len(list) != 2 || list[0].State != Listen || list[0].UID != uint32(os.Getuid()) || list[0].Inode == 0 {
		t.Fatalf("%+v", list)
	}
	if c := list[1]; c.Remote != client.LocalAddr().(*net.TCPAddr).AddrPort() || c.Cookie == 0 || c.Cookie == list[0].Cookie {
		t.Errorf("the connection: %+v", c)
	}
	if p, ok := Holder(list[0].Inode, time.Now().Add(10*time.Second)); !ok || p.PID != os.Getpid() || p.Name == "" {
		t.Errorf("it is held by %+v, %v", p, ok)
	}
	if p, ok := Holder(list[0].Inode, time.Now().Add(-time.Second)); ok {
		t.Errorf("too late, %+v", p)
	}
}

// TestDumpDatagrams: sockets of UDP, of IPv4 and IPv6.
func TestDumpDatagrams(t *testing.T) {
	t.Parallel()
	for family, addr := range map[uint8]string{unix.AF_INET: "127.0.0.1:0", unix.AF_INET6: "[::1]:0"} {
		p, err := net.ListenPacket("udp", addr)
		if err != nil {
			if family == unix.AF_INET6 {
				continue // there is none here
			}
			t.Fatal(err)
		}
		defer p.Close()
		local := p.LocalAddr().(*net.UDPAddr).AddrPort()
		list, err := Dump(Query{Family: family, Protocol: unix.IPPROTO_UDP, States: []State{Close, Established}, Port: local.Port()})
		if list = at(t, local, list); err != nil || len(list) != 1 || list[0].Remote.Port() != 0 {
			t.Errorf("%s: %+v, %v", addr, list, err)
		}
	}
}

// TestTimes: how long ago data came and went, to within a second of the truth.
func TestTimes(t *testing.T) {
	t.Parallel()
	info := make([]byte, 104)
	info[44], info[52], info[53] = 5, 0x10, 0x27
	if sent, received := times(info); sent != 5*time.Millisecond || received != 10*time.Second {
		t.Errorf("%v, %v", sent, received)
	}
	if sent, received := times(info[:50]); sent != 0 || received != 0 {
		t.Errorf("too short: %v, %v", sent, received)
	}
}

// TestDumpError: the error is the kernel's.
func TestDumpError(t *testing.T) {
	t.Parallel()
	if _, err := Dump(Query{Family: unix.AF_INET, Protocol: 255}); !errors.Is(err, unix.ENOENT) {
		t.Errorf("%v", err)
	}
}

// TestUnixPaths: a path is there as long as somebody is connected to it, accepted or
// not.
func TestUnixPaths(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a socket")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	busy := func() bool {
		paths, err := UnixPaths()
		if err != nil {
			t.Fatal(err)
		}
		return paths[path]
	}
	if busy() {
		t.Error("before anybody came")
	}
	client, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	if !busy() {
		t.Error("a client waits")
	}
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	client.Close()
	conn.Close()
	if busy() {
		t.Error("after the client has gone")
	}
}

// FuzzParse: any bytes are sockets, an end or an error, and never a crash.
func FuzzParse(f *testing.F) {
	answer := make([]byte, headerSize+messageSize+attrHeader+104)
	answer[0], answer[4], answer[16] = byte(len(answer)), unix.SOCK_DIAG_BY_FAMILY, unix.AF_INET6
	answer[headerSize+messageSize], answer[headerSize+messageSize+2] = attrHeader+104, infoAttr
	f.Add(answer)
	f.Add(request(tcp(unix.AF_INET, 80)))
	f.Add([]byte{20, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 254, 255, 255, 255})
	f.Fuzz(func(t *testing.T, b []byte) {
		list, done, err := parse(nil, b)
		if len(list) > len(b)/messageSize || err != nil && !done {
			t.Errorf("%d sockets of %d bytes, done %v, %v", len(list), len(b), done, err)
		}
		for _, s := range list {
			if s.Local == (netip.AddrPort{}) || s.LastSent < 0 {
				t.Errorf("%+v", s)
			}
		}
	})
}
