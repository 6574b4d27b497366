package succession

import (
	"maps"
	"net/netip"
	"testing"
	"time"

	"inetd/internal/child"
	"inetd/internal/child/childtest"
	"inetd/internal/client"
	"inetd/internal/dgram"
	"inetd/internal/handover"
	"inetd/internal/keep"
	"inetd/internal/limit"
	"inetd/internal/plan"
	"inetd/internal/running"
	"inetd/internal/sock"
	"inetd/internal/stream"
	"inetd/internal/table"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"
)

// daemon stands for one that serves nobody: its sockets are not open.
type daemon struct {
	starter *child.Starter
	now     *table.InForce
	sockets *keep.Sockets
}

func newDaemon(t *testing.T) *daemon {
	t.Helper()
	starter := childtest.New(t)
	d := &daemon{starter: starter, now: &table.InForce{Generation: &table.Generation{Names: []string{"a.conf"}}}}
	d.sockets = keep.New(keep.Loop{Starter: starter, Now: d.now})
	return d
}

// service puts a service in force, with a socket of a port.
func (d *daemon) service(t *testing.T, label, path string, port uint16) *table.Service {
	t.Helper()
	profile, err := d.starter.Profile(nil, nil, child.Setup{})
	if err != nil {
		t.Fatal(err)
	}
	do := &table.Action{Action: &plan.Action{Path: path, Limits: limit.Limits{Starts: 3, Window: time.Hour}}}
	if do.Program, err = profile.Program(path, nil); err != nil {
		t.Fatal(err)
	}
	v := &table.Service{Label: label, At: table.Place{Line: uint32(port)}, Do: do}
	v.Add(&table.Socket{Spec: sock.Spec{Family: unix.AF_INET, Type: unix.SOCK_STREAM, Addr: netip.AddrPortFrom(netip.IPv4Unspecified(), port)}, Service: v, FD: -1})
	d.now.Services = append(d.now.Services, v)
	return v
}

// inherit makes another daemon go on with what a Will says.
func (w *Will) inherit(t *testing.T) (*daemon, *Heir) {
	t.Helper()
	text, err := handover.Encode(w.State)
	if err != nil {
		t.Fatal(err)
	}
	state, err := handover.Decode(text)
	if err != nil {
		t.Fatal(err)
	}
	d := newDaemon(t)
	h, err := NewHeir(state, d.starter, d.now, d.sockets)
	if err != nil {
		t.Fatal(err)
	}
	return d, h
}

// TestServices: services come back with their sockets and usage. Those that shared a
// usage share it again.
func TestServices(t *testing.T) {
	t.Parallel()
	d := newDaemon(t)
	one, two, mux := d.service(t, "one/tcp", "/bin/one", 1), d.service(t, "one/tcp", "/bin/two", 2), d.service(t, "tcpmux/x", "/bin/mux", 3)
	mux.Do.Mux, mux.First = true, nil
	begun := time.Now().Round(0)
	one.Used = &table.Usage{Halted: true, Usage: limit.Usage{Starts: limit.Window{Start: begun, Count: 3}}, Mended: []string{"once"}}
	two.Used = one.Used
	heir, h := NewWill(d.now, d.sockets).inherit(t)
	if n := len(heir.now.Services); n != 3 || len(heir.now.Mux) != 1 || heir.now.Mux[0] != heir.now.Services[2] {
		t.Fatalf("%d services, and %d of tcpmux", n, len(heir.now.Mux))
	}
	for i, was := range d.now.Services {
		v := h.Service(i)
		if v != heir.now.Services[i] || v.Label != was.Label || heir.now.Place(v) != d.now.Place(was) || v.Do.Program.Path() != was.Do.Path {
			t.Errorf("%s %s %s comes back as %s %s", was.Label, d.now.Place(was), was.Do.Path, v.Label, heir.now.Place(v))
		}
		if k := v.First; was.First != nil && (k == nil || k.Spec != was.First.Spec || k.Service != v) {
			t.Errorf("%s has the socket %+v", v.Label, k)
		}
	}
	u := h.Service(0).Used
	if u != h.Service(1).Used || h.Service(2).Used != nil {
		t.Error("what was shared is not shared any more")
	}
	if diff := cmp.Diff([]any{one.Used.Starts.Count, true, one.Used.Mended}, []any{u.Starts.Count, u.Halted, u.Mended}); diff != "" {
		t.Error(diff)
	}
	if until := h.Suspended[u]; len(h.Suspended) != 1 || !until.Equal(begun.Add(time.Hour)) {
		t.Errorf("%d are suspended, that one until %v", len(h.Suspended), until)
	}
}

