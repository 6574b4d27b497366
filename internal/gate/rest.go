package gate

import (
	"time"

	"inetd/internal/table"
)

// RestTime is how long a socket is not polled after the system was short of something.
const RestTime = 250 * time.Millisecond

// Rest stops polling a socket for RestTime, because the system call what has failed for
// want of descriptors, memory or the like: the socket stays readable, so the loop would
// spin. Rest logs err once a minute.
func (g *Gate) Rest(k *table.Socket, what string, err error) {
	g.loop.Log.Lack(k.Service, what, err)
	g.RestQuietly(k)
}

// RestQuietly is Rest without a log line.
func (g *Gate) RestQuietly(k *table.Socket) {
	g.Disarm(k)
	g.loop.Timers.After(RestTime, func() { g.Arm(k) })
}
