package inetd

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"inetd/internal/limit"
	"inetd/internal/sock"
)

// TestNowaitDatagramsOfAnotherMachine: /bin/cat answers every datagram of its client, from
// the address that the client asked; its socket is for this client alone.
func TestNowaitDatagramsOfAnotherMachine(t *testing.T) {
	if !inNetwork(t) {
		return
	}
	f := newFar(t)
	daemon(t, "", "7001 dgram udp nowait - /bin/cat\n7002 dgram udp46 nowait - /bin/cat\n", nil)
	for _, port := range []int{7001, 7002} {
		for _, addr := range []string{"10.9.0.1", "10.9.0.2", "[fd09::1]", "[fd09::2]", "[fe80::1%far0]"} {
			conn := f.dial(t, fmt.Sprintf("%s:%d", addr, port))
			echoed(t, conn, "one", "two", strings.Repeat("x", 60000))
			conn.Write(nil) // ends cat
		}
		for _, tt := range []struct{ to, from string }{
			{"10.9.0.255", "10.9.0.1"},
			{"255.255.255.255", "10.9.0.1"},
			{"224.0.0.1", "10.9.0.1"},
			{"[ff02::1%far0]", "[fe80::1%far0]"},
		} {
			if port == 7002 && tt.to == "224.0.0.1" {
				continue // a socket for IPv4 and IPv6 is in no IPv4 group
			}
			conn := f.listen(t, tt.to)
			for _, to := range []string{tt.to, tt.to, tt.from, tt.to} {
				text, from := ask(t, conn, fmt.Sprintf("%s:%d", to, port), "hello")
				if want := netip.MustParseAddrPort(fmt.Sprintf("%s:%d", tt.from, port)); text != "hello" || from != want {
					t.Errorf("%s:%d answers %q from %v, want %v", to, port, text, from, want)
				}
			}
		}
	}
}

// TestNowaitDatagramEnvironment: env(1) answers with the whole environment in a datagram.
func TestNowaitDatagramEnvironment(t *testing.T) {
	if !inNetwork(t) {
		return
	}
	f := newFar(t)
	daemon(t, "", "7001 dgram udp nowait - /usr/bin/env\n", nil)
	for _, tt := range []struct{ local, remote, to string }{
		{"10.9.0.2", "10.9.0.9", "10.9.0.2:7001"},
		{"fd09::2", "fd09::9", "[fd09::2]:7001"},
		{"fe80::1%net0", "fe80::9%net0", "[fe80::1%far0]:7001"},
	} {
		conn := f.listen(t, tt.to)
		text, _ := ask(t, conn, tt.to, "")
		port := conn.LocalAddr().(*net.UDPAddr).Port
		for _, want := range []string{"PROTO=UDP", "TCPLOCALIP=" + tt.local, "TCPLOCALPORT=7001", "TCPREMOTEIP=" + tt.remote,
			fmt.Sprintf("TCPREMOTEPORT=%d", port), "REMOTE_ADDR=" + tt.remote, fmt.Sprintf("REMOTE_PORT=%d", port)} {
			if !strings.Contains(text, want+"\n") {
				t.Errorf("%s: no %s in\n%s", tt.to, want, text)
			}
		}
	}
}

// TestNowaitDatagramsInABurst: every datagram of a burst is answered once, to its sender,
// whether datagrams can be put back or not, and no descriptor stays open. Each dd answers
// only one datagram.
func TestNowaitDatagramsInABurst(t *testing.T) {
	if !inNetwork(t) {
		return
	}
	newFar(t)
	for _, denied := range []bool{false, true} {
		t.Run(fmt.Sprintf("denied %v", denied), func(t *testing.T) {
			s := daemon(t, "127.0.0.1", "7001 dgram udp nowait.0 - /bin/dd dd bs=65536 count=1 status=none\n",
				func(s *Server) { s.sessions.denied = denied })
			const clients, each = 20, 5
			var conns [clients]*net.UDPConn
			for i := range conns {
				conns[i] = listen(t, "127.0.0.1")
			}
			s.onLoop(func() { s.canPutBack(s.now.Services[0].First) }) // opens its descriptors
			before := s.settle(t)
			to := netip.MustParseAddrPort("127.0.0.1:7001")
			for j := range each {
				for i, conn := range conns {
					if _, err := conn.WriteToUDPAddrPort(fmt.Appendf(nil, "%d-%d", i, j), to); err != nil {
						t.Fatal(err)
					}
				}
			}
			for i, conn := range conns {
				answers := map[string]bool{}
				for range each {
					b := make([]byte, 100)
					n, from, err := conn.ReadFromUDPAddrPort(b)
					if err != nil || from != to {
						t.Fatalf("client %d has %d answers, then %v from %v", i, len(answers), err, from)
					}
					answers[string(b[:n])] = true
				}
				for j := range each {
					if text := fmt.Sprintf("%d-%d", i, j); !answers[text] {
						t.Errorf("client %d has the answers %v, without %s", i, answers, text)
					}
				}
			}
			if after := s.settle(t); after != before || len(s.sessions.Sessions()) > 0 {
				t.Errorf("%d descriptors are open, before it were %d; sessions %v", after, before, s.sessions.Sessions())
			}
		})
	}
}

