// Package registrar keeps the RPC programs that are served registered with rpcbind. In
// goes the list of what is to be registered; out come registrations that last through
// restarts of rpcbind, and log lines about trouble with it.
package registrar

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"inetd/internal/rpcbind"
	"inetd/internal/syslog"
)

// Registrar owns the registrations. Only its goroutine talks to rpcbind, which
// may be slow, or absent, or be restarted and so have forgotten everything.
type Registrar struct {
	log    *syslog.Logger
	client rpcbind.Client
	lists  chan []Registration // what is wanted; only the latest counts
	ended  chan struct{}       // closed when the goroutine has ended

	made    []rpcbind.Binding        // registrations made and not removed yet
	refused map[rpcbind.Binding]bool // refused since the latest list came
	trouble string                   // the cause that was logged last
	gone    <-chan struct{}          // closed when rpcbind ends; nil: it is not watched
}

// Registration is a binding that is wanted, with the label of its service and the file
// and line of its entry for log lines.
type Registration struct {
	rpcbind.Binding
	Label string
	Place string
}

// New returns a Registrar, whose goroutine runs until Close or Release.
func New(log *syslog.Logger, client rpcbind.Client) *Registrar { return Resume(log, client, nil) }

// Resume is like New, for a Registrar that goes on with what another one has made.
func Resume(log *syslog.Logger, client rpcbind.Client, made []rpcbind.Binding) *Registrar {
	r := &Registrar{log: log, client: client, made: made, lists: make(chan []Registration, 1), ended: make(chan struct{})}
	go r.run()
	return r
}

// Want replaces the list of what is to be registered. It does not wait. Only one
// goroutine may call Want, Close and Release.
func (r *Registrar) Want(list []Registration) {
	select {
	case <-r.lists:
	default:
	}
	r.lists <- list
}

// unregisterTime is how long rpcbind may take to remove everything.
const unregisterTime = 2 * time.Second

// Close removes all registrations, as far as rpcbind does that within two
// seconds.
func (r *Registrar) Close() {
	r.Want(nil)
	close(r.lists)
	select {
	case <-r.ended:
	case <-time.After(unregisterTime):
	}
}

// Release ends the Registrar and leaves the registrations, which it returns. It returns
// nil if rpcbind does not answer within two seconds: nobody knows then what they are.
func (r *Registrar) Release() []rpcbind.Binding {
	close(r.lists)
	select {
	case <-r.ended:
		return r.made
	case <-time.After(unregisterTime):
		return nil
	}
}

// The time between attempts to reach rpcbind.
const (
	minRetry = time.Second
	maxRetry = time.Minute
)

// checkInterval is how often the registrations are looked at: a server may have
// removed its own.
const checkInterval = time.Minute

// run settles the list whenever there is a new one, when rpcbind has ended, and
// when next fires: after trouble with rpcbind, or to check what is registered.
func (r *Registrar) run() {
	defer close(r.ended)
	ctx, unwatch := context.WithCancel(context.Background())
	defer unwatch()
	var wanted []Registration
	delay := minRetry
	next := time.NewTimer(delay)
	next.Stop()
	for {
		select {
		case list, open := <-r.lists:
			if !open {
				return
			}
			wanted, delay, r.refused = list, minRetry, map[rpcbind.Binding]bool{}
		case <-r.gone:
			r.gone = nil
			next.Reset(minRetry) // the next rpcbind needs a moment to start
			continue
		case <-next.C:
		}
		err := r.settle(ctx, wanted)
		r.tell(wanted, err)
		switch {
		case err != nil:
			next.Reset(delay)
			delay = min(2*delay, maxRetry)
		case len(wanted) > 0:
			next.Reset(checkInterval)
			delay = minRetry
		default:
			next.Stop()
		}
	}
}

// settle makes rpcbind's registrations those that are wanted, and watches rpcbind until ctx
// is done.
func (r *Registrar) settle(ctx context.Context, wanted []Registration) (err error) {
	if err := r.remove(wanted); err != nil || len(wanted) == 0 {
		return err
	}
	if r.gone == nil { // before add, so that the end of rpcbind is not missed
		if r.gone, err = r.client.Watch(ctx); err != nil {
			return err
		}
	}
	return r.add(wanted)
}

// add makes the registrations that rpcbind does not have.
func (r *Registrar) add(wanted []Registration) error {
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
		r.log.Noticef("rpcbind has lost %s, made again now", count(lost))
	}
	return r.make(wanted, missing)
}

// remove removes the registrations that are no longer wanted.
func (r *Registrar) remove(wanted []Registration) error {
	for i := len(r.made) - 1; i >= 0; i-- {
		b := r.made[i]
		if slices.ContainsFunc(wanted, func(w Registration) bool { return w.Binding == b }) {
			continue
		}
		if err := r.client.Unset(context.Background(), b); err != nil && !errors.Is(err, rpcbind.ErrRefused) {
			return err
		}
		r.made = slices.Delete(r.made, i, i+1)
	}
	return nil
}

// make makes the registrations that are missing. What somebody else, or this daemon
// before a crash, has left for the same program is replaced, as every inetd does. A
// portmapper of version 2 removes a version from all networks at once, so the version is
// registered for all of them again.
func (r *Registrar) make(wanted []Registration, missing []rpcbind.Binding) error {
	wanted = slices.DeleteFunc(slices.Clone(wanted), func(w Registration) bool {
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

// set makes one registration. A refusal is logged and is no error.
func (r *Registrar) set(w Registration) error {
	err := r.client.Set(context.Background(), w.Binding)
	switch {
	case errors.Is(err, rpcbind.ErrRefused):
		r.refused[w.Binding] = true
		r.log.Errorf("%s: %v (%s)", w.Label, err, w.Place)
		return nil
	case err == nil && !slices.Contains(r.made, w.Binding):
		r.made = append(r.made, w.Binding)
	}
	return err
}

// count returns a number of registrations in words.
func count(n int) string {
	if n == 1 {
		return "1 registration"
	}
	return fmt.Sprintf("%d registrations", n)
}

// tell logs the beginning and the end of trouble.
func (r *Registrar) tell(wanted []Registration, err error) {
	trouble := ""
	if err != nil && len(wanted) > 0 {
		trouble = cause(err)
	}
	switch {
	case trouble == r.trouble:
	case trouble != "":
		r.log.Warningf("%v: RPC programs are served and not registered; it will be tried again", err)
	case len(wanted) > 0:
		r.log.Noticef("RPC programs are registered now: %s", count(len(r.made)))
	}
	r.trouble = trouble
}

// cause returns an error's text without the addresses of the connection, which differ
// each time.
func cause(err error) string {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err.Error()
	}
	return err.Error()
}
