package inetd

import (
	"cmp"
	"fmt"
	"time"

	"inetd/internal/builtin"
	"inetd/internal/client"
	"inetd/internal/dgram"
	"inetd/internal/limit"
	"inetd/internal/plan"
	"inetd/internal/sock"
	"inetd/internal/stream"
	"inetd/internal/strerror"
	"inetd/internal/syslog"
	"inetd/internal/table"

	"golang.org/x/sys/unix"
)

// builtinPool is the room for connections of builtins. A client that finds no
// room waits in the listen queue.
func builtinPool() limit.Pool {
	return limit.Pool{Size: 256, PerService: 128, PerSource: 128, Patience: 10 * time.Second}
}

// enter gives a client that has been admitted the room that it needs. A client
// that tcpmux hands on has room already and takes it along. If there is no room
// for its source, enter takes back the admission and reports false.
func (s *Server) enter(v *table.Service, c *client.Client) bool {
	if !v.Do.Stays() {
		c.Room = nil
		return true
	}
	now := time.Now()
	switch {
	case c.Room == nil:
		c.Room = s.builtins.Enter(v.Label, c.Source, now)
	case !c.Room.Move(v.Label, now):
		c.Room = nil
	}
	if c.Room != nil {
		return true
	}
	s.release(v, c.Source)
	v.Usage().Refused.Room++
	if now.Sub(s.crowded) > time.Minute {
		s.crowded = now
		s.log.Tell(syslog.Warning, v, fmt.Sprintf("%s from %s exceeded the connections of internal services", v.Label, c.Who(v)),
			fmt.Sprintf("limit %d of one service, %d from one source", s.builtins.PerService, s.builtins.PerSource), "")
	}
	return false
}

// leave takes back what admit and enter gave to a client of a builtin.
func (s *Server) leave(v *table.Service, source limit.Source, room *limit.Member) {
	s.release(v, source)
	room.Leave()
}

// serveBuiltin serves a client itself.
func (s *Server) serveBuiltin(v *table.Service, c client.Client) {
	s.door.Welcome(v, c.Conn)
	v.Usage().Started++
	if b, _ := builtin.Lookup(v.Do.Builtin, s.clock.Now); b.Brief != nil {
		s.logBuiltin(v, c, 0)
		unix.Write(c.Conn, b.Brief(s.env[:0])) // the empty send buffer holds it all
		unix.Close(c.Conn)
		s.leave(v, c.Source, c.Room)
		return
	}
	s.talk(v, c, stream.Leftover{})
}

// talk has the builtin of a service talk with a client from the beginning, or from
// where it was interrupted.
func (s *Server) talk(v *table.Service, c client.Client, from stream.Leftover) {
	switch v.Do.Builtin {
	case plan.MuxName:
		s.serveMux(v, c, from)
	case plan.IdentName:
		s.serveIdent(v, c, from)
	default:
		b, _ := builtin.Lookup(v.Do.Builtin, s.clock.Now)
		s.converse(v, c, from, func(f *stream.Conn) error { return b.Stream(f) })
	}
}

// converse has a goroutine serve a client, whose connection is closed when serve
// returns. Its error is the client's affair. It goes on where another conversation
// with the client was interrupted, if that was so.
func (s *Server) converse(v *table.Service, c client.Client, from stream.Leftover, serve func(*stream.Conn) error) {
	c.Conn = s.starter.Keep(c.Conn)
	f, err := stream.Open(c.Conn, c.Room)
	if err != nil {
		s.leave(v, c.Source, c.Room)
		s.log.Tell(syslog.Warning, v, v.Label+": "+strerror.Call(err), "", "")
		return
	}
	f.Left, f.Idle = from, idleTimeOf(v.Do.Keys)
	f.Left.Begun = cmp.Or(from.Begun, time.Now().UnixNano())
	logEnd := s.logBuiltin(v, c, from.Begun)
	s.talks[f] = admitted{v, c}
	s.limitTalk(v, c, f)
	if s.holding { // it has begun after the others were interrupted
		f.Interrupt()
	}
	go func() {
		interrupted := f.Interrupted(serve(f))
		if !interrupted {
			f.Close()
		}
		s.mail.Post(func() {
			delete(s.talks, f)
			if interrupted && s.setAside(v, c, f) {
				return
			}
			s.leave(v, c.Source, f.Room)
			logEnd()
		})
	}()
}

// limitTalk ends a conversation once its time is over, if it has a limit.
func (s *Server) limitTalk(v *table.Service, c client.Client, f *stream.Conn) {
	k := v.Do.Keys
	if k == nil || k.MaxTime == 0 {
		return
	}
	s.timers.After(time.Until(time.Unix(0, f.Left.Begun).Add(k.MaxTime)), func() {
		if _, talking := s.talks[f]; talking {
			s.log.Noticef("%s: internal%s has run for %v, its max_time, and is ended (%s)", v.Label, c.From(), k.MaxTime, s.log.PlaceOf(v, "max_time"))
			f.End()
		}
	})
}

// answer answers the datagrams that wait on the socket of a builtin.
func (s *Server) answer(k *table.Socket) {
	var p sock.Packet
	replier := s.repliers[k]
	for range s.share {
		if !s.mayStart(k.Service) {
			return
		}
		n, err := p.Receive(int(k.FD), s.buffer())
		if err != nil {
			return // EAGAIN, or an ICMP error that an earlier reply caused
		}
		reply, ok := replier.Reply(s.env[:0], s.packet[:n])
		s.env = reply[:0]
		if ok && s.mayAnswer(k.Service, &p) {
			k.Service.Usage().Starts.Admit(time.Now(), 0, k.Service.Do.Limits.Window)
			p.Reply(int(k.FD), reply)
		}
	}
}

// mayAnswer reports whether a datagram may be answered. Its source may be forged
// to have two services answer each other, or to bury somebody in replies.
func (s *Server) mayAnswer(v *table.Service, p *sock.Packet) bool {
	if p.Peer.Family() == unix.AF_UNIX {
		return true // that source is real
	}
	peer := p.Peer.AddrPort()
	if !s.door.Hears(v, peer) || p.ToMany() || !builtin.Answerable(peer, func(port uint16) bool { return s.answering[port] }) {
		return false
	}
	return s.door.Answers(v, peer.Addr())
}

// buffer returns room for one datagram, made when first needed.
func (s *Server) buffer() []byte {
	if s.packet == nil {
		s.packet = make([]byte, dgram.MaxSize)
	}
	return s.packet
}
