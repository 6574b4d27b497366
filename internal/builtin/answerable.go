package builtin

import "net/netip"

// Answerable reports whether a datagram service may answer peer at all. The source of a
// datagram is easily forged, and two services that answer each other never stop; so the
// ports of services that answer anything are refused, and so are addresses of more than
// one host. ours reports the ports of this daemon's own services. The broadcast address
// of a network of this machine looks like any other address here; the caller knows
// whether a datagram went to one.
func Answerable(peer netip.AddrPort, ours func(port uint16) bool) bool {
	return singleHost(peer.Addr().Unmap()) && !answersAnything(peer.Port()) && !ours(peer.Port())
}

func singleHost(addr netip.Addr) bool {
	limitedBroadcast := netip.AddrFrom4([4]byte{255, 255, 255, 255})
	return addr.IsValid() && !addr.IsUnspecified() && !addr.IsMulticast() && addr != limitedBroadcast
}

// answersAnything reports whether only a service that answers whatever it gets sends from
// a port. Nobody sends from port 0.
func answersAnything(port uint16) bool {
	switch port {
	case 0, 7, 13, 17, 19, 37: // echo, daytime, qotd, chargen, time
		return true
	}
	return false
}
