package conf

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// maxPath is the longest path in bytes: sun_path has room for 108, of which one is
// the NUL that ends a path or marks an abstract name.
const maxPath = 107

// service reads the first column, whose meaning depends on the protocol. host
// is the "addr:" that blanks separate from it, if any.
func (d *draft) service(f, host Word) {
	d.e.Cols[ColService] = f.Pos
	switch {
	case d.e.Kind == Unix:
		d.unixService(f, host)
		return
	case isUnixName(f.Text):
		d.notUnix(f.Pos, f.Text)
		return
	}
	colon := strings.LastIndexByte(f.Text, ':')
	name, off := f.Text[colon+1:], colon+1
	if host.Text != "" {
		d.address(host, len(host.Text)-1)
	} else {
		d.address(f, colon)
	}
	d.name(f, off, name)
}

// isUnixName tells whether a service is a path or an abstract name.
func isUnixName(s string) bool { return s != "" && (s[0] == '/' || s[0] == '@') }

func (d *draft) notUnix(at Pos, name string) {
	d.errorf(at, "write unix in the protocol column", "%q is a unix socket, but the protocol is not unix", name)
}

// address reads the address list that ends before offset end of f, or takes
// the default address if there is none.
func (d *draft) address(f Word, end int) {
	switch {
	case end < 0 && d.e.Kind != Vsock:
		d.e.Hosts, d.e.HostsAt = d.hosts, d.hostsAt
	case end < 0:
	case d.e.Kind == Vsock:
		if list := f.Text[:end]; list != "vsock" {
			d.errorf(f.Pos, "write vsock:PORT", "a vsock service has no address %q", list)
		}
	default:
		hosts, ok := d.addresses(f, f.Text[:end])
		d.e.Hosts, d.e.HostsAt, d.failed = hosts, f.Pos, d.failed || !ok
	}
}

// name reads the name of the service, at offset off of its column.
func (d *draft) name(f Word, off int, name string) {
	if d.e.Service != "" { // an RPC program, read from the arguments
		return
	}
	d.e.Service = name
	mux, isMux := strings.CutPrefix(name, "tcpmux/")
	switch {
	case name == "":
		d.errorf(f.at(off), "expected a name or a port", "no service in %q", f.Text)
	case isUnixName(name): // after an address
		d.notUnix(f.at(off), name)
	case wordEnd(name) < len(name):
		d.errorf(f.at(off), "names of services have none", "blank in the service name %q", name)
	case d.e.Kind == RPC:
		d.rpcService(f, off, name)
	case isMux:
		d.muxService(f, off, mux)
	case d.e.Kind == Vsock:
		d.uint32(f, off, name, "vsock port")
	case isNumber(name):
		if port, err := strconv.ParseUint(name, 10, 16); err != nil || port == 0 {
			d.errorf(f.at(off), "1 to 65535 are possible", "port %s is out of range", name)
		}
	case severalPorts(name):
		d.errorf(f.at(off), "write a line for each", "several ports in %q", name)
	case strings.Contains(name, "/"):
		d.errorf(f.at(off), slashHint(name), "slash in the service name %q", name)
	}
}

// muxService reads what follows "tcpmux/". The plus sign says that the daemon
// sends the positive reply itself.
func (d *draft) muxService(f Word, off int, name string) {
	d.e.Kind = Mux
	d.e.Service, d.e.Plus = strings.CutPrefix(name, "+")
	if d.e.Service == "" {
		d.errorf(f.at(off), "write tcpmux/NAME", `no name after "tcpmux/"`)
	}
	if len(d.open) > 0 && d.open[0].proto != "tcp" {
		d.errorf(d.e.Cols[ColProtocol], "write stream and tcp", "tcpmux hands out tcp connections only")
	}
}

// unixService reads a path, an abstract name, or FreeBSD's
// ":user:group:mode:path".
func (d *draft) unixService(f, host Word) {
	off, ok := d.owner(f)
	if !ok {
		return
	}
	path := f.Text[off:]
	d.e.Service = path
	switch {
	case host.Text != "":
		d.errorf(host.Pos, "remove it", "a unix service has no address %q", strings.TrimSuffix(host.Text, ":"))
	case path == "" || path == "@":
		d.errorf(f.at(off), "expected a path", "no path in %q", f.Text)
	case path[0] != '/' && path[0] != '@':
		d.errorf(f.at(off), "start it with /, or with @ for an abstract name", "unix path %q is not absolute", path)
	case len(strings.TrimPrefix(path, "@")) > maxPath:
		d.errorf(f.at(off), "", "unix path of %d bytes, at most %d are possible", len(path), maxPath)
	}
}

// owner reads ":user:group:mode:", if there, and returns the offset after it.
func (d *draft) owner(f Word) (off int, ok bool) {
	spec, found := strings.CutPrefix(f.Text, ":")
	if !found {
		return 0, true
	}
	parts := strings.SplitN(spec, ":", 4)
	if len(parts) < 4 {
		d.errorf(f.Pos, "expected :user:group:mode:path", "incomplete owner of the socket %q", f.Text)
		return 0, false
	}
	off = len(f.Text) - len(parts[3])
	mode, err := strconv.ParseUint(parts[2], 8, 32)
	if err != nil || mode > 0o777 {
		d.errorf(f.at(off-1-len(parts[2])), "expected octal digits up to 777", "bad mode %q", parts[2])
	}
	d.e.Owner = Owner{Set: true, User: parts[0], Group: parts[1], Mode: uint32(mode)}
	return off, true
}

// defaultHost reads a line that is only an address: the default for the lines
// after it.
func (r *reader) defaultHost(f Word) {
	if hosts, ok := r.addresses(f, f.Text[:len(f.Text)-1]); ok {
		r.hosts, r.hostsAt = hosts, f.Pos
	}
}

// addresses reads the list of addresses or host names that f starts with. An
// empty list and "*" mean every address, for which it returns nil.
func (r *reader) addresses(f Word, list string) (hosts []string, ok bool) {
	if list == "" || list == "*" {
		return nil, true
	}
	off, every := 0, false
	for item := range strings.SplitSeq(list, ",") {
		host := item
		if inner, ok := strings.CutPrefix(item, "["); ok && strings.HasSuffix(inner, "]") {
			host = inner[:len(inner)-1]
		}
		if problem := badHost(host); problem != "" {
			hint := "expected an address, a host name or *"
			if a, err := netip.ParseAddrPort(item); err == nil {
				problem, hint = fmt.Sprintf("port behind the address %q", item), fmt.Sprintf("write the address alone, %s, and the port as the service, or port = %d", a.Addr(), a.Port())
			}
			r.report(Error, f.at(off), problem, hint)
			return nil, false
		}
		every = every || host == "*"
		hosts = append(hosts, host)
		off += len(item) + 1
	}
	if every {
		r.report(Hint, f.Pos, "* is every address", "the others are ignored")
		return nil, true
	}
	return slices.Clip(hosts), true
}

// badHost tells why host can be neither an address nor a host name; "": it can.
func badHost(host string) string {
	_, err := netip.ParseAddr(host)
	switch {
	case host == "*" || err == nil:
		return ""
	case host == "":
		return "empty address in the list"
	case strings.Contains(host, ":"):
		return fmt.Sprintf("%q is not an IPv6 address", host)
	case isNumber(strings.ReplaceAll(host, ".", "")):
		return fmt.Sprintf("%q is not an IPv4 address", host)
	case !isName(host):
		return fmt.Sprintf("%q is not a host name", host)
	}
	return ""
}
