package plan

import (
	"fmt"
	"path/filepath"
	"slices"

	"inetd/internal/conf"

	"golang.org/x/sys/unix"
)

// exposure is a directory in which something is made, and the users who may own it.
type exposure struct {
	dir         string
	what        string // what is made there: "socket", "file"
	user, owner int    // uid of the server, and owner of the path; -1: the daemon's
}

// ownDirectory is the advice about an exposed path.
const ownDirectory = "use a directory of root's or of the server's user"

// tellExposed warns of a UNIX-domain socket that somebody else can replace, because they
// own a directory of its path, or because everybody may write to one. Clients would then
// talk to them instead.
func (l *loader) tellExposed(e *conf.Entry, do *Action) {
	if e.Kind != conf.Unix || e.Service[0] == '@' {
		return
	}
	x := exposure{filepath.Dir(e.Service), "socket", -1, do.Options.UID}
	if id := l.plan.Identities[do.Server()]; id != nil {
		x.user = int(id.UID)
	}
	if text := l.exposed(x); text != "" {
		l.report(e, e.Cols[conf.ColService], conf.Warning, text, ownDirectory)
	}
}

// exposed says who can replace what is made in the directory; "": nobody.
func (l *loader) exposed(x exposure) string {
	text, known := l.exposures[x]
	if !known {
		text = x.find(l.host.UID)
		l.exposures[x] = text
	}
	return text
}

// find looks at all directories of the path as it is written, and of the path that
// symbolic links lead to. own is the daemon's user. A missing directory is reported
// elsewhere.
func (x exposure) find(own int) string {
	trusted := []int{0, own, x.user, x.owner}
	real, err := filepath.EvalSymlinks(x.dir)
	if err != nil {
		return ""
	}
	for _, top := range []string{x.dir, real} {
		for dir := top; ; dir = filepath.Dir(dir) {
			var st unix.Stat_t
			switch err := unix.Lstat(dir, &st); {
			case err != nil:
				return ""
			case !slices.Contains(trusted, int(st.Uid)):
				return fmt.Sprintf("directory %s of the path belongs to uid %d, who can put another %s there", dir, st.Uid, x.what)
			case st.Mode&unix.S_IFMT == unix.S_IFDIR && st.Mode&(unix.S_IWOTH|unix.S_ISVTX) == unix.S_IWOTH:
				return fmt.Sprintf("everybody can write to directory %s of the path and put another %s there", dir, x.what)
			}
			if dir == "/" {
				break
			}
		}
	}
	return ""
}
