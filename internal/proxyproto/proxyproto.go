// Package proxyproto reads and writes the header by which a proxy tells the server whose
// connection it passes on: the PROXY protocol of HAProxy, versions 1 and 2. In go bytes;
// out come the addresses, the length of the header, or what is wrong with it. The package
// is pure: its caller receives the bytes, and must take no more of them than the header
// has.
package proxyproto

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Header is what a proxy says of a connection.
type Header struct {
	// Source and Dest are the two ends of the client's connection to the proxy. Both are
	// invalid if the connection is the proxy's own (LOCAL), or if the proxy does not say
	// (UNKNOWN, or not TCP): then the ends of the connection itself count.
	Source, Dest netip.AddrPort
}

const (
	signature1 = "PROXY "
	signature2 = "\r\n\r\n\x00\r\nQUIT\n"

	max1   = 107 // bytes of a header of version 1, its end of line included
	fixed2 = 16  // bytes of one of version 2 before its addresses

	// Max is how long a header may be, in bytes. The specification allows 65551; the
	// longest in practice hold certificates of clients.
	Max = 16 << 10
)

var (
	errNone = errors.New("there is none")
	errLong = fmt.Errorf("it is longer than %d bytes", Max)
	errLine = errors.New("its line is too long, or does not end with CR LF")
	errForm = errors.New("its line has another form than PROXY TCP4|TCP6|UNKNOWN SOURCE DEST PORT PORT")
)

// Parse reads the header at the beginning of what a proxy sends. n is its length; 0
// says that it is not complete, and that all bytes of b belong to it. With an error
// the connection is to be closed.
func Parse(b []byte) (h Header, n int, err error) {
	switch {
	case begins(b, signature2):
		return parse2(b)
	case begins(b, signature1):
		return parse1(b)
	}
	return h, 0, errNone
}

// begins reports whether b begins with a signature, or is the beginning of one.
func begins(b []byte, signature string) bool {
	n := min(len(b), len(signature))
	return string(b[:n]) == signature[:n]
}

// parse1 reads the line of version 1.
func parse1(b []byte) (h Header, n int, err error) {
	line, _, found := strings.Cut(string(b[:min(len(b), max1)]), "\n")
	switch {
	case !found && len(b) < max1:
		return h, 0, nil
	case !found || !strings.HasSuffix(line, "\r"):
		return h, 0, errLine
	}
	n = len(line) + 1
	word := strings.Split(line[:len(line)-1], " ")
	if word[1] == "UNKNOWN" {
		return h, n, nil
	}
	if len(word) != 6 || word[1] != "TCP4" && word[1] != "TCP6" {
		return h, 0, errForm
	}
	six := word[1] == "TCP6"
	var ok, ok2 bool
	h.Source, ok = end(word[2], word[4], six)
	h.Dest, ok2 = end(word[3], word[5], six)
	if !ok || !ok2 {
		return Header{}, 0, errForm
	}
	return h, n, nil
}

// end reads an address and a port as version 1 has them.
func end(addr, port string, six bool) (netip.AddrPort, bool) {
	a, err := netip.ParseAddr(addr)
	p, err2 := strconv.ParseUint(port, 10, 16)
	ok := err == nil && err2 == nil && a.Is4() == !six && a.Zone() == "" && strconv.FormatUint(p, 10) == port
	return netip.AddrPortFrom(a.Unmap(), uint16(p)), ok
}

// parse2 reads the binary header of version 2.
func parse2(b []byte) (h Header, n int, err error) {
	if len(b) < fixed2 {
		return h, 0, nil
	}
	command, family := b[12], b[13]
	size := int(binary.BigEndian.Uint16(b[14:]))
	switch {
	case command>>4 != 2:
		return h, 0, fmt.Errorf("its version is %d", command>>4)
	case command&15 > 1:
		return h, 0, fmt.Errorf("its command is %d", command&15)
	case family>>4 > 3 || family&15 > 2:
		return h, 0, fmt.Errorf("its family is 0x%02x", family)
	case command&15 == 1 && size < sizes[family>>4]:
		return h, 0, fmt.Errorf("it has %d bytes of addresses, which are too few for family 0x%02x", size, family)
	case fixed2+size > Max:
		return h, 0, errLong
	case len(b) < fixed2+size:
		return h, 0, nil
	}
	if command&15 == 1 {
		h = addresses(family, b[fixed2:])
	}
	return h, fixed2 + size, nil
}

// sizes are how many bytes the addresses of a family have: none, IPv4, IPv6, UNIX.
var sizes = [...]int{0, 12, 36, 216}

// addresses reads the addresses of a TCP connection, and returns none of others.
func addresses(family byte, b []byte) (h Header) {
	var width int
	switch family {
	case 0x11:
		width = 4
	case 0x21:
		width = 16
	default:
		return h
	}
	read := func(i int) netip.AddrPort {
		a, _ := netip.AddrFromSlice(b[i*width : (i+1)*width])
		return netip.AddrPortFrom(a.Unmap(), binary.BigEndian.Uint16(b[2*width+2*i:]))
	}
	return Header{read(0), read(1)}
}

// known reports whether both addresses are valid, and widens them to the same version of
// IP.
func (h Header) known() (_ Header, six, ok bool) {
	source, dest := h.Source.Addr().Unmap(), h.Dest.Addr().Unmap()
	if !source.IsValid() || !dest.IsValid() {
		return h, false, false
	}
	if six = source.Is6() || dest.Is6(); six {
		source, dest = netip.AddrFrom16(source.As16()), netip.AddrFrom16(dest.As16())
	}
	return Header{netip.AddrPortFrom(source, h.Source.Port()), netip.AddrPortFrom(dest, h.Dest.Port())}, six, true
}

// Append1 appends a header of version 1; an UNKNOWN one if an address is invalid.
func Append1(b []byte, h Header) []byte {
	h, six, ok := h.known()
	if !ok {
		return append(b, "PROXY UNKNOWN\r\n"...)
	}
	word := "TCP4"
	if six {
		word = "TCP6"
	}
	return fmt.Appendf(b, "PROXY %s %s %s %d %d\r\n", word, h.Source.Addr(), h.Dest.Addr(), h.Source.Port(), h.Dest.Port())
}

// Append2 appends a header of version 2; a LOCAL one if an address is invalid.
func Append2(b []byte, h Header) []byte {
	b = append(b, signature2...)
	h, six, ok := h.known()
	switch {
	case !ok:
		return append(b, 0x20, 0, 0, 0)
	case six:
		b = append(b, 0x21, 0x21, 0, byte(sizes[2]))
	default:
		b = append(b, 0x21, 0x11, 0, byte(sizes[1]))
	}
	b = append(append(b, h.Source.Addr().AsSlice()...), h.Dest.Addr().AsSlice()...)
	return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(b, h.Source.Port()), h.Dest.Port())
}
