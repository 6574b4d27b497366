package inetd

import (
	"testing"

	"inetd/internal/client"
	"inetd/internal/table"
	"inetd/internal/talk"
)

// TestMuxClientWaitsForProcess: while no process can be made, a client of tcpmux is to be
// tried again, but not if another program is to take over or a limit forbids the start.
func TestMuxClientWaitsForProcess(t *testing.T) {
	sc := newScene(t, "127.0.0.1:PORT stream tcp4 nowait - internal tcpmux\ntcpmux/cat stream tcp4 nowait - /bin/cat\n", nil)
	sc.start()
	sc.s.delayed = make([]delayed, 1)
	for _, holding := range []bool{false, true} {
		sc.s.gate.Closed = holding
		if a := sc.s.demux("cat", client.Client{Conn: -1}, nil); a.No != table.NotAvailable || a.Short == holding {
			t.Errorf("holding %v: %+v", holding, a)
		}
	}
	sc.s.delayed, sc.s.gate.Closed = nil, false
	sc.s.now.Mux[0].Usage().Halted = true
	if a := sc.s.demux("cat", client.Client{Conn: -1}, nil); a != (talk.Demuxed{No: table.NotAvailable}) {
		t.Errorf("suspended: %+v", a)
	}
}
