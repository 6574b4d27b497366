package inetd

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"regexp"
	"testing"
	"time"

	"inetd/internal/limit"
	"inetd/internal/proxyproto"
	"inetd/internal/table"
)

// header returns what a proxy sends for a client that connects to 198.51.100.1:25.
func header(version int, client string) string {
	h := proxyproto.Header{Source: netip.MustParseAddrPort(client), Dest: netip.MustParseAddrPort("198.51.100.1:25")}
	if version == 1 {
		return string(proxyproto.Append1(nil, h))
	}
	return string(proxyproto.Append2(nil, h))
}

// behind returns an entry whose clients come through a proxy with the address stranger.
func behind(keys, command string) string {
	return keyed("-", "proxy = 127.0.0.2"+keys, command)
}

// TestProxied: environment, access, limits and log see the client that the proxy
// announces; the server gets all that follows the header, and nothing else.
func TestProxied(t *testing.T) {
	if !apart(t) {
		return
	}
	const tell = "echo $TCPREMOTEIP $(printenv TCPREMOTEPO''RT) $TCPLOCALIP $(printenv TCPLOCALPO''RT); cat" // not the PORT of the scene
	const real = "192.0.2.1 4096 198.51.100.1 25\nhello"
	v1, v2 := header(1, "192.0.2.1:4096"), header(2, "192.0.2.1:4096")
	local := "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x03xyz"
	for _, test := range []struct {
		name, conf, from, text string
		answer, log            string
	}{
		{"v1", behind("", tell), stranger, v1 + "hello", real, `-refused`},
		{"v2", behind("", tell), stranger, v2 + "hello", real, `-refused`},
		{"no payload", behind("", tell), stranger, v1, "192.0.2.1 4096 198.51.100.1 25\n", `-refused`},
		{"two headers", behind("", "cat"), stranger, v1 + v2, v2, `-refused`},
		{"IPv6", behind("", "echo $TCPREMOTEIP"), stranger, header(2, "[2001:db8::1]:9"), "2001:db8::1\n", `-refused`},
		{"unknown", behind("", "echo $TCPREMOTEIP; cat"), stranger, "PROXY UNKNOWN\r\nhello", "127.0.0.2\nhello", `-refused`},
		{"local", behind("", "echo $TCPREMOTEIP; cat"), stranger, local + "hello", "127.0.0.2\nhello", `-refused`},
		{"no proxy", behind("", tell), "127.0.0.3", v1 + "hello", "", `^.*: PORT/tcp: refused connection from 127\.0\.0\.3:\d+: it is none of the proxies of this service \(DIR/inetd\.conf:1\)$`},
		{"no header", behind("", tell), stranger, "hello", "", `: refused connection from 127\.0\.0\.2:\d+: PROXY header: there is none \(DIR/inetd\.conf:1\)$`},
		{"half a header", behind("", tell), stranger, v1[:20], "", `: PROXY header: the connection ended in it \(`},
		{"malformed", behind("", tell), stranger, "PROXY TCP4 x y 1 2\r\nhello", "", `: PROXY header: its line has another form than `},
		{"deny", behind(", deny = 192.0.2.0/24", tell), stranger, v1 + "hello", "", `: refused connection from 192\.0\.2\.1, .*: deny = 192\.0\.2\.0/24 \(daemon sh, peer 192\.0\.2\.1:4096\)$`},
		{"deny the proxy", behind(", deny = 127.0.0.0/8", tell), stranger, v1 + "hello", real, `-refused`},
		{"wrap", behind(", wrap = yes", tell), stranger, v1 + "hello", "", `: refused connection from 192\.0\.2\.1, .*DIR/deny:1: ALL: 192\.0\.2\.1 `},
		{"log", behind("", tell), stranger, v1 + "hello", real, `: connection from 192\.0\.2\.1:4096 by proxy 127\.0\.0\.2:\d+, pid \d+$`},
		{"builtin", "127.0.0.1:PORT on protocol = tcp, wait = no, user = -, exec = internal, args = echo, proxy = 127.0.0.2;\n", stranger, v2 + "hello", "hello", `-refused`},
	} {
		t.Run(test.name, func(t *testing.T) {
			sc := newScene(t, test.conf, func(c *Config) { c.LogConnections = true })
			sc.write("deny", "ALL: 192.0.2.1\n")
			sc.start()
			if got := sc.tryVisit(test.from, test.text); got != test.answer {
				t.Errorf("answer %q, want %q", got, test.answer)
			}
			if u := sc.s.now.Services[0].Usage(); u.Live != 0 || u.Expected != 0 || sc.s.arrivals.Room.Len() != 0 {
				t.Errorf("%d servers seem to run, %d clients are expected, %d read", u.Live, u.Expected, sc.s.arrivals.Room.Len())
			}
			sc.wantLog(test.log)
		})
	}
}

// tryVisit is like visit, but the connection may be reset.
func (sc *scene) tryVisit(from, text string) (answer string) {
	over := false
	go func() {
		b, _ := talkTo("127.0.0.1:"+sc.port, from, text)
		answer = string(b)
		sc.s.mail.Post(func() { over = true })
	}()
	sc.serve(func() bool { return over })
	return answer
}

