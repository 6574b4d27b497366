package inetd

import (
	"inetd/internal/sock"
	"inetd/internal/table"
)

// A bound is a limit that keeps the sockets of a service from being polled.
type bound uint8

const (
	unbound     bound = iota
	byService         // as many servers of the service run as may
	byInquiries       // as many questions about clients are under way as may
	byBuiltins        // connections of builtins have no room
	byHeaders         // nor have those whose proxy says who the client is
	byProcesses       // no further process may or can be started
	bounds
)

// held are the sockets that are open but not polled because of a bound. Each waits
// in the order in which clients came, and is polled again when the bound allows a
// start. Those of a bound that services share get their turn one by one: to poll all
// of them whenever one server ends would cost as many system calls as there are
// services.
type held struct {
	own    map[*table.Usage][]*table.Socket // byService
	shared [bounds][]*table.Socket
}

// hold notes that a bound keeps a socket from being polled.
func (s *Server) hold(k *table.Socket, b bound) {
	if b == unbound || k.Held&(1<<b) != 0 {
		return
	}
	k.Held |= 1 << b
	if b == byService {
		u := k.Service.Used
		s.held.own[u] = append(s.held.own[u], k)
		return
	}
	s.held.shared[b] = append(s.held.shared[b], k)
	if b.pooled() {
		s.awaitRoom()
	}
}

// pooled reports whether a silent client may make room. Nothing tells the loop then.
func (b bound) pooled() bool { return b == byBuiltins || b == byHeaders }

// rearmOwn polls the sockets again that the limit of their own service has held.
func (s *Server) rearmOwn(u *table.Usage) {
	list := s.held.own[u]
	if list == nil {
		return
	}
	delete(s.held.own, u)
	for _, k := range list {
		k.Held &^= 1 << byService
		s.arm(k)
	}
}

// rearmHeld polls sockets again that a shared bound has held, for each bound up to
// the first that has a client. That one may use up the room, or not if its client is
// refused; the next turn of the loop tells. It reports whether that should come at
// once.
func (s *Server) rearmHeld() (more bool) {
	for b := byInquiries; b < bounds; b++ {
		if len(s.held.shared[b]) > 0 {
			more = s.rearmShared(b) || more
		}
	}
	return more
}

func (s *Server) rearmShared(b bound) (more bool) {
	for range min(len(s.held.shared[b]), perTurn) {
		k := s.held.shared[b][0]
		if !b.pooled() && !k.Closed && s.bound(k.Service) == b {
			return false
		}
		s.held.shared[b] = s.held.shared[b][1:]
		k.Held &^= 1 << b
		s.arm(k)
		if k.Polled && sock.Readable(int(k.FD)) {
			return false
		}
	}
	return !b.pooled() && len(s.held.shared[b]) > 0 // those wait for their share: see awaitRoom
}

// awaitRoom has the loop turn every restTime while sockets are held by a pool. A
// silent client makes room after some time, and nothing else tells the loop when
// that time has come.
func (s *Server) awaitRoom() {
	if s.awaiting {
		return
	}
	s.awaiting = true
	s.timers.After(restTime, func() {
		s.awaiting = false
		if len(s.held.shared[byBuiltins])+len(s.held.shared[byHeaders]) > 0 {
			s.awaitRoom()
		}
	})
}
