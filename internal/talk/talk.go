// Package talk serves the clients of builtins on connections: those of package builtin,
// the dialogue of tcpmux and that of ident. In goes a client that was admitted. It is
// answered at once, or a goroutine talks with it; after that the client is released. For
// an interrupted conversation, out comes how far it has got, so that the next program can
// go on there (see package stream).
//
//	Enter -> Serve -> goroutine ... -> Loop.Release
//	                   tcpmux: -> Loop.Demux, which serves the client further
//
// All but what such a goroutine does belongs to the goroutine of the event loop. Loop is
// what the event loop does for this package.
package talk

import (
	"cmp"
	"fmt"
	"time"

	"inetd/internal/admission"
	"inetd/internal/builtin"
	"inetd/internal/child"
	"inetd/internal/client"
	"inetd/internal/limit"
	"inetd/internal/logbook"
	"inetd/internal/loop"
	"inetd/internal/plan"
	"inetd/internal/stream"
	"inetd/internal/strerror"
	"inetd/internal/syslog"
	"inetd/internal/table"
	"inetd/internal/zone"

	"golang.org/x/sys/unix"
)

// Loop is what the event loop does for Talks. Its functions are called on the loop,
// except UserName, which is called beside it.
type Loop struct {
	Starter *child.Starter
	Mail    *loop.Mailbox
	Timers  *loop.Timers
	Log     *logbook.Book
	Door    *admission.Door
	Now     *table.InForce
	Clock   *zone.Clock

	Release  func(v *table.Service, source limit.Source) // called when a client has gone
	UserName func(v *table.Service, uid uint32) string

	// Demux has the client of a tcpmux conversation served by the service called name.
	Demux func(name string, c client.Client, f *stream.Conn) Demuxed
}

// Talks are the conversations of builtins with clients.
type Talks struct {
	Room limit.Pool // for connections; a client that finds none waits in the listen queue

	loop        Loop
	underWay    map[*stream.Conn]Left
	asides      []Left    // interrupted ones
	interrupted bool      // those that begin are interrupted, too
	crowded     time.Time // when a client was last refused for want of room
	text        []byte    // scratch
}

// Left is a conversation that was not brought to its end.
type Left struct {
	Service *table.Service
	Client  client.Client
	stream.Leftover
}

// New makes Talks for an event loop. There is no conversation yet.
func New(l Loop) *Talks {
	return &Talks{
		Room: limit.Pool{Size: 256, PerService: 128, PerSource: 128, Patience: 10 * time.Second},
		loop: l, underWay: map[*stream.Conn]Left{},
	}
}

// Len is how many conversations are under way.
func (t *Talks) Len() int { return len(t.underWay) }

// Enter gives a client that has been admitted the room that it needs. A client that
// tcpmux hands on has room already and takes it along. If there is no room for its
// source, the client is released and Enter reports false.
func (t *Talks) Enter(v *table.Service, c *client.Client) bool {
	if !v.Do.Stays() {
		c.Room = nil
		return true
	}
	now := time.Now()
	switch {
	case c.Room == nil:
		c.Room = t.Room.Enter(v.Label, c.Source, now)
	case !c.Room.Move(v.Label, now):
		c.Room = nil
	}
	if c.Room != nil {
		return true
	}
	t.loop.Release(v, c.Source)
	v.Usage().Refused.Room++
	if now.Sub(t.crowded) > time.Minute {
		t.crowded = now
		t.loop.Log.Tell(syslog.Warning, v, fmt.Sprintf("%s from %s exceeded the connections of internal services", v.Label, c.Who(v)),
			fmt.Sprintf("limit %d of one service, %d from one source", t.Room.PerService, t.Room.PerSource), "")
	}
	return false
}

// Leave releases a client and the room that Enter gave it.
func (t *Talks) Leave(v *table.Service, c client.Client) {
	t.loop.Release(v, c.Source)
	c.Room.Leave()
}

