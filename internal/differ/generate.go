package main

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
)

// Clients for a generated file, and services in it, at most.
const (
	clientsPerFile  = 20
	servicesPerFile = 3
)

// generate makes files about access and clients for them, until there are that many pairs
// of a file and a client. The same seed makes the same pairs.
func generate(pairs int, seed uint64) (scenes []scene) {
	for n := 0; pairs > 0; n++ {
		g := generator{rand.New(rand.NewPCG(seed, uint64(n)))}
		s := g.scene(min(pairs, clientsPerFile))
		s.name = fmt.Sprintf("generated %d/%d", seed, n)
		pairs -= len(s.tries)
		scenes = append(scenes, s)
	}
	return scenes
}

// generator makes one file.
type generator struct{ *rand.Rand }

func (g generator) scene(clients int) scene {
	s := scene{generated: true, etc: map[string]string{
		"hosts": "10.1.2.3 friend.example.test\n10.2.0.1 other.example.test\n",
	}}
	var b strings.Builder
	if g.IntN(3) == 0 {
		b.WriteString("defaults\n{\n" + g.lists(true, false) + "}\n")
	}
	services := 1 + g.IntN(servicesPerFile)
	for i := range services {
		flags := []string{"", "", "\tflags = IPv4\n", "\tflags = NOLIBWRAP\n"}[g.IntN(4)]
		fmt.Fprintf(&b, "service s%d\n{\n\ttype = UNLISTED\n\tport = %d\n\tsocket_type = stream\n\twait = no\n\tuser = nobody\n\tserver = %s/%s\n%s%s}\n",
			i, firstPort+i, workDir, probeName, flags, g.lists(false, strings.Contains(flags, "IPv4")))
	}
	s.conf = b.String()
	for range clients {
		s.tries = append(s.tries, g.try(services))
	}
	return s
}

const firstPort = 7001

func (g generator) try(services int) try {
	from, to := g.address(), netip.MustParseAddr("127.0.0.1")
	if from.Is6() {
		to = netip.IPv6Loopback()
	}
	t := try{network: "tcp", from: from, to: netip.AddrPortFrom(to, uint16(firstPort+g.IntN(services)))}
	t.original = fmt.Sprintf("tcp %s %s", t.from, t.to)
	return t
}

// lists are lines of only_from and no_access, with every operator. They have names only
// where the socket is of IPv4 alone: at another socket all clients have IPv6 addresses,
// for which a file like /etc/hosts has no names, so that xinetd finds none.
func (g generator) lists(defaults, named bool) string {
	var b strings.Builder
	for range 1 + g.IntN(3) {
		name := []string{"only_from", "only_from", "no_access"}[g.IntN(3)]
		operator := []string{"=", "=", "+=", "-="}[g.IntN(4)]
		if defaults {
			operator = "="
		}
		fmt.Fprintf(&b, "\t%s %s", name, operator)
		for range 1 + g.IntN(4) {
			b.WriteString(" " + g.form(named && name == "only_from"))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// form is an address in any form that a list may have. A name in no_access is a scene of
// its own.
func (g generator) form(named bool) string {
	a := g.address()
	if a.Is6() {
		return []string{a.String(), fmt.Sprintf("%s/%d", a, g.IntN(129)), "::/0"}[g.IntN(3)]
	}
	four := a.As4()
	switch g.IntN(9) {
	case 0:
		return "0.0.0.0"
	case 5:
		return "::ffff:" + a.String()
	case 1: // zeros at the end
		for i := 4 - g.IntN(3); i < 4; i++ {
			four[i] = 0
		}
		return netip.AddrFrom4(four).String()
	case 2:
		return fmt.Sprintf("%s/%d", a, g.IntN(33))
	case 3: // a factorised last number
		n := 1 + g.IntN(3)
		var front strings.Builder
		for _, b := range four[:n] {
			fmt.Fprintf(&front, "%d.", b)
		}
		return fmt.Sprintf("%s{%d,%d}", front.String(), four[n], g.IntN(5))
	case 4:
		if named {
			return []string{"friend.example.test", ".example.test", "other.example.test"}[g.IntN(3)]
		}
	}
	return a.String()
}

// address is one of few addresses, so that lists and clients often meet.
func (g generator) address() netip.Addr {
	pick := func(of ...byte) byte { return of[g.IntN(len(of))] }
	switch g.IntN(8) {
	case 0:
		return netip.AddrFrom4([4]byte{192, 0, 2, pick(0, 1, 2, 3, 255)})
	case 1:
		return netip.AddrFrom4([4]byte{172, pick(15, 16, 31, 32), pick(0, 1), pick(1, 2)})
	case 2:
		a := netip.MustParseAddr("2001:db8::").As16()
		a[5], a[7], a[15] = pick(0, 1), pick(0, 1), pick(1, 2)
		return netip.AddrFrom16(a)
	case 3:
		return netip.AddrFrom4([4]byte{127, 0, 0, pick(1, 2)})
	}
	return netip.AddrFrom4([4]byte{10, pick(0, 1, 2), pick(0, 2, 3), pick(1, 3, 4)})
}
