// Package environ makes the environment of servers. In goes the daemon's environment;
// out comes the part of it that a server gets, and the variables that tell a server
// about its client and its socket.
package environ

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Debian's inetd withholds these variables from its servers, by prefix and by name: they
// describe the user who started the daemon.
var (
	droppedPrefixes = []string{"CVS", "LD_", "SSH", "TERM", "TMP"}
	droppedNames    = []string{
		"DISPLAY", "EDITOR", "GROUP", "HOME", "IFS", "LOGNAME", "MAIL", "PATH", "PRINTER", "PWD", "SHELL", "SHLVL", "USER", "VISUAL",
	}
)

// privateNames are variables for this daemon and its Go runtime, which no server gets.
var privateNames = []string{
	"NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES",
	"GODEBUG", "GOGC", "GOMAXPROCS", "GOMEMLIMIT", "GOTRACEBACK",
}

// Common returns what every server gets of the daemon's environment own: all but the
// variables that describe the user who started the daemon. With keep it gets these, too.
func Common(own []string, keep bool) []string {
	return selected(own, func(name string) bool {
		return keep || !slices.Contains(droppedNames, name) &&
			!slices.ContainsFunc(droppedPrefixes, func(p string) bool { return strings.HasPrefix(name, p) })
	})
}

// Named returns the variables of the daemon's environment own that have one of the names.
func Named(own, names []string) []string {
	return selected(own, func(name string) bool { return slices.Contains(names, name) })
}

func selected(own []string, wanted func(name string) bool) []string {
	env := make([]string, 0, len(own))
	for _, v := range own {
		if name, _, _ := strings.Cut(v, "="); wanted(name) && !slices.Contains(privateNames, name) {
			env = append(env, v)
		}
	}
	return env
}

// With returns env with each of the variables in set, written NAME=value, in place
// of the variable of that name. It does not change env.
func With(env, set []string) []string {
	env = slices.Clone(env)
	for _, v := range set {
		name, _, _ := strings.Cut(v, "=")
		env = slices.DeleteFunc(env, func(v string) bool { return strings.HasPrefix(v, name+"=") })
		env = append(env, v)
	}
	return env
}

// Append appends NAME=value and a NUL to the environment of a server. Like all functions
// here whose names begin so, it allocates nothing if b has room.
func Append(b []byte, name, value string) []byte {
	b = append(append(append(b, name...), '='), value...)
	return append(b, 0)
}

// AppendEnds appends the variables for both ends of a connection, under the names of
// UCSPI and of CGI.
func AppendEnds(b []byte, local, remote netip.AddrPort) []byte {
	b = AppendAddr(b, "TCPLOCALIP", local.Addr())
	b = appendNumber(b, "TCPLOCALPORT", uint64(local.Port()))
	addr := len(b)
	b = AppendAddr(b, "TCPREMOTEIP", remote.Addr())
	port := len(b)
	b = appendNumber(b, "TCPREMOTEPORT", uint64(remote.Port()))
	end := len(b)
	// It is cheaper to copy a text with its NUL than to format it twice.
	b = append(append(b, "REMOTE_ADDR"...), b[addr+len("TCPREMOTEIP"):port]...)
	return append(append(b, "REMOTE_PORT"...), b[port+len("TCPREMOTEPORT"):end]...)
}

// AppendListen appends the variables of sd_listen_fds(3) except LISTEN_PID. The socket has
// the name of the service, with _ for colons, which would separate names.
func AppendListen(b []byte, label string) []byte {
	name := label
	if label[0] != '/' && label[0] != '@' {
		name, _, _ = strings.Cut(label, "/")
	}
	b = Append(b, "LISTEN_FDS", "1")
	return Append(b, "LISTEN_FDNAMES", strings.ReplaceAll(name, ":", "_"))
}

// AppendPeer appends the variables for the client process of a UNIX-domain socket.
func AppendPeer(b []byte, uid, gid uint32, pid int32) []byte {
	b = appendNumber(b, "REMOTE_UID", uint64(uid))
	b = appendNumber(b, "REMOTE_GID", uint64(gid))
	return appendNumber(b, "REMOTE_PID", uint64(pid))
}

// AppendAddr appends a variable whose value is an address.
func AppendAddr(b []byte, name string, a netip.Addr) []byte {
	b = a.AppendTo(append(append(b, name...), '='))
	return append(b, 0)
}

func appendNumber(b []byte, name string, n uint64) []byte {
	b = strconv.AppendUint(append(append(b, name...), '='), n, 10)
	return append(b, 0)
}