// TestProcesses: a wait server has its socket again, even that of a removed service. A
// nowait datagram server has its session again.
func TestProcesses(t *testing.T) {
	t.Parallel()
	d := newDaemon(t)
	kept, removed := d.service(t, "kept/udp", "/bin/kept", 1), d.service(t, "removed/tcp", "/bin/removed", 2)
	d.now.Services = d.now.Services[:1]
	removed.First.Closed = true
	session := &client.Session{Pair: dgram.Pair{Client: netip.MustParseAddrPort("192.0.2.1:7")}, At: kept.First, Conn: 9, Taken: 4}
	begun := time.Now().Round(0)
	processes := map[int]*running.Process{
		7:  {Service: removed, Program: removed.Do.Program, Lent: removed.First, Queued: 5, Begun: 6, Kill: begun.UnixNano()},
		-1: {Service: kept, Program: kept.Do.Program}, // a start that has failed has no process
		8:  {Service: kept, Program: kept.Do.Program, Client: client.Client{Session: session, Peer: session.Client}, Begun: 7, Kept: 11, Cookie: 12},
		9:  {Service: kept, Program: kept.Do.Program, Done: func(child.Status) {}, Begun: 8},
		10: {Done: func(child.Status) {}}, // a command of the daemon itself, whose end nobody waits for any more
	}
	w := NewWill(d.now, d.sockets)
	w.Processes(maps.All(processes))
	heir, h := w.inherit(t)
	if len(h.State.Children) != 2 || len(h.State.Helpers) != 1 || h.State.Helpers[0].PID != 9 || len(heir.now.Services) != 1 {
		t.Fatalf("children %+v, helpers %+v, %d services", h.State.Children, h.State.Helpers, len(heir.now.Services))
	}
	for _, from := range h.State.Children {
		was, p := processes[from.PID], h.Process(from)
		if p.Service.Label != was.Service.Label || p.Program.Path() != was.Program.Path() || p.Begun != was.Begun || p.Queued != was.Queued || p.Kept != was.Kept || p.Cookie != was.Cookie {
			t.Errorf("%d: %+v, was %+v", from.PID, p, was)
		}
		switch from.PID {
		case 7:
			if !from.Kill.Equal(begun) {
				t.Errorf("it is killed at %v", from.Kill)
			}
			if k := p.Lent; k == nil || !k.Closed || k.Server != 7 || k.Spec != removed.First.Spec || p.Service.First != nil {
				t.Errorf("a wait server has %+v", k)
			}
		case 8:
			if got := p.Client.Session; got != h.Sessions[0] || got.At != heir.now.Services[0].First || got.Client != session.Client || got.Conn != 9 || got.Taken != 4 {
				t.Errorf("a server has the session %+v", got)
			}
		}
	}
}

// TestClients: clients are left to the next program. If it cannot serve them either, it
// leaves them to the one after it.
func TestClients(t *testing.T) {
	t.Parallel()
	d := newDaemon(t)
	one, two := d.service(t, "one/tcp", "/bin/one", 1), d.service(t, "two/tcp", "/bin/two", 2)
	session := &client.Session{Pair: dgram.Pair{Client: netip.MustParseAddrPort("192.0.2.3:9")}, At: two.First, Conn: 30}
	clients := []client.Client{
		{Conn: 20, Peer: netip.MustParseAddrPort("192.0.2.1:7"), Named: true},
		{Conn: 21, Peer: session.Client, Session: session},
	}
	talking, left := client.Client{Conn: 22, Peer: netip.MustParseAddrPort("192.0.2.2:8")}, stream.Leftover{Begun: 3, Got: []byte("got"), Unsent: []byte("unsent"), Until: time.Now().Round(0), Over: true}
	w := NewWill(d.now, d.sockets)
	w.Client(one, clients[0])
	w.Client(two, clients[1])
	w.Talk(two, talking, left)
	for range 2 {
		heir, h := w.inherit(t)
		for i, from := range h.State.Clients {
			v, c := h.Client(from)
			if v != heir.now.Services[i] || c.Conn != clients[i].Conn || c.Peer != clients[i].Peer || c.Named != clients[i].Named || (c.Session != nil) != (clients[i].Session != nil) {
				t.Errorf("%+v of %s", c, v.Label)
			}
		}
		if len(h.State.Clients) != 2 || len(h.State.Talks) != 1 {
			t.Fatalf("%d clients, %d conversations", len(h.State.Clients), len(h.State.Talks))
		}
		v, c := h.Client(h.State.Talks[0].Client)
		if v != heir.now.Services[1] || c.Conn != talking.Conn || c.Peer != talking.Peer {
			t.Errorf("%+v of %s talks", c, v.Label)
		}
		if diff := cmp.Diff(left, LeftoverOf(h.State.Talks[0]), cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
		w = NewWill(heir.now, heir.sockets)
		w.Again(h)
	}
}
