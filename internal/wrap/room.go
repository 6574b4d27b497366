package wrap

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"inetd/internal/limit"
)

// Bounds on clients who wait for a name server or a command. Either takes as long
// as it likes, so no service and no source may have all the room.
const (
	roomSize       = 256
	roomPerService = 128
	roomPerSource  = 32

	maxQueue       = 192 // clients who wait for room
	queuePerSource = 96
	queueTime      = 5 * time.Second
)

// MaxSlow is how many clients there can be for whom Ask waits. The answer for any
// other is found at once.
const MaxSlow = roomSize + maxQueue

var errFull = errors.New("too many clients wait for names of hosts or for commands")

// room is what clients have who wait for somebody else. Those for whom there is
// none now wait for it in a queue, for a moment: in a burst of clients each takes
// little time.
type room struct {
	mu    sync.Mutex
	pool  limit.Pool
	queue []*waiter
}

// waiter is a client in the queue. It gets its room by a channel that has space
// for it.
type waiter struct {
	service string
	source  limit.Source
	got     chan *limit.Member
}

// enter makes room for a client of a service, which must leave it again.
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

// admit makes room at once, or else puts a client into the queue.
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

// giveUp takes a client out of the queue.
func (r *room) giveUp(w *waiter) {
	r.mu.Lock()
	r.queue = slices.DeleteFunc(r.queue, func(other *waiter) bool { return other == w })
	r.mu.Unlock()
	select {
	case m := <-w.got: // it came too late
		r.leave(m)
	default:
	}
}

// leave gives room back, and lets those in, in their order, who fit now.
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
