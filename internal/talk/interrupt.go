package talk

import (
	"inetd/internal/client"
	"inetd/internal/stream"
	"inetd/internal/table"
)

// Interrupt interrupts all conversations, also those that begin before GoOn.
func (t *Talks) Interrupt() {
	t.interrupted = true
	for f := range t.underWay {
		f.Interrupt()
	}
}

// setAside keeps the client of an interrupted conversation, with a new descriptor of the
// connection. It reports false if that is impossible.
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

// GoOn resumes the conversations that were interrupted.
func (t *Talks) GoOn() {
	list := t.asides
	t.asides, t.interrupted = nil, false
	for _, a := range list {
		t.Resume(a.Service, a.Client, a.Leftover)
	}
}

// Left are the conversations for the next program. Those that were interrupted it can
// resume. The others it is only to end: they are marked as over, and each has another
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
