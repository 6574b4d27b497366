package passing

import (
	"inetd/internal/environ"
	"inetd/internal/readiness"

	"golang.org/x/sys/unix"
)

// openReady opens the socket on which a server says that it is ready, if the entry asks
// for that (ready = notify). It returns what the server's environment gets for it.
func (rs *Relays) openReady(p *passing) (env []byte, err error) {
	b := p.back
	b.status = ""
	if !b.Notifies {
		return nil, nil
	}
	if b.ready, err = readiness.New(); err != nil {
		return nil, err
	}
	b.ready.FD = rs.loop.Starter.Keep(b.ready.FD)
	rs.readying[b.ready.FD] = p
	return environ.Append(nil, readiness.Variable, b.ready.Name), rs.loop.Poll.Add(b.ready.FD, rs.loop.Ready, b.ready.FD)
}

func (rs *Relays) closeReady(b *backend) {
	if b.ready == nil {
		return
	}
	rs.loop.Poll.Remove(b.ready.FD)
	delete(rs.readying, b.ready.FD)
	unix.Close(b.ready.FD)
	b.ready = nil
}

// maxStatus is how much of a status is kept, in bytes.
const maxStatus = 200

// Notified takes what servers say about their start. Only the server knows the name of
// the socket; still a message counts only from its session, its user or root.
func (rs *Relays) Notified(fd int) {
	p := rs.readying[fd]
	if p == nil {
		return
	}
	b := p.back
	for range perTurn {
		m, err := b.ready.Receive()
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return
		case m.Stranger || !speaksFor(m, b.user, b.session):
			continue
		}
		if m.Status != "" {
			b.status = m.Status[:min(len(m.Status), maxStatus)]
		}
		if m.Ready {
			rs.act(p, b.Notified())
			return
		}
	}
}

// speaksFor reports whether a message comes from the server that runs as user and leads
// session.
func speaksFor(m readiness.Message, user uint32, session int) bool {
	if m.UID == 0 || m.UID == user {
		return true
	}
	sid, err := unix.Getsid(m.PID)
	return err == nil && sid == session
}
