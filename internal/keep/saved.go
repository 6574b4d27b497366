package keep

import (
	"inetd/internal/handover"
	"inetd/internal/registrar"
	"inetd/internal/rpcbind"
	"inetd/internal/sock"
	"inetd/internal/table"
)

// Saved is a socket as the next program reads it, whose service has a number there.
func (s *Sockets) Saved(k *table.Socket, service int) handover.Socket {
	return handover.Socket{
		Spec: k.Spec, FD: max(int(k.FD), 0), Service: service, File: s.paths[k],
		Inherited: s.Managers(k) && k.FD >= 0, Closed: k.Closed,
	}
}

// SavedUnused are the sockets of the service manager that no entry asks for.
func (s *Sockets) SavedUnused() (list []handover.Socket) {
	for _, spec := range s.unused() {
		list = append(list, handover.Socket{Spec: spec, FD: s.inherited[spec], Service: -1, Inherited: true})
	}
	return list
}

// Inherit makes a socket of one that the program before has left, for the service v; nil
// if no entry asks for it. It is not polled before there is a Merge.
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

// Release ends what tells rpcbind of the RPC programs, and returns what that was told,
// for Resume: nothing if there was no need for any.
func (s *Sockets) Release() []rpcbind.Binding {
	if s.registrar == nil {
		return nil
	}
	made := s.registrar.Release()
	s.registrar = nil
	return made
}

// Resume goes on with what rpcbind was told before a Release, maybe by another program.
func (s *Sockets) Resume(made []rpcbind.Binding) {
	if len(made) == 0 {
		return
	}
	s.registrar = registrar.Resume(s.loop.Log.Logger, rpcbind.Client{}, made)
}
