package main

import (
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
)

// sockets lists the TCP sockets that listen, and all UDP sockets, of the network
// namespace.
func sockets() (list []string) {
	for _, name := range []string{"tcp", "tcp6", "udp", "udp6"} {
		text, _ := os.ReadFile("/proc/self/net/" + name)
		for line := range strings.Lines(string(text)) {
			f := strings.Fields(line)
			if len(f) < 4 || f[0] == "sl" || strings.HasPrefix(name, "tcp") && f[3] != "0A" {
				continue
			}
			list = append(list, name+" "+socketAddress(f[1]).String())
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// socketAddress reads an address of /proc/net: words in the machine's byte order, in
// hexadecimal digits.
func socketAddress(s string) netip.AddrPort {
	host, port, _ := strings.Cut(s, ":")
	b, _ := hex.DecodeString(host)
	for i := 0; i+4 <= len(b); i += 4 {
		binary.NativeEndian.PutUint32(b[i:], binary.BigEndian.Uint32(b[i:]))
	}
	addr, _ := netip.AddrFromSlice(b)
	n, _ := strconv.ParseUint(port, 16, 16)
	return netip.AddrPortFrom(addr, uint16(n))
}
