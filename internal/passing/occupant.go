package passing

import (
	"cmp"
	"fmt"
	"os"
	"strconv"
	"time"

	"inetd/internal/occupant"
	"inetd/internal/relay"
	"inetd/internal/syslog"
	"inetd/internal/table"
)

// Anybody may listen at the place of an entry before its server does. So whoever answers
// there gets the clients only if that is the server: its process or another of its
// session, or a socket of the entry's user or of root.

// whoAnswers finds out who answers at the place of a service, beside the loop unless that
// is known. A relay is another user's process and may report what it likes, so each
// service has one lookup at a time, and of the answers that come during it the last
// counts.
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
	session, id := b.session, strconv.Itoa(int(o.UID))
	found := func(who, userName string, ours bool) func() {
		return func() { rs.answered(p, r, who+" of user "+userName, ours) }
	}
	rs.lookups.Do(func() func() {
		who, ours := "a process", o.Is(user)
		if holder, known := o.Process(time.Now().Add(holderTime)); known {
			who = fmt.Sprintf("%s[%d]", holder.Name, holder.PID)
			ours = ours || occupant.Within(holder.PID, session)
		}
		return found(who, cmp.Or(rs.loop.UserName(p.svc, o.UID), id), ours)
	}, found("a process", id, o.Is(user)))
}

// answered handles who has sent a report that the place answers, and whether that is the
// server.
func (rs *Relays) answered(p *passing, r relay.Report, who string, ours bool) {
	b := p.back
	b.asking = false
	switch {
	case b.again:
		rs.whoAnswers(p, b.answer)
		return
	case b.answer != r:
		return // the place has answered anew since
	}
	b.who = who
	if ours {
		rs.act(p, b.Answers(time.Now()))
	} else {
		rs.act(p, b.Taken(time.Now()))
	}
}

// userID is the user that the servers of an action run as.
func userID(do *table.Action) uint32 {
	if c := do.Program.Credential(); c != nil {
		return c.UID
	}
	return uint32(os.Geteuid())
}

// tellTaken logs that somebody else has the place of a service, once for each of them.
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
