package conf

import (
	"fmt"
	"slices"
	"strings"
)

// transport is one way to open a service.
type transport struct {
	typ    Type
	proto  string
	family Family
	word   string
}

// bases are the internet transports and the socket types that fit each.
var bases = []struct {
	name  string
	types []Type
}{
	{"tcp", []Type{Stream}},
	{"udp", []Type{Dgram}},
	{"sctp", []Type{Stream, SeqPacket}},
	{"dccp", []Type{Stream}},
	{"udplite", []Type{Dgram}},
	{"mptcp", []Type{Stream}},
}

// local are the socket types that fit unix and vsock.
var local = []Type{Stream, Dgram, SeqPacket}

// families are the suffixes of a transport, the longest first.
var families = []struct {
	suffix string
	family Family
}{
	{"6only", V6},
	{"46", Dual},
	{"4", V4},
	{"6", V6},
	{"", Both},
}

// protocolWords are offered in place of an unknown one.
var protocolWords = []string{
	"tcp", "udp", "unix", "rpc/tcp", "rpc/udp", "tcp4", "tcp6", "tcp46", "tcp6only",
	"udp4", "udp6", "udp46", "udp6only", "sctp", "dccp", "udplite", "mptcp", "vsock",
}

// inetTransport reads the name of an internet transport with its family, such
// as "tcp6". It also returns the socket types that fit it, the usual one first.
func inetTransport(word string) (t transport, types []Type, ok bool) {
	for _, f := range families {
		name, found := strings.CutSuffix(word, f.suffix)
		if !found {
			continue
		}
		for _, b := range bases {
			if b.name == name {
				return transport{b.types[0], name, f.family, word}, b.types, true
			}
		}
	}
	return transport{}, nil, false
}

// isProtocol tells whether word is meant to be a protocol.
func isProtocol(word string) bool {
	word, _, _ = strings.Cut(word, ",")
	if word == "unix" || word == "vsock" || strings.HasSuffix(word, "/ttcp") {
		return true
	}
	for _, prefix := range []string{"rpc/", "faith/", "/dev/"} {
		if strings.HasPrefix(word, prefix) {
			return true
		}
	}
	_, _, ok := inetTransport(word)
	return ok
}

// protocol reads the third column: a transport, then buffer sizes.
func (d *draft) protocol(f Word) {
	d.e.Cols[ColProtocol] = f.Pos
	if types, ok := strings.CutPrefix(f.Text, "rpc/"); ok {
		d.netTypes(f, types)
		return
	}
	word, options, found := strings.Cut(f.Text, ",")
	if found {
		d.bufferSizes(f, len(word)+1, options)
	}
	word = d.strip(f, word)
	if t, types, ok := d.lookUp(f, word); ok {
		d.fit(f, t, types)
	}
}

// strip removes the parts of a protocol that mean nothing on Linux.
func (d *draft) strip(f Word, word string) string {
	if w, ok := strings.CutSuffix(word, "/ttcp"); ok {
		d.hint(f.at(len(w)), "T/TCP ignored", "write "+w)
		word = w
	}
	if d.style == tli {
		word = strings.TrimPrefix(word, "/dev/")
	}
	return word
}

// lookUp finds the transport that word names.
func (d *draft) lookUp(f Word, word string) (t transport, types []Type, ok bool) {
	if t, types, ok = inetTransport(word); ok {
		return t, types, true
	}
	switch {
	case d.style == tli:
		d.errorf(f.Pos, "only tcp and udp can be served as sockets", "Linux has no TLI device %q", word)
	case word == "unix":
		d.e.Kind = Unix
		return transport{proto: word, word: word}, local, true
	case word == "vsock":
		d.e.Kind = Vsock
		return transport{proto: word, word: word}, local, true
	case strings.HasPrefix(word, "faith/"):
		d.errorf(f.Pos, "remove the line", "FAITH translation is gone from every system")
	case d.style == socket && d.e.Type > Dgram && isName(word):
		return otherTransport(word), []Type{d.e.Type}, true
	default:
		d.errorf(f.Pos, suggest(word, protocolWords), "unknown protocol %q", word)
	}
	return transport{}, nil, false
}

// otherTransport returns the transport for any protocol by name, for raw sockets and
// the like. It has one family, because no protocol number is meant for both.
func otherTransport(word string) transport {
	t := transport{proto: word, family: V4, word: word}
	if strings.HasPrefix(word, "ipv6") {
		t.family = V6
	}
	return t
}

// fit completes the transport with the socket type, or reports that they do
// not go together.
func (d *draft) fit(f Word, t transport, types []Type) {
	switch d.style {
	case tli:
		d.hint(d.e.Cols[ColType], fmt.Sprintf("served as a plain %s socket", types[0]), "Linux has no TLI")
		t.typ = types[0]
	case unknown: // reported already
		t.typ = types[0]
	default:
		t.typ = d.e.Type
	}
	rpc := d.style == sunrpc || d.e.Kind == RPC
	if rpc {
		d.e.Kind = RPC
		t.word = "rpc/" + t.word
	}
	raw := !rpc && (t.typ == RDM || t.typ == Raw)
	switch {
	case rpc && t.proto != "tcp" && t.proto != "udp":
		d.errorf(f.Pos, "expected tcp or udp", "the portmapper does not know protocol %s", t.proto)
		return
	case !raw && !slices.Contains(types, t.typ):
		d.errorf(f.Pos, fits(t.proto, types), "socket type %s does not fit protocol %s", t.typ, t.word)
		return
	}
	d.open = append(d.open, t)
}

// fits tells which socket types go with a protocol.
func fits(proto string, types []Type) string {
	words := make([]string, len(types))
	for i, t := range types {
		words[i] = t.String()
	}
	return proto + " goes with " + either(words)
}

// bufferSizes reads Debian's and NetBSD's "sndbuf=16k,rcvbuf=1m".
func (d *draft) bufferSizes(f Word, off int, options string) {
	for option := range strings.SplitSeq(options, ",") {
		name, size, _ := strings.Cut(option, "=")
		at := off + min(len(name)+1, len(option))
		switch name {
		case "sndbuf":
			d.e.SndBuf = d.size(f, at, size)
		case "rcvbuf", "recvbuf":
			d.e.RcvBuf = d.size(f, at, size)
		default:
			d.errorf(f.at(off), suggest(name, []string{"sndbuf", "rcvbuf"}), "unknown option %q after the protocol", name)
		}
		off += len(option) + 1
	}
}
