// Package inquiry finds out about clients before they are served: whether the rules let
// them in (hosts.allow, hosts.deny, inetd.sec and the names in the keys allow and deny),
// what the names of both ends are, and which program the options of a rule want in place
// of the server. In goes a client that was admitted; out comes an Inquiry with the
// answer, which has been logged by then.
//
// Rules may be many and name servers slow, so each client has a goroutine of its own,
// which asks package wrap, and the event loop goes on with the client when it has the
// answer.
package inquiry

import (
	"cmp"
	"context"
	"net"
	"time"

	"inetd/internal/access"
	"inetd/internal/child"
	"inetd/internal/client"
	"inetd/internal/command"
	"inetd/internal/logbook"
	"inetd/internal/loop"
	"inetd/internal/plan"
	"inetd/internal/sock"
	"inetd/internal/table"
	"inetd/internal/wrap"
)

// Bounds on inquiries.
const (
	most        = wrap.MaxSlow + 64 // inquiries at once; more clients wait in the listen queue
	longest     = 30 * time.Second
	commandTime = 10 * time.Second
)

// Options are what the command line says of inquiries.
type Options struct {
	*plan.Config
	Resolve bool // servers are told host names
	KeepEnv bool // servers inherit the daemon's whole environment
}

// Desk is where inquiries are made. It belongs to the goroutine of the event loop.
type Desk struct {
	loop.Beside               // the inquiries under way
	Asker       *wrap.Asker   // asks name servers
	CommandTime time.Duration // how long a command of a rule may take

	options    Options
	log        *logbook.Book
	now        *table.InForce
	starter    *child.Starter
	commands   *command.Runner
	hosts, sec *wrap.Files
	asked      map[*Inquiry]bool
	scratch    sock.Address
}

// New makes a Desk. It reads nothing.
func New(o Options, log *logbook.Book, now *table.InForce, starter *child.Starter, commands *command.Runner, mail *loop.Mailbox) *Desk {
	allow, deny, sec := o.RuleFiles()
	return &Desk{
		Beside: *loop.NewBeside(mail, most), Asker: wrap.NewAsker(net.DefaultResolver), CommandTime: commandTime,
		options: o, log: log, now: now, starter: starter, commands: commands,
		hosts: wrap.Hosts(allow, deny), sec: wrap.Sec(sec), asked: map[*Inquiry]bool{},
	}
}

// ReadRules reads the rules that a plan asks for before the first client comes, and logs
// their problems.
func (d *Desk) ReadRules(p *plan.Plan) {
	var files []*wrap.Files
	if d.options.Wrap || d.options.WrapInternal || p.Wraps {
		files = append(files, d.hosts)
	}
	if p.Secured != nil {
		files = append(files, d.sec)
	}
	for _, f := range files {
		_, problems := f.Current()
		d.log.Problems(problems)
	}
}

// Wants reports whether something must be found out about all clients of an action
// before they are served.
func (d *Desk) Wants(do *table.Action) bool {
	return d.wraps(do) || d.tellsNames(do) || d.now.Secured != nil
}

// wraps reports whether hosts.allow and hosts.deny decide who is served.
func (d *Desk) wraps(do *table.Action) bool { return d.options.Wraps(do.Action, do.Keys) }

// tellsNames reports whether the server is told the names of hosts.
func (d *Desk) tellsNames(do *table.Action) bool { return d.options.Resolve && do.Builtin == "" }

// Ask finds out about a client, and calls then, which takes over the connection, on the
// loop.
func (d *Desk) Ask(v *table.Service, c client.Client, then func(*Inquiry)) {
	q := d.inquiry(v, c)
	d.starter.Note(c.Conn)
	d.asked[q] = true
	d.Do(longest, func(ctx context.Context) {
		q.Answer = d.Asker.Ask(ctx, q.Question)
		d.prepare(q, v.Do)
	}, func() {
		delete(d.asked, q)
		d.log.Problems(q.Answer.Problems)
		d.tell(q)
		then(q)
	})
}

// Each calls f with each client whose inquiry is under way.
func (d *Desk) Each(f func(*table.Service, client.Client)) {
	for q := range d.asked {
		f(q.For, q.Client)
	}
}

// Refused logs a client that is refused because of its address alone.
func (d *Desk) Refused(v *table.Service, c client.Client, g *access.Guard) {
	q := d.inquiry(v, c)
	q.Answer = wrap.Refusal(q.Query, g.Check(q.Query))
	d.tell(q)
}

// inquiry makes the inquiry about a client.
func (d *Desk) inquiry(v *table.Service, c client.Client) *Inquiry {
	q := &Inquiry{For: v, Client: c, wrapped: d.wraps(v.Do)}
	q.Label, q.Source = v.Label, c.Source
	q.name, q.proto = v.Split()
	q.Daemon = cmp.Or(v.Do.Daemon, q.name)
	q.Peer, q.UnixPeer = c.Peer, !c.Peer.IsValid()
	q.Local = c.Local(&d.scratch)
	q.Conn, q.Named, q.Run = c.Conn, d.tellsNames(v.Do), d.run
	if c.Named {
		q.Rules = append(q.Rules, wrap.Fixed(d.now.Guards[v].Check))
	}
	if d.now.Secured != nil {
		q.Service = cmp.Or(d.now.Secured[v.Label], q.name)
		q.Rules = append(q.Rules, d.sec)
	}
	if q.wrapped {
		q.Rules = append(q.Rules, d.hosts)
	}
	return q
}

// run runs a shell command and returns an error unless it exits with 0. It is called
// beside the loop.
func (d *Desk) run(ctx context.Context, cmd string) error {
	return d.commands.Check(ctx, cmd, d.CommandTime)
}
