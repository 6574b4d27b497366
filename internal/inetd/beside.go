package inetd

import (
	"context"
	"time"
)

// asking counts the questions of one kind that somebody else, such as a name
// server or a command, is to answer.
type asking struct {
	now int // under way
	max int // more may not be begun
}

func (a *asking) full() bool { return a.now >= a.max }

// beside runs work in a goroutine of its own, and then done on the event loop.
// It is how whatever may have to wait for somebody else is asked: work may take
// until d has passed, when its context ends, and is counted in a.
func (s *Server) beside(a *asking, d time.Duration, work func(context.Context), done func()) {
	a.now++
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), d)
		defer cancel()
		work(ctx)
		s.mail.Post(func() {
			a.now--
			done()
		})
	}()
}
