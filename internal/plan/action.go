package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"inetd/internal/builtin"
	"inetd/internal/conf"
	"inetd/internal/sock"
)

// action returns the action of an entry, which entries with equal actions share; nil if
// it is impossible.
func (l *loader) action(e *conf.Entry, port *officialPort) *Action {
	a, ok := l.asked(e, port)
	if !ok {
		return nil
	}
	if l.last != nil && *l.last == a { // much cheaper than the map, and common in long files
		return l.last
	}
	do := l.actions[a]
	if do == nil {
		if !l.possible(e, &a) {
			return nil
		}
		do = l.kept.action(a)
		l.actions[*do] = do
	}
	l.last = do
	return do
}

// asked returns the action that an entry asks for. Its strings share memory with the
// file's text. ok is false if there is a problem, which is reported.
func (l *loader) asked(e *conf.Entry, port *officialPort) (a Action, ok bool) {
	// Field by field: a composite literal would be built elsewhere and copied, 400 bytes for each entry.
	a.Listens = e.Type == conf.Stream || e.Type == conf.SeqPacket
	a.Wait, a.Listen = e.Wait, e.Listen
	a.Limits = l.cfg.limits(e)
	a.User = l.user(e)
	a.Keys = l.keysText(e.Keys)
	a.Connect = connectOf(e.Keys)
	a.Proto = strings.ToUpper(e.Proto)
	a.Options = l.options(e)
	a.Mux, a.Plus = e.Kind == conf.Mux, e.Plus
	if port != nil && port.program != 0 {
		a.RPC = RPC{port.program, e.Low, e.High}
	}
	ok = !e.Owner.Set || l.owner(e, &a.Options)
	switch {
	case ok && e.Keys.Has("sensor"):
		a.Builtin = SensorName
		ok = l.senses(e)
	case !ok, e.Relay():
	case !e.Internal:
		path, argv := l.server(e)
		a.Path, a.Argv = path, strings.Join(argv, "\x00")
	default:
		a.Builtin = l.builtin(e, port)
		ok = a.Builtin != "" && (a.Builtin != IdentName || l.identOptions(e, &a.Ident))
	}
	a.Mode = a.mode()
	return a, ok
}

// possible reports whether a new action, which e is the first entry to ask for, can be
// carried out. If not, it reports why.
func (l *loader) possible(e *conf.Entry, a *Action) bool {
	if !l.identify(e, a.Server()) {
		return false
	}
	if !l.granted(e) || !l.tunable(e) {
		delete(l.plan.Identities, a.Server()) // no other entry has these keys
		return false
	}
	if a.Listen && !l.host.Clone {
		l.report(e, e.Cols[conf.ColWait], conf.Error, "this kernel has no clone3, and without it a server cannot be told LISTEN_PID, service ignored",
			"write wait if the server can do without")
		return false
	}
	return true
}

func (l *loader) options(e *conf.Entry) sock.Options {
	datagrams := e.Type == conf.Dgram
	return sock.Options{
		SndBuf: e.SndBuf, RcvBuf: e.RcvBuf, Backlog: l.backlog(e),
		Blocking: e.Wait && !e.Internal, Defer: e.Defer,
		Reply: datagrams && e.Internal, Connect: datagrams && e.Kind == conf.Inet && !e.Internal && !e.Wait,
		Mode: 0o666, UID: -1, GID: -1, Tuning: tuning(e),
	}
}

// owner fills in the owner and mode that an entry asks for its UNIX-domain socket.
func (l *loader) owner(e *conf.Entry, o *sock.Options) bool {
	o.Mode = e.Owner.Mode
	if e.Owner.User == "" && e.Owner.Group == "" {
		return true
	}
	c, err := l.plan.Accounts.Lookup(cmp.Or(e.Owner.User, strconv.Itoa(l.host.UID)), e.Owner.Group)
	if err != nil {
		text, hint, c := advice(err)
		l.reportPassing(c, e, e.Pos, conf.Error, "owner of the path: "+text, hint)
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

// defaultBacklog is the backlog of Debian's inetd.
const defaultBacklog = 128

func (l *loader) backlog(e *conf.Entry) int {
	switch {
	case e.Keys != nil && e.Keys.Has("backlog"):
		return e.Keys.Backlog
	case l.cfg.Backlog > 0:
		return l.cfg.Backlog
	}
	return defaultBacklog
}

// builtin finds the builtin of an internal entry: by the first word after "internal", by
// the service's name, or by an alias of the service.
func (l *loader) builtin(e *conf.Entry, port *officialPort) string {
	names := append(slices.Clone(e.Argv[:min(1, len(e.Argv))]), e.Service)
	if port != nil {
		names = append(names, port.names...)
	}
	for _, n := range names {
		if slices.Contains(builtins(), n) {
			return l.suitable(e, n)
		}
	}
	hint := "the builtins are " + strings.Join(builtins(), ", ")
	if e.Cols[conf.ColServer] == (conf.Pos{}) { // a definition without exec
		hint = "a server needs the key exec; " + hint
	}
	l.report(e, e.Cols[conf.ColServer], conf.Error, fmt.Sprintf("internal service %s unknown", names[0]), hint)
	return ""
}

// The builtins that need to know more than the bytes of their connection.
const (
	MuxName   = "tcpmux" // gives its connection to the service that the client names (RFC 1078)
	IdentName = "auth"   // tells which user owns a connection (RFC 1413)
)

// SensorName is the builtin of an entry with the key sensor, which serves nobody.
const SensorName = "sensor"

// senses reports whether an entry can be a sensor.
func (l *loader) senses(e *conf.Entry) bool {
	why, hint := "", ""
	switch {
	case !e.Internal:
		why, hint = "it serves nobody", "write it for an entry without exec and connect"
	case e.Type != conf.Stream || e.Kind != conf.Inet || e.Proto != "tcp":
		why, hint = "only the client of a tcp connection is known for certain", "write protocol = tcp"
	default:
		return true
	}
	l.report(e, e.Keys.At("sensor"), conf.Error, e.Keys.Written("sensor")+": "+why+", service ignored", hint)
	return false
}

// builtins are the names of the services that the daemon serves itself.
func builtins() []string { return append(builtin.Names(), MuxName, IdentName) }

// suitable returns the name of a builtin, or reports why an entry cannot be for it.
func (l *loader) suitable(e *conf.Entry, name string) string {
	switch {
	case name == MuxName && e.Kind == conf.Mux:
		l.report(e, e.Cols[conf.ColServer], conf.Error, "tcpmux cannot hand out itself", "")
	case name == MuxName && e.Type != conf.Stream:
		l.report(e, e.Cols[conf.ColType], conf.Error, "tcpmux hands out the connections of a stream socket", "write stream and tcp")
	case name == IdentName && (e.Type != conf.Stream || e.Proto != "tcp"):
		l.report(e, e.Cols[conf.ColType], conf.Error, "auth answers about tcp connections, to who asks over one", "write stream and tcp")
	default:
		return name
	}
	return ""
}
