package conf

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// maxVersions is how many versions of a program are registered at most. More are
// surely a slip, and each costs a call to the portmapper.
const maxVersions = 256

// netTypes are the classes of transport that illumos may name after "rpc/".
var netTypes = map[string][]string{
	"*":          {"tcp", "udp"},
	"visible":    {"tcp", "udp"},
	"netpath":    {"tcp", "udp"},
	"circuit_v":  {"tcp"},
	"circuit_n":  {"tcp"},
	"datagram_v": {"udp"},
	"datagram_n": {"udp"},
}

// netTypes reads what follows "rpc/" in the protocol column: a transport, or
// illumos's list of transports and classes of them, and buffer sizes. Transports
// that do not fit the socket type are left out.
func (d *draft) netTypes(f Word, list string) {
	d.e.Kind = RPC
	off := len("rpc/")
	for word := range strings.SplitSeq(list, ",") {
		class := netTypes[word]
		if t, _, ok := inetTransport(word); ok && (t.proto == "tcp" || t.proto == "udp") {
			class = []string{word}
		}
		switch {
		case class != nil:
			d.openClass(class)
		case strings.Contains(word, "="):
			d.bufferSizes(f, off, word)
		case strings.HasPrefix(word, "tico"), strings.HasPrefix(word, "ticl"):
			d.errorf(f.at(off), "use rpc/tcp or rpc/udp", "Linux has no TLI loopback transport %q", word)
		default:
			d.errorf(f.at(off), suggest(word, []string{"tcp", "udp", "tcp6", "udp6", "*"}), "unknown RPC transport %q", word)
		}
		off += len(word) + 1
	}
	if d.style == tli && len(d.open) > 0 {
		d.hint(d.e.Cols[ColType], "served as a plain socket", "Linux has no TLI")
	}
	if len(d.open) == 0 && !d.failed {
		d.errorf(f.Pos, "stream goes with rpc/tcp, dgram with rpc/udp", "socket type %s does not fit protocol %s", d.e.Type, f.Text)
	}
}

// openClass adds the transports of a class that fit the socket type.
func (d *draft) openClass(class []string) {
	for _, word := range class {
		t, types, _ := inetTransport(word)
		t.word = "rpc/" + word
		if d.style == socket || d.style == sunrpc {
			t.typ = d.e.Type
		}
		if slices.Contains(types, t.typ) && !slices.Contains(d.open, t) {
			d.open = append(d.open, t)
		}
	}
}

// rpcService reads "program", "program/version" or "program/low-high" at offset off
// of the service column.
func (d *draft) rpcService(f Word, off int, s string) {
	name, versions, found := strings.Cut(s, "/")
	d.program(f, off, name)
	if found {
		d.versions(f, off+len(name)+1, versions)
		return
	}
	if d.e.High == 0 {
		d.e.Low, d.e.High = 1, 1
		d.hint(f.at(off), "no RPC version: 1 is registered, as on FreeBSD", "write "+name+"/1")
	}
}

// program reads an RPC program's name or number.
func (d *draft) program(f Word, off int, name string) {
	d.e.Service = name
	if isNumber(name) {
		d.uint32(f, off, name, "RPC program")
	} else if !isName(name) {
		d.errorf(f.at(off), "expected a name or a number", "bad RPC program %q", name)
	}
}

// versions reads "1", "1-3", or illumos's list "1,2". Only a range can be
// registered, so a list with gaps becomes the range around it.
func (d *draft) versions(f Word, off int, list string) {
	start, last, gap := off, uint32(0), false
	d.e.Low, d.e.High = math.MaxUint32, 0
	for span := range strings.SplitSeq(list, ",") {
		first, second, ranged := strings.Cut(span, "-")
		low := d.uint32(f, off, first, "RPC version")
		high := low
		if ranged {
			high = d.uint32(f, off+len(first)+1, second, "RPC version")
		}
		if low > high && !d.failed {
			d.errorf(f.at(off), "write the lower version first", "RPC versions %s are reversed", span)
		}
		gap = gap || off > start && low != last+1
		last = high
		d.e.Low, d.e.High = min(d.e.Low, low), max(d.e.High, high)
		off += len(span) + 1
	}
	switch {
	case d.failed:
	case d.e.High-d.e.Low >= maxVersions:
		d.errorf(f.at(start), "", "%d RPC versions, at most %d are registered", uint64(d.e.High-d.e.Low)+1, maxVersions)
	case gap:
		text := fmt.Sprintf("RPC versions %s registered as %d-%d", list, d.e.Low, d.e.High)
		d.report(Warning, f.at(start), text, "write a range")
	}
}

// uint32 reads a decimal number at offset off of f, or reports why not.
func (d *draft) uint32(f Word, off int, s, what string) uint32 {
	if s == "" {
		d.errorf(f.at(off), "expected a number", "%s missing in %q", what, f.Text)
		return 0
	}
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		d.errorf(f.at(off), "expected a number up to 4294967295", "bad %s %q", what, s)
	}
	return uint32(n)
}
