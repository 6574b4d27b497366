package access

import (
	"strconv"
	"strings"
)

// Expand replaces the % sequences of hosts_access(5) in cmd by values of q and by pid,
// the process that serves the peer. Bytes of a replacement that a shell might take for
// more than text become underscores; cmd itself is trusted.
func Expand(cmd string, q Query, pid int) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(cmd, "%")
		b.WriteString(before)
		if !found || after == "" { // a % at the very end stays
			b.WriteString(cmd[len(before):])
			return b.String()
		}
		b.WriteString(harmless(q.expansion(after[0], pid)))
		cmd = after[1:]
	}
}

// expansion returns what a letter stands for, or "" if there is no such letter.
func (q Query) expansion(letter byte, pid int) string {
	peer, local := q.peer(), q.local()
	switch letter {
	case 'a':
		return peer.text
	case 'A':
		return local.text
	case 'c':
		if q.User == "" {
			return peer.info()
		}
		return q.User + "@" + peer.info()
	case 'd':
		return q.Daemon
	case 'h':
		return peer.info()
	case 'H':
		return local.info()
	case 'n':
		return peer.hostname()
	case 'N':
		return local.hostname()
	case 'p':
		return strconv.Itoa(pid)
	case 'r':
		return peer.portText()
	case 'R':
		return local.portText()
	case 's':
		if local.info() == unknown {
			return q.Daemon
		}
		return q.Daemon + "@" + local.info()
	case 'u':
		return q.user()
	case '%':
		return "%"
	default:
		return ""
	}
}

// usesName reports whether Expand would put the name of the peer into cmd.
func usesName(cmd string) bool {
	cmd = strings.ReplaceAll(cmd, "%%", "")
	return strings.Contains(cmd, "%c") || strings.Contains(cmd, "%h") || strings.Contains(cmd, "%n")
}

// harmless returns s with underscores for bytes that mean something to a shell.
func harmless(s string) string {
	const fine = "1234567890!@%-_=+:,./abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	b := []byte(s)
	for i, c := range b {
		if strings.IndexByte(fine, c) < 0 {
			b[i] = '_'
		}
	}
	return string(b)
}
