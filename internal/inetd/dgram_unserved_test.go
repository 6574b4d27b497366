package inetd

import (
	"io"
	"testing"
	"time"

	"inetd/internal/dgram"
	"inetd/internal/sock"

	"golang.org/x/sys/unix"
)

// TestDatagramIsTriedAgain: a datagram for which there is no descriptor now is served
// when there is one, as the log says, and counts as a start only then.
func TestDatagramIsTriedAgain(t *testing.T) {
	sc := newScene(t, "127.0.0.1:PORT on protocol = udp4, wait = no, user = -, exec = /usr/bin/head, args = head -c5, ip_max = 1/h;\n", nil)
	sc.start()
	k := sc.s.now.Services[0].First
	if !sc.s.canPutBack(k) {
		t.Skip("it takes CAP_NET_RAW to put a datagram back")
	}
	c := sc.dial("udp4")
	if _, err := io.WriteString(c, "hello"); err != nil {
		t.Fatal(err)
	}
	var p sock.Packet
	n, err := p.Receive(int(k.FD), sc.s.buffer())
	for ; err == unix.EAGAIN; n, err = p.Receive(int(k.FD), sc.s.buffer()) {
	}
	e := dgram.PairOf(&p, k.Spec)
	if err != nil || !sc.s.door.Admit(k.Service, clientOfPair(k.Service, e), time.Now()) {
		t.Fatal(err)
	}
	sc.s.unserved(k, e, sc.s.buffer()[:n], unix.EMFILE)
	if k.Polled {
		t.Error("the socket does not rest")
	}
	got := make([]byte, 5)
	sc.turnUntil(func() { _, err = io.ReadFull(c, got) })
	if string(got) != "hello" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	sc.wantLog(`: client's socket: Too many open files; trying again \(.*inetd\.conf:1\)$`)
}

// TestNoServerForUnanswerable: no server is started for a datagram that seems to come from
// the service itself, because the server would answer itself.
func TestNoServerForUnanswerable(t *testing.T) {
	sc := newScene(t, "127.0.0.1:PORT dgram udp4 nowait - /usr/bin/head head -c5\n", nil)
	sc.start()
	k := sc.s.now.Services[0].First
	if !sc.s.canPutBack(k) {
		t.Skip("it takes CAP_NET_RAW to forge a datagram")
	}
	own := k.Spec.Addr
	if err := sc.s.sessions.Return(dgram.Pair{Client: own, Asked: own}, []byte("forged")); err != nil {
		t.Fatal(err)
	}
	sc.echoed(sc.dial("udp4"), "hello")
	if n := k.Service.Usage().Started; n != 1 {
		t.Errorf("%d servers were started, want 1", n)
	}
	sc.reapAll()
}

// TestMaxTimeOfBuiltin: the connection of a builtin ends when its time is over, however
// busy it is.
func TestMaxTimeOfBuiltin(t *testing.T) {
	sc := newScene(t, "127.0.0.1:PORT stream tcp4 nowait - internal chargen\n127.0.0.1:PORT with max_time = 200ms;\n", nil)
	sc.start()
	c := sc.dial("tcp4")
	sc.turnUntil(func() { io.Copy(io.Discard, c) }) // an error is the end as well
	sc.wantLog(`: internal from 127\.0\.0\.1:\d+ has run for 200ms, its max_time, and is ended \(.*inetd\.conf:2\)`)
}

// TestStartWithDamage: what is right in a damaged file is served at the start.
func TestStartWithDamage(t *testing.T) {
	sc := newScene(t, "\x00\n"+keptOne, nil)
	sc.start()
	if n := len(sc.s.now.Services); n != 1 {
		t.Errorf("%d services", n)
	}
	sc.wantLog(`DIR/inetd\.conf:1:1: .*NUL byte, so the file is damaged.*; what else is right is served$`)
}
