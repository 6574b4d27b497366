package inetd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"time"

	"inetd/internal/client"
	"inetd/internal/limit"
	"inetd/internal/proxyproto"
	"inetd/internal/stream"
	"inetd/internal/strerror"
	"inetd/internal/table"

	"golang.org/x/sys/unix"
)

// A client of a service with the key proxy comes through a proxy, which says in a
// header who that is. The header is read before anything is asked about the client:
//
//	accept -> arrive (a goroutine reads the header) -> arrived -> admit -> attend
//
// Meanwhile the client has not been admitted, and counts as one that is expected, so
// that no more are accepted than the limits of the service can take.

// headerTime is how long a proxy may take to send its header.
const headerTime = 3 * time.Second

// headerPool is the room for connections whose header is read. They come from few
// proxies, so a source has no share of its own.
func headerPool() limit.Pool {
	return limit.Pool{Size: 256, PerService: 128, PerSource: 256, Patience: headerTime}
}

// arrive has the header read of a client that has just been accepted. It takes over
// the connection.
func (s *Server) arrive(k *table.Socket, c client.Client) {
	if v := k.Service; !v.Do.Proxies.Has(c.Peer.Addr()) {
		s.unproxied(v, c.Peer, "it is none of the proxies of this service")
		unix.Close(c.Conn)
		return
	}
	c.Conn = s.starter.Keep(c.Conn)
	c.Room = s.headers.Enter(k.Service.Label, limit.Source{}, time.Now())
	if c.Room == nil {
		unix.Close(c.Conn)
		return
	}
	f, err := stream.Open(c.Conn, c.Room)
	if err != nil {
		c.Room.Leave()
		s.log.Warningf("%s: %s", k.Service.Label, strerror.Call(err))
		return
	}
	u := k.Service.Usage()
	u.Expected++
	var h proxyproto.Header
	s.arrivals.Do(headerTime, func(ctx context.Context) {
		deadline, _ := ctx.Deadline()
		f.SetDeadline(deadline)
		f.Room.Wait(time.Now())
		h, err = f.ReadHeader()
		f.Room.Work()
	}, func() {
		u.Expected--
		s.arrived(k, c, f, h, err)
		s.rearmOwn(u)
	})
}

// arrived goes on with a client whose header has been read.
func (s *Server) arrived(k *table.Socket, c client.Client, f *stream.Conn, h proxyproto.Header, err error) {
	defer f.Close()
	c.Room.Leave()
	c.Room = nil
	v := k.Service // of now: there may have been a reload
	switch {
	case k.Closed:
		return
	case err != nil:
		s.unproxied(v, c.Peer, "PROXY header: "+headerFault(err))
		return
	}
	conn, err := f.Duplicate()
	if err != nil {
		s.log.Lack(v, "fcntl", err)
		return
	}
	unix.SetNonblock(conn, false)
	c.Conn = conn
	if h.Source.IsValid() {
		c.Proxied = &client.Proxied{Local: h.Dest, By: c.Peer}
		c.Peer, c.Source = h.Source, v.Do.Source(h.Source.Addr())
	}
	s.receiveClient(v, c)
}

// headerFault is what is wrong with a header, in words.
func headerFault(err error) string {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Sprintf("none within %v", headerTime)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection ended in it"
	}
	return strerror.Cause(err)
}

// unproxied counts a client that does not come through a proxy as it should. Of a
// service one is logged a minute.
func (s *Server) unproxied(v *table.Service, peer netip.AddrPort, why string) {
	u := v.Usage()
	u.Refused.Proxy++
	if now := time.Now(); now.Sub(u.Unproxied) > time.Minute {
		u.Unproxied = now
		s.log.Warningf("%s: refused connection from %s: %s (%s)", v.Label, peer, why, s.log.PlaceOf(v, "proxy"))
	}
}
