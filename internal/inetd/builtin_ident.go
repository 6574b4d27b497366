package inetd

import (
	"inetd/internal/account"
	"inetd/internal/client"
	"inetd/internal/ident"
	"inetd/internal/plan"
	"inetd/internal/stream"
	"inetd/internal/table"

	"golang.org/x/sys/unix"
)

// serveIdent tells a client who owns a connection between its machine and ours.
func (s *Server) serveIdent(v *table.Service, c client.Client, from stream.Leftover) {
	local := c.Local(&s.local)
	if !local.IsValid() {
		unix.Close(c.Conn)
		s.leave(v, c.Source, c.Room)
		return
	}
	s.converse(v, c, from, func(f *stream.Conn) error {
		f.Begin(v.Do.Ident.Timeout)
		conn, got := f.Keeping()
		defer func() { f.Left.Got = got.Bytes() }()
		return ident.Serve(conn, local, c.Peer, v.Do.Ident, ident.Owner, func(uid uint32) string {
			f.Room.Work() // a look-up cannot be ended early, so it must keep its room
			return s.userName(v, uid)
		})
	})
}

// userName looks up the name of a user. It may take as long as getent does, and is
// called by goroutines. Nothing is kept: clients ask seldom.
func (s *Server) userName(v *table.Service, uid uint32) string {
	name, err := account.Name(plan.PasswdFile, uid, account.Getent(s.getent()))
	if err != nil {
		s.log.Warningf("%s: user id %d: %v", v.Label, uid, err)
	}
	return name
}
