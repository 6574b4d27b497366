// This file ends the connection of a client that is not served, with the text of one
// stage (door) and the patience of another (drain).

package inetd

import (
	"time"

	"inetd/internal/table"

	"golang.org/x/sys/unix"
)

// refuseTime is how long a client that is refused may take to read why and to close.
const refuseTime = 5 * time.Second

// sendAway ends the connection of a client that is not served. The text fits into the
// empty send buffer.
func (s *Server) sendAway(v *table.Service, conn int) {
	text := s.door.Refusal(v)
	if text == "" && (v.Do.Keys == nil || v.Do.Keys.Banner == "") {
		unix.Close(conn)
		return
	}
	unix.SendmsgN(conn, []byte(text), nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL) // an error is the client's affair
	s.draining.Drain(conn, refuseTime)
}
