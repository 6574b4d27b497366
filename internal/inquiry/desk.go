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
	"errors"
	"net"
	"sync/atomic"
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

	"golang.org/x/sys/unix"
)

// Bounds on inquiries.
const (
	most        = wrap.MaxSlow + 64 // inquiries at once; more clients wait in the listen queue
	admitted    = 512               // more inquiries, for clients that come from a proxy, from tcpmux or through an upgrade
	longest     = 30 * time.Second  // the wait for room, and commands
	giveUp      = 45 * time.Second  // all of it, also what cannot be interrupted, such as reading rules
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
	Max         int           // how many inquiries may be under way before other clients wait
	Asker       *wrap.Asker   // asks name servers
	CommandTime time.Duration // how long a command of a rule may take

	beside     *loop.Beside // the inquiries under way
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
		Max: most, beside: loop.NewBeside(mail, most+admitted, giveUp), Asker: wrap.NewAsker(net.DefaultResolver), CommandTime: commandTime,
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
func (d *Desk) tellsNames(do *table.Action) bool { return d.options.Resolve && !do.Internal() }

// Ask finds out about a client, and calls then, which takes over the connection, on the
// loop. If no answer comes in time, the client is refused.
func (d *Desk) Ask(v *table.Service, c client.Client, then func(*Inquiry)) {
	q := d.inquiry(v, c)
	d.starter.Note(c.Conn)
	d.asked[q] = true
	answer := func(a *wrap.Answer, g *child.Program) {
		delete(d.asked, q)
		q.Answer, q.Program = a, g
		d.log.Problems(a.Problems)
		d.tell(q)
		then(q)
	}
	var over atomic.Bool // the inquiry has ended, or was given up
	begun := d.beside.Do(func() func() {
		ctx, cancel := context.WithTimeout(context.Background(), longest)
		defer cancel()
		a := d.Asker.Ask(ctx, q.Question)
		g := d.prepare(a, v.Do)
		if over.Swap(true) {
			unix.Close(c.Conn)
		}
		return func() { answer(a, g) }
	}, func() {
		if !over.Swap(true) { // options of the rule may yet act on the connection
			q.Client.Conn, _ = unix.FcntlInt(uintptr(c.Conn), unix.F_DUPFD_CLOEXEC, 0)
			defer unix.Shutdown(c.Conn, unix.SHUT_RDWR)
		}
		a := wrap.Refusal(q.Query, access.Verdict{})
		a.Refuse(errLate)
		answer(a, nil)
	})
	if !begun {
		unix.Close(c.Conn)
	}
}

var errLate = errors.New("there is no answer; does a file system hang?")

// Full reports whether clients that are not admitted yet are to wait.
func (d *Desk) Full() bool { return d.beside.Len()+d.beside.Stuck() >= d.Max }

// Len returns how many clients have no answer yet.
func (d *Desk) Len() int { return d.beside.Len() }

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
