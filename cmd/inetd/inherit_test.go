package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// cmdInherit has daemons that are started later inherit sockets.
func cmdInherit(ts *script, neg bool, args []string) {
	affirm(ts, neg)
	benchOf(ts).inherit = args
}

// bequeath makes cmd inherit sockets, by way of activate.
func bequeath(cmd *exec.Cmd, sockets []string) {
	wrapper := filepath.Join(filepath.Dir(cmd.Path), "t-activate")
	cmd.Args = append([]string{wrapper, strings.Join(sockets, " "), cmd.Path}, cmd.Args[1:]...)
	cmd.Path = wrapper
}

// activate is a program that opens sockets, named as in tcp4:127.0.0.1:21, and executes
// another program with them, as a service manager does (sd_listen_fds(3)).
func activate() {
	for i, name := range strings.Fields(os.Args[1]) {
		fd, err := openSocket(name)
		if err == nil {
			err = unix.Dup3(fd, 100+i, 0) // out of the way of descriptors to come
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "t-activate:", name, err)
			os.Exit(2)
		}
	}
	n := len(strings.Fields(os.Args[1]))
	env := append(os.Environ(), "LISTEN_PID="+strconv.Itoa(os.Getpid()), "LISTEN_FDS="+strconv.Itoa(n))
	argv := append([]string{"bash", "-c", `exec "$@"` + redirections(n), "bash"}, os.Args[2:]...)
	fmt.Fprintln(os.Stderr, "t-activate:", syscall.Exec("/bin/bash", argv, env))
	os.Exit(2)
}

// redirections returns the words of a shell that move n descriptors from 100 on to 3 on,
// which in this process belong to Go's runtime.
func redirections(n int) (s string) {
	for i := range n {
		s += fmt.Sprintf(" %d<&%d %d<&-", 3+i, 100+i, 100+i)
	}
	return s
}

// openSocket opens a socket, or a file for file:PATH.
func openSocket(name string) (fd int, err error) {
	network, address, _ := strings.Cut(name, ":")
	var s interface{ File() (*os.File, error) }
	switch {
	case network == "file":
		return unix.Open(address, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	case strings.HasPrefix(network, "udp"):
		addr, err := net.ResolveUDPAddr(network, address)
		if err != nil {
			return -1, err
		}
		s, err = net.ListenUDP(network, addr)
		if err != nil {
			return -1, err
		}
	default:
		config := net.ListenConfig{}
		config.SetMultipathTCP(false)
		l, err := config.Listen(context.Background(), network, address)
		if err != nil {
			return -1, err
		}
		if u, ok := l.(*net.UnixListener); ok {
			u.SetUnlinkOnClose(false)
		}
		s = l.(interface{ File() (*os.File, error) })
	}
	f, err := s.File()
	if err != nil {
		return -1, err
	}
	defer f.Close()
	return unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 3) // a copy that is not closed when f is collected
}

// listenAsSystemd is a server that looks for its socket as sd_listen_fds(3) does, and tells
// two clients what it found.
func listenAsSystemd() {
	if os.Getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
		os.Exit(3)
	}
	null, _ := os.Readlink("/proc/self/fd/0")
	text := fmt.Sprintf("%s %s uid %d %s", os.Getenv("LISTEN_FDS"), os.Getenv("LISTEN_FDNAMES"), os.Getuid(), null)
	if kind, _ := unix.GetsockoptInt(firstFD, unix.SOL_SOCKET, unix.SO_TYPE); kind == unix.SOCK_DGRAM {
		_, from, err := unix.Recvfrom(firstFD, make([]byte, 1), 0)
		exitOn(err)
		exitOn(unix.Sendto(firstFD, []byte(text), 0, from))
		return
	}
	for n := range 2 {
		conn, _, err := unix.Accept(firstFD)
		exitOn(err)
		_, err = unix.Write(conn, fmt.Appendf(nil, "%s client %d", text, n+1))
		exitOn(err)
		_ = unix.Close(conn)
	}
}
