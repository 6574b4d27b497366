package plan

import (
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"inetd/internal/conf"
	"inetd/internal/strerror"

	"golang.org/x/sys/unix"
)

// lint looks for what works but is dangerous or useless. Only check mode tells: a log
// would repeat it at every reload. uid is the user who asks.
func (l *loader) lint(uid int) {
	l.openFiles()
	l.openServers()
	l.lintDirectories()
	l.lintSixAlone()
	l.lintRootForAll()
	l.lintOwnUser(uid)
	l.lintOwnGroup()
	l.lintNeedsRoot(uid)
	l.lintRights()
	l.lintConnections()
	if l.xinetd != nil {
		if note, ok := l.xinetd.Defaults(); ok {
			l.add(note)
		}
	}
	if len(l.plan.Files)+len(l.cfg.Entries) == 0 && l.plan.Err == nil {
		l.add(conf.Problem{Pos: conf.Pos{File: l.cfg.Files[0]}, Severity: conf.Warning, Text: "no configuration file", Hint: "nothing is served"})
	}
}

// writable reports whether others than a file's owner may write to it. A group with the
// same number as the owner is, by the custom of adduser, that user's own.
func writable(mode fs.FileMode, uid, gid uint32) bool {
	return mode&0o002 != 0 || mode&0o020 != 0 && uid != gid
}

// openToOthers reports whether a file exists that others may write to.
func openToOthers(path string) bool {
	var st unix.Stat_t
	err := unix.Stat(path, &st)
	return err == nil && st.Mode&unix.S_IFMT == unix.S_IFREG && writable(fs.FileMode(st.Mode).Perm(), st.Uid, st.Gid)
}

// openFiles finds configuration files that others than their owner may write to.
func (l *loader) openFiles() {
	for _, path := range l.sources.read {
		if openToOthers(path) {
			l.about(path, conf.Warning, "others than its owner can write the file, and so run programs as root", "try chmod go-w")
		}
	}
}

// openServers finds server programs that others than their owner may write to.
func (l *loader) openServers() {
	seen := map[string]bool{}
	for _, n := range l.notes {
		if !n.served() || n.svc.Do.Internal() {
			continue
		}
		path := n.svc.Do.Path
		if seen[path] {
			continue
		}
		seen[path] = true
		if openToOthers(path) {
			l.report(n.entry, n.entry.Cols[conf.ColServer], conf.Warning, fmt.Sprintf("others than its owner can write server %s", path), "try chmod go-w")
		}
	}
}

// lintDirectories finds UNIX-domain sockets without a directory to bind them in.
func (l *loader) lintDirectories() {
	for _, n := range l.notes {
		if !n.served() || n.entry.Kind != conf.Unix || strings.HasPrefix(n.entry.Service, "@") {
			continue
		}
		dir := filepath.Dir(n.entry.Service)
		info, err := os.Stat(dir)
		if err == nil && !info.IsDir() {
			err = unix.ENOTDIR
		}
		if err != nil {
			l.report(n.entry, n.entry.Cols[conf.ColService], conf.Warning, fmt.Sprintf("directory %s of the path: %s", dir, strerror.Cause(err)), "")
		}
	}
}

// lintSixAlone hints, once, at services for IPv6 that no entry serves for IPv4. In other
// inetds "tcp6" often means both.
func (l *loader) lintSixAlone() {
	l.once(func(n note) bool {
		if n.entry.Kind != conf.Inet || n.entry.Family != conf.V6 || strings.HasSuffix(n.entry.Word, "only") || !n.everywhere() {
			return false
		}
		four := n.svc.Sockets[0].Spec
		four.Family, four.Addr = unix.AF_INET, netip.AddrPortFrom(netip.IPv4Unspecified(), four.Addr.Port())
		_, taken := l.claims[four]
		return !taken
	}, conf.ColProtocol, "serves IPv6 only", "tcp46 and udp46 serve IPv4 as well, tcp6only and udp6only say that this is meant")
}

// lintRootForAll hints, once, at servers that run as root for everybody, though the
// option -l could limit that.
func (l *loader) lintRootForAll() {
	l.once(func(n note) bool {
		if k := n.entry.Keys; l.cfg.wraps(k, false) || k.Has("allow") {
			return false
		}
		return !n.entry.Internal && !n.entry.Wait && n.who != nil && n.who.UID == 0 && n.everywhere() && filepath.Base(n.entry.Server) != "tcpd"
	}, conf.ColService, "runs as root and lets every address in", "-l, tcpd or an address before the service would limit that")
}

func (n note) everywhere() bool {
	return slices.ContainsFunc(n.svc.Sockets, func(k Socket) bool { return k.Spec.Addr.Addr().IsUnspecified() })
}

// lintOwnUser hints, once, at servers for everybody that run as the daemon's user: such
// a server could kill the daemon.
func (l *loader) lintOwnUser(uid int) {
	l.once(func(n note) bool {
		own := n.entry.User == "" || uid != 0 && n.who != nil && int(n.who.UID) == uid
		return own && !n.entry.Internal && n.everywhere()
	}, conf.ColUser, "has the daemon's own user and so could kill it", "a user of its own is safer")
}

// lintOwnGroup hints, once, at a group without a user: a server that runs as the daemon's
// user has the daemon's groups.
func (l *loader) lintOwnGroup() {
	l.once(func(n note) bool {
		return n.entry.User == "" && n.entry.Group != "" && !n.entry.Internal
	}, conf.ColUser, "has the daemon's own user, so the group has no effect", "write the user as well")
}

// lintNeedsRoot hints, once, at users that a daemon started by uid could not become.
func (l *loader) lintNeedsRoot(uid int) {
	if uid == 0 {
		return
	}
	l.once(func(n note) bool { return n.who != nil && int(n.who.UID) != uid },
		conf.ColUser, fmt.Sprintf("needs a daemon started by root, and you are uid %d", uid), "write - for the daemon's own user")
}

// lintRights hints, once for each key, at keys that a daemon started by the user who asks
// could not obey.
func (l *loader) lintRights() {
	told := map[string]bool{}
	for _, n := range l.notes {
		if n.entry.Keys == nil || !n.served() || n.entry.Internal {
			continue
		}
		key, why := l.host.beyond(n.entry.Keys)
		if key == "" || told[key] {
			continue
		}
		told[key] = true
		l.report(n.entry, n.entry.Keys.At(key), conf.Hint, n.entry.Keys.Written(key)+": "+why+", and you do not have its rights", "")
	}
}

// lintConnections hints, once for each key, at keys about connections on services where
// the daemon accepts none. It is no warning: the key may be written for every entry.
func (l *loader) lintConnections() {
	for _, key := range [...]string{"refuse", "full", "linger"} {
		l.once(func(n note) bool {
			return n.entry.Keys.Has(key) && n.svc.Do.Mode != Accept
		}, conf.ColService, "has no connections that the daemon gives a server, so "+key+" has no effect", "")
	}
}

// once hints at the first served entry for which holds is true, with the number of the
// others.
func (l *loader) once(holds func(note) bool, col int, text, hint string) {
	found := slices.DeleteFunc(slices.Clone(l.notes), func(n note) bool { return !n.served() || !holds(n) })
	switch others := len(found) - 1; {
	case others < 0:
		return
	case others == 1:
		text += ", as does 1 more"
	case others > 1:
		text += fmt.Sprintf(", as do %d more", others)
	}
	l.report(found[0].entry, found[0].entry.Cols[col], conf.Hint, text, hint)
}
