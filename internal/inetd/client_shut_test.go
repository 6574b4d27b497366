package inetd

import (
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// around returns hours from an hour before now to an hour after, and the same twelve hours
// later, over midnight if need be.
func around(now time.Time) (open, closed string) {
	hours := func(t time.Time) string {
		return t.Add(-time.Hour).Format("15:04") + "-" + t.Add(time.Hour).Format("15:04")
	}
	return hours(now), hours(now.Add(12 * time.Hour))
}

// TestShut: outside its hours and at a high load a service refuses every client, however it
// comes, and tells it so; the log says why.
func TestShut(t *testing.T) {
	const no = "421 come back later\r\n"
	const key = `, refuse = "421 come back later\r\n"`
	open, closed := around(time.Now().Local())
	for _, tt := range []struct{ name, conf, want, log string }{
		{"hours", keyed("-", "hours = "+open+key, "head -n 1 >/dev/null; echo served"), "served\n", ""},
		{"other hours", keyed("-", "hours = "+closed+key, "head -n 1 >/dev/null; echo served"), no, `from 127\.0\.0\.2 refused: closed at this hour \(DIR/inetd\.conf:1\)`},
		{"two parts of the day", keyed("-", "hours = "+closed+" "+open+key, "head -n 1 >/dev/null; echo served"), "served\n", ""},
		{"a lower load", keyed("-", "max_load = 2.01"+key, "head -n 1 >/dev/null; echo served"), "served\n", ""},
		{"the load", keyed("-", "max_load = 2"+key, "head -n 1 >/dev/null; echo served"), no, `from 127\.0\.0\.2 refused: load 2\.00 \(DIR/inetd\.conf:1\)`},
		{"internal", "127.0.0.1:PORT on protocol = tcp, exec = internal, args = daytime, max_load = 1" + key + ";\n", no, `refused: load`},
		{"tcpmux", "127.0.0.1:PORT stream tcp nowait - internal tcpmux\ntcpmux/x stream tcp nowait - /bin/echo\ntcpmux/x with max_load = 1" + key + ";\n", no, `tcpmux/x from 127\.0\.0\.2 refused: load 2\.00 \(DIR/inetd\.conf:3\)`},
		{"amended", echoServer + "\n* with hours = " + closed + key + ";\n", no, `refused: closed at this hour \(DIR/inetd\.conf:2\)`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sc := newScene(t, tt.conf, nil)
			sc.start()
			sc.s.door.Load.Path = sc.write("loadavg", "2.00 1.00 1.00 1/100 4242\n")
			if got := sc.visit(stranger, "x\r\n"); got != tt.want {
				t.Errorf("answer %q, want %q", got, tt.want)
			}
			for sc.s.draining.Len() > 0 {
				sc.s.turn()
			}
			if tt.log != "" {
				sc.wantLog(tt.log)
			}
		})
	}
}

// TestShutWait: a wait service that is shut serves nobody either, and what has come in is
// taken out of its socket, so that the daemon does not spin.
func TestShutWait(t *testing.T) {
	for _, tt := range []struct{ protocol, network string }{{"udp", "udp4"}, {"tcp", "tcp4"}} {
		t.Run(tt.protocol, func(t *testing.T) {
			sc := newScene(t, "127.0.0.1:PORT on protocol = "+tt.protocol+", wait = yes, user = -, exec = /bin/true, max_load = 1;\n", nil)
			sc.start()
			sc.s.door.Load.Path = sc.write("loadavg", "2.00 1.00 1.00 1/100 4242\n")
			c, err := net.Dial(tt.network, "127.0.0.1:"+sc.port)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := fmt.Fprint(c, "x"); err != nil {
				t.Fatal(err)
			}
			u := sc.s.now.Services[0].Usage()
			for u.Refused.Rules == 0 {
				sc.s.turn()
			}
			if u.Started != 0 || u.Refused.Rules != 1 {
				t.Errorf("%d servers, %d refused", u.Started, u.Refused.Rules)
			}
			sc.wantLog(`refused: load 2\.00`)
		})
	}
}

