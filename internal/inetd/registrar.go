package inetd

import (
	"context"
	"errors"
	"slices"
	"time"

	"inetd/internal/rpcbind"
	"inetd/internal/syslog"
)

// registrar keeps rpcbind told of the RPC programs that are served. Only its
// goroutine talks to rpcbind, which may be slow, or absent, or be restarted and
// so have forgotten everything.
type registrar struct {
	log    *syslog.Logger
	client rpcbind.Client
	lists  chan []registration // what is wanted; only the latest counts
	ended  chan struct{}

	made    []rpcbind.Binding        // and not removed yet
	refused map[rpcbind.Binding]bool // since the list came
	trouble string                   // that has been logged, without what differs each time
}

// registration is one that is wanted, for the service of that label.
type registration struct {
	rpcbind.Binding
	label string
}

func newRegistrar(log *syslog.Logger, client rpcbind.Client) *registrar {
	r := &registrar{log: log, client: client, lists: make(chan []registration, 1), ended: make(chan struct{})}
	go r.run()
	return r
}

// want replaces the list of what is to be registered. It does not wait.
func (r *registrar) want(list []registration) {
	select {
	case <-r.lists:
	default:
	}
	r.lists <- list
}

// unregisterTime is how long rpcbind may take to remove everything.
const unregisterTime = 2 * time.Second

// close removes all registrations, as far as rpcbind does that in time.
func (r *registrar) close() {
	r.want(nil)
	close(r.lists)
	select {
	case <-r.ended:
	case <-time.After(unregisterTime):
	}
}

func (r *registrar) run() {
	defer close(r.ended)
	var wanted []registration
	var stale <-chan struct{} // nil: nothing to wait for but a list
	delay, cancel := minRetry, context.CancelFunc(func() {})
	for {
		select {
		case list, open := <-r.lists:
			if !open {
				cancel()
				return
			}
			wanted, delay, r.refused = list, minRetry, map[rpcbind.Binding]bool{}
		case <-stale:
		}
		cancel()
		var ctx context.Context
		ctx, cancel = context.WithCancel(context.Background())
		rpcbindEnded, err := r.settle(ctx, wanted)
		r.tell(wanted, err)
		if err == nil {
			delay = minRetry
		}
		stale = nil
		if err != nil || len(wanted) > 0 {
			stale = later(ctx, rpcbindEnded, delay)
		}
		delay = min(2*delay, maxRetry)
	}
}

// checkInterval is how often it is looked whether the registrations are still
// there: a server may have removed its own.
const checkInterval = time.Minute

// later returns a channel that is closed when it is time to talk to rpcbind
// again: after a delay, which begins with its end if it runs now.
func later(ctx context.Context, rpcbindEnded <-chan struct{}, delay time.Duration) <-chan struct{} {
	over := make(chan struct{})
	go func() {
		defer close(over)
		if rpcbindEnded != nil {
			select {
			case <-rpcbindEnded:
			case <-time.After(checkInterval):
			}
		}
		select {
		case <-time.After(delay):
		case <-ctx.Done():
		}
	}()
	return over
}

// settle makes what is registered what is wanted, and returns a channel that is
// closed when rpcbind ends, or ctx is done.
func (r *registrar) settle(ctx context.Context, wanted []registration) (rpcbindEnded <-chan struct{}, err error) {
	if err := r.remove(wanted); err != nil || len(wanted) == 0 {
		return nil, err
	}
	ended, err := r.client.Watch(ctx) // first: its end is not to be missed
	if err != nil {
		return nil, err
	}
	if err := r.add(wanted); err != nil {
		return nil, err
	}
	return ended, nil
}

// add makes the registrations that rpcbind does not have.
func (r *registrar) add(wanted []registration) error {
	list := make([]rpcbind.Binding, len(wanted))
	for i, w := range wanted {
		list[i] = w.Binding
	}
	missing, err := r.client.Missing(context.Background(), list)
	if err != nil {
		return err
	}
	missing = slices.DeleteFunc(missing, func(b rpcbind.Binding) bool { return r.refused[b] })
	lost := 0
	for _, b := range missing {
		if slices.Contains(r.made, b) {
			lost++
		}
	}
	if lost > 0 {
		r.log.Noticef("rpcbind has lost %s, made again now", number(lost, "registration", "registrations"))
	}
	return r.make(wanted, missing)
}

// remove removes the registrations that are no longer wanted.
func (r *registrar) remove(wanted []registration) error {
	for i := len(r.made) - 1; i >= 0; i-- {
		b := r.made[i]
		if slices.ContainsFunc(wanted, func(w registration) bool { return w.Binding == b }) {
			continue
		}
		if err := r.client.Unset(context.Background(), b); err != nil && !errors.Is(err, rpcbind.ErrRefused) {
			return err
		}
		r.made = slices.Delete(r.made, i, i+1)
	}
	return nil
}

// make makes the registrations that are missing. What somebody else, or this
// daemon before a crash, has left for the same program is replaced, as by every
// inetd. A portmapper of version 2 removes a version from all networks at once,
// so that the version is registered for all of them again.
func (r *registrar) make(wanted []registration, missing []rpcbind.Binding) error {
	wanted = slices.DeleteFunc(slices.Clone(wanted), func(w registration) bool {
		return r.refused[w.Binding] ||
			!slices.ContainsFunc(missing, func(b rpcbind.Binding) bool { return b.Program == w.Program && b.Version == w.Version })
	})
	for _, w := range wanted {
		if err := r.client.Unset(context.Background(), w.Binding); err != nil && !errors.Is(err, rpcbind.ErrRefused) {
			return err
		}
	}
	for _, w := range wanted {
		if err := r.set(w); err != nil {
			return err
		}
	}
	return nil
}

// set makes one registration. That it is refused is logged and no error.
func (r *registrar) set(w registration) error {
	err := r.client.Set(context.Background(), w.Binding)
	switch {
	case errors.Is(err, rpcbind.ErrRefused):
		r.refused[w.Binding] = true
		r.log.Errorf("%s: %v", w.label, err)
		return nil
	case err == nil && !slices.Contains(r.made, w.Binding):
		r.made = append(r.made, w.Binding)
	}
	return err
}

// tell logs the beginning and the end of trouble.
func (r *registrar) tell(wanted []registration, err error) {
	trouble := ""
	if err != nil && len(wanted) > 0 {
		trouble = message(err)
	}
	switch {
	case trouble == r.trouble:
	case trouble != "":
		r.log.Warningf("%v: RPC programs are served and not registered; it will be tried again", err)
	case len(wanted) > 0:
		r.log.Noticef("RPC programs are registered now: %s", number(len(r.made), "registration", "registrations"))
	}
	r.trouble = trouble
}
