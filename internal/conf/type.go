package conf

import (
	"slices"
	"strings"
)

// style tells what kind of word the socket type column holds.
type style uint8

const (
	unknown style = iota
	socket        // a socket type
	tli           // HP-UX xti, System V tli: the protocol decides the type
	sunrpc        // AIX: an ONC RPC program over the named transport
)

// splitType cuts off what may follow a socket type on NetBSD:
// "stream,5:dataready".
func splitType(word string) (typ, rest string) {
	if i := strings.IndexFunc(word, func(c rune) bool { return c == ',' || c == ':' }); i >= 0 {
		return word[:i], word[i:]
	}
	return word, ""
}

func typeStyle(word string) style {
	switch word {
	case "xti", "tli":
		return tli
	case "sunrpc_tcp", "sunrpc_udp":
		return sunrpc
	}
	if slices.Contains(typeWords[:], word) {
		return socket
	}
	return unknown
}

func isType(word string) bool {
	typ, _ := splitType(word)
	return typeStyle(typ) != unknown
}

// sockType reads the second column.
func (d *draft) sockType(f Word) {
	d.e.Cols[ColType] = f.Pos
	word, rest := splitType(f.Text)
	d.style = typeStyle(word)
	switch {
	case d.style == unknown:
		d.errorf(f.Pos, suggest(word, typeWords[:]), "unknown socket type %q", word)
		return
	case d.style == socket:
		d.e.Type = Type(slices.Index(typeWords[:], word))
	case word == "sunrpc_udp":
		d.e.Type = Dgram
	}
	if rest != "" {
		d.acceptOptions(f, len(word), rest)
	}
}

// acceptOptions reads what NetBSD allows after "stream": ",max:filter,arg",
// each part optional.
func (d *draft) acceptOptions(f Word, off int, rest string) {
	if d.style != socket || d.e.Type != Stream {
		d.errorf(f.at(off), "only stream takes a maximum and an accept filter", "%q after the socket type", rest)
		return
	}
	limit, filter, filtered := strings.Cut(rest, ":")
	if limit != "" {
		d.e.Limits.Max = d.number(f, off+1, limit[1:])
	}
	if filtered {
		d.acceptFilter(f, off+len(limit)+1, filter)
	}
}

// acceptFilter reads every filter as the only one that Linux has: a connection
// is accepted when its first data has come.
func (d *draft) acceptFilter(f Word, off int, filter string) {
	if name, _, _ := strings.Cut(filter, ","); name == "" {
		d.errorf(f.at(off), "expected dataready or httpready", "empty accept filter")
		return
	}
	d.e.Defer = true
}
