package plan

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"inetd/internal/conf"
	"inetd/internal/hosts"
	"inetd/internal/netdb"
	"inetd/internal/sock"
	"inetd/internal/strerror"

	"golang.org/x/sys/unix"
)

// officialPort is a port with its official name and aliases, or an RPC program, whose
// port the kernel chooses.
type officialPort struct {
	number  uint16
	program uint32
	names   []string
}

// transport is what the protocol column means to socket(2).
type transport struct {
	kind     uint8
	protocol uint16
}

// addresses returns a socket for each address that an entry asks for, or none if there
// is a problem, which it reports. The list is valid until the next call.
func (l *loader) addresses(e *conf.Entry) ([]Socket, *officialPort) {
	l.wants = l.wants[:0]
	kind := socketTypes[e.Type]
	switch e.Kind {
	case conf.Unix:
		l.addSocket(sock.UnixSpec(kind, e.Service), true)
		return l.wants, nil
	case conf.Vsock:
		port, _ := strconv.ParseUint(e.Service, 10, 32) // conf has checked it
		l.addSocket(sock.VsockSpec(kind, uint32(port)), true)
		return l.wants, nil
	}
	t, ok := l.transport(e)
	if !ok || !l.acceptable(e, t) {
		return nil, nil
	}
	port, ok := l.port(e)
	if !ok {
		return nil, nil
	}
	for _, a := range l.hosts(e) {
		spec := sock.Spec{Family: unix.AF_INET, Type: t.kind, Protocol: t.protocol, Addr: netip.AddrPortFrom(a.addr, port.number)}
		if a.addr.Is6() {
			spec.Family, spec.Dual = unix.AF_INET6, a.dual
		}
		if port.program != 0 {
			spec = spec.OfProgram(port.program)
		}
		l.addSocket(spec, a.explicit)
	}
	if port.program != 0 {
		l.oneAddress(e, l.wants)
	}
	l.wants = l.asInherited(l.wants)
	return l.wants, port
}

// addSocket adds a socket to those that the current entry asks for.
func (l *loader) addSocket(spec sock.Spec, explicit bool) {
	l.wants = append(l.wants, Socket{spec, explicit})
}

var socketTypes = map[conf.Type]uint8{
	conf.Stream: unix.SOCK_STREAM, conf.Dgram: unix.SOCK_DGRAM, conf.SeqPacket: unix.SOCK_SEQPACKET, conf.RDM: unix.SOCK_RDM, conf.Raw: unix.SOCK_RAW,
}

var protocols = map[string]uint16{
	"tcp": unix.IPPROTO_TCP, "udp": unix.IPPROTO_UDP, "sctp": unix.IPPROTO_SCTP, "dccp": unix.IPPROTO_DCCP,
	"udplite": unix.IPPROTO_UDPLITE, "mptcp": unix.IPPROTO_MPTCP,
}

func (l *loader) transport(e *conf.Entry) (transport, bool) {
	t := transport{kind: socketTypes[e.Type]}
	if e.Proto == "dccp" {
		t.kind = unix.SOCK_DCCP
	}
	var ok bool
	if t.protocol, ok = protocols[e.Proto]; ok {
		return t, true
	}
	if n, err := strconv.ParseUint(e.Proto, 10, 8); err == nil {
		t.protocol = uint16(n)
		return t, true
	}
	text, err := readText(l.host.etc("protocols"))
	if n, ok := netdb.ParseProtocols(text)[e.Proto]; ok {
		t.protocol = uint16(n)
		return t, true
	}
	hint := "a protocol number works too"
	if err != nil {
		hint = err.Error() + "; " + hint
	}
	l.report(e, e.Cols[conf.ColProtocol], conf.Error, fmt.Sprintf("unknown protocol %q", e.Proto), hint)
	return t, false
}

// acceptable reports whether the clients of an entry can be accepted, or need not be. A
// one-to-many socket of SCTP (seqpacket) carries all clients itself (RFC 6458, 3.1):
// accept(2) fails, and the socket stays readable.
func (l *loader) acceptable(e *conf.Entry, t transport) bool {
	if t.protocol != unix.IPPROTO_SCTP || t.kind != unix.SOCK_SEQPACKET || e.Wait && !e.Internal {
		return true
	}
	l.report(e, e.Cols[conf.ColWait], conf.Error, "clients of a seqpacket socket of SCTP cannot be accepted one by one, service ignored",
		"write stream, or wait if the server serves all of them")
	return false
}