// Serve serves a client, and takes over its connection.
func (t *Talks) Serve(v *table.Service, c client.Client) {
	t.loop.Door.Welcome(v, c.Conn)
	v.Usage().Started++
	if b, _ := builtin.Lookup(v.Do.Builtin, t.loop.Clock.Now); b.Brief != nil {
		t.logStart(v, c, 0)
		t.text = b.Brief(t.text[:0])
		unix.Write(c.Conn, t.text) // the empty send buffer holds it all
		unix.Close(c.Conn)
		t.Leave(v, c)
		return
	}
	t.Resume(v, c, stream.Leftover{})
}

// Resume talks with a client from the beginning, or from where a conversation was
// interrupted. It takes over the connection.
func (t *Talks) Resume(v *table.Service, c client.Client, from stream.Leftover) {
	switch v.Do.Builtin {
	case plan.MuxName:
		t.mux(v, c, from)
	case plan.IdentName:
		t.ident(v, c, from)
	default:
		b, _ := builtin.Lookup(v.Do.Builtin, t.loop.Clock.Now)
		t.converse(v, c, from, func(f *stream.Conn) error { return b.Stream(f) })
	}
}

// converse has a goroutine serve a client, and closes the connection when serve returns,
// unless the conversation was interrupted. The error of serve concerns only the client.
// from is how far an interrupted conversation had got; zero: this is a new one.
//
// It is no work for a loop.Beside, which gives up what takes long: a conversation takes as
// long as its client likes. Room has the cap, every call on the connection its deadline,
// and an upgrade interrupts the conversation, so that none hangs.
func (t *Talks) converse(v *table.Service, c client.Client, from stream.Leftover, serve func(*stream.Conn) error) {
	c.Conn = t.loop.Starter.Keep(c.Conn)
	f, err := stream.Open(c.Conn, c.Room)
	if err != nil {
		t.Leave(v, c)
		t.loop.Log.Tell(syslog.Warning, v, v.Label+": "+strerror.Call(err), "", "")
		return
	}
	f.Left = from
	f.Left.Begun = cmp.Or(from.Begun, time.Now().UnixNano())
	if k := v.Do.Keys; k != nil {
		f.Idle = k.IdleTime
	}
	logEnd := t.logStart(v, c, from.Begun)
	t.underWay[f] = Left{Service: v, Client: c}
	t.limitTime(v, c, f)
	if t.interrupted { // the others are interrupted already
		f.Interrupt()
	}
	go func() {
		interrupted := f.Interrupted(serve(f))
		if !interrupted {
			f.Close()
		}
		t.loop.Mail.Post(func() {
			delete(t.underWay, f)
			if interrupted && t.setAside(v, c, f) {
				return
			}
			c.Room = f.Room // tcpmux may have handed it on
			t.Leave(v, c)
			logEnd()
		})
	}()
}

// limitTime ends a conversation after its max_time, if it has one.
func (t *Talks) limitTime(v *table.Service, c client.Client, f *stream.Conn) {
	k := v.Do.Keys
	if k == nil || k.MaxTime == 0 {
		return
	}
	t.loop.Timers.After(time.Until(time.Unix(0, f.Left.Begun).Add(k.MaxTime)), func() {
		if _, talking := t.underWay[f]; talking {
			t.loop.Log.Noticef("%s: internal%s has run for %v, its max_time, and is ended (%s)", v.Label, c.From(), k.MaxTime, t.loop.Log.PlaceOf(v, "max_time"))
			f.End()
		}
	})
}

// logStart logs that a client is served, if connections are logged. If begun is not 0,
// the conversation began at that time, and the log has it already. end logs its end, and
// is to be called on the event loop.
func (t *Talks) logStart(v *table.Service, c client.Client, begun int64) (end func()) {
	log := t.loop.Log
	if !log.Connections {
		return func() {}
	}
	if begun == 0 {
		begun = time.Now().UnixNano()
		log.Infof("%s: connection%s, internal", v.Label, c.From())
	}
	return func() {
		log.Infof("%s: end of connection%s, internal, after %v", v.Label, c.From(), logbook.Since(begun))
	}
}
