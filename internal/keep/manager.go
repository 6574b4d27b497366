package keep

import (
	"inetd/internal/sock"
	"inetd/internal/strerror"
	"inetd/internal/table"
)

// Adopt takes over the descriptors fds, sockets that the service manager has opened. They
// stay open for the daemon's whole life, in use or not: the manager has them too, so
// nobody could open the address again. Adopt logs and closes those that are no sockets
// ready for clients.
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
	s.inherited[spec] = fd // of two sockets that share an address the last one is used
	s.specs = append(s.specs, spec)
}

// Managers reports whether the service manager has opened the socket.
func (s *Sockets) Managers(k *table.Socket) bool {
	_, inherited := s.inherited[k.Spec]
	return inherited
}

// Specs returns the Specs of the service manager's sockets, in the manager's order.
func (s *Sockets) Specs() []sock.Spec { return s.specs }

// obtain returns a descriptor of the service manager's for a socket, or else opens one.
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
