package child

import "golang.org/x/sys/unix"

// A server started as systemd does it finds its socket as descriptor 3, and LISTEN_PID
// says that the socket is meant for this process and not for one of its ancestors
// (sd_listen_fds(3)). Nobody knows the process id before the clone. So the child has the
// kernel write it into the environment: it is what the symbolic link /proc/self points
// to.

const (
	listenFD = 3
	pidName  = "LISTEN_PID="
	pidSize  = 10 // digits of the greatest process id
	pidVar   = pidName + "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
)

var (
	devNull  = []byte("/dev/null\x00")
	procSelf = []byte("/proc/self\x00")
)

// The indexes in listenCalls of the calls that make descriptor 0 also 1 and 2.
const (
	nullStdout = 3
	nullStderr = 4
)

// listenCalls are what the child of such a server does last before its exec. Its socket
// is descriptor 0 by then, as for any other server.
var listenCalls = [...]call{
	{unix.SYS_DUP3, [6]uintptr{0, listenFD}},
	{unix.SYS_CLOSE_RANGE, [6]uintptr{0, 0}},
	{unix.SYS_OPENAT, [6]uintptr{^uintptr(0), address(&devNull[0]), unix.O_RDWR}}, // becomes 0; the path is absolute
	{unix.SYS_DUP3, [6]uintptr{0, 1}},
	{unix.SYS_DUP3, [6]uintptr{0, 2}},
	{unix.SYS_READLINKAT, [6]uintptr{^uintptr(0), address(&procSelf[0]), 0, pidSize}}, // into the buffer that load sets
}

var listenStages = [len(listenCalls)]Stage{Descriptors, Descriptors, Null, Descriptors, Descriptors, Self}

// stage returns the stage of the i-th call of a script of g.
func (g *Program) stage(sc *script, i int) Stage {
	if n := len(sc.stages) - 1; g.Listen && i >= n {
		if i-n < len(listenStages) {
			return listenStages[i-n]
		}
		return Exec
	}
	return sc.stages[i]
}
