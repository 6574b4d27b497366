// Package dnstest runs name servers for tests. In go the names that a server knows; out
// comes a resolver that asks it.
package dnstest

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
)

// Silent returns a resolver whose name server cannot be reached.
func Silent() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("no name server")
	}}
}

// Types of DNS records (RFC 1035, 3.2.2).
const (
	typeA   = 1
	typePTR = 12
)

// Example returns a resolver of example.test: 127.0.0.2 has a name that leads back to
// it, 127.0.0.3 one that leads to another address, 127.0.0.4 an address in place of a
// name, 127.0.0.6 a name without an address, and any other address no name.
func Example(t testing.TB) *net.Resolver {
	return Resolver(t,
		map[string]string{
			"2.0.0.127.in-addr.arpa.": "good.example.test",
			"3.0.0.127.in-addr.arpa.": "liar.example.test",
			"4.0.0.127.in-addr.arpa.": "127.0.0.4",
			"6.0.0.127.in-addr.arpa.": "lost.example.test",
		},
		map[string]string{"good.example.test.": "127.0.0.2", "liar.example.test.": "127.0.0.9"})
}

// Resolver returns a resolver that asks a name server with the given PTR and A records.
// The server runs until the test ends.
func Resolver(t testing.TB, ptr, a map[string]string) *net.Resolver {
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		b := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(b)
			if err != nil {
				return
			}
			conn.WriteTo(dnsAnswer(b[:n], ptr, a), from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

// dnsAnswer answers a query of one question.
func dnsAnswer(query []byte, ptr, a map[string]string) []byte {
	const header = 12
	name, rest := "", query[header:]
	for rest[0] != 0 {
		name += string(rest[1:1+rest[0]]) + "."
		rest = rest[1+rest[0]:]
	}
	question := query[header : len(query)-len(rest)+5]
	var data []byte
	switch kind := binary.BigEndian.Uint16(rest[1:]); {
	case kind == typePTR && ptr[name] != "":
		for label := range strings.SplitSeq(ptr[name], ".") {
			data = append(append(data, byte(len(label))), label...)
		}
		data = append(data, 0)
	case kind == typeA && a[name] != "":
		data = netip.MustParseAddr(a[name]).AsSlice()
	}
	r := append([]byte{query[0], query[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, question...) // a response, recursion available
	if data == nil {
		return r
	}
	r[7] = 1                                       // answers
	r = append(r, 0xc0, header)                    // the name of the question
	r = append(r, rest[1:5]...)                    // its type and class
	r = append(r, 0, 0, 0, 60, 0, byte(len(data))) // time to live, length
	return append(r, data...)
}
