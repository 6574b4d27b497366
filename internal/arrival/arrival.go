// Package arrival finds out who the clients are that come through a proxy (key proxy). In
// goes a connection that was just accepted; out comes the client that the header of the
// proxy names, before anything is asked about that client. A goroutine of its own reads
// each header.
//
// Until then the client is not admitted, but counts as expected, so that no more clients
// are accepted than the limits of the service can take.
package arrival

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"time"

	"inetd/internal/child"
	"inetd/internal/client"
	"inetd/internal/limit"
	"inetd/internal/logbook"
	"inetd/internal/loop"
	"inetd/internal/proxyproto"
	"inetd/internal/stream"
	"inetd/internal/strerror"
	"inetd/internal/table"

	"golang.org/x/sys/unix"
)

// HeaderTime is how long a proxy may take to send its header.
const HeaderTime = 3 * time.Second

// Arrivals are the clients whose headers are being read. They belong to the goroutine of
// the event loop.
type Arrivals struct {
	*loop.Beside
	Room limit.Pool // for their connections

	log     *logbook.Book
	starter *child.Starter
}

// New makes Arrivals. There are none yet. Connections come from few proxies, so a source
// may have all the room.
func New(log *logbook.Book, starter *child.Starter, mail *loop.Mailbox) *Arrivals {
	room := limit.Pool{Size: 256, PerService: 128, PerSource: 256, Patience: HeaderTime}
	return &Arrivals{Beside: loop.NewBeside(mail, room.Size, 2*HeaderTime), Room: room, log: log, starter: starter}
}

// Await takes over c.Conn, has the proxy's header read, and calls the function then on
// the loop: with the client that the header names, whose connection the function takes
// over, or with nil if the client is refused or gone. If c comes from no proxy, or there
// is no room or no descriptor for reading, Await closes c.Conn and does not call the
// function.
func (a *Arrivals) Await(k *table.Socket, c client.Client, then func(*client.Client)) {
	v := k.Service
	if !v.Do.Proxies.Has(c.Peer.Addr()) {
		a.refuse(v, c.Peer, "it is none of the proxies of this service")
		unix.Close(c.Conn)
		return
	}
	c.Conn = a.starter.Keep(c.Conn)
	c.Room = a.Room.Enter(v.Label, limit.Source{}, time.Now())
	if c.Room == nil {
		unix.Close(c.Conn)
		return
	}
	f, err := stream.Open(c.Conn, c.Room)
	if err != nil {
		c.Room.Leave()
		a.log.Warningf("%s: %s", v.Label, strerror.Call(err))
		return
	}
	u := v.Usage()
	u.Expected++
	read := func(h proxyproto.Header, err error) func() {
		return func() {
			u.Expected--
			then(a.arrived(k, c, f, h, err))
		}
	}
	a.Do(func() func() {
		f.SetDeadline(time.Now().Add(HeaderTime))
		f.Room.Wait(time.Now())
		defer f.Room.Work()
		return read(f.ReadHeader())
	}, read(proxyproto.Header{}, os.ErrDeadlineExceeded))
}

// arrived is the client of a connection whose header was read; nil: there is none.
func (a *Arrivals) arrived(k *table.Socket, c client.Client, f *stream.Conn, h proxyproto.Header, err error) *client.Client {
	defer f.Close()
	c.Room.Leave()
	c.Room = nil
	v := k.Service // the service as of now: there may have been a reload
	switch {
	case k.Closed:
		return nil
	case err != nil:
		a.refuse(v, c.Peer, "PROXY header: "+headerFault(err))
		return nil
	}
	conn, err := f.Duplicate()
	if err != nil {
		a.log.Lack(v, "fcntl", err)
		return nil
	}
	unix.SetNonblock(conn, false)
	c.Conn = conn
	if h.Source.IsValid() {
		c.Proxied = &client.Proxied{Local: h.Dest, By: c.Peer}
		c.Peer, c.Source = h.Source, v.Do.Source(h.Source.Addr())
	}
	return &c
}

// headerFault says what is wrong with a header.
func headerFault(err error) string {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Sprintf("none within %v", HeaderTime)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection ended in it"
	}
	return strerror.Cause(err)
}

// refuse counts a client that does not come through a proxy as it should. It logs one a
// minute for each service.
func (a *Arrivals) refuse(v *table.Service, peer netip.AddrPort, why string) {
	u := v.Usage()
	u.Refused.Proxy++
	if now := time.Now(); now.Sub(u.Unproxied) > time.Minute {
		u.Unproxied = now
		a.log.Warningf("%s: refused connection from %s: %s (%s)", v.Label, peer, why, a.log.PlaceOf(v, "proxy"))
	}
}
