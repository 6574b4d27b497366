package inetd

import (
	"fmt"
	"net/netip"

	"inetd/internal/registrar"
	"inetd/internal/rpcbind"
	"inetd/internal/sock"

	"golang.org/x/sys/unix"
)

// register has rpcbind told where the RPC programs are served now.
func (s *Server) register() {
	var list []registrar.Registration
	told := map[rpcbind.Binding]bool{}
	for _, v := range s.services {
		for k := v.first; k != nil; k = k.next {
			for _, b := range k.bindings() {
				anywhere := b
				anywhere.Addr = netip.AddrPort{}
				if !told[anywhere] {
					told[anywhere] = true
					list = append(list, registrar.Registration{Binding: b, Label: v.label, Place: s.now.place(v)})
				}
			}
		}
	}
	if s.registrar == nil {
		if len(list) == 0 {
			return
		}
		s.registrar = registrar.New(s.log, rpcbind.Client{})
	}
	s.registrar.Want(list)
}

// bindings returns how each version of an RPC program is reached by a socket;
// nothing for other services.
func (k *socket) bindings() (list []rpcbind.Binding) {
	var local sock.Address
	p := k.svc.do.RPC
	if p.Number == 0 || k.fd < 0 || sock.Local(int(k.fd), &local) != nil {
		return nil
	}
	netid := map[uint16]string{unix.IPPROTO_TCP: "tcp", unix.IPPROTO_UDP: "udp"}[k.spec.Protocol]
	at := netip.AddrPortFrom(k.spec.Addr.Addr(), local.AddrPort().Port())
	for n := range p.High - p.Low + 1 {
		b := rpcbind.Binding{Program: p.Number, Version: p.Low + n, Netid: netid, Addr: at}
		if k.spec.Dual {
			b.Addr = netip.AddrPortFrom(netip.IPv4Unspecified(), at.Port())
			list = append(list, b)
			b.Addr = at
		}
		if at.Addr().Is6() {
			b.Netid += "6"
		}
		list = append(list, b)
	}
	return list
}

// where is the address of a socket in words, with the port that the kernel has
// chosen for an RPC program.
func (k *socket) where() string {
	if list := k.bindings(); len(list) > 0 {
		return fmt.Sprintf("%s, port %d", k.spec, list[0].Addr.Port())
	}
	return k.spec.String()
}
