package inetd

import (
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Variables that Debian's inetd keeps from its servers, by prefix and by name:
// they describe whoever started the daemon.
var (
	droppedPrefixes = []string{"CVS", "LD_", "SSH", "TERM", "TMP"}
	droppedNames    = []string{
		"DISPLAY", "EDITOR", "GROUP", "HOME", "IFS", "LOGNAME", "MAIL", "PATH", "PRINTER", "PWD", "SHELL", "SHLVL", "USER", "VISUAL",
	}
)

// privateNames speak to this daemon and its runtime alone, and never to a server.
var privateNames = []string{
	"NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES",
	"GODEBUG", "GOGC", "GOMAXPROCS", "GOMEMLIMIT", "GOTRACEBACK",
}

// environment is what every server gets of the daemon's own.
func environment(keep bool) []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		if slices.Contains(privateNames, name) {
			return true
		}
		if keep {
			return false
		}
		return slices.Contains(droppedNames, name) ||
			slices.ContainsFunc(droppedPrefixes, func(p string) bool { return strings.HasPrefix(name, p) })
	})
}

// appendVar appends NAME=value and a NUL to a server's environment.
func appendVar(b []byte, name, value string) []byte {
	b = append(append(append(b, name...), '='), value...)
	return append(b, 0)
}

// appendEnds appends the variables for the two ends of a connection, under the
// names of UCSPI and those of CGI.
func appendEnds(b []byte, local, remote netip.AddrPort) []byte {
	b = appendAddr(b, "TCPLOCALIP", local.Addr())
	b = appendNumber(b, "TCPLOCALPORT", uint64(local.Port()))
	b = appendAddr(b, "TCPREMOTEIP", remote.Addr())
	b = appendNumber(b, "TCPREMOTEPORT", uint64(remote.Port()))
	b = appendAddr(b, "REMOTE_ADDR", remote.Addr())
	return appendNumber(b, "REMOTE_PORT", uint64(remote.Port()))
}

// appendListen appends the variables of sd_listen_fds(3) but LISTEN_PID. The
// name of the socket is that of the service; a colon would separate two names.
func appendListen(b []byte, label string) []byte {
	name := label
	if label[0] != '/' && label[0] != '@' {
		name, _, _ = strings.Cut(label, "/")
	}
	b = appendVar(b, "LISTEN_FDS", "1")
	return appendVar(b, "LISTEN_FDNAMES", strings.ReplaceAll(name, ":", "_"))
}

// appendCred appends the variables for the client of a unix socket.
func appendCred(b []byte, c *unix.Ucred) []byte {
	b = appendNumber(b, "REMOTE_UID", uint64(c.Uid))
	b = appendNumber(b, "REMOTE_GID", uint64(c.Gid))
	return appendNumber(b, "REMOTE_PID", uint64(c.Pid))
}

func appendAddr(b []byte, name string, a netip.Addr) []byte {
	b = a.AppendTo(append(append(b, name...), '='))
	return append(b, 0)
}

func appendNumber(b []byte, name string, n uint64) []byte {
	b = strconv.AppendUint(append(append(b, name...), '='), n, 10)
	return append(b, 0)
}
