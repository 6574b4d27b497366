package talk

import (
	"inetd/internal/client"
	"inetd/internal/ident"
	"inetd/internal/sock"
	"inetd/internal/stream"
	"inetd/internal/table"

	"golang.org/x/sys/unix"
)

// ident tells a client who owns a connection between the client's machine and this one.
func (t *Talks) ident(v *table.Service, c client.Client, from stream.Leftover) {
	var scratch sock.Address
	local := c.Local(&scratch)
	if !local.IsValid() {
		unix.Close(c.Conn)
		t.Leave(v, c)
		return
	}
	t.converse(v, c, from, func(f *stream.Conn) error {
		f.Begin(v.Do.Ident.Timeout)
		conn, got := f.Keeping()
		defer func() { f.Left.Got = got.Bytes() }()
		return ident.Serve(conn, local, c.Peer, v.Do.Ident, ident.Owner, func(uid uint32) string {
			f.Room.Work() // a look-up cannot be ended early, so it must keep its room
			return t.loop.UserName(v, uid)
		})
	})
}
