package main

import (
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
	"time"
)

// TestRelayNetwork: a client of a relay sees a reset when the network to its place fails,
// and the log says how.
func TestRelayNetwork(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("ip"); err != nil || os.Getuid() != 0 {
		t.Skip("it takes root and ip(8) to make a network")
	}
	near, far := newHost(t), newHost(t)
	near.ip(t, "link add net0 type veth peer name net0 netns /proc/%d/task/%d/ns/net", os.Getpid(), far.tid)
	for i, h := range []*host{far, near} {
		h.ip(t, "addr add 10.9.0.%d/24 dev net0", 1+i)
		h.ip(t, "link set net0 up")
	}
	near.ip(t, "route add unreachable 10.66.0.1")
	near.do(func() {
		if err := os.WriteFile("/proc/sys/net/ipv4/tcp_retries2", []byte("1"), 0); err != nil { // or else it takes a quarter of an hour
			t.Error(err)
		}
	})
	place := far.listen(t, "10.9.0.1:7000")
	conf := filepath.Join(t.TempDir(), "inetd.conf")
	if err := os.WriteFile(conf, []byte(`127.0.0.1:
7000 on protocol = tcp4, user = -, connect = 10.9.0.1:7000;
7001 on protocol = tcp4, user = -, connect = 10.9.0.1:7001;
7002 on protocol = tcp4, user = -, connect = 10.66.0.1:7000;
7003 on protocol = tcp4, user = -, connect = 192.0.2.1:7000;
`), 0o600); err != nil {
		t.Fatal(err)
	}
	_, log := near.start(t, "inetd", "-f", "-e", "--pidfile=", conf)
	told := func(pattern string) {
		t.Helper()
		if _, err := log.find(regexp.MustCompile(pattern)); err != nil {
			t.Fatalf("%v: %s", err, log.text())
		}
	}
	told("serving 4 services")
	for _, tt := range []struct{ port, told string }{
		{"7001", `7001/tcp4: connect 10\.9\.0\.1:7001: Connection refused \(from 127\.0\.0\.1:\d+, .*inetd\.conf:3\); nobody listens there\n`},
		{"7002", `7002/tcp4: connect 10\.66\.0\.1:7000: No route to host \(from 127\.0\.0\.1:\d+, .*inetd\.conf:4\); see ip route get, and whether that machine runs\n`},
		{"7003", `7003/tcp4: connect 192\.0\.2\.1:7000: Network is unreachable \(.*inetd\.conf:5\); see ip route get, and whether that machine runs\n`},
	} {
		wantReset(t, near.dial(t, "127.0.0.1:"+tt.port))
		told(tt.told)
	}

	client := near.dial(t, "127.0.0.1:7000")
	server, err := place.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	io.WriteString(client, "x")
	if _, err := io.ReadFull(server, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	far.ip(t, "link set net0 down")
	io.WriteString(client, "y")
	wantReset(t, client)
	told(`7000/tcp4: connection to 10\.9\.0\.1:7000: (Connection timed out|No route to host) \(from 127\.0\.0\.1:\d+, .*inetd\.conf:2\); .*machine`)
}

// dial connects to an address from the host.
func (h *host) dial(t *testing.T, addr string) (conn net.Conn) {
	t.Helper()
	var err error
	h.do(func() { conn, err = net.Dial("tcp", addr) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(time.Minute))
	return conn
}

// listen listens on an address of the host.
func (h *host) listen(t *testing.T, addr string) (l net.Listener) {
	t.Helper()
	var err error
	h.do(func() { l, err = net.Listen("tcp", addr) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	l.(*net.TCPListener).SetDeadline(time.Now().Add(time.Minute))
	return l
}

func wantReset(t *testing.T, conn net.Conn) {
	t.Helper()
	if b, err := io.ReadAll(conn); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the client sees %q, %v; want a reset", b, err)
	}
}
