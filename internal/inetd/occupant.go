package inetd

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	"inetd/internal/occupant"
	"inetd/internal/relay"
	"inetd/internal/syslog"
)

// Anybody may listen at the place of an entry before its server does. So who answers
// there has the clients only if it is the server: its process or one of its session, a
// socket of the entry's user, or of root.

// whoAnswers finds out who answers at the place of a service.
func (s *Server) whoAnswers(p *passing, r relay.Report) {
	b, o, user := p.back, r.Owner(), userID(p.svc.do)
	if o.Is(user) && (b.stage != asked || !o.Known) {
		s.placeAnswers(p, r, "somebody")
		return
	}
	who, ours, session := "", false, b.pid
	done := b.in(func() {
		if ours {
			s.placeAnswers(p, r, who)
		} else {
			s.placeTaken(p, who)
		}
	})
	s.beside(&s.examinations, examineTime, func(context.Context) {
		holder, known := o.Process(time.Now().Add(examineTime / 2))
		ours = o.Is(user) || known && occupant.Within(holder.PID, session)
		who = "a process"
		if known {
			who = fmt.Sprintf("%s[%d]", holder.Name, holder.PID)
		}
		who += " of user " + cmp.Or(s.userName(p.svc, o.UID), strconv.Itoa(int(o.UID)))
	}, done)
}

// userID is the user of the servers of an action.
func userID(do *action) uint32 {
	if c := do.program.Credential(); c != nil {
		return c.UID
	}
	return uint32(os.Geteuid())
}

// placeTaken refuses the clients of a service whose place somebody else has. It is told
// once of each who has it.
func (s *Server) placeTaken(p *passing, who string) {
	v, b := p.svc, p.back
	place := placeOf(v.do.keys.Connect)
	text := fmt.Sprintf("%s: %s has %s, where the server of this entry is to listen; clients are refused", v.label, who, place)
	if b.pid != 0 {
		s.stopBackend(p)
	}
	if about := (cause{v.label, text}); s.seldom.Tell(about) {
		v.usage().failing = append(v.usage().failing, about)
		s.log.Log(syslog.Err, text+" ("+s.placeOf(v, "connect")+"); end that process, or write another place")
		s.tellMore(about, "attempt", ": "+text)
	}
	s.refuseHeld(p, text)
}
