package inetd

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"inetd/internal/access"
	"inetd/internal/account"
	"inetd/internal/child"
	"inetd/internal/strerror"
	"inetd/internal/syslog"

	"golang.org/x/sys/unix"
)

// inquiry finds out about a client, in a goroutine of its own: its name, if
// somebody wants to know that, whether rules let it in, and what else they ask
// for. When it has run it is the loop's again.
type inquiry struct {
	access.Query
	server      *Server // of which only what may be used beside the loop
	do          *action
	conn        int
	name, proto string       // of the service
	rules       []*ruleFiles // that must all let the client in
	wrapped     bool         // among them are hosts.allow and hosts.deny
	named       bool         // the server is told the names of hosts

	allow   bool
	verdict access.Verdict
	fault   error // why allow is false although the rule said otherwise
	orders
}

// orders are what the options of a rule ask for, as far as the loop has to do it.
type orders struct {
	severity syslog.Priority
	severe   bool // there is a severity
	spawn    []string
	twist    string
	env      []string // NAME=value
	who      question // in place of the user of the entry
	umask    int      // -1: none
	nice     int
	program  *child.Program // in place of the one of the service; nil: that one
}

func (q *inquiry) run() {
	q.allow, q.umask = true, -1
	for _, r := range q.rules {
		q.verdict = q.ask(r.current(q.server.log))
		if q.allow = q.verdict.Allow; !q.allow {
			break
		}
	}
	for _, o := range q.verdict.Options {
		q.refuse(q.carryOut(o))
	}
	if q.twist != "" || q.allow && (q.env != nil || q.who != question{}) && q.do.builtin == "" {
		q.refuse(q.makeProgram())
	}
	if q.allow && q.named {
		q.findNames() // without them the server is told none
	}
}

// refuse refuses the client if there is an error.
func (q *inquiry) refuse(err error) {
	if err != nil {
		q.allow, q.fault, q.program = false, err, nil
	}
}

// ask asks rules, and finds out the names of the hosts if they want them.
func (q *inquiry) ask(r rules) access.Verdict {
	v := r(q.Query)
	if !v.NeedName {
		return v
	}
	if err := q.findNames(); err != nil {
		v.Note = err.Error() // and Allow is false
		return v
	}
	return r(q.Query)
}

// findNames looks up the names of both ends, unless it did before.
func (q *inquiry) findNames() error {
	if q.NameState != access.NotAsked || q.UnixPeer {
		return nil
	}
	n := &q.server.names
	peer, err := n.ask(q.Peer.Addr())
	if err != nil {
		return err
	}
	local, err := n.ask(q.Local.Addr())
	if err == nil {
		<-local.found
		q.LocalName = local.name
	}
	<-peer.found
	q.PeerName, q.NameState = peer.name, peer.state
	return nil
}

// appendNames appends the variables for the names of both ends, as far as they
// are known.
func (q *inquiry) appendNames(b []byte) []byte {
	if !q.named {
		return b
	}
	if q.LocalName != "" {
		b = appendVar(b, "TCPLOCALHOST", q.LocalName)
	}
	if q.PeerName != "" {
		b = appendVar(b, "TCPREMOTEHOST", q.PeerName)
		b = appendVar(b, "REMOTE_HOST", q.PeerName)
	}
	return b
}

