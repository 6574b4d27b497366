package keep

import (
	"net/netip"

	"inetd/internal/registrar"
	"inetd/internal/rpcbind"
)

// Register tells rpcbind where the RPC programs are served now.
func (s *Sockets) Register() {
	list := s.registrations()
	if s.registrar == nil {
		if len(list) == 0 {
			return
		}
		s.registrar = registrar.New(s.loop.Log.Logger, rpcbind.Client{})
	}
	s.registrar.Want(list)
}

// registrations returns where the RPC programs are served. rpcbind keeps one address for
// each version and transport, so of several addresses it has the first.
func (s *Sockets) registrations() (list []registrar.Registration) {
	told := map[rpcbind.Binding]bool{}
	for _, v := range s.loop.Now.Services {
		for k := v.First; k != nil; k = k.Next {
			for _, b := range k.Bindings() {
				anywhere := b
				anywhere.Addr = netip.AddrPort{}
				if !told[anywhere] {
					told[anywhere] = true
					list = append(list, registrar.Registration{Binding: b, Label: v.Label, Place: s.loop.Log.Place(v)})
				}
			}
		}
	}
	return list
}
