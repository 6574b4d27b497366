package inetd

import (
	"fmt"
	"net"
	"testing"
	"time"
)

// TestInterfaceComesAndGoes: a service on an address of an interface that is made again is
// reached again, and one whose address comes late is opened when the address comes. Neither
// takes a reload or a minute.
func TestInterfaceComesAndGoes(t *testing.T) {
	if !inNetwork(t) {
		return
	}
	ip(t, "link set lo up")
	plug := func() {
		ip(t, "link add net0 type veth peer name far0")
		ip(t, "link set far0 up")
		connect(t, "net0", "fe80::77/64 nodad")
	}
	plug()
	daemon(t, "", `[fe80::77%net0]:7001 stream tcp6 nowait - internal echo
10.9.0.7:7002 stream tcp nowait - internal echo
[fd09::7]:7003 stream tcp6 nowait - internal echo
`, func(s *Server) { s.sockets.Retry = time.Hour }) // no timer opens anything
	served(t, "[fe80::77%net0]:7001")
	ip(t, "addr add 10.9.0.7/24 dev net0")
	served(t, "10.9.0.7:7002")
	ip(t, "addr add fd09::7/64 dev net0 nodad")
	served(t, "[fd09::7]:7003")
	ip(t, "link del net0")
	plug()
	again, err := net.InterfaceByName("net0") // package net remembers its old number
	if err != nil {
		t.Fatal(err)
	}
	served(t, fmt.Sprintf("[fe80::77%%%d]:7001", again.Index))
}
