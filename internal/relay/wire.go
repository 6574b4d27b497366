package relay

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"syscall"

	"inetd/internal/occupant"

	"golang.org/x/sys/unix"
)

// Command is the first byte of a message from the daemon to a relay.
type Command byte

// The commands. All but connect and trust consist of that byte alone.
const (
	connect Command = 'c' // here is a client: see Connection
	trust   Command = 't' // the process that answers is the server: see Commands.Trust

	Probe  Command = 'p' // try the place once, and report Answers or Silent
	Open   Command = 'o' // try the place until it answers; clients go on once it is trusted
	Hold   Command = 'h' // have clients wait, and forget who answered
	Refuse Command = 'r' // reset the clients that wait
	Gone   Command = 'g' // the server has ended: end the connections on which it has sent all
)

// Kind is the first byte of a report.
type Kind byte

// The reports.
const (
	Ended     Kind = 'e' // a connection has ended
	Unreached Kind = 'u' // a connection has ended, as the place could not be reached
	Broken    Kind = 'b' // a connection to the place has failed, other than by a reset

	Awake   Kind = 'w' // with WakeData: the client counts from now on
	Answers Kind = 'a' // the place answers
	Silent  Kind = 's' // the place does not answer, and that or the reason is new
)

// Connection is a client's connection, as the daemon hands it over.
type Connection struct {
	ID          uint32         // repeated in the reports about it
	Peer, Local netip.AddrPort // for the PROXY header; invalid if there are none
}

// Report is a message, or a part of one, from a relay to the daemon.
type Report struct {
	Kind  Kind
	ID    uint32        // of the connection; Answers: see Owner; Silent: 0
	Errno syscall.Errno // why the connection has ended, 0: in order; Silent: why the place does not answer
	To    uint64        // bytes from the client to the place, of a connection that has ended
	From  uint64        // bytes from the place to the client, likewise
}

// answers returns the report that the place answers, for the nth time, and who answers.
func answers(n uint32, o occupant.Owner) Report {
	r := Report{Kind: Answers, ID: uint32(o.PID), To: uint64(n)<<32 | uint64(o.UID), From: o.Inode}
	if !o.Known {
		r.Errno = unix.ENOENT
	}
	return r
}

// Owner returns who answers, from a report of the kind Answers.
func (r Report) Owner() occupant.Owner {
	if r.Errno != 0 {
		return occupant.Owner{}
	}
	return occupant.Owner{Known: true, UID: uint32(r.To), PID: int32(r.ID), Inode: r.From}
}

// ErrRefused is the error reported for a client that the command Refuse has reset.
const ErrRefused = syscall.ECANCELED

const (
	connectionSize = 1 + 4 + 2*18
	reportSize     = 1 + 4 + 4 + 8 + 8
)

var errWire = errors.New("not a message of the other end")

func (c Connection) encode() []byte {
	b := binary.BigEndian.AppendUint32(append(make([]byte, 0, connectionSize), byte(connect)), c.ID)
	return appendEnd(appendEnd(b, c.Peer), c.Local)
}

// appendEnd appends an address and a port. One that is invalid has port 0.
func appendEnd(b []byte, a netip.AddrPort) []byte {
	if !a.IsValid() {
		a = netip.AddrPortFrom(netip.IPv6Unspecified(), 0)
	}
	addr := a.Addr().As16()
	return binary.BigEndian.AppendUint16(append(b, addr[:]...), a.Port())
}

func decodeConnection(b []byte) (c Connection, err error) {
	if len(b) != connectionSize || Command(b[0]) != connect {
		return c, errWire
	}
	return Connection{binary.BigEndian.Uint32(b[1:]), endOf(b[5:23]), endOf(b[23:])}, nil
}

func endOf(b []byte) netip.AddrPort {
	port := binary.BigEndian.Uint16(b[16:])
	if port == 0 {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(netip.AddrFrom16([16]byte(b)).Unmap(), port)
}

func (r Report) encode() []byte { return r.append(make([]byte, 0, reportSize)) }

func (r Report) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(append(b, byte(r.Kind)), r.ID)
	b = binary.BigEndian.AppendUint32(b, uint32(r.Errno))
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, r.To), r.From)
}

func decodeReport(b []byte) (r Report, err error) {
	if len(b) != reportSize {
		return r, errWire
	}
	switch r.Kind = Kind(b[0]); r.Kind {
	case Ended, Unreached, Broken, Awake, Answers, Silent:
	default:
		return r, errWire
	}
	r.ID, r.Errno = binary.BigEndian.Uint32(b[1:]), syscall.Errno(binary.BigEndian.Uint32(b[5:]))
	r.To, r.From = binary.BigEndian.Uint64(b[9:]), binary.BigEndian.Uint64(b[17:])
	return r, nil
}

// maxReports is how many reports a message has at most.
const maxReports = 32

func encodeReports(list []Report) []byte {
	b := make([]byte, 0, len(list)*reportSize)
	for _, r := range list {
		b = r.append(b)
	}
	return b
}

func decodeReports(b []byte) ([]Report, error) {
	if len(b) == 0 || len(b) > maxReports*reportSize {
		return nil, errWire
	}
	var list []Report
	for len(b) > 0 {
		r, err := decodeReport(b[:min(reportSize, len(b))])
		if err != nil {
			return nil, err
		}
		list, b = append(list, r), b[reportSize:]
	}
	return list, nil
}

// Send hands a client's connection to the relay at the other end of fd, without waiting.
// The relay gets a copy of the descriptor client, which the caller closes. EAGAIN: the
// relay has not yet taken those before it.
func Send(fd int, c Connection, client int) error {
	return unix.Sendmsg(fd, c.encode(), unix.UnixRights(client), nil, unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT)
}

// Receive returns the next reports of a relay, without waiting. EAGAIN: there are none.
// os.ErrClosed: the relay has ended. The relay is another user's process, so a message
// that holds anything but reports is an error.
func Receive(fd int) ([]Report, error) {
	var b [maxReports*reportSize + 1]byte
	n, _, err := unix.Recvfrom(fd, b[:], unix.MSG_DONTWAIT)
	switch {
	case err != nil:
		return nil, err
	case n == 0:
		return nil, os.ErrClosed
	}
	return decodeReports(b[:n])
}

// Pair makes the two ends, neither of which blocks. The caller closes both.
func Pair() (daemon, relay int, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, -1, fmt.Errorf("socketpair: %w", err)
	}
	return fds[0], fds[1], nil
}
