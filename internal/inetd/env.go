package inetd

import (
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
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
	b = appendPort(b, "TCPLOCALPORT", local.Port())
	b = appendAddr(b, "TCPREMOTEIP", remote.Addr())
	b = appendPort(b, "TCPREMOTEPORT", remote.Port())
	b = appendAddr(b, "REMOTE_ADDR", remote.Addr())
	return appendPort(b, "REMOTE_PORT", remote.Port())
}

func appendAddr(b []byte, name string, a netip.Addr) []byte {
	b = a.AppendTo(append(append(b, name...), '='))
	return append(b, 0)
}

func appendPort(b []byte, name string, port uint16) []byte {
	b = strconv.AppendUint(append(append(b, name...), '='), uint64(port), 10)
	return append(b, 0)
}
