package inetd

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"inetd/internal/drain"
)

// TestRefuse: a client that is refused can read why, whatever refuses it, even if it has
// sent what nobody reads.
func TestRefuse(t *testing.T) {
	if !apart(t) {
		return
	}
	const no = "421 come back later\r\n"
	const key = `, refuse = "421 come back later\r\n"`
	for _, tt := range []struct {
		name, conf string
		set        func(*Config)
		visits     int // the last one is refused
		text       string
		log        string
	}{
		{"deny", keyed("-", "deny = 127.0.0.2"+key, "echo x"), nil, 1, "", `refused connection from 127\.0\.0\.2, service PORT \(tcp\): DIR/inetd\.conf:1: deny = 127\.0\.0\.2/32`},
		{"deny of one who talks", keyed("-", "deny = 127.0.0.2"+key, "echo x"), nil, 1, strings.Repeat("hello\n", 20000), `refused connection from`},
		{"allow", keyed("-", "allow = 127.0.0.3"+key, "echo x"), nil, 1, "", `refused connection from`},
		{"a name", keyed("-", "allow = .nowhere.test"+key, "echo x"), nil, 1, "", `refused connection from`},
		{"wrap", keyed("-", "wrap = yes"+key, "echo x"), nil, 1, "hello", `refused connection from .*DIR/deny:1`},
		{"penalty", keyed("-", "penalty = crash:90s"+key, "kill -SEGV $$"), nil, 2, "", `is refused until`},
		{"ip_max", keyed("-", "ip_max = 1"+key, "echo x"), nil, 2, "", `from 127\.0\.0\.2 exceeded counts/min \(limit 1, DIR/inetd\.conf:1\)$`},
		{"service_max", keyed("-", "service_max = 1/h, full = refuse"+key, "echo x"), nil, 2, "", `from 127\.0\.0\.2 refused, the service had its starts of 3600 s \(limit 1, DIR/inetd\.conf:1\)$`},
		{"internal", "127.0.0.1:PORT on protocol = tcp, exec = internal, args = daytime, deny = 127.0.0.2" + key + ";\n", nil, 1, "", `refused connection from`},
		{"tcpmux", "127.0.0.1:PORT stream tcp nowait - internal tcpmux\ntcpmux/x stream tcp nowait - /bin/echo\ntcpmux/x with deny = 127.0.0.2" + key + ";\n", nil, 1, "x\r\nmore", `refused connection from .*DIR/inetd\.conf:3: deny`},
		{"tcpmux that is full", "127.0.0.1:PORT stream tcp nowait - internal tcpmux\ntcpmux/x stream tcp nowait - /bin/echo\ntcpmux/x with service_max = 1/h, full = refuse" + key + ";\n", nil, 2, "x\r\nmore", `tcpmux/x from 127\.0\.0\.2 refused, the service had its starts of 3600 s`},
		{"tcpmux that is suspended", "127.0.0.1:PORT stream tcp nowait - internal tcpmux\ntcpmux/x stream tcp nowait - /bin/echo\ntcpmux/x with service_max = 1/h" + key + ";\n", nil, 2, "x\r\nmore", `tcpmux/x: server failing \(looping\), service suspended: 1 starts in 3600 s, the limit; clients are turned away`},
		{"amended", echoServer + "\n127.0.0.1:PORT with deny = 127.0.0.2;\n* with " + key[2:] + ";\n", nil, 1, "", `DIR/inetd\.conf:2: deny`},
		{"--entry", "\n", func(c *Config) {
			c.Entries = []string{"127.0.0.1:PORT stream tcp nowait - /bin/echo", "* with deny = 127.0.0.2" + key + ";"}
		}, 1, "", `: --entry:2: deny`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sc := newScene(t, tt.conf, tt.set)
			for i, e := range sc.cfg.Entries {
				sc.cfg.Entries[i] = strings.ReplaceAll(e, "PORT", sc.port)
			}
			sc.write("deny", "ALL: 127.0.0.2\n")
			sc.start()
			for range tt.visits - 1 {
				sc.tryVisit(stranger, tt.text)
			}
			if got := sc.visit(stranger, tt.text); got != no {
				t.Errorf("answer %q", got)
			}
			for sc.s.draining.Len() > 0 {
				sc.s.turn()
			}
			sc.wantLog(tt.log)
		})
	}
}

