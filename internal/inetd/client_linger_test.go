package inetd

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// TestLinger: each of 100 clients whose request is never read gets the whole reply and a
// clean end of the connection, however the key is written.
func TestLinger(t *testing.T) {
	if !apart(t) {
		return
	}
	const size = 300_000
	const command = "head -c 300000 /dev/zero"
	for _, tt := range []struct{ name, conf string }{
		{"whole entry", keyed("-", "linger = 20s", command)},
		{"with", shServer + "'" + command + "'\n127.0.0.1:PORT with linger = 20s;\n"},
		{"for every entry", shServer + "'" + command + "'\n* with linger = 20s;\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sc := newScene(t, tt.conf, nil)
			sc.start()
			sc.visit(stranger, "")
			before := descriptors(t)
			clients := 100
			if tt.name != "whole entry" {
				clients = 5
			}
			for i := range clients {
				if got := sc.visit(stranger, strings.Repeat("hello\n", 3000)); len(got) != size || t.Failed() {
					t.Fatalf("client %d got %d bytes", i, len(got))
				}
			}
			for sc.s.draining.Len() > 0 {
				sc.s.turn()
			}
			if n := descriptors(t); n > before {
				t.Errorf("%d descriptors, %d before", n, before)
			}
		})
	}
}

// TestLingerEnds: a client that does not close is let go when the time is over. It sees the
// end of the reply as soon as its server is gone.
func TestLingerEnds(t *testing.T) {
	if !apart(t) {
		return
	}
	sc := newScene(t, keyed("-", "linger = 100ms", "echo x"), nil)
	sc.start()
	c, err := net.Dial("tcp4", "127.0.0.1:"+sc.port)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for sc.s.draining.Len() == 0 {
		sc.s.turn()
	}
	if b, err := io.ReadAll(c); string(b) != "x\n" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	fd, until, _ := sc.s.draining.First()
	for sc.s.draining.Len() > 0 {
		sc.s.turn()
	}
	if time.Now().Before(until) {
		t.Errorf("descriptor %d was closed too early", fd)
	}
}

// TestLingerAfterFailure: if a server could not be started, its client sees the end of the
// connection at once.
func TestLingerAfterFailure(t *testing.T) {
	sc := newScene(t, "127.0.0.1:PORT on protocol = tcp, wait = no, user = -, exec = /nonexistent/x, linger = 20s;\n", nil)
	sc.start()
	if got := sc.visit(stranger, "hello"); got != "" {
		t.Errorf("%q", got)
	}
	for sc.s.examinations.Len() > 0 {
		sc.s.turn()
	}
	sc.wantLog(`execv /nonexistent/x: No such file or directory`)
}

// TestLingerFollowsTheServer: the connection of a running server is not drained, even if
// its client has shut down its side.
func TestLingerFollowsTheServer(t *testing.T) {
	sc := newScene(t, keyed("-", "linger = 20s", "cat; sleep 0.1; echo more"), nil)
	sc.start()
	if got := sc.visit(stranger, "hello\n"); got != "hello\nmore\n" {
		t.Errorf("%q", got)
	}
}
