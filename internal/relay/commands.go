package relay

import (
	"encoding/binary"
	"errors"

	"golang.org/x/sys/unix"
)

// Commands keeps the commands for a relay whose queue is full, as it has not taken the
// connections before them yet, and sends them in order. The zero Commands is empty.
// Unsaid is public for an upgrade, which passes the commands to the new program.
type Commands struct{ Unsaid [][]byte }

// maxUnsaid is how many commands are kept for a relay at most.
const maxUnsaid = 64

// ErrDeaf says that a relay takes nothing any more: maxUnsaid commands are kept for it.
var ErrDeaf = errors.New("it takes no command")

// Tell sends a command to the relay at the other end of fd, or keeps it for Flush, without
// waiting. On an error the relay will never get it: it has ended, or takes nothing any more.
func (q *Commands) Tell(fd int, c Command) error { return q.say(fd, []byte{byte(c)}) }

// Trust tells a relay likewise that the process named in answer, a report of the kind
// Answers, is the server, so that clients may go on to it. The relay ignores this if the
// place has fallen silent since: somebody else may answer there now.
func (q *Commands) Trust(fd int, answer Report) error {
	return q.say(fd, binary.BigEndian.AppendUint32([]byte{byte(trust)}, uint32(answer.To>>32)))
}

// Waiting reports whether any commands are kept. If so, Flush must be called again, and no
// connection be sent before: it would overtake them.
func (q *Commands) Waiting() bool { return len(q.Unsaid) > 0 }

func (q *Commands) say(fd int, b []byte) error {
	if len(q.Unsaid) >= maxUnsaid {
		return ErrDeaf
	}
	q.Unsaid = append(q.Unsaid, b)
	return q.Flush(fd)
}

// Flush sends the kept commands, as many as the relay takes, without waiting.
func (q *Commands) Flush(fd int) error {
	for len(q.Unsaid) > 0 {
		err := unix.Sendmsg(fd, q.Unsaid[0], nil, nil, unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT)
		switch {
		case err == unix.EAGAIN:
			return nil
		case err == unix.EINTR:
			continue
		case err != nil:
			return err
		}
		q.Unsaid = q.Unsaid[1:]
	}
	q.Unsaid = nil
	return nil
}
