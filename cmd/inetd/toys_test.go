package main

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// toys are the servers of the scripts.
var toys = map[string]func(){
	"t-echo":    func() { _, _ = io.Copy(os.Stdout, os.Stdin) },
	"t-args":    func() { fmt.Printf("%q\n", os.Args) },
	"t-env":     printEnvironment,
	"t-fds":     printDescriptors,
	"t-id":      printCredentials,
	"t-exit":    exitWith,
	"t-wait":    acceptOne,
	"t-demand":  serveOnDemand,
	"t-bufs":    printBuffers,
	"t-sockopt": printOptions,
	"t-dgram":   answerDatagrams,
	"t-sd":      listenAsSystemd,
	"t-listen":  listenItself,
	"t-shut":    answerAndShutDown,
	"t-spoil":   spoil,
}

// wrappers are programs that prepare or attack the surroundings of a daemon.
var wrappers = map[string]func(){
	"t-private":  enter,
	"t-activate": activate,
	"t-confine":  confine,
	"t-group":    keepGroup,
	"t-besiege":  besiege,
}

// serveOnDemand is a server that knows nothing of inetd: after a while it listens at an
// address or a path, and echoes. With "tell" it first tells each client its process id;
// with "say:TEXT" it sends that text alone; with "fail" it ends instead. With "notify" it
// listens at once and says after a while that it is ready, with "mute" never; it tells
// clients whether it has said so. With "hang" it does not end at SIGTERM, with "never" it
// listens nowhere, with "deaf" it runs on but listens no longer once its first client has
// gone, and with "fork" it ends and another process serves one client once inetd knows of
// the end.
func serveOnDemand() {
	after, err := time.ParseDuration(os.Args[3])
	exitOn(err)
	tells := os.Args[1] == "notify" || os.Args[1] == "mute"
	if !tells {
		time.Sleep(after)
	}
	fmt.Fprintln(os.Stderr, "t-demand: these are its last words")
	switch os.Args[1] {
	case "never":
		select {}
	case "hang":
		signal.Ignore(syscall.SIGTERM)
	case "fork":
		next := exec.Command("/proc/self/exe")
		next.Args = []string{"t-demand", "once", os.Args[2], "0s", strconv.Itoa(os.Getpid())}
		next.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		exitOn(next.Start())
		return
	case "once":
		parent, err := strconv.Atoi(os.Args[4])
		exitOn(err)
		for unix.Kill(parent, 0) == nil { // true of a zombie, too; there is no event when it is reaped
			time.Sleep(time.Millisecond)
		}
	}
	if os.Args[1] == "fail" {
		os.Exit(4)
	}
	network := "tcp"
	if filepath.IsAbs(os.Args[2]) {
		network = "unix"
	}
	l, err := net.Listen(network, os.Args[2])
	exitOn(err)
	var ready atomic.Bool
	if tells {
		tell("STATUS=reading its model")
		time.AfterFunc(after, func() {
			if os.Args[1] == "notify" {
				ready.Store(true)
				tell("READY=1")
			}
		})
	}
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			select {}
		}
		exitOn(err)
		go func() {
			if os.Args[1] == "once" {
				defer os.Exit(0)
			}
			defer conn.Close()
			if tells {
				fmt.Fprint(conn, "ready ", ready.Load(), " ")
			}
			if converse(conn) > 0 && os.Args[1] == "deaf" {
				l.Close()
			}
		}()
	}
}

// converse is the rest of a conversation with a client of t-demand. It returns the number of
// bytes that were echoed.
func converse(conn net.Conn) (echoed int64) {
	if os.Args[1] == "tell" {
		fmt.Fprintf(conn, "%d ", os.Getpid())
	}
	if text, says := strings.CutPrefix(os.Args[1], "say:"); says {
		fmt.Fprintln(conn, text)
		return 0
	}
	echoed, _ = io.Copy(struct{ io.Writer }{conn}, struct{ io.Reader }{conn}) // by read and write, which strace shows
	return echoed
}

// tell sends a text to the NOTIFY_SOCKET of this process.
func tell(text string) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
	exitOn(err)
	exitOn(unix.Sendto(fd, []byte(text), 0, &unix.SockaddrUnix{Name: os.Getenv("NOTIFY_SOCKET")}))
	exitOn(unix.Close(fd))
}

// answerAndShutDown answers one datagram and shuts its socket down, as servers do at the
// end of a connection.
func answerAndShutDown() {
	b := make([]byte, 100)
	n, err := os.Stdin.Read(b)
	exitOn(err)
	_, err = os.Stdout.Write(b[:n])
	exitOn(err)
	exitOn(unix.Shutdown(0, unix.SHUT_RDWR))
}

// spoil serves one client of a wait service, says whether the socket was blocking, and
// leaves the socket shut down, connected or non-blocking to the next server.
func spoil() {
	flags, err := unix.FcntlInt(0, unix.F_GETFL, 0)
	exitOn(err)
	answer := []byte("blocking")
	if flags&unix.O_NONBLOCK != 0 {
		answer = []byte("nonblocking")
	}
	switch os.Args[1] {
	case "options":
		tos, err := unix.GetsockoptInt(0, unix.IPPROTO_IP, unix.IP_TOS)
		exitOn(err)
		answer = fmt.Appendf(nil, "tos %d", tos)
	case "join":
		answer = fmt.Append(nil, "join ", unix.SetsockoptIPMreqn(0, unix.IPPROTO_IP, unix.IP_ADD_MEMBERSHIP, &unix.IPMreqn{Multiaddr: [4]byte{224, 0, 0, 251}, Ifindex: 1}))
	}
	conn, peer, err := unix.Accept(0)
	if err != nil { // datagrams
		conn = 0
		_, peer, err = unix.Recvfrom(0, make([]byte, 100), 0)
		exitOn(err)
		exitOn(unix.Sendto(0, answer, 0, peer))
	} else {
		_, err = unix.Write(conn, answer)
		exitOn(err)
		exitOn(unix.Close(conn))
	}
	switch os.Args[1] {
	case "shutdown":
		exitOn(unix.Shutdown(0, unix.SHUT_RDWR))
	case "connect":
		exitOn(unix.Connect(0, peer))
	case "nonblock":
		exitOn(unix.SetNonblock(0, true))
	case "options":
		exitOn(unix.SetsockoptInt(0, unix.IPPROTO_IP, unix.IP_TOS, 16))
	case "remove":
		exitOn(os.Remove(os.Args[2]))
	}
}

