package passing

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
	"inetd/internal/table"
)

// Anybody may listen at the place of an entry before its server does. So who answers
// there has the clients only if it is the server: its process or one of its session, a
// socket of the entry's user, or of root.

// whoAnswers finds out who answers at the place of a service, beside the loop unless
// that is known. Of one service that is found out once at a time, of the last answer if
// there are more meanwhile: a relay is a process of another user's, and says what it likes.
func (rs *Relays) whoAnswers(p *passing, r relay.Report) {
	b, o, user := p.back, r.Owner(), p.back.user
	b.answer, b.again = r, false
	if !o.Known {
		b.who = "somebody"
		rs.act(p, b.Answers(time.Now()))
		return
	}
	if o.Is(user) && b.PID != 0 {
		rs.act(p, b.Answers(time.Now()))
		return
	}
	if b.asking {
		b.again = true
		return
	}
	b.asking = true
	who, ours, session := "", false, b.session
	rs.loop.Beside.Do(examineTime, func(context.Context) {
		holder, known := o.Process(time.Now().Add(examineTime / 2))
		ours = o.Is(user) || known && occupant.Within(holder.PID, session)
		who = "a process"
		if known {
			who = fmt.Sprintf("%s[%d]", holder.Name, holder.PID)
		}
		who += " of user " + cmp.Or(rs.loop.UserName(p.svc, o.UID), strconv.Itoa(int(o.UID)))
	}, func() {
		b.asking = false
		switch {
		case b.again:
			rs.whoAnswers(p, b.answer)
			return
		case b.answer != r:
			return // it was another answer
		}
		b.who = who
		if ours {
			rs.act(p, b.Answers(time.Now()))
		} else {
			rs.act(p, b.Taken(time.Now()))
		}
	})
}

// userID is the user of the servers of an action.
func userID(do *table.Action) uint32 {
	if c := do.Program.Credential(); c != nil {
		return c.UID
	}
	return uint32(os.Geteuid())
}

// tellTaken tells that somebody else has the place of a service, once of each who has.
func (rs *Relays) tellTaken(p *passing) {
	v, b := p.svc, p.back
	text := fmt.Sprintf("%s: %s has %s, where the server of this entry is to listen; clients are refused", v.Label, b.who, v.Do.Connect.Where())
	p.failed("somebody else has "+v.Do.Connect.Where(), text)
	about := v.Cause(text)
	if !rs.loop.Log.First(about, "attempt", ": "+text) {
		return
	}
	v.Usage().Failing = append(v.Usage().Failing, about)
	advice := "; end that process, or write another place"
	if !b.Forked.IsZero() {
		advice = "; if that is the server, have it stay in the foreground"
	}
	rs.loop.Log.Log(syslog.Err, text+" ("+rs.loop.Log.PlaceOf(v, "connect")+")"+advice)
}
