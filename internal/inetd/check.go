package inetd

import (
	"io"
	"sync"

	"inetd/internal/child"
	"inetd/internal/plan"
)

// Check loads the configuration, opens nothing, and writes what a daemon
// started by root would open and every problem: as text, or with asJSON as one
// object. It returns the number of errors. It starts nothing but getent(1), if a
// name is not in the files.
func Check(c Config, w io.Writer, asJSON bool) (errors int) {
	var l lender
	defer l.end()
	host := machine()
	host.Clone, host.Getent = child.Clones(), l.getent
	r := plan.Check(&c.Config, host)
	if asJSON {
		r.WriteJSON(w)
	} else {
		r.WriteText(w)
	}
	return r.Errors()
}

// lender lends a load the event loop of a Server that serves nothing: getent
// needs one. The loop begins with the first question.
type lender struct {
	begin sync.Once
	s     *Server
	err   error
	ask   getent
	ended chan struct{}
}

func (l *lender) getent(database, key string) (line string, found bool, err error) {
	l.begin.Do(l.run)
	if l.err != nil {
		return "", false, l.err
	}
	return l.ask(database, key)
}

func (l *lender) run() {
	if l.s, l.err = New(Config{}); l.err != nil {
		return
	}
	l.ask, l.ended = l.s.getent(), make(chan struct{})
	go func() {
		for !l.s.stopping.Load() {
			l.s.turn()
		}
		l.s.close()
		close(l.ended)
	}()
}

// end ends the loop, if it has begun.
func (l *lender) end() {
	if l.ended == nil {
		return
	}
	l.s.Stop()
	<-l.ended
}
