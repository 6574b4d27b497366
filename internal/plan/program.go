package plan

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"inetd/internal/conf"
	"inetd/internal/examine"
)

// searchPath is where a server without a slash is looked for, as in busybox.
var searchPath = []string{"/usr/sbin", "/usr/bin", "/sbin", "/bin"}

// tcpdPath is where tcpd(8) is. It looks for a server without a slash in tcpdDir.
const (
	tcpdPath = "/usr/sbin/tcpd"
	tcpdDir  = "/usr/sbin"
)

// server returns the path and the arguments of the server program. If the daemon obeys
// hosts.allow and hosts.deny itself, that is the server behind tcpd(8), as in Debian's
// inetd.
func (l *loader) server(e *conf.Entry) (path string, argv []string) {
	if e.Server != tcpdPath || e.Argv[0] == "" {
		return l.path(e), e.Argv
	}
	behind := e.Argv[0]
	if !filepath.IsAbs(behind) {
		behind = filepath.Join(tcpdDir, behind)
	}
	if l.cfg.wraps(e.Keys, false) && e.Type == conf.Stream && !e.Wait {
		l.checkServer(e, behind, conf.ColArgs)
		return behind, append([]string{filepath.Base(behind)}, e.Argv[1:]...)
	}
	if filepath.Base(behind) != "tcpd" { // tcpd alone has no server behind it
		l.checkServer(e, behind, conf.ColArgs)
	}
	return l.path(e), e.Argv
}

// path returns the path of the server program, and warns if the program cannot be
// executed. The service is opened all the same: the program may be installed later.
func (l *loader) path(e *conf.Entry) string {
	path := e.Server
	switch {
	case filepath.IsAbs(path):
	case strings.HasPrefix(path, "~"), strings.HasPrefix(path, "$"):
		l.report(e, e.Cols[conf.ColServer], conf.Warning, fmt.Sprintf("server %s begins with what means something to a shell alone", path), "write the whole path")
	case strings.Contains(path, "/"):
		l.report(e, e.Cols[conf.ColServer], conf.Warning, fmt.Sprintf("server %s is seen from the daemon's directory", path), "an absolute path is safer")
	default:
		path = search(path)
	}
	l.checkServer(e, path, conf.ColServer)
	return path
}

// checkServer warns, at a column, of a server program that its user cannot execute.
func (l *loader) checkServer(e *conf.Entry, path string, col int) {
	k := checked{path: path, user: e.User, group: e.Group}
	if e.Keys != nil {
		k.root = e.Keys.Chroot
	}
	if k == l.passed { // much cheaper than the map, as in action
		return
	}
	found, ok := l.checked[k]
	if !ok {
		found = l.examine(e, k)
		l.checked[k] = found
	}
	if found == (examine.Finding{}) {
		l.passed = k
		return
	}
	if !strings.Contains(e.Server, "/") {
		found = examine.Finding{Cause: fmt.Sprintf("server %s is in none of %s and %s", e.Server, strings.Join(searchPath[:3], ", "), searchPath[3])}
	}
	l.reportPassing(served, e, e.Cols[col], conf.Warning, found.Cause, found.Advice)
}

// checked is a server program with the user, group and root directory it is checked for.
type checked struct{ path, user, group, root string }

// examine finds out what keeps the user of an entry's server from executing it.
func (l *loader) examine(e *conf.Entry, k checked) examine.Finding {
	who := l.examiner(e)
	if k.root != "" {
		who.Root = k.root
		if info, err := os.Stat(who.Root); err != nil || !info.IsDir() || !filepath.IsAbs(k.path) {
			return examine.Finding{} // checkDirectory warns of the chroot
		}
	}
	return examine.Program(k.path, who)
}

// examiner returns the user of an entry's server. An unknown user is reported elsewhere
// and counts as root here.
func (l *loader) examiner(e *conf.Entry) (u examine.User) {
	if e.User == "" {
		u.UID, u.GID = uint32(l.host.UID), uint32(l.host.GID)
		return u
	}
	c, err := l.plan.Accounts.Lookup(e.User, e.Group)
	if err != nil {
		return u
	}
	return examine.User{UID: c.UID, GID: c.GID, Groups: c.Groups}
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
