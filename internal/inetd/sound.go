package inetd

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

// unsound says why no client reaches an open socket any more, or nothing. It is
// asked of what a reload keeps. That a socket was shut down is noticed without
// asking: see wasShutDown.
func (s *Server) unsound(k *table.Socket) string {
	if why := s.displaced(k); why != "" {
		return why
	}
	if sock.Away(int(k.FD), k.Spec) {
		return away
	}
	return ""
}

// away is what is wrong with a socket whose interface was removed and made again.
const away = "its interface is another one now"

// displaced says why a path that the daemon has made does not lead to its socket, or
// nothing.
func (s *Server) displaced(k *table.Socket) string {
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

// reopen opens a socket again that no client reaches any more.
func (s *Server) reopen(k *table.Socket, why string) {
	s.replaceSocket(k)
	s.log.Tell(syslog.Notice, k.Service, k.Service.Label+": "+k.Spec.String()+": "+why+"; opened again", "", "")
}

// mend puts a socket that a wait server has left behind into the state that
// inetd(8) promises to the next one. What is in its queue stays, where the kernel
// has a way.
func (s *Server) mend(k *table.Socket) {
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
	_, inherited := s.inherited[k.Spec]
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

// wasShutDown mends a socket that is polled. Only a process that shares it, such as
// the service manager, can have shut it down.
func (s *Server) wasShutDown(k *table.Socket) {
	s.mended(k, k.Spec.String()+" was shut down; "+s.revive(k))
}

// revive has a socket that was shut down hear clients again, and says how. Nothing
// else can be done about one of the service manager's: the loop would spin on it.
func (s *Server) revive(k *table.Socket) (how string) {
	_, inherited := s.inherited[k.Spec]
	switch {
	case sock.Relisten(int(k.FD), k.Spec, k.Service.Do.Options):
		return "it listens again"
	case inherited:
		s.unpoll(k)
		return "the service manager has opened it, and restarting its socket unit opens it again"
	}
	s.replaceSocket(k)
	return "it was opened again"
}

// restoreTime is how often at most the options of a socket are looked at. A service
// may have thousands of servers a second, which mostly do the same.
const restoreTime = time.Second

// restore gives a socket the options back that a wait server has changed. Once
// something was wrong, that is done after every server of the service.
func (s *Server) restore(k *table.Socket) {
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
func (s *Server) replaceSocket(k *table.Socket) {
	s.closeSocket(k)
	s.retry(k)
}

// maxMended bounds the causes that are remembered of a service.
const maxMended = 16

// mended logs, once for a service and cause, what was wrong with a socket and how it
// was mended.
func (s *Server) mended(k *table.Socket, what string) {
	u := k.Service.Usage()
	if len(u.Mended) < maxMended && !slices.Contains(u.Mended, what) {
		u.Mended = append(u.Mended, what)
		s.log.Tell(syslog.Warning, k.Service, k.Service.Label+": "+what, "", "")
	}
}
