package talk

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"inetd/internal/admission"
	"inetd/internal/child/childtest"
	"inetd/internal/client"
	"inetd/internal/conf"
	"inetd/internal/limit"
	"inetd/internal/logbook/booktest"
	"inetd/internal/loop/looptest"
	"inetd/internal/plan"
	"inetd/internal/sock/socktest"
	"inetd/internal/stream"
	"inetd/internal/table"
	"inetd/internal/zone"

	"golang.org/x/sys/unix"
)

// hall is Talks with a loop of their own.
type hall struct {
	*Talks
	*booktest.Book
	mail     *looptest.Mailbox
	released int
	demux    func(name string) Demuxed
}

func newHall(t *testing.T) *hall {
	t.Helper()
	starter := childtest.New(t)
	h := &hall{Book: booktest.New(t), mail: looptest.New(t)}
	h.Talks = New(Loop{
		Starter: starter, Mail: h.mail.Mailbox, Timers: h.Timers, Log: h.Book.Book, Now: h.Now, Clock: zone.NewClock(),
		Door:    admission.New(h.Book.Book, h.Now, nil, zone.NewClock()),
		Release: func(*table.Service, limit.Source) { h.released++ },
		Demux:   func(name string, _ client.Client, _ *stream.Conn) Demuxed { return h.demux(name) },
	})
	return h
}

func internal(name string) *table.Service {
	return &table.Service{Label: name + "/tcp", At: table.Place{Line: 1}, Do: &table.Action{Action: &plan.Action{Builtin: name, Listens: true}}}
}

// visitor connects, and returns the client's end and the client as the daemon has it.
func visitor(t *testing.T) (net.Conn, client.Client) {
	t.Helper()
	c, fd := socktest.Pair(t)
	return c, client.Client{Conn: fd, Source: limit.User(1)}
}

// TestEnter: a client without room is released, counted and logged.
func TestEnter(t *testing.T) {
	t.Parallel()
	h, v := newHall(t), internal("echo")
	h.Room = limit.Pool{Size: 2, PerService: 2, PerSource: 1, Patience: time.Hour}
	first, second := client.Client{Source: limit.User(1)}, client.Client{Source: limit.User(1)}
	if !h.Enter(v, &first) || first.Room == nil || h.released != 0 {
		t.Fatalf("the first one has %v", first.Room)
	}
	if h.Enter(v, &second) || h.released != 1 || v.Usage().Refused.Room != 1 {
		t.Errorf("the second one has %v, %d are released, %+v", second.Room, h.released, v.Usage().Refused)
	}
	h.Enter(v, &second) // logged once a minute
	if want := "echo/tcp from uid 1 exceeded the connections of internal services (limit 2 of one service, 1 from one source, inetd.conf:1)\n"; h.Lines() != want {
		t.Errorf("the log says %q", h.Lines())
	}
	h.Leave(v, first)
	if !h.Enter(v, &second) || h.Talks.Room.Len() != 1 {
		t.Error("no room after the first one has left")
	}
	if brief := internal("daytime"); !h.Enter(brief, &first) || first.Room != nil {
		t.Error("a client that is answered at once needs room")
	}
}

// TestBrief: a client that is answered at once leaves nothing behind.
func TestBrief(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	h.Connections = true
	c, who := visitor(t)
	h.Serve(internal("daytime"), who)
	if b, err := io.ReadAll(c); len(b) == 0 || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	if h.released != 1 || h.Len() != 0 || !strings.HasPrefix(h.Lines(), "daytime/tcp: connection from uid 1, internal\n") {
		t.Errorf("%d released, %d under way, %s", h.released, h.Len(), h.Lines())
	}
}

// TestMux: what tcpmux tells its clients, and that they wait while the system is short of
// something.
func TestMux(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		sent    string
		answers []Demuxed
		want    string
	}{
		{"cat\r\n", []Demuxed{{}}, ""},
		{"cat\r\n", []Demuxed{{No: table.NotAvailable}}, table.NotAvailable},
		{"cat\r\n", []Demuxed{{No: table.NotAvailable, Short: true}, {}}, ""},
		{"cat\n", []Demuxed{{No: table.NotAvailable, Short: true}, {No: "no\r\n"}}, "no\r\n"},
		{"HELP\r\n", nil, "cat\r\n"},
		{strings.Repeat("x", maxMuxLine+1), nil, "-Error reading service name\r\n"},
	} {
		h := newHall(t)
		h.Room.Size = 1
		h.Now.Mux = []*table.Service{{Label: "tcpmux/cat"}}
		asked := 0
		h.demux = func(name string) Demuxed {
			if name != "cat" {
				t.Errorf("asked for %q", name)
			}
			if h.Talks.Room.Room("other", time.Now().Add(time.Hour)) {
				t.Error("it could lose its room while it waits for the loop")
			}
			h.mail.Post(func() { // the loop wakes for its timer
				time.AfterFunc(max(h.Timers.Next(), 0), func() { h.mail.Post(h.Timers.Expire) })
			})
			asked++
			return tt.answers[asked-1]
		}
		c, who := visitor(t)
		v := internal(plan.MuxName)
		v.Do.Mux = true
		who.Room = h.Room.Enter(v.Label, who.Source, time.Now())
		h.Resume(v, who, stream.Leftover{})
		got := make(chan string, 1)
		go func() {
			io.WriteString(c, tt.sent)
			b, _ := io.ReadAll(c)
			c.Close()
			got <- string(b)
		}()
		h.mail.Until(func() bool { return h.released == 1 })
		if text := <-got; text != tt.want || asked != len(tt.answers) || h.Len() != 0 || h.Room.Len() != 0 {
			t.Errorf("%.10q: %q, asked %d times, %d under way", tt.sent, text, asked, h.Len())
		}
	}
}

