package table

import (
	"fmt"
	"net/netip"

	"inetd/internal/rpcbind"
	"inetd/internal/sock"

	"golang.org/x/sys/unix"
)

// Socket is one address a service is reached by. It lives on through a reload,
// with another service if need be.
type Socket struct {
	Spec    sock.Spec
	Service *Service
	Next    *Socket // of the same service
	FD      int32   // -1: not open
	Server  int32   // pid of the wait server that has the socket
	Polled  bool    // in the epoll set
	Held    uint8   // a bit for each bound in whose list it is
	Closed  bool    // no longer in the table; a timer may still know it
}

// Queued returns a number that changes when a server takes something from the
// socket: how many connections are in its queue, or the time of arrival of the last
// datagram taken. It is negative where the kernel does not tell.
func (k *Socket) Queued() int64 {
	if k.Spec.Listens() {
		return int64(sock.Queued(int(k.FD)))
	}
	return sock.Stamp(int(k.FD))
}

// Bindings returns how each version of an RPC program is reached by a socket;
// nothing for other services.
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

// Where is the address of a socket in words, with the port that the kernel has
// chosen for an RPC program.
func (k *Socket) Where() string {
	if list := k.Bindings(); len(list) > 0 {
		return fmt.Sprintf("%s, port %d", k.Spec, list[0].Addr.Port())
	}
	return k.Spec.String()
}

// Subject begins a log line about the socket: the service and the address, or the path of
// a UNIX-domain socket alone, which is the name of its service.
func (k *Socket) Subject() string {
	if at := k.Where(); at != k.Service.Label {
		return k.Service.Label + ": " + at
	}
	return k.Service.Label
}

// Answering returns the ports of datagram builtins.
func Answering(services []*Service) map[uint16]bool {
	ports := map[uint16]bool{}
	for _, v := range services {
		for k := v.First; k != nil; k = k.Next {
			if v.Do.Builtin != "" && !v.Do.Listens {
				ports[k.Spec.Addr.Port()] = true
			}
		}
	}
	return ports
}
