package inetd

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"inetd/internal/account"
	"inetd/internal/builtin"
	"inetd/internal/child"
	"inetd/internal/conf"
	"inetd/internal/sock"
)

// entry adds the service of an entry to the plan and returns it, or reports why
// there is none and returns nil.
func (l *loader) entry(e *conf.Entry) *service {
	if e.Kind == conf.Mux {
		return l.muxEntry(e)
	}
	wants, port := l.addresses(e)
	l.mux.seen = l.mux.seen || isMux(e, port)
	do := l.action(e, port)
	if do == nil || len(wants) == 0 || !l.secure(e, do, port) {
		return nil
	}
	v := l.blocks.service(e.Label(), do)
	for _, w := range wants {
		l.claim(e, v, w)
	}
	l.plan.services = append(l.plan.services, v)
	return v
}

// claim says which entry has a socket.
type claim struct {
	svc  *service
	file string
	line int
}

// claim gives a socket to the service of an entry. A later entry takes over
// the socket of an earlier one, except that a socket which a plain "tcp" merely
// implies gives way to one that was asked for.
func (l *loader) claim(e *conf.Entry, v *service, w want) {
	before, taken := l.claims[w.spec]
	if taken && before.svc == v {
		return
	}
	if taken {
		other := before.svc.find(w.spec)
		if other.explicit && !w.explicit {
			return
		}
		if other.explicit == w.explicit {
			l.reportOnce(e, conf.Warning, fmt.Sprintf("%s replaces the entry of %s", w.spec, before.seenFrom(e.Pos.File)))
		}
		before.svc.drop(other)
	}
	l.claims[w.spec] = claim{v, e.Pos.File, e.Pos.Line}
	v.add(l.blocks.socket(socket{spec: w.spec, svc: v, fd: -1, explicit: w.explicit}))
}

// seenFrom names the line of the entry for a message about one in a file.
func (c claim) seenFrom(file string) string {
	if c.file == file {
		return fmt.Sprintf("line %d", c.line)
	}
	return fmt.Sprintf("%s:%d", c.file, c.line)
}

// reportOnce is report for what several sockets of one entry have to say.
func (l *loader) reportOnce(e *conf.Entry, s conf.Severity, text string) {
	key := e.Pos.String() + text
	if !l.told[key] {
		l.told[key] = true
		l.report(e, e.Pos, s, text, "")
	}
}

// dropReplaced removes the services whose sockets have all been taken over.
func (l *loader) dropReplaced() {
	kept := l.plan.services[:0]
	for _, v := range l.plan.services {
		if v.reachable() {
			kept = append(kept, v)
		}
	}
	clear(l.plan.services[len(kept):])
	l.plan.services = kept
}

// action returns what an entry asks to be done, shared with equal ones; nil if
// it cannot be done.
func (l *loader) action(e *conf.Entry, port *portName) *action {
	d, ok := l.deed(e, port)
	if !ok {
		return nil
	}
	if l.last != nil && l.last.deed == d { // much cheaper than looking for it, and common in long files
		return l.last
	}
	do := l.actions[d]
	if do == nil {
		do = l.newAction(e, d)
	}
	if do != nil {
		l.actions[do.deed], l.last = do, do
	}
	return do
}

// deed is what an entry asks to be done, in the words of the entry's file.
func (l *loader) deed(e *conf.Entry, port *portName) (d deed, ok bool) {
	d = deed{
		listens: e.Type == conf.Stream || e.Type == conf.SeqPacket,
		wait:    e.Wait,
		listen:  e.Listen,
		limits:  l.cfg.limits(e),
		account: question{e.User, e.Group},
		proto:   strings.ToUpper(e.Proto),
		options: l.options(e),
		mux:     e.Kind == conf.Mux,
		plus:    e.Plus,
	}
	if port != nil && port.program != 0 {
		d.rpc = rpcProgram{port.program, e.Low, e.High}
	}
	if e.Owner.Set && !l.owner(e, &d.options) {
		return d, false
	}
	if !e.Internal {
		d.path, d.argv = l.path(e), strings.Join(e.Argv, "\x00")
		return d, true
	}
	d.builtin = l.builtin(e, port)
	if d.builtin == identName {
		d.argv = strings.Join(e.Argv, "\x00")
	}
	return d, d.builtin != ""
}