// printEnvironment leaves out what the test harness needs for itself.
func printEnvironment() {
	env := os.Environ()
	slices.Sort(env)
	for _, v := range env {
		if name, _, _ := strings.Cut(v, "="); name != lifelineEnv && name != "GORACE" {
			fmt.Println(v)
		}
	}
}

// printDescriptors shows which descriptors were inherited, and how. One that is
// close-on-exec cannot have been: Go's runtime has opened it. A server without a client to
// write to gets a file as its argument; there it also shows what the descriptors are, and
// ends with status 3.
func printDescriptors() {
	out := os.Stdout
	if len(os.Args) > 1 {
		file, err := os.Create(os.Args[1])
		exitOn(err)
		defer os.Exit(3)
		out = file
	}
	for fd := range 1024 {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if err != nil || flags&unix.FD_CLOEXEC != 0 {
			continue
		}
		word := "blocking"
		if mode, _ := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0); mode&unix.O_NONBLOCK != 0 {
			word = "nonblocking"
		}
		if out != os.Stdout {
			link, _ := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
			word += " " + link
		}
		fmt.Fprintln(out, fd, word)
	}
}

func printCredentials() {
	groups, err := os.Getgroups()
	slices.Sort(groups)
	dir, _ := os.Getwd()
	fmt.Println("uid", os.Getuid(), "euid", os.Geteuid(), "gid", os.Getgid(), "groups", groups, err)
	fmt.Printf("dir %s umask %03o\n", dir, syscall.Umask(0))
	sid, _ := unix.Getsid(0)
	fmt.Println("leader", sid == os.Getpid())
}

// exitWith ends with the status of its first argument.
func exitWith() {
	status, err := strconv.Atoi(os.Args[1])
	if err != nil {
		status = 99
	}
	os.Exit(status)
}

// acceptOne is a wait server: its standard input is a socket, of which it serves one client,
// with its arguments and the client's first bytes.
func acceptOne() {
	buf := make([]byte, 4096)
	n := copy(buf, strings.Join(os.Args[1:], " "))
	kind, err := unix.GetsockoptInt(0, unix.SOL_SOCKET, unix.SO_TYPE)
	if err == nil && kind == unix.SOCK_DGRAM {
		got, from, err := unix.Recvfrom(0, buf[n:], 0)
		if err == nil {
			err = unix.Sendto(0, buf[:n+got], 0, from)
		}
		exitOn(err)
		return
	}
	conn, _, err := unix.Accept(0)
	exitOn(err)
	got, err := unix.Read(conn, buf[n:])
	exitOn(err)
	_, err = unix.Write(conn, buf[:n+got])
	exitOn(err)
}

// printBuffers shows the buffer sizes of its socket, halved, because the kernel doubles
// them for its own needs (socket(7)).
func printBuffers() {
	send, err := unix.GetsockoptInt(0, unix.SOL_SOCKET, unix.SO_SNDBUF)
	exitOn(err)
	receive, err := unix.GetsockoptInt(0, unix.SOL_SOCKET, unix.SO_RCVBUF)
	exitOn(err)
	text := fmt.Sprintf("sndbuf %d rcvbuf %d\n", send/2, receive/2)
	if kind, _ := unix.GetsockoptInt(0, unix.SOL_SOCKET, unix.SO_TYPE); kind == unix.SOCK_DGRAM {
		_, from, err := unix.Recvfrom(0, make([]byte, 1), 0)
		exitOn(err)
		exitOn(unix.Sendto(0, []byte(text), 0, from))
		return
	}
	_, _ = io.WriteString(os.Stdout, text)
}

// printOptions shows options of its socket that the key sockopt sets.
func printOptions() {
	for _, o := range []struct {
		name          string
		level, number int
	}{
		{"keepalive", unix.SOL_SOCKET, unix.SO_KEEPALIVE}, {"nodelay", unix.IPPROTO_TCP, unix.TCP_NODELAY}, {"freebind", unix.IPPROTO_IP, unix.IP_FREEBIND},
		{"tos", unix.IPPROTO_IP, unix.IP_TOS}, {"user_timeout", unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT},
	} {
		n, err := unix.GetsockoptInt(0, o.level, o.number)
		exitOn(err)
		fmt.Printf("%s %d ", o.name, n)
	}
	congestion, err := unix.GetsockoptString(0, unix.IPPROTO_TCP, unix.TCP_CONGESTION)
	exitOn(err)
	fmt.Println(congestion)
}

func exitOn(err error) {
	if err != nil {
		os.Exit(1)
	}
}

// listenItself is a server that does not know of inetd: it listens at a port, and leaves the
// client of inetd alone until the client has gone.
func listenItself() {
	l, err := net.Listen("tcp4", "127.0.0.1:"+os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	defer l.Close()
	_, _ = io.Copy(io.Discard, os.Stdin)
}