// carryOut does what an option asks for, or notes it for the loop. With an
// error the client is refused.
func (q *inquiry) carryOut(o access.Option) error {
	value := access.Expand(o.Value, q.Query, os.Getpid())
	switch o.Name {
	case "severity": // its facility is not ours to choose: the log has one
		q.severity, q.severe = syslog.Priority(o.Number&7), true
	case "spawn":
		q.spawn = append(q.spawn, o.Value) // expanded when it is known which process serves
	case "twist":
		q.twist = value
	case "setenv":
		q.env = append(q.env, value)
	case "user":
		q.who.user, q.who.group, _ = strings.Cut(o.Value, ".")
	case "group":
		q.who.group = o.Value
	case "umask":
		q.umask = o.Number
	case "nice":
		q.nice += o.Number
	case "rfc931": // nobody is asked, as if the peer had no identd: the user stays unknown
	case "keepalive":
		return optionError(o, unix.SetsockoptInt(q.conn, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1))
	case "linger":
		return optionError(o, unix.SetsockoptLinger(q.conn, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1, Linger: int32(o.Number)}))
	case "banners":
		return optionError(o, q.showBanner(o.Value))
	case "aclexec":
		return optionError(o, q.succeeds(value))
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
func (q *inquiry) showBanner(dir string) error {
	text, err := readRules(filepath.Join(dir, q.Daemon))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	banner := access.Expand(strings.ReplaceAll(string(text), "\n", "\r\n"), q.Query, os.Getpid())
	unix.SendmsgN(q.conn, []byte(banner), nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL) // an error is the client's affair
	return nil
}

// aclTime bounds the wait for a command that decides about a client.
const aclTime = 10 * time.Second

// succeeds runs a shell command and returns an error unless it exits with 0.
func (q *inquiry) succeeds(cmd string) error {
	done := make(chan child.Status, 1)
	q.server.mail.post(func() { q.server.shell(cmd, done) })
	select {
	case <-time.After(aclTime):
		return fmt.Errorf("no answer within %v", aclTime)
	case st := <-done:
		if st.Stage != child.Run {
			return errors.New(st.Error(shellPath))
		}
		if st.Wait != 0 {
			return errors.New(how(st.Wait))
		}
		return nil
	}
}

// makeProgram makes the program that is to be started in place of the one of
// the service: a command, or the server with another environment or user.
func (q *inquiry) makeProgram() error {
	path, argv := q.do.path, strings.Split(q.do.argv, "\x00")
	if q.twist != "" {
		path, argv = shellPath, []string{"sh", "-c", q.twist}
	}
	cred, err := q.credential()
	if err != nil {
		return err
	}
	profile, err := q.server.starter.Profile(q.environment(), cred)
	if err != nil {
		return err
	}
	q.program, err = profile.Program(path, argv)
	return err
}

// credential looks up the user of the entry, or whom the rule wants instead.
func (q *inquiry) credential() (*child.Credential, error) {
	who := q.do.account
	if q.who.user != "" {
		who = q.who
	} else if q.who.group != "" {
		who = question{cmp.Or(who.user, strconv.Itoa(os.Geteuid())), q.who.group}
	}
	accounts, err := account.Open(passwdFile, groupFile, account.Getent(q.server.getent()))
	if err != nil {
		return nil, err
	}
	return (&loader{plan: plan{accounts: accounts}}).credential(who)
}

// environment is that of every server with the variables of the rule in place
// of its own.
func (q *inquiry) environment() []string {
	env := environment(q.server.cfg.KeepEnv)
	for _, set := range q.env {
		name, _, _ := strings.Cut(set, "=")
		env = slices.DeleteFunc(env, func(v string) bool { return strings.HasPrefix(v, name+"=") })
		env = append(env, set)
	}
	return env
}

// priority is that of the rule, or else p.
func (q *inquiry) priority(p syslog.Priority) syslog.Priority {
	if q.severe {
		return q.severity
	}
	return p
}

// why says what decided and who was asked about, to be appended to a log line.
func (q *inquiry) why() string {
	v, why := q.verdict, ""
	if v.File != "" {
		why = ": " + place(v)
	}
	if v.Rule != "" {
		why += ": " + v.Rule
	}
	if v.Note != "" {
		why += ": " + v.Note
	}
	if q.fault != nil {
		why += ": " + q.fault.Error()
	}
	who := "daemon " + q.Daemon
	if q.Peer.IsValid() {
		who += ", peer " + q.Peer.String()
	}
	return fmt.Sprintf("%s (%s)", why, who)
}

// place is where the rule that decided starts, or the file that cannot be read.
func place(v access.Verdict) string {
	if v.Line == 0 {
		return v.File
	}
	return fmt.Sprintf("%s:%d", v.File, v.Line)
}
