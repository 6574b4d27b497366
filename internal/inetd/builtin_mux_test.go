package inetd

import (
	"testing"

	"inetd/internal/client"
	"inetd/internal/table"
	"inetd/internal/talk"
)

// A reload neither frees a service that is suspended nor forgets its servers.
func TestInheritMux(t *testing.T) {
	t.Parallel()
	was, now, added := &table.Service{Label: "tcpmux/a"}, &table.Service{Label: "tcpmux/a"}, &table.Service{Label: "tcpmux/b"}
	was.Usage().Live = 3
	s := &Server{now: &table.InForce{Generation: &table.Generation{Mux: []*table.Service{added, now}}}}
	s.inheritMux([]*table.Service{was})
	if now.Used != was.Used || added.Used != nil {
		t.Errorf("%v and %v", now.Used, added.Used)
	}
}

// TestMuxClientWaitsForProcess: while no process can be made, a client of tcpmux is to
// try again, but not when another program is to take over, or a limit forbids the start.
func TestMuxClientWaitsForProcess(t *testing.T) {
	sc := newScene(t, "127.0.0.1:PORT stream tcp4 nowait - internal tcpmux\ntcpmux/cat stream tcp4 nowait - /bin/cat\n", nil)
	sc.start()
	sc.s.delayed = make([]delayed, 1)
	for _, holding := range []bool{false, true} {
		sc.s.holding = holding
		if a := sc.s.demux("cat", client.Client{Conn: -1}, nil); a.No != table.NotAvailable || a.Short == holding {
			t.Errorf("holding %v: %+v", holding, a)
		}
	}
	sc.s.delayed, sc.s.holding = nil, false
	sc.s.now.Mux[0].Usage().Halted = true
	if a := sc.s.demux("cat", client.Client{Conn: -1}, nil); a != (talk.Demuxed{No: table.NotAvailable}) {
		t.Errorf("suspended: %+v", a)
	}
}
