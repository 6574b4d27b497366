package plan

import (
	"slices"
	"strings"

	"inetd/internal/conf"
	"inetd/internal/sock"
)

// tuning returns those options of the key sockopt that the sockets of an entry support.
func tuning(e *conf.Entry) sock.Tuning {
	if !e.Keys.Has("sockopt") || !onInternet(e) {
		return sock.Tuning{}
	}
	t := sock.Tuning(e.Keys.Sockopt)
	if e.Proto != "tcp" {
		t = sock.Tuning{FreeBind: t.FreeBind, Device: t.Device, Mark: t.Mark, TOS: t.TOS}
	}
	return t
}

func onInternet(e *conf.Entry) bool { return e.Kind == conf.Inet || e.Kind == conf.RPC }

// tunable reports whether the sockets of an entry can be opened with the options of its
// key sockopt. If not, it reports why. It warns of options without effect.
func (l *loader) tunable(e *conf.Entry) bool {
	if !e.Keys.Has("sockopt") {
		return true
	}
	at, asked := e.Keys.At("sockopt"), e.Keys.Sockopt
	switch got := tuning(e); {
	case !onInternet(e):
		l.report(e, at, conf.Warning, "sockopt has no effect: the service has no socket of the Internet", "")
	case got != sock.Tuning(asked):
		l.report(e, at, conf.Warning, "keepalive, nodelay, congestion, user_timeout and fastopen of sockopt have no effect: they are for tcp", "")
	}
	if asked.Mark != 0 && l.host.UID != 0 && !l.checking {
		l.report(e, at, conf.Error, "sockopt mark: it takes a daemon started by root, service ignored", "")
		return false
	}
	if asked.Device != "" && l.host.Interfaces != nil && !slices.Contains(l.host.Interfaces(), asked.Device) {
		l.report(e, at, conf.Warning, "sockopt device: there is no interface "+asked.Device, "the socket is opened once there is one")
	}
	if c := asked.Congestion; c != "" && l.host.Congestions != nil {
		if known := l.host.Congestions(); len(known) > 0 && !slices.Contains(known, c) {
			l.report(e, at, conf.Warning, "sockopt congestion: this kernel does not have "+c+" loaded", "it has "+strings.Join(known, ", "))
		}
	}
	return true
}
