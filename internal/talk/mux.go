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
	muxTime    = 10 * time.Second // for the whole dialogue
	maxMuxLine = 256              // bytes of a service's name, with the end of the line
)

// mux reads a service's name from a client of tcpmux, and has the loop start the service.
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

// handOut has the loop start a service, and returns what the client is told if that fails.
// If the system is short of something, that passes: the client waits up to muxTime, as
// others do in the listen queue. It runs on the goroutine of the dialogue.
func (t *Talks) handOut(name string, c client.Client, f *stream.Conn) (no string) {
	f.Room.Work()
	until, answer := time.Now().Add(muxTime), make(chan string, 1)
	var try func()
	try = func() {
		a := t.loop.Demux(name, c, f)
		if a.Short && time.Now().Before(until) {
			t.loop.Timers.After(gate.RestTime, try)
			return
		}
		answer <- a.No
	}
	t.loop.Mail.Post(try)
	return <-answer
}

// Demuxed is what happened to a client of tcpmux.
type Demuxed struct {
	No    string // what the client is told; "": it is served
	Short bool   // the system is short of something, so try again
}