// newAction makes the action of a deed that no entry before e asked for, or
// reports why there is none.
func (l *loader) newAction(e *conf.Entry, d deed) *action {
	profile := l.profile(e)
	if profile == nil {
		return nil
	}
	do := &action{deed: d.clone()}
	switch {
	case d.builtin == identName:
		if do.ident = l.identOptions(e); do.ident == nil {
			return nil
		}
	case d.builtin != "":
	case d.listen && !l.starter.Clone():
		l.report(e, e.Cols[3], conf.Error, "there is no clone3 here, without which nobody can tell a server LISTEN_PID, service ignored", "write wait if the server can do without")
		return nil
	default:
		g, err := profile.Program(d.path, e.Argv)
		if err != nil {
			l.report(e, e.Cols[5], conf.Error, err.Error(), "")
			return nil
		}
		g.Listen = d.listen
		do.program, do.daemon = g, strings.Clone(filepath.Base(e.Argv[0]))
	}
	return do
}

func (l *loader) options(e *conf.Entry) sock.Options {
	datagrams := e.Type == conf.Dgram
	return sock.Options{
		SndBuf: e.SndBuf, RcvBuf: e.RcvBuf, Backlog: l.backlog(),
		Blocking: e.Wait && !e.Internal, Defer: e.Defer,
		Reply: datagrams && e.Internal, Connect: datagrams && e.Kind == conf.Inet && !e.Internal && !e.Wait,
		Mode: 0o666, UID: -1, GID: -1,
	}
}

// owner fills in the owner and mode that an entry asks for its unix path.
func (l *loader) owner(e *conf.Entry, o *sock.Options) bool {
	o.Mode = e.Owner.Mode
	if e.Owner.User == "" && e.Owner.Group == "" {
		return true
	}
	c, err := l.plan.accounts.Lookup(cmp.Or(e.Owner.User, strconv.Itoa(os.Geteuid())), e.Owner.Group)
	if err != nil {
		text, hint := advice(err)
		l.report(e, e.Pos, conf.Error, "owner of the path: "+text, hint)
		return false
	}
	if e.Owner.User != "" {
		o.UID = int(c.UID)
	}
	if e.Owner.Group != "" {
		o.GID = int(c.GID)
	}
	return true
}

// defaultBacklog is that of Debian's inetd.
const defaultBacklog = 128

func (l *loader) backlog() int {
	if l.cfg.Backlog > 0 {
		return l.cfg.Backlog
	}
	return defaultBacklog
}

// builtin finds the builtin that an internal entry means: by the first word
// after "internal", by the service's name, or by an alias of it.
func (l *loader) builtin(e *conf.Entry, port *portName) string {
	names := append(slices.Clone(e.Argv[:min(1, len(e.Argv))]), e.Service)
	if port != nil {
		names = append(names, port.names...)
	}
	for _, n := range names {
		if slices.Contains(builtins(), n) {
			return l.suitable(e, n)
		}
	}
	l.report(e, e.Cols[5], conf.Error, fmt.Sprintf("internal service %s unknown", e.Service),
		"the builtins are "+strings.Join(builtins(), ", "))
	return ""
}

// builtins are the names of the services that the daemon serves itself.
func builtins() []string { return append(builtin.Names(), muxName, identName) }