// TestUnreadDatagramsOfASuspendedService: datagrams that a server has left unread when the
// limit on starts is reached wait with those that come later, and are served.
func TestUnreadDatagramsOfASuspendedService(t *testing.T) {
	if !inNetwork(t) {
		return
	}
	newFar(t)
	s := daemon(t, "127.0.0.1", "7001 dgram udp nowait.2 - /bin/dd dd bs=65536 count=1 status=none\n", nil)
	conn := listen(t, "127.0.0.1")
	to := netip.MustParseAddrPort("127.0.0.1:7001")
	want := map[string]bool{}
	for _, text := range []string{"a", "b", "c", "d", "e"} {
		want[text] = true
		if _, err := conn.WriteToUDPAddrPort([]byte(text), to); err != nil {
			t.Fatal(err)
		}
	}
	for n := 1; len(want) > 0; n++ {
		b := make([]byte, 10)
		size, _, err := conn.ReadFromUDPAddrPort(b)
		if err != nil {
			t.Fatalf("%v are not answered: %v", want, err)
		}
		delete(want, string(b[:size]))
		if n%2 == 0 && len(want) > 0 {
			s.settle(t)
			s.onLoop(func() {
				v := s.now.Services[0]
				if u := v.Usage(); !u.Halted || len(s.sessions.Sessions()) > 0 {
					t.Errorf("after %d answers: suspended %v, sessions %v", n, u.Halted, s.sessions.Sessions())
				} else { // a minute has passed
					u.Halted, u.Starts = false, limit.Window{}
				}
				s.gate.ArmService(v)
			})
		}
	}
}

// TestDatagramsOfAClientThatHasGone: a client that sends and goes is served all the same,
// and the error that its answer meets does not reach the next server.
func TestDatagramsOfAClientThatHasGone(t *testing.T) {
	if !inNetwork(t) {
		return
	}
	newFar(t)
	for _, denied := range []bool{false, true} {
		t.Run(fmt.Sprintf("denied %v", denied), func(t *testing.T) {
			s := daemon(t, "127.0.0.1", "7001 dgram udp nowait.0 - /bin/dd dd bs=65536 count=1 status=none\n",
				func(s *Server) { s.sessions.denied = denied })
			conn := listen(t, "127.0.0.1")
			for _, text := range []string{"a", "b", "c"} {
				if _, err := conn.WriteToUDPAddrPort([]byte(text), netip.MustParseAddrPort("127.0.0.1:7001")); err != nil {
					t.Fatal(err)
				}
			}
			conn.Close()
			ask(t, listen(t, "127.0.0.1"), "127.0.0.1:7001", "I stay")
			s.settle(t)
			s.onLoop(func() {
				if u := s.now.Services[0].Usage(); u.Starts.Count != 4 || u.IdleStarts != 0 {
					t.Errorf("%d servers for 4 datagrams, %d of which took nothing", u.Starts.Count, u.IdleStarts)
				}
			})
		})
	}
}

func TestUnixDatagramBuiltin(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "echo")
	daemon(t, "", path+" dgram unix wait - internal echo\n", nil)
	conn, err := net.DialUnix("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "client"), Net: "unixgram"}, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Minute))
	echoed(t, conn, "hello", "")
}

