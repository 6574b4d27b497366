package inetd

import (
	"net/netip"
	"strings"
	"unsafe"

	"inetd/internal/environ"
	"inetd/internal/gc"
	"inetd/internal/sock"
)

// shrink gives back what a load has used: garbage of many times the size of its
// result, and the pages of code that ran once. Those that a client needs are
// touched again at once.
func (s *Server) shrink() {
	m := gc.ReadMappings()
	s.pacer.Release()
	s.mail.Post(func() {
		s.rehearse() // grows the stack, which Release has cut, by touching pages that nothing else needs
		m.Trim()
		s.rehearse()
	})
}

// rehearse goes the way of a connection as far as it can without one, so that
// the pages of that way are in memory. It changes nothing.
func (s *Server) rehearse() {
	s.refreshAccounts()
	sock.Accept(-1, &s.peer) // fails
	s.env = environ.AppendEnds(s.env[:0], nobody, nobody)
	s.processes[0] = s.record() // no server has this id
	s.forget(s.processes[0])
	delete(s.processes, 0)
	s.timers.After(0, func() {}) // as the sweep
}

var nobody = netip.AddrPortFrom(netip.IPv6Unspecified(), 0)

// blocks is where services and sockets are made. Made one by one between the
// garbage of a load they would keep many times their size from being given back.
type blocks struct {
	services []service
	sockets  []socket
	labels   strings.Builder
}

// blockSize is in bytes, one of the sizes that Go's allocator has.
const blockSize = 8192

func (b *blocks) service(label string, do *action) *service {
	if len(b.services) == cap(b.services) {
		b.services = make([]service, 0, blockSize/unsafe.Sizeof(service{}))
	}
	b.services = append(b.services, service{label: b.label(label), do: do})
	return &b.services[len(b.services)-1]
}

func (b *blocks) socket(k socket) *socket {
	if len(b.sockets) == cap(b.sockets) {
		b.sockets = make([]socket, 0, blockSize/unsafe.Sizeof(socket{}))
	}
	b.sockets = append(b.sockets, k)
	return &b.sockets[len(b.sockets)-1]
}

// label copies a string, which may be part of a file's text.
func (b *blocks) label(s string) string {
	if b.labels.Cap()-b.labels.Len() < len(s) {
		b.labels = strings.Builder{}
		b.labels.Grow(max(len(s), blockSize))
	}
	start := b.labels.Len()
	b.labels.WriteString(s)
	return b.labels.String()[start:]
}
