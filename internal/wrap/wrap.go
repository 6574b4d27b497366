// Package wrap decides about clients as tcp_wrappers does. In goes a Question:
// who asks for which server, and the files whose rules must let it in; out comes
// an Answer: let in or refused, the rule that decided, and what the options of
// that rule ask of whoever starts the server. The files are those on disk now,
// and names of hosts are looked up when a rule needs them.
//
// An answer may take long, so it is sought in a goroutine of its own. Everything
// here may be used by several goroutines.
package wrap

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"inetd/internal/access"
	"inetd/internal/strerror"
	"inetd/internal/textfile"

	"golang.org/x/sys/unix"
)

// Question is about one client.
type Question struct {
	access.Query
	Rules []*Files // all must let the client in
	Named bool     // the names of both hosts are wanted, whatever the rules need
	Conn  int      // the client's connection, for options that act on it

	// Run runs a shell command to its end. An error, also that of a command that
	// exits with another status than 0, refuses the client.
	Run func(ctx context.Context, command string) error
}

// Answer is what became of a Question.
type Answer struct {
	access.Query // with the names that were looked up
	Allow        bool
	Verdict      access.Verdict
	Fault        error            // why Allow is false although the rule said otherwise
	Problems     []access.Problem // of files that were read again
	Orders
}

// Orders are what the options of a rule ask of whoever serves the client.
type Orders struct {
	Severity int      // a syslog level for the log line; -1: the usual one
	Spawn    []string // shell commands to run beside the server, not yet expanded
	Twist    string   // a shell command in place of the server, also for who is refused; "": none
	Env      []string // NAME=value
	AsUser   string   // in place of the entry's; "": that one
	AsGroup  string   // likewise
	Umask    int      // -1: the daemon's
	Nice     int      // to be added
}

// Ask answers a Question, until ctx is done at the latest.
func Ask(ctx context.Context, names *Names, q Question) *Answer {
	a := &Answer{Query: q.Query, Allow: true, Orders: Orders{Severity: -1, Umask: -1}}
	for _, f := range q.Rules {
		rules, problems := f.Current()
		a.Problems = append(a.Problems, problems...)
		a.Verdict = a.ask(names, rules)
		if a.Allow = a.Verdict.Allow; !a.Allow {
			break
		}
	}
	for _, o := range a.Verdict.Options {
		a.Refuse(a.carryOut(ctx, &q, o))
	}
	if a.Allow && q.Named {
		names.find(&a.Query) // without them the server is told none
	}
	return a
}

// Refuse refuses the client if there is an error.
func (a *Answer) Refuse(err error) {
	if err != nil {
		a.Allow, a.Fault = false, err
	}
}

// ask asks rules, and finds out the names of the hosts if they want them.
func (a *Answer) ask(names *Names, r Rules) access.Verdict {
	v := r(a.Query)
	if !v.NeedName {
		return v
	}
	if err := names.find(&a.Query); err != nil {
		v.Note = err.Error() // and Allow is false
		return v
	}
	return r(a.Query)
}

// carryOut does what an option asks for, or makes an order of it. With an error
// the client is refused.
func (a *Answer) carryOut(ctx context.Context, q *Question, o access.Option) error {
	value := access.Expand(o.Value, a.Query, os.Getpid())
	switch o.Name {
	case "severity": // its facility is not ours to choose: the log has one
		a.Severity = o.Number & 7
	case "spawn":
		a.Spawn = append(a.Spawn, o.Value) // expanded when it is known which process serves
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
	case "rfc931": // nobody is asked, as if the peer had no identd: the user stays unknown
	case "keepalive":
		return optionError(o, unix.SetsockoptInt(q.Conn, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1))
	case "linger":
		return optionError(o, unix.SetsockoptLinger(q.Conn, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1, Linger: int32(o.Number)}))
	case "banners":
		return optionError(o, a.showBanner(q.Conn, o.Value))
	case "aclexec":
		return optionError(o, q.Run(ctx, value))
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

// showBanner sends the client the file in dir that is named like the daemon,
// if there is one, as far as the send buffer takes it.
func (a *Answer) showBanner(conn int, dir string) error {
	text, err := textfile.ReadAmongOthers(filepath.Join(dir, a.Daemon), textfile.Limit)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	banner := access.Expand(strings.ReplaceAll(text, "\n", "\r\n"), a.Query, os.Getpid())
	unix.SendmsgN(conn, []byte(banner), nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL) // an error is the client's affair
	return nil
}

// Why says what decided and who was asked about, to be appended to a log line.
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
