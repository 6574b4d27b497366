package inetd

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"inetd/internal/logbook/booktest"
	"inetd/internal/sock"
	"inetd/internal/syslog"

	"golang.org/x/sys/unix"
)

// TestMulticastGroups: a datagram service on a multicast address gets what another machine
// sends to the group, on the interfaces that exist and on one that comes later.
func TestMulticastGroups(t *testing.T) {
	if !inNetwork(t) {
		return
	}
	f := newFar(t)
	device := func() (index int) {
		f.do(func() {
			far, err := net.InterfaceByName("far0")
			if err != nil {
				t.Fatal(err)
			}
			index = far.Index
		})
		return index
	}
	daemon(t, "", `239.9.0.1:7001 dgram udp4 nowait - /bin/cat
[ff02::7001%net0]:7002 dgram udp6 nowait - /bin/cat
[ff05::7003]:7003 dgram udp6 nowait - /bin/cat
`, nil)
	all := func() {
		t.Helper()
		for _, to := range []string{"239.9.0.1:7001", fmt.Sprintf("[ff02::7001%%%d]:7002", device()), "[ff05::7003]:7003"} {
			conn := f.listen(t, to)
			eventually(t, func() error { // the socket may not have joined on a new interface yet
				conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
				_, err := sendTo(conn, to, "first")
				return err
			})
			conn.SetReadDeadline(time.Now().Add(10 * time.Second))
			for _, text := range []string{"second", "third"} { // each is answered once
				got, err := sendTo(conn, to, text)
				for err == nil && got == "first" {
					got, err = receiveFrom(conn)
				}
				if got != text {
					t.Errorf("%s answers %q with %q, %v", to, text, got, err)
				}
			}
		}
	}
	all()
	f.do(func() { ip(t, "link del far0") })
	f.plug(t)
	all()
}

// TestGroupIsJoined: opening reports that no interface can hear the group, a group that a
// server has left is joined for the next server, and the log says where it is not heard.
func TestGroupIsJoined(t *testing.T) {
	if !inNetwork(t) {
		return
	}
	spec := sock.Spec{Family: unix.AF_INET, Type: unix.SOCK_DGRAM, Protocol: unix.IPPROTO_UDP, Addr: netip.MustParseAddrPort("239.9.0.1:7001")}
	options := sock.Options{Blocking: true}
	ip(t, "link set lo up")
	if _, _, err := sock.Open(spec, options, 3); err == nil || err.Error() != "join: no interface has multicast" {
		t.Errorf("without an interface: %v", err)
	}
	ip(t, "link add net0 type veth peer name net1")
	ip(t, "link set net0 up")
	fd, _, err := sock.Open(spec, options, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	net0, err := net.InterfaceByName("net0")
	if err != nil {
		t.Fatal(err)
	}
	group := &unix.IPMreqn{Multiaddr: spec.Addr.Addr().As4(), Ifindex: int32(net0.Index)}
	if err := unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, unix.IP_DROP_MEMBERSHIP, group); err != nil {
		t.Errorf("it has not joined: %v", err)
	}
	sock.Restore(fd, spec, options)
	if err := unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, unix.IP_ADD_MEMBERSHIP, group); err != unix.EADDRINUSE {
		t.Errorf("it has not joined again: %v", err)
	}

	ip(t, "link set net1 up")
	spec.Addr = netip.MustParseAddrPort("239.9.0.1:7003")
	bound, _, err := sock.Open(spec, sock.Options{Blocking: true, Tuning: sock.Tuning{Device: "net1"}}, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(bound)
	if err := unix.SetsockoptIPMreqn(bound, unix.IPPROTO_IP, unix.IP_ADD_MEMBERSHIP, group); err != nil {
		t.Errorf("one of another device has joined on net0: %v", err)
	}

	if err := os.WriteFile("/proc/sys/net/ipv4/igmp_max_memberships", []byte("1"), 0); err != nil {
		t.Skip(err)
	}
	log := new(booktest.Buffer)
	daemon(t, "", "239.9.0.1:7002 dgram udp4 wait - /bin/cat\n", func(s *Server) {
		s.log.Logger = syslog.New(syslog.Options{Target: syslog.Stderr, Stderr: log})
	})
	eventually(t, func() error {
		if !strings.Contains(log.String(), "239.9.0.1:7002: not in the group on all interfaces: join: No buffer space available") {
			return errors.New(log.String())
		}
		return nil
	})
}

// sendTo sends a text and returns the answer, which does not come from the group.
func sendTo(conn *net.UDPConn, to, text string) (string, error) {
	if _, err := conn.WriteToUDPAddrPort([]byte(text), netip.MustParseAddrPort(to)); err != nil {
		return "", err
	}
	return receiveFrom(conn)
}

func receiveFrom(conn *net.UDPConn) (string, error) {
	b := make([]byte, 100)
	n, from, err := conn.ReadFromUDPAddrPort(b)
	if err == nil && from.Addr().IsMulticast() {
		return "", fmt.Errorf("an answer from %v", from)
	}
	return string(b[:n]), err
}
