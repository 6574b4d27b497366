package talk

import (
	"inetd/internal/client"
	"inetd/internal/stream"
	"inetd/internal/table"
)

// Interrupt interrupts all conversations, and those that begin before GoOn.
func (t *Talks) Interrupt() {
	t.interrupted = true
	for f := range t.underWay {
		f.Interrupt()
	}
}

// setAside keeps a client whose conversation was interrupted. It reports false if
// that is impossible.
func (t *Talks) setAside(v *table.Service, c client.Client, f *stream.Conn) bool {
	conn, err := f.Duplicate()
	f.Close()
	if err != nil {
		return false
	}
	c.Conn, c.Room = conn, f.Room
	t.asides = append(t.asides, Left{v, c, f.Left})
	return true
}

// GoOn takes up the conversations that were interrupted.
func (t *Talks) GoOn() {
	list := t.asides
	t.asides, t.interrupted = nil, false
	for _, a := range list {
		t.Resume(a.Service, a.Client, a.Leftover)
	}
}

// Left are the conversations that were interrupted, and those that could not be: of
// these the next program is to make an end, so they are over, and each has another
// descriptor of its connection.
func (t *Talks) Left() (list []Left) {
	for f, a := range t.underWay {
		conn, err := f.Duplicate()
		if err != nil {
			continue
		}
		a.Client.Conn, a.Over = conn, true
		list = append(list, a)
	}
	return append(list, t.asides...)
}