// TestProxiedLimits: limits apply to the clients behind a proxy, not to the proxy, and no
// more clients are accepted than may be served.
func TestProxiedLimits(t *testing.T) {
	sc := newScene(t, behind(", ip_max = 1, service_max = 3", "echo $TCPREMOTEIP"), nil)
	sc.start()
	got := ""
	for _, from := range []string{"192.0.2.1:1", "192.0.2.1:2", "192.0.2.2:3", "192.0.2.2:4", "[2001:db8::1]:5"} {
		got += sc.tryVisit(stranger, header(1, from))
	}
	if want := "192.0.2.1\n192.0.2.2\n2001:db8::1\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	sc.wantLog(`: PORT/tcp from 192\.0\.2\.1 exceeded counts/min \(limit 1, DIR/inetd.conf:1\)$`)

	u := table.Usage{Expected: 1}
	for _, tt := range []struct {
		l    limit.Limits
		live int
		full bool
	}{{limit.Limits{}, 9, false}, {limit.Limits{Max: 2}, 0, false}, {limit.Limits{Max: 2}, 1, true}, {limit.Limits{Starts: 1}, 0, true}, {limit.Limits{Starts: 2}, 0, false}} {
		if u.Live = tt.live; u.NoRoom(tt.l) != tt.full {
			t.Errorf("%+v with %d servers: full is %v", tt.l, tt.live, !tt.full)
		}
	}
}

// TestProxiedSilent: a proxy that sends no header is dropped after some time, and keeps no
// other proxy waiting.
func TestProxiedSilent(t *testing.T) {
	if !apart(t) {
		return
	}
	sc := newScene(t, behind("", "echo welcome"), nil)
	sc.start()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(stranger)}}
	var silent []net.Conn
	for range 8 {
		c, err := d.Dial("tcp4", "127.0.0.1:"+sc.port)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		silent = append(silent, c)
	}
	over := false
	var answer []byte
	go func() {
		defer sc.s.mail.Post(func() { over = true })
		answer, _ = talkTo("127.0.0.1:"+sc.port, stranger, header(2, "192.0.2.1:1"))
	}()
	for !over {
		sc.s.turn()
	}
	if n := sc.s.arrivals.Len(); string(answer) != "welcome\n" || n != len(silent) {
		t.Errorf("answer %q, %d are waited for", answer, n)
	}
	sc.serve(func() bool { return true })
	for _, c := range silent {
		if n, err := c.Read(make([]byte, 1)); n != 0 || err == nil {
			t.Errorf("read %d, %v", n, err)
		}
	}
	log := sc.end()
	if n := len(regexp.MustCompile(`: PROXY header: none within 3s \(`).FindAllString(log, -1)); n != 1 {
		t.Errorf("%d lines about them in\n%s", n, log)
	}
}

// TestProxiedWaits: while there is no room to read another header, clients wait in the
// queue of the socket, and are served when there is.
func TestProxiedWaits(t *testing.T) {
	sc := newScene(t, behind("", "echo welcome"), nil)
	sc.start()
	sc.s.arrivals.Room = limit.Pool{Size: 1, PerService: 1, PerSource: 1, Patience: time.Hour}
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(stranger)}}
	silent, err := d.Dial("tcp4", "127.0.0.1:"+sc.port)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	v := sc.s.now.Services[0]
	for sc.s.accept(v.First); sc.s.arrivals.Len() == 0; {
		sc.s.turn()
	}
	second, err := d.Dial("tcp4", "127.0.0.1:"+sc.port)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	sc.s.accept(v.First)
	if v.Usage().Accepted != 1 || v.First.Polled {
		t.Errorf("%d are accepted; polled: %v", v.Usage().Accepted, v.First.Polled)
	}
	silent.Close()
	second.SetDeadline(time.Now().Add(20 * time.Second))
	answer := ""
	sc.turnUntil(func() {
		io.WriteString(second, header(1, "192.0.2.1:1"))
		b, _ := io.ReadAll(second)
		answer = string(b)
	})
	if answer != "welcome\n" {
		t.Errorf("answer %q", answer)
	}
}

// TestProxiedImpossible: an entry whose clients cannot come through a proxy is reported at
// the load.
func TestProxiedImpossible(t *testing.T) {
	for _, service := range []string{
		"127.0.0.1:PORT on protocol = tcp, wait = yes, exec = /bin/true",
		"127.0.0.1:PORT on protocol = udp, wait = no, exec = /bin/true",
		"127.0.0.1:PORT on protocol = udp, wait = yes, exec = internal, args = echo",
		"DIR/socket on protocol = unix, socktype = stream, wait = no, exec = /bin/true",
		"tcpmux/x on protocol = tcp, wait = no, exec = /bin/true",
	} {
		sc := newScene(t, fmt.Sprintf("%s, user = -, proxy = 127.0.0.2;\n", service), nil)
		sc.start()
		if n := len(sc.s.now.Services); n != 0 {
			t.Errorf("%s: %d services", service, n)
		}
		sc.wantLog(`: proxy: .*, service ignored \(`)
	}
}
