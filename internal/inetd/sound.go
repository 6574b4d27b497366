package inetd

import (
	"inetd/internal/sock"

	"golang.org/x/sys/unix"
)

// unsound says why no client reaches an open socket any more, or nothing. It is
// asked of what a reload keeps.
func (s *Server) unsound(k *socket) string {
	if ours := s.paths[k]; ours != (sock.File{}) {
		switch now := sock.FileOf(k.spec); {
		case now == sock.File{}:
			return "its path is gone"
		case now != ours:
			return "somebody has put another file at its path"
		}
	}
	switch st := sock.Look(int(k.fd), k.spec, k.svc.do.Options); {
	case st.Away:
		return "its interface is another one now"
	case st.Deaf:
		return "it was shut down"
	}
	return ""
}

// reopen opens a socket again that no client reaches any more.
func (s *Server) reopen(k *socket, why string) {
	s.log.Noticef("%s: %s: %s; opened again", k.svc.label, k.spec, why)
	s.closeSocket(k)
	s.retry(k)
}

// mend puts a socket that a wait server has left behind into the state that
// inetd(8) promises to the next one. What is in its queue stays, where the kernel
// has a way.
func (s *Server) mend(k *socket) {
	fd, o := int(k.fd), k.svc.do.Options
	st := sock.Look(fd, k.spec, o)
	if st.NonBlocking {
		s.mended(k, "left its socket non-blocking; it is blocking again")
		unix.SetNonblock(fd, false)
	}
	if st.Connected {
		s.mended(k, "connected its socket to one client; it is open to all again")
		sock.Disconnect(fd)
	}
	if !st.Deaf {
		return
	}
	if k.spec.Listens() && sock.Listen(fd, k.spec, o) == nil {
		s.mended(k, "shut its socket down; it listens again")
		return
	}
	s.mended(k, "shut its socket down; it was opened again")
	s.closeSocket(k)
	s.retry(k)
}

// mended logs, once for a service and cause, what a server has left behind.
func (s *Server) mended(k *socket, what string) {
	u := k.svc.usage()
	if u.mended != what {
		u.mended = what
		s.log.Warningf("%s: the last server has %s", k.svc.label, what)
	}
}
