package sockdiag

import (
	"os"
	"strings"
)

// The states in /proc/net/unix of a UNIX-domain socket with a client: one that was
// accepted (SS_CONNECTED), and one that has not been yet (SS_CONNECTING).
const accepted, waiting = "03", "02"

// UnixPaths returns the paths of UNIX-domain sockets that clients are connected to; one
// in the abstract name space begins with "@".
func UnixPaths() (map[string]bool, error) {
	text, err := os.ReadFile("/proc/net/unix")
	if err != nil {
		return nil, err
	}
	return unixPaths(string(text)), nil
}

// unixPaths reads /proc/net/unix. A socket that accept(2) has returned, or will return,
// has the path of the one that listens.
func unixPaths(text string) map[string]bool {
	paths := map[string]bool{}
	for line := range strings.Lines(text) {
		state, path := "", strings.TrimSuffix(line, "\n")
		for i := range 7 { // number, references, protocol, flags, type, state, inode
			var field string
			field, path, _ = strings.Cut(strings.TrimLeft(path, " "), " ")
			if i == 5 {
				state = field
			}
		}
		if (state == accepted || state == waiting) && path != "" {
			paths[path] = true
		}
	}
	return paths
}
