package gate

import (
	"time"

	"inetd/internal/table"
)

// RestTime is how long a socket is not polled after the system ran out of something.
const RestTime = 250 * time.Millisecond

// Rest stops polling a socket for a moment, after the system call named what has failed
// for want of something: the socket stays readable, so that the loop would spin. It is
// logged once a minute.
func (g *Gate) Rest(k *table.Socket, what string, err error) {
	g.loop.Log.Lack(k.Service, what, err)
	g.RestQuietly(k)
}

// RestQuietly is Rest for what was logged already.
func (g *Gate) RestQuietly(k *table.Socket) {
	g.Disarm(k)
	g.loop.Timers.After(RestTime, func() { g.Arm(k) })
}
