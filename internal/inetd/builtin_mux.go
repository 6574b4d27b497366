package inetd

import (
	"inetd/internal/client"
	"inetd/internal/plan"
	"inetd/internal/sock"
	"inetd/internal/stream"
	"inetd/internal/table"
	"inetd/internal/talk"

	"golang.org/x/sys/unix"
)

// demux starts the service of a name for a client of tcpmux, whose dialogue is f. If there is no such
// service or its limits forbid a start, it returns what the client is told: it has
// been accepted, so it cannot wait in a listen queue as others do.
func (s *Server) demux(name string, c client.Client, f *stream.Conn) talk.Demuxed {
	v := s.now.Muxed(name)
	if v == nil {
		if s.log.Connections {
			s.log.Infof("%s: no service %q%s", plan.MuxName, name, c.From())
		}
		return talk.Demuxed{No: table.NotAvailable}
	}
	no := talk.Demuxed{No: s.door.Refusal(v)}
	if v.Used != nil && v.Used.Halted || !s.mayStart(v) {
		no.Short = s.bound(v) == byProcesses && !s.crowdedOut() && !s.holding
		return no
	}
	conn, err := f.Duplicate()
	if err != nil {
		s.log.Lack(v, "fcntl", err)
		no.Short = !s.holding
		return no
	}
	if !s.door.Admit(v, &c) || !s.talks.Enter(v, &c) {
		unix.Close(conn)
		return no
	}
	unix.SetNonblock(conn, false)
	c.Conn = conn
	if c.Room != nil {
		f.Room = nil // this dialogue's room is that of the builtin now
	}
	s.attend(v, c)
	return talk.Demuxed{}
}

// inheritMux gives the services of tcpmux the usage that they had before. The usage of
// other services comes with their sockets.
func (s *Server) inheritMux(before []*table.Service) {
	used := map[string]*table.Usage{}
	for _, v := range before {
		used[v.Label] = v.Used
	}
	for _, v := range s.now.Mux {
		v.Used = used[v.Label]
		s.formers.Recall(v, sock.Spec{})
	}
}
