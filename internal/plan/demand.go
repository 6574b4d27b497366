package plan

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"inetd/internal/conf"
	"inetd/internal/examine"

	"golang.org/x/sys/unix"
)

// OnDemand reports whether the clients of an entry with these keys are passed on to
// another place, by the key connect. k may be nil.
func OnDemand(k *conf.Keys) bool { return connectOf(k) != conf.Place{} }

// connectOf returns the place that clients are passed on to; zero: nowhere.
func connectOf(k *conf.Keys) (to conf.Place) {
	if k != nil {
		to = k.Connect
	}
	return to
}

// relayed reports whether the clients of an entry can be passed on, if its key connect
// asks for that. If not, it reports why.
func (l *loader) relayed(e *conf.Entry, wants []Socket) bool {
	if !OnDemand(e.Keys) {
		return true
	}
	if why, hint := l.host.unrelayed(e, wants); why != "" {
		l.report(e, e.Keys.At("connect"), conf.Error, "connect: "+why+", service ignored", hint)
		return false
	}
	l.checkPath(e)
	return true
}

// ofRelays says why a key has no effect on an entry because the entry has, or does not
// have, the key connect; "": the key may have an effect.
func ofRelays(e *conf.Entry, key string) (why string) {
	switch demands, is := OnDemand(e.Keys), traitsOf(key); {
	case !demands && is&onDemand != 0:
		return "it is for entries with connect"
	case !demands:
	case e.Relay() && is&onServer != 0:
		return "there is no server"
	case !e.Relay() && is&onDirect != 0:
		return "the server has no connection from inetd"
	case key == "stderr" && slices.Contains([]string{"socket", "log"}, e.Keys.Stderr): // a file is opened even so
		return "of a server on demand its last line is logged if it fails; for all lines write a file"
	}
	return ""
}

// unrelayed says why clients cannot be passed on, and what to write instead; "": they can.
func (h *Host) unrelayed(e *conf.Entry, wants []Socket) (why, hint string) {
	to := e.Keys.Connect
	switch {
	case e.Internal:
		return "an internal service has its clients already", "write a server, or none"
	case e.Kind == conf.Mux:
		return "tcpmux has read from the connection before", ""
	case e.Type != conf.Stream || e.Kind == conf.RPC:
		return "only connections of stream sockets are passed on", ""
	case e.Wait:
		return "the daemon has to accept the clients that it passes on", "write wait = no, or nowait"
	case slices.ContainsFunc(wants, func(k Socket) bool { return h.leadsTo(to, k) }):
		return to.Address + " is the service itself", "write where the server listens"
	}
	return "", ""
}

// leadsTo reports whether connecting to a place would reach the daemon's own socket k.
func (h *Host) leadsTo(to conf.Place, k Socket) bool {
	if to.Network != "tcp" {
		return k.Spec.Family == unix.AF_UNIX && k.Spec.Path() == to.Address ||
			k.Spec.Family == unix.AF_VSOCK && "vsock:1:"+strings.TrimPrefix(k.Spec.String(), "vsock:") == "vsock:"+to.Address
	}
	host, port, err := net.SplitHostPort(to.Address)
	if err != nil || port != fmt.Sprint(k.Spec.Addr.Port()) {
		return false
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		if host != "localhost" {
			return false
		}
		addr = netip.AddrFrom4([4]byte{127, 0, 0, 1})
		if k.Spec.Family == unix.AF_INET6 && !k.Spec.Dual {
			addr = netip.IPv6Loopback()
		}
	}
	at, addr := k.Spec.Addr.Addr(), addr.Unmap()
	if !at.IsUnspecified() {
		return at == addr
	}
	return (at.Is4() == addr.Is4() || k.Spec.Dual) && h.owns(addr)
}

// owns reports whether an address is one of this machine's.
func (h *Host) owns(a netip.Addr) bool {
	return a.IsLoopback() || a.IsUnspecified() || h.Addresses != nil && slices.Contains(h.Addresses(), a.WithZone(""))
}

// checkPath warns of a UNIX path to which the user of an entry cannot connect. A path
// that does not exist is no mistake: it may appear later.
func (l *loader) checkPath(e *conf.Entry) {
	to := e.Keys.Connect
	if to.Network != "unix" || strings.HasPrefix(to.Address, "@") {
		return
	}
	if f := examine.Socket(to.Address, l.examiner(e)); f != (examine.Finding{}) {
		l.report(e, e.Keys.At("connect"), conf.Warning, f.Cause, f.Advice)
	}
}

// user returns the user of an entry's relay and server. An entry without a server that
// names no user has the daemon's own if the daemon is not root.
func (l *loader) user(e *conf.Entry) User {
	if e.Relay() && e.Cols[conf.ColUser].Line == 0 && l.host.UID != 0 && !l.checking {
		return User{}
	}
	return User{e.User, e.Group}
}
