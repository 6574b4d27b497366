// Package freeport finds ports for tests: out comes one that nothing uses, and that no
// other test takes that asks here, also in another process.
package freeport

import (
	"fmt"
	"os"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// The ports are below those that the kernel gives to clients, so that no connection
// takes one. Each process looks from a place of its own on.
const first, count = 12000, 20000

var next atomic.Uint32

// Claim returns a port that no socket of this network namespace is bound to. The claim
// is an abstract UNIX socket of the port's name, which lasts as long as this process.
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

// unused looks into the kernel's tables. It binds nothing: a process started at that
// moment would hold the socket too, until its exec, and the port be busy to who claims it.
func unused(port int) bool {
	local := fmt.Sprintf(":%04X ", port) // a remote port in these tables is no less taken
	for _, table := range []string{"tcp", "tcp6", "udp", "udp6"} {
		text, err := os.ReadFile("/proc/net/" + table)
		if err == nil && strings.Contains(string(text), local) {
			return false
		}
	}
	return true
}
