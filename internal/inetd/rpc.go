package inetd

import (
	"fmt"
	"net/netip"
	"strconv"

	"inetd/internal/conf"
	"inetd/internal/netdb"
	"inetd/internal/registrar"
	"inetd/internal/rpcbind"
	"inetd/internal/sock"

	"golang.org/x/sys/unix"
)

// rpcProgram is an ONC RPC program and the versions of it that are registered.
// The number of none is 0, which RFC 5531 reserves.
type rpcProgram struct{ number, low, high uint32 }

// program finds the RPC program of an entry: a number, or a name of the rpc
// file, of the system's rpc database, or of the built-in table, in this order.
func (l *loader) program(e *conf.Entry) (*portName, bool) {
	if n, err := strconv.ParseUint(e.Service, 10, 32); err == nil {
		if n == 0 {
			l.report(e, e.Pos, conf.Error, "RPC program 0 cannot be registered", "expected a name or a number from 1")
		}
		return &portName{program: uint32(n)}, n > 0
	}
	if l.programs == nil {
		text, _ := readText(programsFile) // without it there are the other places
		l.programs = netdb.ParsePrograms(text)
	}
	p, ok := l.programs.ByName(e.Service)
	if !ok {
		p, ok = l.getentProgram(e.Service)
	}
	if !ok {
		p, ok = l.classicProgram(e)
	}
	return &portName{program: p.Number}, ok
}

func (l *loader) getentProgram(name string) (netdb.Program, bool) {
	if l.getent == nil || !plainName(name) {
		return netdb.Program{}, false
	}
	line, found, err := l.getent("rpc", name)
	if err != nil || !found {
		return netdb.Program{}, false
	}
	return netdb.ParsePrograms(line).ByName(name)
}

// classicProgram looks into the table of classic names, or reports that there is
// no such program.
func (l *loader) classicProgram(e *conf.Entry) (netdb.Program, bool) {
	classic := netdb.ClassicPrograms()
	p, ok := classic.ByName(e.Service)
	if ok {
		l.report(e, e.Pos, conf.Hint, fmt.Sprintf("no rpc file names it; program %d is its classic number", p.Number), "")
		return p, true
	}
	hint := l.programs.Suggest(e.Service)
	if hint == "" {
		hint = classic.Suggest(e.Service)
	}
	if hint == "" {
		hint = "a program number works too"
	}
	l.report(e, e.Pos, conf.Error, "unknown rpc service", hint)
	return netdb.Program{}, false
}

// oneAddress warns of an entry with several addresses of a network, of which
// rpcbind takes only one.
func (l *loader) oneAddress(e *conf.Entry, wants []want) {
	seen := map[uint8]bool{}
	for _, w := range wants {
		if seen[w.spec.Family] {
			l.reportOnce(e, conf.Warning, "rpcbind tells clients only the first of several addresses")
		}
		seen[w.spec.Family] = true
	}
}

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
					list = append(list, registrar.Registration{Binding: b, Label: v.label})
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
	p := k.svc.do.rpc
	if p.number == 0 || k.fd < 0 || sock.Local(int(k.fd), &local) != nil {
		return nil
	}
	netid := map[uint16]string{unix.IPPROTO_TCP: "tcp", unix.IPPROTO_UDP: "udp"}[k.spec.Protocol]
	at := netip.AddrPortFrom(k.spec.Addr.Addr(), local.AddrPort().Port())
	for n := range p.high - p.low + 1 {
		b := rpcbind.Binding{Program: p.number, Version: p.low + n, Netid: netid, Addr: at}
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
