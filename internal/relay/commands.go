package relay

import (
	"encoding/binary"
	"errors"

	"golang.org/x/sys/unix"
)

// Commands are what the daemon tells a relay, in their order. A relay that has not yet
// taken the connections before them has its queue full: then they are kept here. The
// zero Commands has none. Unsaid is for one who keeps them for another program.
type Commands struct{ Unsaid [][]byte }

// maxUnsaid is how many commands are kept for a relay.
const maxUnsaid = 64

// ErrDeaf is the error of a relay that takes nothing any more.
var ErrDeaf = errors.New("it takes no command")

// Tell tells the relay at the other end of fd, which does not block, a command. An
// error says that it will never know: it has ended, or takes nothing any more.
func (q *Commands) Tell(fd int, c Command) error { return q.say(fd, []byte{byte(c)}) }

// Trust tells a relay likewise that what has answered by a report of the kind Answers
// may have the clients. If that has fallen silent since, it says nothing of who answers
// now.
func (q *Commands) Trust(fd int, answer Report) error {
	return q.say(fd, binary.BigEndian.AppendUint32([]byte{byte(trust)}, uint32(answer.To>>32)))
}

// Waiting reports whether any are kept. Flush is to be called again then, and no
// connection to be sent: it would overtake them.
func (q *Commands) Waiting() bool { return len(q.Unsaid) > 0 }

func (q *Commands) say(fd int, b []byte) error {
	if len(q.Unsaid) >= maxUnsaid {
		return ErrDeaf
	}
	q.Unsaid = append(q.Unsaid, b)
	return q.Flush(fd)
}

// Flush sends what is kept, as far as the relay takes it.
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
