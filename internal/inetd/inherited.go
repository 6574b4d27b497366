package inetd

import (
	"inetd/internal/sock"
	"inetd/internal/strerror"
	"inetd/internal/table"
)

// adopt takes over the sockets that the service manager has opened. They stay
// open for the daemon's whole life, in use or not: the manager holds them too,
// so that nobody else could open the address again.
func (s *Server) adopt() {
	s.inherited = map[sock.Spec]int{}
	for _, fd := range s.cfg.Inherited {
		spec, high, err := sock.Adopt(fd, s.starter.Floor())
		if err != nil {
			s.log.Warningf("descriptor %d of the service manager is of no use: %s", fd, strerror.Call(err))
			continue
		}
		s.starter.Note(high)
		s.inherited[spec] = high // of two for one address, which share it, the last will do
		s.inheritedSpecs = append(s.inheritedSpecs, spec)
	}
}

// obtain returns a socket that the service manager has opened, or else opens it.
func (s *Server) obtain(k *table.Socket) (fd int, ours sock.File, err error) {
	fd, inherited := s.inherited[k.Spec]
	if !inherited {
		return sock.Open(k.Spec, k.Service.Do.Options, s.starter.Floor())
	}
	return fd, sock.File{}, sock.Apply(fd, k.Spec, k.Service.Do.Options)
}

// tellUnused logs the sockets of the service manager that no entry asks for.
func (s *Server) tellUnused() {
	for _, spec := range s.inheritedSpecs {
		if fd := s.inherited[spec]; fd >= len(s.sockets) || s.sockets[fd] == nil {
			s.log.Warningf("%s: opened by the service manager, and no entry asks for it", spec)
		}
	}
}
