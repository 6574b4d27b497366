package table

import (
	"fmt"
	"net/netip"

	"inetd/internal/rpcbind"
	"inetd/internal/sock"

	"golang.org/x/sys/unix"
)

// Socket is one address at which clients reach a service. It survives a reload, and may
// then belong to another service.
type Socket struct {
	Spec    sock.Spec
	Service *Service
	Next    *Socket // of the same service
	FD      int32   // -1: not open
	Server  int32   // pid of the wait server that has the socket; 0: none
	Polled  bool    // in the epoll set
	Held    uint8   // a bit for each gate.Bound whose list the socket is in
	Closed  bool    // no longer in the table; a timer may still refer to it
}

// Queued returns a number that changes when a server takes something from the socket: the
// number of connections in its queue, or the time of arrival of the last datagram taken.
// It is negative if the kernel does not tell.
func (k *Socket) Queued() int64 {
	if k.Spec.Listens() {
		return int64(sock.Queued(int(k.FD)))
	}
	return sock.Stamp(int(k.FD))
}

// Bindings returns the registrations with rpcbind of each version of an RPC program at an
// open socket; nil for other services.
func (k *Socket) Bindings() (list []rpcbind.Binding) {
	var local sock.Address
	p := k.Service.Do.RPC
	if p.Number == 0 || k.FD < 0 || sock.Local(int(k.FD), &local) != nil {
		return nil
	}
	netid := map[uint16]string{unix.IPPROTO_TCP: "tcp", unix.IPPROTO_UDP: "udp"}[k.Spec.Protocol]
	at := netip.AddrPortFrom(k.Spec.Addr.Addr(), local.AddrPort().Port())
	for n := range p.High - p.Low + 1 {
		b := rpcbind.Binding{Program: p.Number, Version: p.Low + n, Netid: netid, Addr: at}
		if k.Spec.Dual {
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

// Where returns the address of the socket in words, with the port that the kernel has
// chosen for an RPC program.
func (k *Socket) Where() string {
	if list := k.Bindings(); len(list) > 0 {
		return fmt.Sprintf("%s, port %d", k.Spec, list[0].Addr.Port())
	}
	return k.Spec.String()
}

// Subject returns the beginning of a log line about the socket: the service and the
// address. A UNIX-domain socket is named by its path alone, which is also its label.
func (k *Socket) Subject() string {
	if at := k.Where(); at != k.Service.Label {
		return k.Service.Label + ": " + at
	}
	return k.Service.Label
}

// Answering returns the ports at which datagram builtins answer.
func Answering(services []*Service) map[uint16]bool {
	ports := map[uint16]bool{}
	for _, v := range services {
		for k := v.First; k != nil; k = k.Next {
			if v.Do.Internal() && !v.Do.Listens {
				ports[k.Spec.Addr.Port()] = true
			}
		}
	}
	return ports
}