// TestInterrupt: an interrupted conversation is left as it is, still counts, and goes on
// later.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	h, v := newHall(t), internal("echo")
	c, who := visitor(t)
	if !h.Enter(v, &who) {
		t.Fatal("no room")
	}
	h.Serve(v, who)
	echoed := func(text string) {
		t.Helper()
		b := make([]byte, len(text))
		io.WriteString(c, text)
		if _, err := io.ReadFull(c, b); string(b) != text {
			t.Fatalf("%q, %v", b, err)
		}
	}
	echoed("before")
	h.Interrupt()
	h.mail.Until(func() bool { return h.Len() == 0 })
	left := h.Left()
	if len(left) != 1 || left[0].Service != v || left[0].Client.Source != who.Source || left[0].Over || h.released != 0 {
		t.Fatalf("%+v is left, %d released", left, h.released)
	}
	h.GoOn()
	echoed("after")
	c.Close()
	h.mail.Until(func() bool { return h.released == 1 })
	if n := len(h.Left()) + h.Room.Len(); n != 0 {
		t.Errorf("%d are left", n)
	}
}

// TestMaxTimeOfOneGone: nothing is logged if a conversation is over before its max_time.
func TestMaxTimeOfOneGone(t *testing.T) {
	t.Parallel()
	h, v := newHall(t), internal("echo")
	v.Do.Keys = &conf.Keys{MaxTime: time.Millisecond}
	c, who := visitor(t)
	c.Close()
	if !h.Enter(v, &who) {
		t.Fatal("no room")
	}
	h.Serve(v, who)
	h.mail.Until(func() bool { return h.released == 1 })
	time.Sleep(max(h.Timers.Next(), 0))
	h.Timers.Expire()
	if log := h.Lines(); log != "" {
		t.Error(log)
	}
}

// TestSetAside: an interrupted conversation is set aside with one descriptor, even one
// that begins after Interrupt. If it is not interrupted yet, it is left as over.
func TestSetAside(t *testing.T) {
	t.Parallel()
	h := newHall(t)
	h.Interrupt()
	c, who := visitor(t)
	if !h.Enter(internal("echo"), &who) {
		t.Fatal("no room")
	}
	h.Serve(internal("echo"), who)
	if left := h.Left(); len(left) != 1 || !left[0].Over {
		t.Errorf("of one under way is left %+v", left)
	} else {
		unix.Close(left[0].Client.Conn)
	}
	h.mail.Until(func() bool { return h.Len() == 0 })
	if len(h.asides) != 1 || h.released != 0 {
		t.Fatalf("%d are set aside, %d are released", len(h.asides), h.released)
	}
	unix.Close(h.asides[0].Client.Conn)
	if _, err := c.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the connection has another descriptor: %v", err)
	}
}

// TestIdent: a client keeps its room while the name of a user is looked up, as that
// cannot be ended early.
func TestIdent(t *testing.T) {
	t.Parallel()
	h, v := newHall(t), internal(plan.IdentName)
	h.Room.Size = 1
	v.Do.Ident.Real, v.Do.Ident.OS, v.Do.Ident.Timeout = true, "UNIX", time.Minute
	h.loop.UserName = func(*table.Service, uint32) string {
		if h.Talks.Room.Room("other", time.Now().Add(time.Hour)) {
			t.Error("it could lose its room")
		}
		return "somebody"
	}
	c, fd := socktest.Connection(t)
	peer := c.LocalAddr().(*net.TCPAddr).AddrPort()
	who := client.Client{Conn: fd, Peer: peer, Source: limit.Address(peer.Addr())}
	if !h.Enter(v, &who) {
		t.Fatal("no room")
	}
	h.Serve(v, who)
	fmt.Fprintf(c, "%d, %d\r\n", c.RemoteAddr().(*net.TCPAddr).Port, peer.Port())
	answer, err := bufio.NewReader(c).ReadString('\n')
	if !strings.HasSuffix(answer, " : USERID : UNIX : somebody\r\n") {
		t.Errorf("%q, %v", answer, err)
	}
	c.Close()
	h.mail.Until(func() bool { return h.released == 1 })
}