// port finds the port of an entry. A name is looked up in the services file, the
// system's services database and the built-in table, in this order.
func (l *loader) port(e *conf.Entry) (*officialPort, bool) {
	if e.Kind == conf.RPC {
		return l.program(e)
	}
	if n, ok := decimal(e.Service); ok {
		return &officialPort{number: n}, true
	}
	if e.Port != 0 {
		return &officialPort{number: e.Port, names: []string{e.Service}}, true
	}
	l.from.wanted = true
	s, ok := l.services.ByName(e.Service, e.Proto)
	if !ok {
		s, ok = l.getentService(e)
	}
	if !ok {
		s, ok = l.classicService(e)
	}
	if !ok {
		l.reportPassing(l.notInGetent(e.Service), e, e.Pos, conf.Error, "unknown service", l.suggest(e))
		return nil, false
	}
	return &officialPort{number: s.Port, names: append([]string{s.Name}, s.Aliases...)}, true
}

func (l *loader) getentService(e *conf.Entry) (netdb.Servent, bool) {
	if l.host.Getent == nil || !plainName(e.Service) {
		return netdb.Servent{}, false
	}
	line, found, err := l.host.Getent("services", e.Service+"/"+e.Proto)
	if err != nil || !found {
		return netdb.Servent{}, false
	}
	return netdb.ParseServent(line)
}

// notInGetent returns the cause of the problem that a name is unknown: if getent(1) was
// asked, the system's database may have the name later.
func (l *loader) notInGetent(name string) cause {
	if l.host.Getent == nil || !plainName(name) {
		return lasting
	}
	return missing
}

// plainName reports whether getent(1) takes a name as one key: not as an option, nor as
// several keys.
func plainName(s string) bool {
	return s[0] != '-' && !strings.ContainsAny(s, "/ \t\n")
}

// classicService looks a name up in the built-in table of classic services, many of
// which today's services files have dropped.
func (l *loader) classicService(e *conf.Entry) (netdb.Servent, bool) {
	if l.classic == nil {
		l.classic = netdb.Classic()
	}
	s, ok := l.classic.ByName(e.Service, e.Proto)
	if ok {
		l.report(e, e.Pos, conf.Hint, fmt.Sprintf("no services file names it; port %d is its classic one", s.Port), "")
	}
	return s, ok
}

func (l *loader) suggest(e *conf.Entry) string {
	line, fault := l.services.Fault(e.Service)
	near := cmp.Or(l.services.Suggest(e.Service, e.Proto), l.classic.Suggest(e.Service, e.Proto), "a port number works too")
	switch {
	case line > 0:
		return fmt.Sprintf("%s:%d %s", l.from.path, line, fault)
	case l.from.err != nil:
		return fmt.Sprintf("%s is not read: %s; %s", l.from.path, strerror.Cause(l.from.err), near)
	case l.services.Empty():
		return l.from.path + " is empty; " + near
	}
	return near
}

// endpoint is an address to listen on.
type endpoint struct {
	addr     netip.Addr
	dual     bool
	explicit bool // the entry asks for it, a plain "tcp" does not merely imply it
}

// hosts returns those addresses of an entry's hosts that suit its family.
func (l *loader) hosts(e *conf.Entry) []endpoint {
	specifiers := e.Hosts
	if len(specifiers) == 0 && l.cfg.Bind != "" {
		specifiers = []string{l.cfg.Bind}
	}
	if len(specifiers) == 0 {
		return l.everywhere(e)
	}
	var ends []endpoint
	var silent map[string]error // made when needed: most entries have addresses
	for _, h := range specifiers {
		found, err := l.lookUp(e, h)
		if ends == nil { // most entries name one host, which saves a copy
			ends = found
		} else {
			ends = append(ends, found...)
		}
		if err != nil && silent == nil {
			silent = map[string]error{}
		}
		if err != nil {
			silent[h] = err
		}
	}
	for _, h := range specifiers {
		if err := silent[h]; err != nil {
			l.reportHost(e, h, err, len(ends) > 0)
		}
	}
	return ends
}

// silentHost is a host whose failed lookup has been reported.
type silentHost struct {
	problem int      // index in plan.Problems
	entry   conf.Pos // the first entry that names the host
}

