package sockdiag

import (
	"os"
	"strconv"
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

// UnixListeners returns the paths of UNIX-domain sockets that listen, by inode; one in
// the abstract name space begins with "@".
func UnixListeners() (map[uint64]string, error) {
	text, err := os.ReadFile("/proc/net/unix")
	if err != nil {
		return nil, err
	}
	return unixListeners(string(text)), nil
}

// listens is __SO_ACCEPTCON, the flag of a socket that listens.
const listens = "00010000"

func unixListeners(text string) map[uint64]string {
	paths := map[uint64]string{}
	for line := range strings.Lines(text) {
		f := unixFields(line)
		if inode, err := strconv.ParseUint(f[6], 10, 64); err == nil && f[3] == listens && f[7] != "" {
			paths[inode] = f[7]
		}
	}
	return paths
}

// unixFields returns number, references, protocol, flags, type, state, inode and path in
// a line of /proc/net/unix. A path may hold blanks.
func unixFields(line string) (f [8]string) {
	rest := strings.TrimSuffix(line, "\n")
	for i := range 7 {
		f[i], rest, _ = strings.Cut(strings.TrimLeft(rest, " "), " ")
	}
	f[7] = rest
	return f
}

// unixPaths reads /proc/net/unix. A socket that accept(2) has returned, or will return,
// has the path of the one that listens.
func unixPaths(text string) map[string]bool {
	paths := map[string]bool{}
	for line := range strings.Lines(text) {
		f := unixFields(line)
		state, path := f[5], f[7]
		if (state == accepted || state == waiting) && path != "" {
			paths[path] = true
		}
	}
	return paths
}
