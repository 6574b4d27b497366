// This file leads a client of tcpmux to the service it names, which takes the table, the
// gate and the door.

package inetd

import (
	"inetd/internal/client"
	"inetd/internal/gate"
	"inetd/internal/plan"
	"inetd/internal/stream"
	"inetd/internal/table"
	"inetd/internal/talk"

	"golang.org/x/sys/unix"
)

// demux starts the service of a name for a client of tcpmux, whose dialogue is f. If
// there is no such service or its limits forbid a start, it returns what to tell the
// client, which is accepted already and so cannot wait in a listen queue as others do.
func (s *Server) demux(name string, c client.Client, f *stream.Conn) talk.Demuxed {
	v := s.now.Muxed(name)
	if v == nil {
		if s.log.Connections {
			s.log.Infof("%s: no service %q%s", plan.MuxName, name, c.From())
		}
		return talk.Demuxed{No: table.NotAvailable}
	}
	no := talk.Demuxed{No: s.door.Refusal(v)}
	if v.Used != nil && v.Used.Halted || !s.gate.MayStart(v) {
		no.Short = s.bound(v) == gate.ByProcesses && !s.crowdedOut() && !s.gate.Closed
		return no
	}
	conn, err := f.Duplicate()
	if err != nil {
		s.log.Lack(v, "fcntl", err)
		no.Short = !s.gate.Closed
		return no
	}
	if !s.door.Admit(v, &c, s.turned) || !s.talks.Enter(v, &c) {
		unix.Close(conn)
		return no
	}
	unix.SetNonblock(conn, false)
	c.Conn = conn
	if c.Room != nil {
		f.Room = nil // the builtin has the room of this dialogue now
	}
	s.attend(v, &c)
	return talk.Demuxed{}
}
