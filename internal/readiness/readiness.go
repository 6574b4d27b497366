// Package readiness learns that a server is ready to serve, as servers tell their service
// manager by sd_notify(3). Nothing goes in; out come the name of a new Socket, for the
// server's environment, and then each message sent there, with its sender.
package readiness

import (
	"crypto/rand"
	"encoding/hex"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Variable is the name of the environment variable by which a server finds the socket.
const Variable = "NOTIFY_SOCKET"

// Socket is where one server says that it is ready. It has a name that nobody can
// guess, in the abstract name space: there is no file to be left behind.
type Socket struct {
	FD   int // non-blocking; readable when a message has arrived
	Name string
}

// New makes a Socket. The caller closes its FD.
func New() (*Socket, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	var secret [16]byte
	rand.Read(secret[:])
	s := &Socket{fd, "@inetd-ready-" + hex.EncodeToString(secret[:])}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PASSCRED, 1); err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("setsockopt", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: s.Name}); err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("bind", err)
	}
	return s, nil
}

// Message is what somebody has sent to a Socket.
type Message struct {
	Ready    bool
	Status   string // in words; "": nothing
	PID      int    // of the sender, by the kernel
	UID      uint32
	Stranger bool // the kernel does not say who the sender is
}

// maxMessage is how many bytes of a message are read, more than a server has to say.
const maxMessage = 4 << 10

// Receive returns the next message without waiting; the error is EAGAIN if there is none.
// It has no room for descriptors that come with a message, so the kernel closes them,
// which is also what a sender of BARRIER=1 waits for.
func (s *Socket) Receive() (Message, error) {
	var b [maxMessage]byte
	credentials := make([]byte, unix.CmsgSpace(unix.SizeofUcred))
	n, c, _, _, err := unix.Recvmsg(s.FD, b[:], credentials, unix.MSG_DONTWAIT|unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		return Message{}, err
	}
	m := parse(string(b[:n]))
	m.Stranger = true
	list, err := unix.ParseSocketControlMessage(credentials[:c])
	if err != nil || len(list) == 0 {
		return m, nil
	}
	if who, err := unix.ParseUnixCredentials(&list[0]); err == nil {
		m.PID, m.UID, m.Stranger = int(who.Pid), who.Uid, false
	}
	return m, nil
}

// parse reads the lines of a message, most of which are for others.
func parse(text string) (m Message) {
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if line == "READY=1" {
			m.Ready = true
		}
		if status, ok := strings.CutPrefix(line, "STATUS="); ok {
			m.Status = status
		}
	}
	return m
}
