package keep

import (
	"inetd/internal/handover"
	"inetd/internal/registrar"
	"inetd/internal/rpcbind"
	"inetd/internal/sock"
	"inetd/internal/table"
)

// Saved returns the socket as the next program reads it. service is its service's number.
func (s *Sockets) Saved(k *table.Socket, service int) handover.Socket {
	return handover.Socket{
		Spec: k.Spec, FD: max(int(k.FD), 0), Service: service, File: s.paths[k],
		Inherited: s.Managers(k) && k.FD >= 0, Closed: k.Closed,
	}
}

// SavedUnused returns the sockets of the service manager that no entry asks for.
func (s *Sockets) SavedUnused() (list []handover.Socket) {
	for _, spec := range s.unused() {
		list = append(list, handover.Socket{Spec: spec, FD: s.inherited[spec], Service: -1, Inherited: true})
	}
	return list
}

// Inherit takes over a socket that the program before has left, and returns it as one of
// the service v. If no entry asks for it, v and the result are nil. The closed gate keeps
// the socket from being polled before the first load.
func (s *Sockets) Inherit(from handover.Socket, v *table.Service) *table.Socket {
	if from.Inherited {
		s.take(from.Spec, from.FD)
	}
	if v == nil {
		return nil
	}
	k := &table.Socket{Spec: from.Spec, Service: v, FD: -1, Closed: from.Closed}
	if !k.Closed {
		v.Add(k)
	}
	if from.FD == 0 {
		return k
	}
	if from.File != (sock.File{}) {
		s.paths[k] = from.File
	}
	s.opened(k, from.FD)
	return k
}

// Release stops the registrar, but withdraws nothing from rpcbind. It returns what Resume
// needs; nil if there is no registrar.
func (s *Sockets) Release() []rpcbind.Binding {
	if s.registrar == nil {
		return nil
	}
	made := s.registrar.Release()
	s.registrar = nil
	return made
}

// Resume goes on with the registrations of a Release, which may be another program's.
func (s *Sockets) Resume(made []rpcbind.Binding) {
	if len(made) == 0 {
		return
	}
	s.registrar = registrar.Resume(s.loop.Log.Logger, rpcbind.Client{}, made)
}