// TestFullRefuses: with full = refuse, a client that comes when as many servers run as may
// is told so, and one that comes when they have ended is served.
func TestFullRefuses(t *testing.T) {
	sc := newScene(t, keyed("-", `accept_max = 1, full = refuse, refuse = "full\n"`, "head -n 1"), nil)
	sc.start()
	c, err := net.Dial("tcp4", "127.0.0.1:"+sc.port)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	sc.turnUntilRunning()
	u := sc.s.now.Services[0].Usage()
	for range 2 {
		got := ""
		go func() {
			b, _ := talkTo("127.0.0.1:"+sc.port, stranger, "")
			sc.s.mail.Post(func() { got = string(b) })
		}()
		for got == "" {
			sc.s.turn()
		}
		if got != "full\n" {
			t.Errorf("answer %q", got)
		}
	}
	io.WriteString(c, "x\n")
	for u.Live > 0 {
		sc.s.turn()
	}
	if got := sc.visit(stranger, "y\n"); got != "y\n" {
		t.Errorf("answer %q", got)
	}
	if u.Refused.Full != 2 || u.Refused.Total() != 2 || u.Accepted != 4 {
		t.Errorf("%+v", u.Counts)
	}
	sc.wantLog(`from 127\.0\.0\.2 refused, as many servers run as may \(limit 1, DIR/inetd\.conf:1\)$`)
}

// TestRefusedAreCounted: of many clients refused for one cause the first is logged, and
// then how many more there were.
func TestRefusedAreCounted(t *testing.T) {
	if !apart(t) {
		return
	}
	sc := newScene(t, keyed("-", "ip_max = 1/h", "echo x"), nil)
	sc.start()
	sc.s.log.Every = 50 * time.Millisecond
	v := sc.s.now.Services[0]
	refuse := func(n int) {
		for i := range n {
			sc.s.log.Exceeded(v, fmt.Sprint("192.0.2.", i), "exceeded counts", 7, "source_max", "ip_max")
		}
	}
	refuse(1000)
	more := func() {
		for timers := sc.s.timers.Len(); sc.s.timers.Len() == timers; {
			sc.s.turn()
		}
	}
	for !bytes.Contains([]byte(sc.log.String()), []byte("999 more")) {
		sc.s.turn()
	}
	refuse(2)
	for !bytes.Contains([]byte(sc.log.String()), []byte(": 2 more")) {
		sc.s.turn()
	}
	more() // the last timer finds nothing
	refuse(1)
	log := sc.end()
	if n := strings.Count(log, "exceeded"); n != 4 {
		t.Errorf("%d lines:\n%s", n, log)
	}
	for _, want := range []string{
		"PORT/tcp from 192.0.2.0 exceeded counts (limit 7, DIR/inetd.conf:1)\n",
		"PORT/tcp: 999 more clients exceeded counts (limit 7, DIR/inetd.conf:1)\n",
		"PORT/tcp: 2 more clients exceeded counts (limit 7, DIR/inetd.conf:1)\n",
	} {
		want = strings.NewReplacer("PORT", sc.port, "DIR", sc.dir).Replace(want)
		if !strings.Contains(log, want) {
			t.Errorf("no %q in\n%s", want, log)
		}
	}
}

// TestSilentRefused: a client that is refused and never closes is let go for others,
// and when the daemon ends.
func TestSilentRefused(t *testing.T) {
	if !apart(t) {
		return
	}
	sc := newScene(t, keyed("-", `deny = 127.0.0.2, refuse = "no"`, "echo x"), nil)
	sc.start()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(stranger)}}
	c, err := d.Dial("tcp4", "127.0.0.1:"+sc.port)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for sc.s.draining.Len() == 0 {
		sc.s.turn()
	}
	fd, _, _ := sc.s.draining.First()
	sc.s.draining.Remove(fd)
	sc.s.poll.Remove(fd)
	sc.s.draining.Drain(fd, 0) // its time has passed
	for sc.s.draining.Len() > 0 {
		sc.s.turn()
	}
	c.SetDeadline(time.Now().Add(20 * time.Second))
	if b, err := io.ReadAll(c); string(b) != "no" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
}

// TestRefusedFlood: the number of refused clients that never close is bounded, and those
// that came first make room for others.
func TestRefusedFlood(t *testing.T) {
	const more = 20
	sc := newScene(t, keyed("-", `deny = 127.0.0.0/8, refuse = "no"`, "echo x"), nil)
	sc.start()
	before, u := descriptors(t), sc.s.now.Services[0].Usage()
	begun := time.Now()
	var clients []net.Conn
	for range drain.Max + more {
		c, err := net.Dial("tcp4", "127.0.0.1:"+sc.port)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		clients = append(clients, c)
		for u.Accepted < uint64(len(clients)) {
			sc.s.turn()
		}
	}
	if n := sc.s.draining.Len(); n > drain.Max || n < drain.Max && time.Since(begun) < refuseTime {
		t.Errorf("%d clients are kept", n)
	}
	if n := descriptors(t) - before - len(clients); n > drain.Max+8 {
		t.Errorf("%d descriptors", n)
	}
	for _, c := range clients {
		c.SetDeadline(time.Now().Add(20 * time.Second))
		if b, err := io.ReadAll(c); string(b) != "no" || err != nil {
			t.Fatalf("%q, %v", b, err)
		}
	}
}
