package talk

import (
	"errors"
	"io"
	"strings"
	"time"

	"inetd/internal/client"
	"inetd/internal/gate"
	"inetd/internal/stream"
	"inetd/internal/table"
)

// Bounds on the dialogue of tcpmux.
const (
	muxTime    = 10 * time.Second // for all of it
	maxMuxLine = 256              // bytes of the service's name with the end of its line
)

// mux reads the name of a service from a client of tcpmux, and has the loop
// start the service.
func (t *Talks) mux(v *table.Service, c client.Client, from stream.Leftover) {
	services := t.loop.Now.Mux
	t.converse(v, c, from, func(f *stream.Conn) error {
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
		if no := t.handOut(name, c, f); no != "" {
			return f.Dismiss(no)
		}
		return nil
	})
}

// handOut asks the loop to start a service, and returns what the client is to be
// told if that does not. Where the system has run out of something, that passes: the
// client waits, as others do in the listen queue. It is called by the goroutine of the
// dialogue.
func (t *Talks) handOut(name string, c client.Client, f *stream.Conn) (no string) {
	f.Room.Work()
	until := time.Now().Add(muxTime)
	for {
		answer := make(chan Demuxed, 1)
		t.loop.Mail.Post(func() { answer <- t.loop.Demux(name, c, f) })
		a := <-answer
		if !a.Short || time.Now().After(until) {
			return a.No
		}
		time.Sleep(gate.RestTime)
	}
}

// Demuxed is what became of a client of tcpmux.
type Demuxed struct {
	No    string // what it is told; "": it is served
	Short bool   // the system has run out of something, so it is to try again
}
