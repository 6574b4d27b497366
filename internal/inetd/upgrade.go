// This file has another program replace this one in the same process, for which the loop
// ends or stops whatever is under way.

package inetd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"inetd/internal/arrival"
	"inetd/internal/child"
	"inetd/internal/diagnose"
	"inetd/internal/handover"
)

// Bounds on an upgrade.
const (
	proofTime    = 50 * time.Second                 // the new program loads the configuration, see loadTime
	quiesceTime  = arrival.HeaderTime + time.Second // for what is under way to end
	quiescePause = 2 * time.Millisecond             // between checks whether it has ended
)

// Proved begins the line by which a program says that it can take over; its name and
// version follow, and it exits with status 0. Any other line says why it cannot.
const Proved = "takes over: "

// ErrGivenUp is the error of an upgrade that nobody waits for any more.
var ErrGivenUp = errors.New("who has asked for it has given up")

// Prove starts a program as a child that gets the daemon's state on its standard input and
// answers in one line. It returns what the program calls itself. The end of ctx ends the
// child. Prove must be called beside the loop, not on it.
func (s *Server) Prove(ctx context.Context, argv []string, process handover.Process) (name string, err error) {
	sample := make(chan []byte, 1)
	s.mail.Post(func() { // the loop owns what the state refers to
		state := s.bequest().State
		state.Process = process
		text, e := handover.Encode(state)
		err = e
		sample <- text
	})
	text := <-sample
	if err != nil {
		return "", err
	}
	line, st, err := s.commands.Ask(ctx, argv, text, s.proofTime)
	name, proved := strings.CutPrefix(line, Proved)
	switch {
	case errors.Is(err, context.Canceled):
		return "", ErrGivenUp
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "", fmt.Errorf("%s has not answered within %v", argv[0], s.proofTime)
	case err != nil:
		return "", err
	case st.Stage != child.Run:
		return "", diagnose.Replacement(argv[0], st)
	case st.Wait != 0:
		return "", fmt.Errorf("%s: %s", argv[0], cmp.Or(line, child.How(st.Wait)))
	case !proved:
		return "", fmt.Errorf("%s is no inetd that can take over: %s", argv[0], cmp.Or(line, "it says nothing"))
	}
	return name, nil
}

// HandOver stops serving and calls execute with all that the new program needs. If execute
// returns, this program goes on serving and HandOver returns the error. No other HandOver
// may be under way, and nobody may wait for the outcome of a Reload: it would never come.
func (s *Server) HandOver(execute func(*handover.State) error) error {
	failed := make(chan error, 1)
	s.mail.Post(func() {
		s.gate.Closed = true
		s.gate.ArmAll()
		s.talks.Interrupt()
		s.quiesce(time.Now().Add(quiesceTime), func() { failed <- s.handOver(execute) })
	})
	return <-failed
}

// quiesce calls done once everything under way that ends soon has ended, or at until.
func (s *Server) quiesce(until time.Time, done func()) {
	s.starter.Settle(0)
	underWay := s.talks.Len() > 0 || s.arrivals.Len() > 0 || s.inquiries.Len() > 0 || s.starter.Starting() || s.sessions.Closing()
	if underWay && time.Now().Before(until) {
		s.timers.After(quiescePause, func() { s.quiesce(until, done) })
		return
	}
	done()
}

var errStopping = errors.New("this daemon is ending")

// handOver gives everything to execute. It returns only if that fails.
func (s *Server) handOver(execute func(*handover.State) error) error {
	err := errStopping
	if !s.stopping.Load() {
		s.reap()
		err = s.giveAll(execute)
	}
	s.serveAgain()
	return err
}

func (s *Server) giveAll(execute func(*handover.State) error) error {
	state := s.bequest()
	s.bequeathClients(state)
	state.Registered = s.sockets.Release()
	err := execute(state.State)
	s.sockets.Resume(state.Registered)
	s.sockets.Register()
	return err
}

// serveAgain polls sockets again after quiesce.
func (s *Server) serveAgain() {
	s.gate.Closed = false
	s.gate.ArmAll()
	s.talks.GoOn()
}