// suitable returns the name of a builtin if an entry can be for it.
func (l *loader) suitable(e *conf.Entry, name string) string {
	switch {
	case name == muxName && e.Kind == conf.Mux:
		l.report(e, e.Cols[5], conf.Error, "tcpmux cannot hand out itself", "")
	case name == muxName && e.Type != conf.Stream:
		l.report(e, e.Cols[1], conf.Error, "tcpmux hands out the connections of a stream socket", "write stream and tcp")
	case name == identName && (e.Type != conf.Stream || e.Proto != "tcp"):
		l.report(e, e.Cols[1], conf.Error, "auth answers about tcp connections, to who asks over one", "write stream and tcp")
	default:
		return name
	}
	return ""
}

// searchPath is where a server without a slash is looked for, as busybox does.
var searchPath = []string{"/usr/sbin", "/usr/bin", "/sbin", "/bin"}

// path returns the path of the server program and warns of one that cannot be
// executed. The service is opened all the same: the program may come yet.
func (l *loader) path(e *conf.Entry) string {
	path := e.Server
	switch {
	case filepath.IsAbs(path):
	case strings.Contains(path, "/"):
		l.report(e, e.Cols[5], conf.Warning, fmt.Sprintf("server %s is seen from the daemon's directory", path), "an absolute path is safer")
	default:
		path = search(path)
	}
	fault, ok := l.checked[path]
	if !ok {
		fault = unusable(path)
		l.checked[path] = fault
	}
	if fault != "" {
		l.report(e, e.Cols[5], conf.Warning, fault, "")
	}
	return path
}

func search(name string) string {
	for _, dir := range searchPath {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path
		}
	}
	return filepath.Join(searchPath[0], name)
}

// profile returns the shared profile of an entry's user, or reports why there
// is none. A builtin's user must exist too, as in every inetd that checks.
func (l *loader) profile(e *conf.Entry) *child.Profile {
	q := question{e.User, e.Group}
	if p, ok := l.plan.profiles[q]; ok {
		return p
	}
	cred, err := l.credential(q)
	if err != nil {
		text, hint := advice(err)
		l.report(e, e.Cols[4], conf.Error, text+", service ignored", hint)
		return nil
	}
	p, err := l.starter.Profile(l.env, cred)
	if err != nil {
		l.report(e, e.Cols[4], conf.Error, err.Error(), "")
		return nil
	}
	l.plan.profiles[question{strings.Clone(q.user), strings.Clone(q.group)}] = p
	return p
}

// credential looks up who a server is to be; nil is whoever the daemon is.
func (l *loader) credential(q question) (*child.Credential, error) {
	if q.user == "" {
		return nil, nil
	}
	c, err := l.plan.accounts.Lookup(q.user, q.group)
	if err != nil {
		return nil, err
	}
	if uid := os.Geteuid(); uid != 0 && !l.checking {
		if int(c.UID) != uid || q.group != "" && int(c.GID) != os.Getegid() {
			return nil, &account.Error{
				Text: fmt.Sprintf("this daemon runs as uid %d and cannot become %q", uid, join(q)), Hint: "write - for the daemon's own user"}
		}
		return nil, nil
	}
	return change(&child.Credential{UID: c.UID, GID: c.GID, Groups: c.Groups}), nil
}

// advice returns an error about an account and what to do about it.
func advice(err error) (text, hint string) {
	if e, ok := errors.AsType[*account.Error](err); ok {
		return e.Text, e.Hint
	}
	return err.Error(), ""
}

// change returns nil for the identity that a root daemon has already: what is
// to be the same root need not be made it.
func change(c *child.Credential) *child.Credential {
	own, err := os.Getgroups()
	if err != nil || c.UID != 0 || int(c.GID) != os.Getegid() {
		return c
	}
	own = slices.Compact(slices.Sorted(slices.Values(append(own, os.Getegid()))))
	if !slices.EqualFunc(own, c.Groups, func(a int, b uint32) bool { return a == int(b) }) {
		return c
	}
	return nil
}

func join(q question) string {
	if q.group == "" {
		return q.user
	}
	return q.user + ":" + q.group
}

// decimal reads a port number.
func decimal(s string) (uint16, bool) {
	n, err := strconv.ParseUint(s, 10, 16)
	return uint16(n), err == nil && s[0] != '+'
}
