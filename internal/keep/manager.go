package keep

import (
	"inetd/internal/sock"
	"inetd/internal/strerror"
	"inetd/internal/table"
)

// Adopt takes over the sockets that the service manager has opened. They stay
// open for the daemon's whole life, in use or not: the manager holds them too,
// so that nobody else could open the address again.
func (s *Sockets) Adopt(fds []int) {
	for _, fd := range fds {
		spec, high, err := sock.Adopt(fd, s.loop.Starter.Floor())
		if err != nil {
			s.loop.Log.Warningf("descriptor %d of the service manager is of no use: %s", fd, strerror.Call(err))
			continue
		}
		s.take(spec, high)
	}
}

func (s *Sockets) take(spec sock.Spec, fd int) {
	s.loop.Starter.Note(fd)
	s.inherited[spec] = fd // of two for one address, which share it, the last will do
	s.specs = append(s.specs, spec)
}

// Managers reports whether a socket is one that the service manager has opened.
func (s *Sockets) Managers(k *table.Socket) bool {
	_, inherited := s.inherited[k.Spec]
	return inherited
}

// Specs are what the sockets of the service manager are.
func (s *Sockets) Specs() []sock.Spec { return s.specs }

// obtain returns a socket that the service manager has opened, or else opens it.
func (s *Sockets) obtain(k *table.Socket) (fd int, ours sock.File, err error) {
	fd, inherited := s.inherited[k.Spec]
	if !inherited {
		return sock.Open(k.Spec, k.Service.Do.Options, s.loop.Starter.Floor())
	}
	return fd, sock.File{}, sock.Apply(fd, k.Spec, k.Service.Do.Options)
}

// TellUnused logs the sockets of the service manager that no entry asks for.
func (s *Sockets) TellUnused() {
	for _, spec := range s.unused() {
		s.loop.Log.Warningf("%s: opened by the service manager, and no entry asks for it", spec)
	}
}

func (s *Sockets) unused() (list []sock.Spec) {
	for _, spec := range s.specs {
		if s.At(s.inherited[spec]) == nil {
			list = append(list, spec)
		}
	}
	return list
}
