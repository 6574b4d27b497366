package plan

import (
	"fmt"
	"path/filepath"
	"slices"

	"inetd/internal/conf"

	"golang.org/x/sys/unix"
)

// exposure is what decides whether a directory is one of somebody else's.
type exposure struct {
	dir         string
	what        string // is to be there
	user, owner int    // of the server, and of the path; -1: the daemon's
}

// ownDirectory is advice on a path that is exposed.
const ownDirectory = "use a directory of root's or of the server's user"

// tellExposed warns of a UNIX path of which somebody else can take the place: who
// owns a directory of it, or everybody. Clients would speak to them instead.
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

// exposed says who can take the place of something, or nothing.
func (l *loader) exposed(x exposure) string {
	text, known := l.exposures[x]
	if !known {
		text = x.find(l.host.UID)
		l.exposures[x] = text
	}
	return text
}

// find looks at all directories of the path, by the name that it has and by the
// one without links. own is the daemon's user. What is missing is told elsewhere.
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