// TestCheckFirst: a wait server of datagrams is started for clients that may use it, and
// what others send is dropped.
func TestCheckFirst(t *testing.T) {
	sc := newScene(t, "127.0.0.1:PORT on protocol = udp, wait = yes, user = -, exec = /bin/sh, args = sh -c \"head -c 1 >/dev/null; echo $REMOTE_HOST >>DIR/host\", deny = 127.0.0.2, check_first = yes, remote_host = yes;\n", nil)
	sc.start()
	u := sc.s.now.Services[0].Usage()
	sc.send("127.0.0.2")
	for u.Refused.Rules == 0 {
		sc.s.turn()
	}
	if u.Started != 0 {
		t.Errorf("%d servers", u.Started)
	}
	sc.send("127.0.0.3")
	for u.Started == 0 {
		sc.s.turn()
	}
	for sc.s.running.Len() > 0 {
		sc.s.turn()
	}
	if host, err := os.ReadFile(sc.path("host")); string(host) != "127.0.0.3\n" || err != nil {
		t.Errorf("REMOTE_HOST %q (%v)", host, err)
	}
	if u.Started != 1 || u.Refused.Rules != 1 {
		t.Errorf("%d servers, %d refused", u.Started, u.Refused.Rules)
	}
	sc.wantLog(`refused connection from 127\.0\.0\.2, service PORT \(udp\): DIR/inetd\.conf:1: deny = 127\.0\.0\.2/32`)
}

// TestWrapName: hosts.allow is asked about the name of the entry in place of that of
// its server.
func TestWrapName(t *testing.T) {
	sc := newScene(t, keyed("-", "wrap = yes, wrap_name = special", "echo served"), nil)
	sc.write("allow", "sh: 127.0.0.2\n")
	sc.write("deny", "special: 127.0.0.2\n")
	sc.start()
	if got := sc.visit(stranger, ""); got != "" {
		t.Errorf("answer %q", got)
	}
	sc.wantLog(`refused connection from .*DIR/deny:1: special: 127\.0\.0\.2.*daemon special`)
}

// TestCheckFirstAgain: what a wait server has left unread is checked when the server has
// ended, and a refusal then does not end the service.
func TestCheckFirstAgain(t *testing.T) {
	sc := newScene(t, "127.0.0.1:PORT on protocol = udp, wait = yes, user = -, exec = /bin/sh, args = sh -c \"head -c 1 >/dev/null; cat DIR/gate\", deny = 127.0.0.2, check_first = yes;\n", nil)
	if err := unix.Mkfifo(sc.path("gate"), 0o600); err != nil {
		t.Fatal(err)
	}
	sc.start()
	u := sc.s.now.Services[0].Usage()
	serve := func(servers uint64) (open *os.File) {
		t.Helper()
		sc.send("127.0.0.3")
		for u.Started < servers {
			sc.s.turn()
		}
		gate, err := os.OpenFile(sc.path("gate"), os.O_WRONLY, 0) // when the server has opened it
		if err != nil {
			t.Fatal(err)
		}
		return gate
	}
	first := serve(1)
	sc.send("127.0.0.2")
	first.Close()
	for u.Refused.Rules == 0 {
		sc.s.turn()
	}
	serve(2).Close()
	if u.Started != 2 || u.Refused.Rules != 1 {
		t.Errorf("%d servers, %d refused", u.Started, u.Refused.Rules)
	}
}

// send sends a datagram to the service.
func (sc *scene) send(from string) {
	sc.t.Helper()
	c, err := net.DialUDP("udp4", &net.UDPAddr{IP: net.ParseIP(from)}, udpAddr(sc.port))
	if err != nil {
		sc.t.Fatal(err)
	}
	defer c.Close()
	if _, err := fmt.Fprint(c, "x"); err != nil {
		sc.t.Fatal(err)
	}
}
