package inetd

import (
	"strings"
	"time"

	"inetd/internal/account"
	"inetd/internal/conf"
	"inetd/internal/ident"
	"inetd/internal/sock"

	"golang.org/x/sys/unix"
)

// identName is the builtin that tells who owns a connection (RFC 1413).
const identName = "auth"

// identOptions reads the words after "internal auth".
func (l *loader) identOptions(e *conf.Entry) *ident.Options {
	words := identWords(e.Argv)
	o, err := ident.ParseOptions(words)
	if err != nil {
		l.report(e, e.Cols[6], conf.Error, err.Error(), "")
		return nil
	}
	if o.CannotHide && o.Real {
		l.report(e, e.Cols[6], conf.Warning, "option -n hides nobody: no user's .noident is ever read", "")
	}
	o.Fallback, o.OS = strings.Clone(o.Fallback), strings.Clone(o.OS)
	return &o
}

// identWords are the words after the name of the builtin, which may be left out.
func identWords(argv []string) []string {
	if len(argv) > 0 && !strings.HasPrefix(argv[0], "-") {
		return argv[1:]
	}
	return argv
}

// serveIdent tells a client who owns a connection between its machine and ours.
func (s *Server) serveIdent(v *service, c client) {
	if err := sock.Local(c.conn, &s.local); err != nil {
		unix.Close(c.conn)
		s.leave(v, c.source, c.room)
		return
	}
	local := s.local.AddrPort()
	s.converse(v, c, func(f *connection) {
		now := time.Now()
		f.SetDeadline(now.Add(v.do.ident.Timeout))
		f.room.Wait(now)
		ident.Serve(f.File, local, c.peer, *v.do.ident, ident.Owner, func(uid uint32) string {
			f.room.Work() // a look-up cannot be ended early, so it must keep its room
			return s.userName(v, uid)
		})
	})
}

// userName looks up the name of a user. It may take as long as getent does, and is
// called by goroutines. Nothing is kept: clients ask seldom.
func (s *Server) userName(v *service, uid uint32) string {
	name, err := account.Name(passwdFile, uid, account.Getent(s.getent()))
	if err != nil {
		s.log.Warningf("%s: user id %d: %v", v.label, uid, err)
	}
	return name
}
