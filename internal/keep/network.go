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

// network tells of interfaces and addresses that come and go.
type network struct {
	fd     int  // a descriptor of package netwatch; -1: no socket depends on changes
	timing bool // networkChanged has a timer
}

// settled is how long after a change the sockets are checked: the addresses of an
// interface come after it, and many interfaces may come at once.
const settled = 100 * time.Millisecond

// watchNetwork listens for changes while a service has an address that may come and go.
func (s *Sockets) watchNetwork() {
	needed := s.anySocket(func(k *table.Socket) bool { return k.Spec.Comes() })
	switch {
	case needed == (s.network.fd >= 0):
	case !needed:
		s.loop.Poll.Remove(s.network.fd)
		unix.Close(s.network.fd)
		s.network.fd = -1
	default:
		fd, err := netwatch.Open()
		if err == nil {
			fd = s.loop.Starter.Keep(fd)
			if err = s.loop.Poll.Add(fd, s.loop.Network, fd); err != nil {
				unix.Close(fd)
			}
		}
		if err != nil { // no matter: sockets that are not open are tried again anyway
			s.loop.Log.Noticef("changes of interfaces are not noticed: %s", strerror.Call(err))
			return
		}
		s.network.fd = fd
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

// joinGroup has the socket of a multicast address join its group on all interfaces, and
// warns if that fails on some of them.
func (s *Sockets) joinGroup(k *table.Socket, fd int) {
	_, err := sock.Join(fd, k.Spec)
	if err != nil && s.few(alike{syslog.Warning, "not in the group on all interfaces"}) {
		s.loop.Log.Tell(syslog.Warning, k.Service, k.Service.Label+": "+k.Spec.String()+": not in the group on all interfaces: "+strerror.Call(err), "", "")
	}
}

// NetworkChanges has the sockets checked soon. The loop calls it when the descriptor with
// the tag Loop.Network is readable.
func (s *Sockets) NetworkChanges() {
	netwatch.Drain(s.network.fd)
	if !s.network.timing {
		s.network.timing = true
		s.loop.Timers.After(settled, s.networkChanged)
	}
}

// networkChanged opens sockets whose address may exist now, and reopens those whose
// interface was removed and made again.
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
				sock.Join(int(k.FD), k.Spec) // on the new interfaces
			case k.Server == 0 && !s.Managers(k) && sock.Look(int(k.FD), k.Spec, v.Do.Options).Away:
				s.reopen(k, away)
			}
		}
	}
	s.Register()
}
