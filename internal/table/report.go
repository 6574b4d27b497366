package table

import (
	"time"

	"inetd/internal/status"
)

// Outline fills in the counts and the state of the service. unstarted is how many of its
// admitted clients have no server yet.
func (v *Service) Outline(to *status.Service, unstarted int) {
	to.Service, to.State = v.Label, status.Listening
	if v.Do.Mux {
		to.State = status.HandedOut
	}
	for k := v.First; k != nil; k = k.Next {
		if k.FD < 0 {
			to.State = status.Closed
		}
	}
	u := v.Used
	if u == nil {
		return
	}
	to.Running, to.Unstarted, to.Counts = u.Live-unstarted, unstarted, u.Counts
	to.Failures = append([]status.Failure(nil), u.Failures...) // a copy: the loop changes the original
	switch {
	case to.State == status.Closed:
	case u.Halted:
		to.State, to.Until = status.Suspended, u.Starts.End(v.Do.Limits.Window).Format(time.TimeOnly)
	case u.Full(v.Do.Limits):
		to.State = status.Full
	}
}

// Details fills in what the service's entry says, and its sockets.
func (v *Service) Details(to *status.Service, unstarted int) {
	to.Server, to.Limits = v.Do.Path, v.Do.Limits
	if v.Do.Internal() {
		to.Server = "internal " + v.Do.Builtin
	}
	if v.Do.Path == "" && v.Do.Passes() {
		to.Server = "relay to " + v.Do.Connect.Where()
	}
	for i := range v.Do.Asks {
		a := &v.Do.Asks[i]
		to.Keys = append(to.Keys, status.Key{Key: a.Key, Text: a.Text, Place: a.Place()})
	}
	for k := v.First; k != nil; k = k.Next {
		to.Sockets = append(to.Sockets, status.Socket{Address: k.Where(), State: k.State(unstarted)})
	}
}
