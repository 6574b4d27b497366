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
func (l *loader) lint(uid int) []Problem {
	problems := append(l.openFiles(), l.openServers()...)
	problems = append(problems, l.lintDirectories()...)
	problems = append(problems, l.lintSixAlone()...)
	problems = append(problems, l.lintRootForAll()...)
	problems = append(problems, l.lintOwnUser(uid)...)
	problems = append(problems, l.lintOwnGroup()...)
	problems = append(problems, l.lintNeedsRoot(uid)...)
	problems = append(problems, l.lintRights()...)
	problems = append(problems, l.lintConnections()...)
	if l.xinetd != nil {
		if note, ok := l.xinetd.Defaults(); ok {
			problems = append(problems, Problem{Problem: note})
		}
	}
	if len(l.plan.Files)+len(l.cfg.Entries) == 0 && l.plan.Err == nil {
		at := conf.Pos{File: l.cfg.Files[0]}
		problems = append(problems, Problem{Problem: conf.Problem{Pos: at, Severity: conf.Warning, Text: "no configuration file", Hint: "nothing is served"}})
	}
	return problems
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
func (l *loader) openFiles() (problems []Problem) {
	for _, path := range l.sources.read {
		if openToOthers(path) {
			problems = append(problems, Problem{Problem: conf.Problem{
				Pos: conf.Pos{File: path, Line: 1}, Severity: conf.Warning,
				Text: "others than its owner can write the file, and so run programs as root", Hint: "try chmod go-w"}})
		}
	}
	return problems
}

// openServers finds server programs that others than their owner may write to.
func (l *loader) openServers() (problems []Problem) {
	seen := map[string]bool{}
	for _, n := range l.notes {
		if !n.served() || n.svc.Do.Builtin != "" {
			continue
		}
		path := n.svc.Do.Path
		if seen[path] {
			continue
		}
		seen[path] = true
		if openToOthers(path) {
			problems = append(problems, n.problem(conf.ColServer, conf.Warning,
				fmt.Sprintf("others than its owner can write server %s", path), "try chmod go-w"))
		}
	}
	return problems
}

// problem returns a problem of the entry at one of its columns.
func (n note) problem(col int, s conf.Severity, text, hint string) Problem {
	return Problem{conf.Problem{Pos: n.entry.Cols[col], Severity: s, Text: text, Hint: hint}, n.entry.Label(), lasting}
}

// lintDirectories finds UNIX-domain sockets without a directory to bind them in.
func (l *loader) lintDirectories() (problems []Problem) {
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
			problems = append(problems, n.problem(conf.ColService, conf.Warning,
				fmt.Sprintf("directory %s of the path: %s", dir, strerror.Cause(err)), ""))
		}
	}
	return problems
}

// lintSixAlone hints, once, at services for IPv6 that no entry serves for IPv4. In other
// inetds "tcp6" often means both.
func (l *loader) lintSixAlone() []Problem {
	return l.once(func(n note) bool {
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
func (l *loader) lintRootForAll() []Problem {
	return l.once(func(n note) bool {
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
func (l *loader) lintOwnUser(uid int) []Problem {
	return l.once(func(n note) bool {
		own := n.entry.User == "" || uid != 0 && n.who != nil && int(n.who.UID) == uid
		return own && !n.entry.Internal && n.everywhere()
	}, conf.ColUser, "has the daemon's own user and so could kill it", "a user of its own is safer")
}

// lintOwnGroup hints, once, at a group without a user: a server that runs as the daemon's
// user has the daemon's groups.
func (l *loader) lintOwnGroup() []Problem {
	return l.once(func(n note) bool {
		return n.entry.User == "" && n.entry.Group != "" && !n.entry.Internal
	}, conf.ColUser, "has the daemon's own user, so the group has no effect", "write the user as well")
}

// lintNeedsRoot hints, once, at users that a daemon started by uid could not become.
func (l *loader) lintNeedsRoot(uid int) []Problem {
	if uid == 0 {
		return nil
	}
	return l.once(func(n note) bool { return n.who != nil && int(n.who.UID) != uid },
		conf.ColUser, fmt.Sprintf("needs a daemon started by root, and you are uid %d", uid), "write - for the daemon's own user")
}

// lintRights hints, once for each key, at keys that a daemon started by the user who asks
// could not obey.
func (l *loader) lintRights() (problems []Problem) {
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
		p := n.problem(conf.ColService, conf.Hint, n.entry.Keys.Written(key)+": "+why+", and you do not have its rights", "")
		p.Pos = n.entry.Keys.At(key)
		problems = append(problems, p)
	}
	return problems
}

// lintConnections hints, once for each key, at keys about connections on services where
// the daemon accepts none. It is no warning: the key may be written for every entry.
func (l *loader) lintConnections() (problems []Problem) {
	for _, key := range [...]string{"refuse", "full", "linger"} {
		problems = append(problems, l.once(func(n note) bool {
			return n.entry.Keys.Has(key) && n.svc.Do.Mode != Accept
		}, conf.ColService, "has no connections that the daemon gives a server, so "+key+" has no effect", "")...)
	}
	return problems
}

// once returns a hint at the first served entry for which holds is true, with the number
// of the others.
func (l *loader) once(holds func(note) bool, col int, text, hint string) []Problem {
	found := slices.DeleteFunc(slices.Clone(l.notes), func(n note) bool { return !n.served() || !holds(n) })
	switch others := len(found) - 1; {
	case others < 0:
		return nil
	case others == 1:
		text += ", as does 1 more"
	case others > 1:
		text += fmt.Sprintf(", as do %d more", others)
	}
	return []Problem{found[0].problem(col, conf.Hint, text, hint)}
}
