// Package socktest makes sockets for tests: listening sockets and connections of TCP on
// 127.0.0.1, at ports of the kernel's choice, and connections of the UNIX domain. A test
// that cannot have one fails.
package socktest

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// patience is how long anything may take.
const patience = 30 * time.Second

// Listen makes a listening socket, which is closed when the test ends.
func Listen(t testing.TB) (fd int) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 5); err != nil {
		t.Fatal(err)
	}
	return fd
}

// Dial connects to a socket of Listen and returns when the connection waits to be
// accepted. It is closed when the test ends, and its deadline is 30 seconds from now.
func Dial(t testing.TB, listener int) *net.TCPConn {
	t.Helper()
	at, err := unix.Getsockname(listener)
	if err != nil {
		t.Fatal(err)
	}
	to := at.(*unix.SockaddrInet4)
	c, err := net.DialTCP("tcp4", nil, &net.TCPAddr{IP: to.Addr[:], Port: to.Port})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	Await(t, listener)
	return c
}

// Connection makes a connection: the client's end, as from Dial, and the server's, which
// is as accept4 returns it to the daemon: blocking, and the caller's to close.
func Connection(t testing.TB) (client *net.TCPConn, fd int) {
	t.Helper()
	l := Listen(t)
	client = Dial(t, l)
	fd, _, err := unix.Accept4(l, unix.SOCK_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	return client, fd
}

// Pair is like Connection, but of the UNIX domain.
func Pair(t testing.TB) (client *net.UnixConn, fd int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fds[0]), "client")
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return c.(*net.UnixConn), fds[1]
}

// Await waits until a descriptor is readable, for 30 seconds at most. What is sent over
// the loopback device is mostly there at once, but not always.
func Await(t testing.TB, fd int) {
	t.Helper()
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := 0, error(unix.EINTR) // a signal, such as that a child has ended
	for err == unix.EINTR {
		n, err = unix.Poll(fds, int(patience.Milliseconds()))
	}
	if n != 1 {
		t.Fatalf("descriptor %d is not readable: %v", fd, err)
	}
}

// HangUp closes a socket of package net, or a listener. It shuts the socket down first: a
// child that is just being started has a copy until its exec, which would keep it going.
func HangUp(socket io.Closer) error {
	raw, err := socket.(syscall.Conn).SyscallConn()
	if err != nil {
		return err
	}
	var ended error
	err = raw.Control(func(fd uintptr) { ended = unix.Shutdown(int(fd), unix.SHUT_RDWR) })
	return errors.Join(err, ended, socket.Close())
}
