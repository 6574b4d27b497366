package inetd

import (
	"time"

	"inetd/internal/netwatch"
	"inetd/internal/sock"
	"inetd/internal/strerror"
	"inetd/internal/syslog"
	"inetd/internal/table"

	"golang.org/x/sys/unix"
)

// network is what tells of interfaces and addresses that come and go.
type network struct {
	fd     int  // of package netwatch; -1: nothing depends on it
	timing bool // networkChanged has a timer
}

// settled is how long after a change the sockets are looked at: an interface comes
// with its addresses, and many may come at once.
const settled = 100 * time.Millisecond

// watchNetwork listens for changes as long as a service names an address that may
// come and go.
func (s *Server) watchNetwork() {
	needed := s.anySocket(func(k *table.Socket) bool { return k.Spec.Comes() })
	switch {
	case needed == (s.network.fd >= 0):
	case !needed:
		s.poll.Remove(s.network.fd)
		unix.Close(s.network.fd)
		s.network.fd = -1
	default:
		fd, err := netwatch.Open(s.starter.Floor())
		if err == nil {
			err = s.poll.Add(fd, tagNetwork, fd)
		}
		if err != nil { // services go on, and what is missing is tried again from time to time
			s.log.Noticef("changes of interfaces are not noticed: %s", strerror.Call(err))
			return
		}
		s.network.fd = fd
		s.starter.Note(fd)
	}
}

func (s *Server) anySocket(is func(*table.Socket) bool) bool {
	for _, v := range s.services {
		for k := v.First; k != nil; k = k.Next {
			if is(k) {
				return true
			}
		}
	}
	return false
}

// joinGroup has the socket of a multicast address join its group on all interfaces,
// and warns if it hears it on some of them only.
func (s *Server) joinGroup(k *table.Socket, fd int) {
	_, err := sock.Join(fd, k.Spec)
	if err != nil && s.few(alike{syslog.Warning, "not in the group on all interfaces"}) {
		s.log.Tell(syslog.Warning, k.Service, k.Service.Label+": "+k.Spec.String()+": not in the group on all interfaces: "+strerror.Call(err), "", "")
	}
}

// networkChanges has the sockets looked at soon.
func (s *Server) networkChanges() {
	netwatch.Drain(s.network.fd)
	if !s.network.timing {
		s.network.timing = true
		s.timers.After(settled, s.networkChanged)
	}
}

// networkChanged opens sockets whose address may have come, and again those whose
// interface has been made again.
func (s *Server) networkChanged() {
	s.network.timing = false
	for _, v := range s.services {
		for k := v.First; k != nil; k = k.Next {
			_, inherited := s.inherited[k.Spec]
			switch {
			case !k.Spec.Comes():
			case k.FD < 0:
				if f := s.faults[k]; f != nil && f.delay > 0 {
					s.retry(k)
				}
			case k.Spec.Group() && k.Spec.Addr.Addr().Zone() == "":
				sock.Join(int(k.FD), k.Spec) // on interfaces that are new
			case k.Server == 0 && !inherited && sock.Look(int(k.FD), k.Spec, v.Do.Options).Away:
				s.reopen(k, away)
			}
		}
	}
	s.register()
}
