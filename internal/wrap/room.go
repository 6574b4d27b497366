package wrap

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"inetd/internal/limit"
)

// Bounds on clients that wait for a name server or a command. Either may take long, so
// no service and no source may have all the room.
const (
	roomSize       = 256
	roomPerService = 128
	roomPerSource  = 32

	maxQueue       = 192 // clients that wait for room
	queuePerSource = 96
	queueTime      = 5 * time.Second
)

// MaxSlow is how many calls of Ask can have room or wait for it at once. Any other call
// waits for nothing, or only for the name of this end of the connection.
const MaxSlow = roomSize + maxQueue

var errFull = errors.New("too many clients wait for names of hosts or for commands")

// room bounds the clients that wait for a name server or a command. When it is full,
// further clients wait in a queue, for queueTime at most: in a burst of clients each
// takes little time.
type room struct {
	mu    sync.Mutex
	pool  limit.Pool
	queue []*waiter
}

// waiter is a client in the queue. It gets its room by a channel with space for one, so
// that nobody waits to give it.
type waiter struct {
	service string
	source  limit.Source
	got     chan *limit.Member
}

// enter gets room for a client of a service, waiting in the queue if it must. The caller
// must give the room back by leave.
func (r *room) enter(ctx context.Context, service string, source limit.Source) (*limit.Member, error) {
	w := &waiter{service, source, make(chan *limit.Member, 1)}
	if m, err := r.admit(w); m != nil || err != nil {
		return m, err
	}
	ctx, cancel := context.WithTimeout(ctx, queueTime)
	defer cancel()
	select {
	case m := <-w.got:
		return m, nil
	case <-ctx.Done():
		r.giveUp(w)
		return nil, errFull
	}
}

// admit gives room at once, or else puts the client into the queue and returns nil.
func (r *room) admit(w *waiter) (*limit.Member, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pool.Size == 0 {
		r.pool = limit.Pool{Size: roomSize, PerService: roomPerService, PerSource: roomPerSource}
	}
	if m := r.pool.Enter(w.service, w.source, time.Now()); m != nil {
		return m, nil
	}
	same := 0
	for _, other := range r.queue {
		if other.source == w.source {
			same++
		}
	}
	if len(r.queue) >= maxQueue || same >= queuePerSource {
		return nil, errFull
	}
	r.queue = append(r.queue, w)
	return nil, nil
}

// giveUp takes a client out of the queue, and gives back room that it has just got.
func (r *room) giveUp(w *waiter) {
	r.mu.Lock()
	r.queue = slices.DeleteFunc(r.queue, func(other *waiter) bool { return other == w })
	r.mu.Unlock()
	select {
	case m := <-w.got:
		r.leave(m)
	default:
	}
}

// leave gives room back, and gives room to those in the queue that now fit, in order.
func (r *room) leave(m *limit.Member) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m.Leave()
	r.queue = slices.DeleteFunc(r.queue, func(w *waiter) bool {
		m := r.pool.Enter(w.service, w.source, time.Now())
		if m != nil {
			w.got <- m
		}
		return m != nil
	})
}