const smallServices = `
7 dgram udp nowait - internal echo
9 dgram udp nowait - internal discard
13 dgram udp nowait - internal daytime
19 dgram udp nowait - internal chargen
37 dgram udp nowait - internal time
1007 dgram udp nowait - internal echo
`

// TestForgedDatagramsAreNotAnswered: services, of one daemon or of several, get datagrams
// that seem to come from one another. They do not answer these, but still answer others.
func TestForgedDatagramsAreNotAnswered(t *testing.T) {
	if !inNetwork(t) {
		return
	}
	f := newFar(t)
	hosts := []string{"10.9.0.1", "10.9.0.2", "fd09::1", "fd09::2", "127.0.0.1", "::1"}
	for _, h := range hosts {
		daemon(t, h, smallServices, nil)
	}
	j, err := sock.NewInjector(3)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	ports := []uint16{7, 9, 13, 19, 37, 1007}
	sent := datagramsSent(t)
	for _, to := range hosts {
		for _, from := range append(hosts, "10.9.0.9", "fd09::9") {
			src, dst := netip.MustParseAddr(from), netip.MustParseAddr(to)
			if src.Is4() != dst.Is4() {
				continue
			}
			for _, p := range ports {
				for _, q := range ports {
					if q == 9 {
						continue // a real client may ask from this port
					}
					if err := j.Inject(netip.AddrPortFrom(src, q), netip.AddrPortFrom(dst, p), []byte("forged")); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	}
	// By now each service has got its forged datagrams.
	answers := 0
	for _, h := range hosts {
		for _, p := range ports {
			if p == 9 {
				continue
			}
			to := netip.AddrPortFrom(netip.MustParseAddr(h), p)
			if to.Addr().IsLoopback() {
				ask(t, listen(t, to.String()), to.String(), "true")
				sent++ // the question
			} else {
				ask(t, f.listen(t, to.String()), to.String(), "true")
			}
			answers++
		}
	}
	if got := datagramsSent(t) - sent; got != answers {
		t.Errorf("%d datagrams sent, want %d", got, answers)
	}
}

// datagramsSent returns how many UDP datagrams this machine has sent.
func datagramsSent(t *testing.T) int {
	t.Helper()
	return counter(t, "snmp6", "Udp6OutDatagrams", 1) + counter(t, "snmp", "Udp:", 4)
}

// counter returns a word of the last line that begins with name.
func counter(t *testing.T, file, name string, word int) (n int) {
	t.Helper()
	text, err := os.ReadFile("/proc/thread-self/net/" + file) // /proc/net may be that of the far machine
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); f[0] == name {
			n, _ = strconv.Atoi(f[word])
		}
	}
	return n
}

// TestBuiltinDatagramsOfAnotherMachine: a builtin answers from the address that was asked,
// an empty datagram with an empty one, and does not answer broadcast or multicast.
func TestBuiltinDatagramsOfAnotherMachine(t *testing.T) {
	if !inNetwork(t) {
		return
	}
	f := newFar(t)
	daemon(t, "", "7 dgram udp nowait - internal echo\n1007 dgram udp46 nowait - internal echo\n", nil)
	for _, port := range []int{7, 1007} {
		for _, addr := range []string{"10.9.0.1", "10.9.0.2", "[fd09::1]", "[fd09::2]", "[fe80::1%far0]"} {
			echoed(t, f.dial(t, fmt.Sprintf("%s:%d", addr, port)), "one", "", strings.Repeat("x", 60000))
		}
		for _, tt := range []struct{ many, one string }{
			{"10.9.0.255", "10.9.0.1"},
			{"255.255.255.255", "10.9.0.1"},
			{"224.0.0.1", "10.9.0.1"},
			{"[ff02::1%far0]", "[fe80::1%far0]"},
		} {
			conn := f.listen(t, tt.many)
			many := netip.MustParseAddrPort(fmt.Sprintf("%s:%d", tt.many, port))
			if _, err := conn.WriteToUDPAddrPort([]byte("many"), many); err != nil {
				t.Fatalf("%v: %v", many, err)
			}
			if text, _ := ask(t, conn, fmt.Sprintf("%s:%d", tt.one, port), "one"); text != "one" {
				t.Errorf("port %d answers %q, which was sent to %s", port, text, tt.many)
			}
		}
	}
}
