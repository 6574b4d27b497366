// Package freeport finds ports for tests. Out comes a port that nothing uses, and that no
// other test gets from here, not even in another process.
package freeport

import (
	"fmt"
	"os"
	"sync/atomic"

	"inetd/internal/sockdiag"

	"golang.org/x/sys/unix"
)

// The ports are below those that the kernel gives to clients, so that no connection takes
// one. Each process starts looking at a place of its own.
const first, count = 12000, 20000

var next atomic.Uint32

// Claim returns a port that no socket of this network namespace is bound to. The claim is
// an abstract UNIX socket named after the port, which lasts as long as this process.
func Claim() (int, error) {
	next.CompareAndSwap(0, uint32(os.Getpid())*61)
	for range count {
		port := first + int(next.Add(1)%count)
		claim, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return 0, err
		}
		name := fmt.Sprintf("@inetd-test-port-%d", port)
		if unix.Bind(claim, &unix.SockaddrUnix{Name: name}) == nil && unused(port) {
			return port, nil
		}
		_ = unix.Close(claim)
	}
	return 0, fmt.Errorf("none of %d ports is free", count)
}

// unused asks the kernel whether a port is free. It binds nothing: a process started at
// that moment would hold the socket too, until its exec, and the port would be busy for
// whoever claims it. Connections in TIME_WAIT keep nobody from listening, and there may
// be many thousands, so those are not asked for.
func unused(port int) bool {
	states := []sockdiag.State{
		sockdiag.Established, sockdiag.FinWait1, sockdiag.FinWait2, sockdiag.Close,
		sockdiag.CloseWait, sockdiag.LastAck, sockdiag.Listen, sockdiag.Closing,
	}
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		for _, protocol := range []uint8{unix.IPPROTO_TCP, unix.IPPROTO_UDP} {
			list, err := sockdiag.Dump(sockdiag.Query{Family: family, Protocol: protocol, States: states, Port: uint16(port)})
			if err == nil && len(list) > 0 {
				return false
			}
		}
	}
	return true
}
