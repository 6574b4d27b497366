package inetd

import (
	"errors"
	"io"
	"strings"
	"time"

	"inetd/internal/client"
	"inetd/internal/plan"
	"inetd/internal/sock"
	"inetd/internal/stream"
	"inetd/internal/table"

	"golang.org/x/sys/unix"
)

// The dialogue of tcpmux is short, and both of its ends are the event loop's: a client
// comes from accept, and goes on to admit and attend as the client of another service.

// Bounds on the dialogue of tcpmux.
const (
	muxTime    = 10 * time.Second // for all of it
	maxMuxLine = 256              // bytes of the service's name with the end of its line
)

// serveMux reads the name of a service from a client of tcpmux, and has the loop
// start the service.
func (s *Server) serveMux(v *table.Service, c client.Client, from stream.Leftover) {
	services := s.now.Mux
	s.converse(v, c, from, func(f *stream.Conn) error {
		f.Begin(muxTime)
		if f.Left.Over {
			return f.AwaitEnd()
		}
		name, err := f.ReadLine(maxMuxLine)
		switch {
		case errors.Is(err, stream.ErrLongLine), errors.Is(err, io.ErrUnexpectedEOF):
			return f.Dismiss("-Error reading service name\r\n")
		case err != nil: // the client is gone, or too slow
			return err
		case strings.EqualFold(name, "help"):
			return f.Dismiss(table.Menu(services))
		}
		if no := s.handOut(name, c, f); no != "" {
			return f.Dismiss(no)
		}
		return nil
	})
}

// handOut asks the loop to start a service, and returns what the client is to be
// told if that does not. Where the system has run out of something, that passes: the
// client waits, as others do in the listen queue. It is called by the goroutine of the
// dialogue.
func (s *Server) handOut(name string, c client.Client, f *stream.Conn) (no string) {
	f.Room.Work()
	until := time.Now().Add(muxTime)
	for {
		answer := make(chan handedOut, 1)
		s.mail.Post(func() { answer <- s.demux(name, c, f) })
		a := <-answer
		if !a.short || time.Now().After(until) {
			return a.no
		}
		time.Sleep(restTime)
	}
}

// handedOut is what became of a client of tcpmux.
type handedOut struct {
	no    string // what it is told; "": it is served
	short bool   // the system has run out of something
}

// demux starts the service of a name for a client of tcpmux. If there is no such
// service or its limits forbid a start, it returns what the client is told: it has
// been accepted, so it cannot wait in a listen queue as others do.
func (s *Server) demux(name string, c client.Client, f *stream.Conn) handedOut {
	v := s.now.Muxed(name)
	if v == nil {
		if s.cfg.LogConnections {
			s.log.Infof("%s: no service %q%s", plan.MuxName, name, c.From())
		}
		return handedOut{no: table.NotAvailable}
	}
	no := handedOut{no: s.door.Refusal(v)}
	if v.Used != nil && v.Used.Halted || !s.mayStart(v) {
		no.short = s.bound(v) == byProcesses && !s.crowdedOut() && !s.holding
		return no
	}
	conn, err := f.Duplicate()
	if err != nil {
		s.log.Lack(v, "fcntl", err)
		no.short = !s.holding
		return no
	}
	if !s.door.Admit(v, &c) || !s.enter(v, &c) {
		unix.Close(conn)
		return no
	}
	unix.SetNonblock(conn, false)
	c.Conn = conn
	if c.Room != nil {
		f.Room = nil // this dialogue's room is that of the builtin now
	}
	s.attend(v, c)
	return handedOut{}
}

// inheritMux gives the services of tcpmux in g the usage that they have now. The
// usage of other services comes with their sockets.
func (s *Server) inheritMux(g *table.Generation) {
	used := map[string]*table.Usage{}
	for _, v := range s.now.Mux {
		used[v.Label] = v.Used
	}
	for _, v := range g.Mux {
		v.Used = used[v.Label]
		s.formers.Recall(v, sock.Spec{})
	}
}