// reportHost reports a host only once, where the first entry names it. The problem is a
// warning if all entries that name the host are served on other addresses.
func (l *loader) reportHost(e *conf.Entry, name string, err error, served bool) {
	severity, c := conf.Error, missing
	switch {
	case err == hosts.ErrPending:
		severity, c = conf.Hint, asking
	case served:
		severity = conf.Warning
	}
	if h, told := l.silent[name]; told {
		p := &l.plan.Problems[h.problem]
		p.Severity = max(p.Severity, severity)
		if e.Pos != h.entry { // an entry may name a host twice, or have several transports
			p.Hint = "more than one entry names it"
		}
		return
	}
	l.silent[strings.Clone(name)] = silentHost{len(l.plan.Problems), e.Pos}
	at := e.HostsAt
	if len(e.Hosts) == 0 {
		at = conf.Pos{File: "-a", Line: 1, Col: 1}
	}
	l.reportPassing(c, e, at, severity, hostFault(name, err), "")
	if at != (conf.Pos{}) && at != e.Pos { // option -a, not the entry, names the host
		l.plan.Problems[len(l.plan.Problems)-1].label = ""
	}
}

// hostFault says what is wrong with a host.
func hostFault(name string, err error) string {
	switch {
	case err == hosts.ErrPending:
		return fmt.Sprintf("waiting for a name server to tell the address of host %q", name)
	case hosts.Unknown(err):
		return fmt.Sprintf("unknown host %q", name)
	}
	return fmt.Sprintf("no name server answers for host %q", name)
}

// everywhere returns the wildcard addresses.
func (l *loader) everywhere(e *conf.Entry) []endpoint {
	v4 := endpoint{addr: netip.IPv4Unspecified(), explicit: e.Family == conf.V4}
	v6 := endpoint{addr: netip.IPv6Unspecified(), explicit: e.Family == conf.V6}
	switch {
	case e.Family == conf.V4:
		return []endpoint{v4}
	case e.Family == conf.V6:
		return []endpoint{v6} // if the kernel has no IPv6, opening fails and is retried
	case !l.host.IPv6:
		l.onceALoad(e, "this kernel has no IPv6, so services are opened for IPv4 alone")
		return []endpoint{v4}
	case e.Family == conf.Dual, e.Listen: // a listen server gets one socket, as from systemd
		v6.dual, v6.explicit = true, true
		return []endpoint{v6}
	}
	return []endpoint{v4, v6}
}

func (l *loader) onceALoad(e *conf.Entry, text string) {
	if !l.told[text] {
		l.told[text] = true
		l.add(conf.Problem{Pos: e.Pos, Severity: conf.Hint, Text: text})
	}
}

// lookUp returns the addresses of one address specifier. With the error that a host is
// unknown, or has no answer yet, they are those of an earlier load, or none.
func (l *loader) lookUp(e *conf.Entry, specifier string) ([]endpoint, error) {
	addr, err := netip.ParseAddr(specifier)
	if err == nil {
		if !suits(e.Family, addr) {
			l.report(e, e.Pos, conf.Error, fmt.Sprintf("%s is no address for %s", specifier, e.Word), "use "+other(e))
			return nil, nil
		}
		return []endpoint{{addr: addr, explicit: true}}, nil
	}
	addrs, err := l.host.Hosts.Of(specifier)
	var ends []endpoint
	for _, a := range addrs {
		if a = a.Unmap(); suits(e.Family, a) {
			ends = append(ends, endpoint{addr: a, explicit: true})
		}
	}
	if len(ends) == 0 && err == nil {
		l.report(e, e.Pos, conf.Error, fmt.Sprintf("host %q has no address for %s", specifier, e.Word), "")
	}
	return ends, err
}

func suits(f conf.Family, a netip.Addr) bool {
	switch f {
	case conf.V4:
		return a.Is4()
	case conf.V6:
		return a.Is6()
	}
	return true
}

// other returns the protocol word of the other address family.
func other(e *conf.Entry) string {
	if e.Family == conf.V4 {
		return e.Proto + "6"
	}
	return e.Proto + "4"
}

// decimal parses a port number.
func decimal(s string) (uint16, bool) {
	n, err := strconv.ParseUint(s, 10, 16)
	return uint16(n), err == nil && s[0] != '+'
}

// asInherited returns wants, or the one socket for both families if the service manager
// has opened that in place of the two sockets that a plain "tcp" means.
func (l *loader) asInherited(wants []Socket) []Socket {
	if len(wants) != 2 || wants[0].explicit || wants[1].explicit {
		return wants
	}
	both := wants[1].Spec
	both.Dual = true
	if !slices.Contains(l.host.Inherited, both) {
		return wants
	}
	return append(wants[:0], Socket{Spec: both})
}
