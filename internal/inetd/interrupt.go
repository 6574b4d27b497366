package inetd

import (
	"inetd/internal/client"
	"inetd/internal/stream"
	"inetd/internal/table"
)

// aside is a client whose conversation was interrupted.
type aside struct {
	svc    *table.Service
	client client.Client
	left   stream.Leftover
}

// interruptTalks interrupts all conversations.
func (s *Server) interruptTalks() {
	for f := range s.talks {
		f.Interrupt()
	}
}

// setAside keeps a client whose conversation was interrupted. It reports false if
// that is impossible.
func (s *Server) setAside(v *table.Service, c client.Client, f *stream.Conn) bool {
	conn, err := f.Duplicate()
	f.Close()
	if err != nil {
		return false
	}
	c.Conn, c.Room = conn, f.Room
	s.asides = append(s.asides, aside{v, c, f.Left})
	return true
}

// talkOn takes up the conversations that were interrupted.
func (s *Server) talkOn() {
	list := s.asides
	s.asides = nil
	for _, a := range list {
		s.talk(a.svc, a.client, a.left)
	}
}
