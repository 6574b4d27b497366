// Package wrap decides about clients as tcp_wrappers does. In goes a Question: which
// client wants which server, and the files whose rules must let it in. Out comes an
// Answer: let in or refused, the rule that decided, and how the options of that rule
// change the start of the server. The files are read as they are on disk now, and names
// of hosts are looked up when a rule needs them.
//
// An answer may take long, so each is sought in a goroutine of its own; everything here
// may be used by several goroutines. A client that needs neither a name server nor a
// command is never kept waiting by others.
package wrap

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"

	"inetd/internal/access"
	"inetd/internal/limit"
	"inetd/internal/strerror"
	"inetd/internal/textfile"

	"golang.org/x/sys/unix"
)

// Question asks about one client.
type Question struct {
	access.Query
	Label  string       // the service, whose clients share room
	Source limit.Source // what the client counts as
	Rules  []*Files     // all must let the client in
	Named  bool         // look up the names of both hosts, even if no rule needs them
	Conn   int          // the client's connection, for options that act on it

	// Run runs a shell command to its end. An error refuses the client; an exit status
	// other than 0 is one.
	Run func(ctx context.Context, command string) error
}

// Answer is the answer to a Question.
type Answer struct {
	access.Query // with the names that were looked up
	Allow        bool
	Verdict      access.Verdict
	Fault        error            // why Allow is false although the rule said otherwise
	Problems     []access.Problem // of rules files that have changed
	Orders
}

// Refusal returns the Answer for a client that a rule refuses without a Question.
func Refusal(q access.Query, v access.Verdict) *Answer {
	return &Answer{Query: q, Verdict: v, Orders: noOrders}
}

// Orders are what the options of a rule want of the code that serves the client.
type Orders struct {
	Severity int      // a syslog level for the log line; -1: the usual one
	Spawn    []string // shell commands to run beside the server, not yet passed to access.Expand
	Twist    string   // a shell command in place of the server, also for a refused client; "": none
	Env      []string // NAME=value
	AsUser   string   // instead of the entry's; "": the entry's
	AsGroup  string   // like AsUser
	Umask    int      // -1: the daemon's
	Nice     int      // to be added to the nice value
}

var noOrders = Orders{Severity: -1, Umask: -1}

// Asker answers questions.
type Asker struct {
	names names
	room  room
}

// NewAsker returns an Asker that looks names up by a resolver.
func NewAsker(r *net.Resolver) *Asker { return &Asker{names: names{resolver: r}} }

// inquiry is a Question on its way to an Answer.
type inquiry struct {
	*Answer
	*Asker
	ctx      context.Context
	question *Question
	member   *limit.Member // its share of the room; nil: it has not needed any yet
}

// Ask answers a Question. ctx bounds the wait for room and the commands that are run,
// but not a lookup, which takes five seconds at most.
func (s *Asker) Ask(ctx context.Context, q Question) *Answer {
	a := s.judge(ctx, &q)
	defer a.leave()
	for _, o := range a.Verdict.Options {
		a.Refuse(a.carryOut(o))
	}
	if a.Allow && q.Named {
		a.findNames() // after an error the server is told no names
	}
	return a.Answer
}

// Judge asks the rules of a Question as Ask does, but carries out none of their options.
func (s *Asker) Judge(ctx context.Context, q Question) *Answer {
	a := s.judge(ctx, &q)
	a.leave()
	return a.Answer
}

func (s *Asker) judge(ctx context.Context, q *Question) *inquiry {
	a := &inquiry{
		Answer: &Answer{Query: q.Query, Allow: true, Orders: noOrders},
		Asker:  s, ctx: ctx, question: q,
	}
	for _, f := range q.Rules {
		rules, problems := f.Current()
		a.Problems = append(a.Problems, problems...)
		a.Verdict = a.ask(rules)
		if a.Allow = a.Verdict.Allow; !a.Allow {
			break
		}
	}
	return a
}

// enter waits for room, which the client keeps for the rest of its inquiry.
func (a *inquiry) enter() (err error) {
	if a.member == nil {
		a.member, err = a.room.enter(a.ctx, a.question.Label, a.question.Source)
	}
	return err
}

