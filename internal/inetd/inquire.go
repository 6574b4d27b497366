package inetd

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"os"
	"time"

	"inetd/internal/access"
	"inetd/internal/child"
	"inetd/internal/client"
	"inetd/internal/loop"
	"inetd/internal/plan"
	"inetd/internal/syslog"
	"inetd/internal/table"
	"inetd/internal/wrap"
)

// findRules makes ready what inquiries need. It reads nothing.
func (s *Server) findRules() {
	allow, deny, sec := s.cfg.RuleFiles()
	s.hosts, s.sec = wrap.Hosts(allow, deny), wrap.Sec(sec)
	s.asker = wrap.NewAsker(net.DefaultResolver)
	s.inquiries = loop.NewBeside(s.mail, maxInquiries)
}

// readRules reads the rules in force ahead of the first client, to report their
// problems.
func (s *Server) readRules(p *plan.Plan) {
	var files []*wrap.Files
	if s.cfg.Wrap || s.cfg.WrapInternal || p.Wraps {
		files = append(files, s.hosts)
	}
	if p.Secured != nil {
		files = append(files, s.sec)
	}
	for _, f := range files {
		_, problems := f.Current()
		s.log.Problems(problems)
	}
}

// attend serves a client that has been admitted. It takes over the connection.
func (s *Server) attend(v *table.Service, c client.Client) {
	switch {
	case c.Named || s.inquires(v.Do):
		s.inquire(v, c)
		return
	case v.Do.Builtin != "":
		s.serveBuiltin(v, c)
		return
	}
	s.start(&delayed{svc: v, client: c, program: v.Do.Program})
}

// inquires reports whether something must be found out about the clients of an
// action before they are served.
func (s *Server) inquires(do *table.Action) bool {
	return s.wraps(do) || s.tellsNames(do) || s.now.Secured != nil
}

// wraps reports whether hosts.allow and hosts.deny decide who is served.
func (s *Server) wraps(do *table.Action) bool { return s.cfg.Wraps(do.Action, do.Keys) }

// tellsNames reports whether the server is told the names of hosts.
func (s *Server) tellsNames(do *table.Action) bool { return s.cfg.Resolve && do.Builtin == "" }

// Bounds on inquiries.
const (
	maxInquiries = wrap.MaxSlow + 64 // at once; more clients wait in the listen queue
	inquiryTime  = 30 * time.Second
)

// inquiry is what is to be found out about a client before it is served.
type inquiry struct {
	wrap.Question
	name, proto string // of the service
	wrapped     bool   // hosts.allow and hosts.deny are asked

	answer  *wrap.Answer
	program *child.Program // in place of the one of the service; nil: that one
}

// admitted is a client for whom a goroutine does something.
type admitted struct {
	svc    *table.Service
	client client.Client
}

// inquire finds out about a client beside the loop, since rules may be many and
// name servers slow, and then goes on with it.
func (s *Server) inquire(v *table.Service, c client.Client) {
	q := s.inquiry(v, c)
	s.starter.Note(c.Conn)
	s.asked[q] = admitted{v, c}
	s.inquiries.Do(inquiryTime, func(ctx context.Context) {
		q.answer = s.asker.Ask(ctx, q.Question)
		s.prepare(q, v.Do)
	}, func() {
		delete(s.asked, q)
		s.decided(v, c, q)
	})
}

// inquiry makes the inquiry about a client.
func (s *Server) inquiry(v *table.Service, c client.Client) *inquiry {
	q := &inquiry{wrapped: s.wraps(v.Do)}
	q.Label, q.Source = v.Label, c.Source
	q.name, q.proto = v.Split()
	q.Daemon = cmp.Or(v.Do.Daemon, q.name)
	q.Peer, q.UnixPeer = c.Peer, !c.Peer.IsValid()
	q.Local = c.Local(&s.local)
	q.Conn, q.Named, q.Run = c.Conn, s.tellsNames(v.Do), s.runShell
	if c.Named {
		q.Rules = append(q.Rules, wrap.Fixed(s.now.Guards[v].Check))
	}
	if s.now.Secured != nil {
		q.Service = cmp.Or(s.now.Secured[v.Label], q.name)
		q.Rules = append(q.Rules, s.sec)
	}
	if q.wrapped {
		q.Rules = append(q.Rules, s.hosts)
	}
	return q
}

// decided goes on with a client about whom everything is known.
func (s *Server) decided(v *table.Service, c client.Client, q *inquiry) {
	s.log.Problems(q.answer.Problems)
	s.logDecision(q)
	pid := os.Getpid()
	switch {
	case q.program != nil:
		c.Room.Leave() // of a builtin: a process serves the client instead
		pid = cmp.Or(s.start(&delayed{v, c, q, q.program}), pid)
	case !q.answer.Allow:
		s.turnAway(v, c)
	case v.Do.Builtin != "":
		s.serveBuiltin(v, c)
	default:
		pid = cmp.Or(s.start(&delayed{v, c, q, v.Do.Program}), pid)
	}
	for _, cmd := range q.answer.Spawn {
		s.spawn(v, access.Expand(cmd, q.answer.Query, pid))
	}
}

// turnAway ends a client that has been admitted.
func (s *Server) turnAway(v *table.Service, c client.Client) {
	s.blame(v, &c)
	s.sendAway(v, c.Conn)
	s.leave(v, c.Source, c.Room)
}

// logDecision logs what came of a client, in the words of tcp_wrappers, and why.
func (s *Server) logDecision(q *inquiry) {
	a := q.answer
	client := access.Expand("%c", a.Query, 0)
	switch about := fmt.Sprintf("%s, service %s (%s)", client, q.name, q.proto); {
	case a.Twist != "" && q.program != nil:
		s.log.Log(q.priority(syslog.Warning), fmt.Sprintf("twist %s to %s, service %s (%s)%s", client, a.Twist, q.name, q.proto, a.Why()))
	case !a.Allow:
		s.log.Log(q.priority(syslog.Warning), "refused connection from "+about+a.Why())
	case q.wrapped:
		s.log.Log(q.priority(syslog.Info), "connection from "+about)
	}
}

// priority is that of the rule, or else p.
func (q *inquiry) priority(p syslog.Priority) syslog.Priority {
	if level := q.answer.Severity; level >= 0 {
		return syslog.Priority(level)
	}
	return p
}
