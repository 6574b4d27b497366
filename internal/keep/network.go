package keep

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
func (s *Sockets) watchNetwork() {
	needed := s.anySocket(func(k *table.Socket) bool { return k.Spec.Comes() })
	switch {
	case needed == (s.network.fd >= 0):
	case !needed:
		s.loop.Poll.Remove(s.network.fd)
		unix.Close(s.network.fd)
		s.network.fd = -1
	default:
		fd, err := netwatch.Open(s.loop.Starter.Floor())
		if err == nil {
			err = s.loop.Poll.Add(fd, s.loop.Network, fd)
		}
		if err != nil { // services go on, and what is missing is tried again from time to time
			s.loop.Log.Noticef("changes of interfaces are not noticed: %s", strerror.Call(err))
			return
		}
		s.network.fd = fd
		s.loop.Starter.Note(fd)
	}
}

func (s *Sockets) anySocket(is func(*table.Socket) bool) bool {
	for _, v := range s.loop.Now.Services {
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
func (s *Sockets) joinGroup(k *table.Socket, fd int) {
	_, err := sock.Join(fd, k.Spec)
	if err != nil && s.few(alike{syslog.Warning, "not in the group on all interfaces"}) {
		s.loop.Log.Tell(syslog.Warning, k.Service, k.Service.Label+": "+k.Spec.String()+": not in the group on all interfaces: "+strerror.Call(err), "", "")
	}
}

// NetworkChanges has the sockets looked at soon, as the descriptor is readable whose tag
// is Loop.Network.
func (s *Sockets) NetworkChanges() {
	netwatch.Drain(s.network.fd)
	if !s.network.timing {
		s.network.timing = true
		s.loop.Timers.After(settled, s.networkChanged)
	}
}

// networkChanged opens sockets whose address may have come, and again those whose
// interface has been made again.
func (s *Sockets) networkChanged() {
	s.network.timing = false
	for _, v := range s.loop.Now.Services {
		for k := v.First; k != nil; k = k.Next {
			switch {
			case !k.Spec.Comes():
			case k.FD < 0:
				if f := s.faults[k]; f != nil && f.delay > 0 {
					s.retry(k)
				}
			case k.Spec.Group() && k.Spec.Addr.Addr().Zone() == "":
				sock.Join(int(k.FD), k.Spec) // on interfaces that are new
			case k.Server == 0 && !s.Managers(k) && sock.Look(int(k.FD), k.Spec, v.Do.Options).Away:
				s.reopen(k, away)
			}
		}
	}
	s.Register()
}
