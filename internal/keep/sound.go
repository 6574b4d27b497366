package keep

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"inetd/internal/sock"
	"inetd/internal/syslog"
	"inetd/internal/table"

	"golang.org/x/sys/unix"
)

// unsound says why clients no longer reach an open socket; "": they do. A reload checks
// the sockets that it keeps. A shutdown makes the socket readable, so it need not be
// checked here: see WasShutDown.
func (s *Sockets) unsound(k *table.Socket) string {
	if why := s.displaced(k); why != "" {
		return why
	}
	if sock.Away(int(k.FD), k.Spec) {
		return away
	}
	return ""
}

// away is the reason for a socket whose interface was removed and made again.
const away = "its interface is another one now"

// displaced says why a path that the daemon has made no longer leads to its socket; "":
// it does, or the socket has no path.
func (s *Sockets) displaced(k *table.Socket) string {
	ours, made := s.paths[k]
	if !made {
		return ""
	}
	switch now := sock.FileOf(k.Spec); now {
	case ours:
		return ""
	case sock.File{}:
		return "its path is gone"
	}
	return "somebody has put another file at its path"
}

// reopen closes and opens a socket that clients no longer reach, and logs why. If opening
// fails, that has a log line of its own.
func (s *Sockets) reopen(k *table.Socket, why string) {
	s.replaceSocket(k)
	if k.FD >= 0 {
		why += "; opened again"
	}
	s.loop.Log.Tell(syslog.Notice, k.Service, k.Subject()+": "+why, "", "")
}

// TakeBack makes a socket the daemon's again when its wait server has ended. was are the
// options with which the server got the socket. It reports whether the socket is open.
func (s *Sockets) TakeBack(k *table.Socket, was sock.Options) bool {
	k.Server = 0
	if k.Closed {
		s.vacated(k)
	}
	if k.FD < 0 {
		return false
	}
	if k.Service.Do.Options != was {
		s.apply(k, was)
	}
	s.mend(k)
	return k.FD >= 0
}

// mend puts a socket that a wait server has left behind into the state that inetd(8)
// promises the next server. What is in its queue stays if the kernel allows that.
func (s *Sockets) mend(k *table.Socket) {
	fd, o := int(k.FD), k.Service.Do.Options
	st := sock.Look(fd, k.Spec, o)
	if st.NonBlocking {
		unix.SetNonblock(fd, false)
		s.mended(k, "the last server has left its socket non-blocking; it is blocking again")
	}
	if st.Connected {
		sock.Disconnect(fd)
		s.mended(k, "the last server has connected its socket to one client; it is open to all again")
	}
	inherited := s.Managers(k)
	switch {
	case st.Deaf:
		s.mended(k, "the last server has shut its socket down; "+s.revive(k))
	case st.Away && !inherited:
		s.reopen(k, away)
	case s.displaced(k) != "":
		s.replaceSocket(k)
		s.mended(k, "the last server has removed or replaced its path; it was opened again")
	}
	if !inherited && k.FD >= 0 {
		s.restore(k)
	}
}

// WasShutDown mends a polled socket that was shut down. Only a process that shares the
// socket, such as the service manager, can have done that.
func (s *Sockets) WasShutDown(k *table.Socket) {
	s.mended(k, k.Spec.String()+" was shut down; "+s.revive(k))
}

// revive makes a socket that was shut down usable again, and says how. If a socket of the
// service manager's cannot listen again, it is no longer polled: the loop would spin.
func (s *Sockets) revive(k *table.Socket) (how string) {
	switch {
	case sock.Relisten(int(k.FD), k.Spec, k.Service.Do.Options):
		return "it listens again"
	case s.Managers(k):
		s.loop.Gate.Disarm(k)
		return "the service manager has opened it, and restarting its socket unit opens it again"
	}
	s.replaceSocket(k)
	return "it was opened again"
}

// restoreTime is the least time between checks of a socket's options. A service may have
// thousands of servers a second, which mostly do the same.
const restoreTime = time.Second

// restore resets the options of a socket that a wait server has changed. Once a server
// has changed one, it checks after every server of the service.
func (s *Sockets) restore(k *table.Socket) {
	u, now := k.Service.Usage(), time.Now()
	if !u.Altered && now.Sub(u.Looked) < restoreTime {
		return
	}
	u.Looked = now
	if changed := sock.Restore(int(k.FD), k.Spec, k.Service.Do.Options); changed != nil {
		u.Altered = true
		s.mended(k, fmt.Sprintf("the last server has changed its socket (%s); that is as before again", strings.Join(changed, ", ")))
	}
}

// replaceSocket closes a socket and opens it again.
func (s *Sockets) replaceSocket(k *table.Socket) {
	s.closeSocket(k)
	s.retry(k)
}

// maxMended is how many different faults of its sockets are logged of a service.
const maxMended = 16

// mended logs, once for each service and fault, what was wrong with a socket and how it
// was mended.
func (s *Sockets) mended(k *table.Socket, what string) {
	u := k.Service.Usage()
	if len(u.Mended) < maxMended && !slices.Contains(u.Mended, what) {
		u.Mended = append(u.Mended, what)
		s.loop.Log.Tell(syslog.Warning, k.Service, k.Service.Label+": "+what, "", "")
	}
}