func (a *inquiry) leave() {
	if a.member != nil {
		a.room.leave(a.member)
	}
}

// Refuse refuses the client if there is an error.
func (a *Answer) Refuse(err error) {
	if err != nil {
		a.Allow, a.Fault = false, err
	}
}

// ask asks rules, and looks up the names of the hosts if they need them.
func (a *inquiry) ask(r Rules) access.Verdict {
	v := r(a.Query)
	if !v.NeedName {
		return v
	}
	if err := a.findNames(); err != nil {
		v.Note = err.Error() // and Allow is false
		return v
	}
	return r(a.Query)
}

// findNames looks up the names of both ends, unless it has done so. Only the peer's
// name server is chosen by strangers, so only a lookup of the peer needs room.
func (a *inquiry) findNames() error {
	if a.NameState != access.NotAsked || a.UnixPeer {
		return nil
	}
	name, found := inFiles(a.Peer.Addr())
	if !found {
		if err := a.enter(); err != nil {
			return err
		}
	}
	local := a.names.find(a.Local.Addr())
	a.PeerName, a.NameState = name, access.Confirmed
	if !found {
		peer := a.names.ask(a.Peer.Addr())
		<-peer.found
		a.PeerName, a.NameState = peer.name, peer.state
	}
	<-local.found
	a.LocalName = local.name
	return nil
}

// run runs a shell command.
func (a *inquiry) run(command string) error {
	if err := a.enter(); err != nil {
		return err
	}
	return a.question.Run(a.ctx, command)
}

// carryOut does what an option asks for, or makes an order of it. An error refuses the
// client.
func (a *inquiry) carryOut(o access.Option) error {
	value := access.Expand(o.Value, a.Query, os.Getpid())
	switch o.Name {
	case "severity": // without its facility: the log has only one
		a.Severity = o.Number & 7
	case "spawn":
		a.Spawn = append(a.Spawn, o.Value) // expanded when the process that serves is known
	case "twist":
		a.Twist = value
	case "setenv":
		a.Env = append(a.Env, value)
	case "user":
		a.AsUser, a.AsGroup, _ = strings.Cut(o.Value, ".")
	case "group":
		a.AsGroup = o.Value
	case "umask":
		a.Umask = o.Number
	case "nice":
		a.Nice += o.Number
	case "rfc931": // no ident lookup is made: the user stays unknown, as if the peer had no identd
	case "keepalive":
		return optionError(o, unix.SetsockoptInt(a.question.Conn, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1))
	case "linger":
		return optionError(o, unix.SetsockoptLinger(a.question.Conn, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1, Linger: int32(o.Number)}))
	case "banners":
		return optionError(o, a.showBanner(a.question.Conn, o.Value))
	case "aclexec":
		return optionError(o, a.run(value))
	default:
		return fmt.Errorf("option %s is not known here", o.Name)
	}
	return nil
}

func optionError(o access.Option, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("option %s: %s", o.Name, strerror.Cause(err))
}

// showBanner sends the client the file in dir that is named like the daemon, if there
// is one, as much of it as the send buffer takes: it does not wait.
func (a *Answer) showBanner(conn int, dir string) error {
	text, err := textfile.ReadAmongOthers(filepath.Join(dir, a.Daemon), textfile.Limit)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	banner := access.Expand(strings.ReplaceAll(text, "\n", "\r\n"), a.Query, os.Getpid())
	unix.SendmsgN(conn, []byte(banner), nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL) // an error harms the client alone
	return nil
}

// Why says what decided, about which daemon and peer, as the end of a log line.
func (a *Answer) Why() string {
	why := ""
	for _, part := range []string{a.Verdict.Place(), a.Verdict.Rule, a.Verdict.Note} {
		if part != "" {
			why += ": " + part
		}
	}
	if a.Fault != nil {
		why += ": " + a.Fault.Error()
	}
	who := "daemon " + a.Daemon
	if a.Peer.IsValid() {
		who += ", peer " + a.Peer.String()
	}
	return fmt.Sprintf("%s (%s)", why, who)
}
