// Package demand is the life of a server that its first client starts and that is ended
// after its last. In go events, each with its time; out come Acts, which are what is to
// be done, in order. It is pure: it knows no process, no socket and no clock, so that
// every order of events can be tried.
//
//	Stopped -> Asked -> Starting -> Ready -> Stopping -> Stopped
//	                                 ^  |
//	                               Silent -> Stopping
//
// In Asked it is tried whether the server answers at its place already, such as one that
// an earlier daemon has left. Clients are held in every Stage but Ready.
package demand

import (
	"fmt"
	"slices"
	"time"
)

// Stage is how far a server has come.
type Stage uint8

const (
	Stopped Stage = iota
	Asked         // the place is tried
	Starting
	Ready
	Silent // it runs, and the place answers no longer
	Stopping
)

var stages = []string{"stopped", "looked for", "starting", "ready", "silent", "stopping"}

func (g Stage) String() string { return stages[g] }

// MarshalText returns the name of a Stage.
func (g Stage) MarshalText() ([]byte, error) { return []byte(g.String()), nil }

// UnmarshalText reads it.
func (g *Stage) UnmarshalText(text []byte) error {
	i := slices.Index(stages, string(text))
	if i < 0 {
		return fmt.Errorf("%q is no stage of a server", text)
	}
	*g = Stage(i)
	return nil
}

// Act is something to be done.
type Act uint8

const (
	Probe   Act = iota // the place is tried once; Answers, Taken or Quiet follows
	Open               // the place is tried until it answers
	Trust              // what has answered may have the clients
	Hold               // clients are held
	Refuse             // those that are held are refused
	Gone               // those that have had all that came from the server need it no longer
	Start              // Started or NotStarted follows
	Term               // the server is told to end
	Kill               // it is killed with all of its session
	Examine            // it is found out where it listens instead; Examined follows

	// What is to be told.
	SayAlready  // it answers, and the daemon has not started it
	SayReady    // after Took
	SayForked   // it answers, and the process that was started has ended
	SayTaken    // somebody else answers
	SayNever    // nobody answered in its time
	SayLate     // it answers after its time, after Took
	SayHopeless // it is ended, as it does not answer after Took either
	SayGone     // it runs, and nobody answers any more
	SayEnded    // its process has ended by itself
	SayTooEarly // likewise, before anybody answered
	SayIdle     // it is ended, as it had no client for long
	SayKilled   // it has not ended in its time
)

// Limits are what an entry says.
type Limits struct {
	Start, Idle, End time.Duration // Idle may be 0: it is never ended for that
	Notifies         bool          // it says itself that it is ready, and the place is not tried before
}

// Machine is the state of one server. Its methods are the events; they return what is
// to be done. The zero Machine, with Limits, is a server that was never started.
type Machine struct {
	Limits `json:"-"`

	Stage   Stage
	Since   time.Time     // of the Stage
	PID     int           // 0: no process of the daemon's
	Took    time.Duration // until it was ready, last time
	Starts  int
	Failed  int       // times in a row
	Rest    time.Time // it is not started before
	Idle    time.Time // it has had no client since
	Clients int       // that came for it
	Refused int       // those of them that are refused, and have not gone yet
	Said    bool      // in Starting: that it is ready
	Late    bool      // in Starting: its time is over, and it is found out why
	Over    bool      // in Starting: that is known, and it may still come
	Forked  time.Time // in Starting: its process has ended well, and another may go on
	Killed  bool      // in Stopping
}

const (
	resetTime  = 50 * time.Millisecond // the connections to a server that has ended may take to end
	forkTime   = 5 * time.Second       // a server that has gone into the background may take to answer
	overTime   = 10 * time.Second      // a server that is late may take at least
	calmTime   = 5 * time.Second       // from then on a server is not one that fails again
	minRestart = 250 * time.Millisecond
	maxRestart = 10 * time.Second
)

func (m *Machine) enter(now time.Time, g Stage) {
	m.Stage, m.Since, m.Said, m.Late, m.Over, m.Forked, m.Killed = g, now, false, false, false, time.Time{}, false
}

// Deadline is when Tick is to be called; zero: not before another event.
func (m *Machine) Deadline() time.Time {
	switch {
	case m.Stage == Stopped && m.needed():
		return m.Rest
	case m.Stage == Starting && m.forked():
		return m.Forked.Add(min(forkTime, m.Start))
	case m.Stage == Starting && m.Over:
		return m.Since.Add(m.Start + max(m.Start, overTime))
	case m.Stage == Asked || m.Stage == Silent, m.Stage == Starting && !m.Late:
		return m.Since.Add(m.Start)
	case m.Stage == Ready && m.Limits.Idle > 0 && m.PID != 0 && m.Clients == 0:
		return m.Idle.Add(m.Limits.Idle)
	case m.Stage == Stopping && !m.Killed:
		return m.Since.Add(m.End)
	}
	return time.Time{}
}

// needed reports whether a client waits for the server or has it.
func (m *Machine) needed() bool { return m.Clients > m.Refused }

func (m *Machine) forked() bool { return !m.Forked.IsZero() }

// Tick handles that time has passed.
func (m *Machine) Tick(now time.Time) []Act {
	if due := m.Deadline(); due.IsZero() || now.Before(due) {
		return nil
	}
	switch m.Stage {
	case Stopped:
		return m.ask(now)
	case Asked:
		return []Act{Start}
	case Ready:
		m.Failed = 0
		return append([]Act{SayIdle}, m.Stop(now)...)
	case Silent:
		return append([]Act{SayGone}, m.fail(now)...)
	case Stopping:
		m.Killed = true
		return []Act{SayKilled, Kill}
	}
	switch {
	case m.forked():
		return append([]Act{SayTooEarly}, m.fail(now)...)
	case m.Over:
		m.Took = now.Sub(m.Since)
		return append([]Act{SayHopeless}, m.fail(now)...)
	}
	m.Late = true
	return []Act{Examine}
}

// IdleSince is since when it is ready and has no client; zero: it is not so.
func (m *Machine) IdleSince() time.Time {
	if m.Stage != Ready || m.Clients > 0 {
		return time.Time{}
	}
	return m.Idle
}

// Examined handles that it is known why a server is late: it listens elsewhere, or
// nowhere yet. Then its clients are refused, and it may come late for those after them.
func (m *Machine) Examined(now time.Time, elsewhere bool) []Act {
	switch {
	case m.Stage != Starting || !m.Late || m.Over:
		return nil
	case elsewhere:
		return append([]Act{SayNever}, m.fail(now)...)
	}
	m.Over = true
	return []Act{SayNever, m.refuse()}
}

// Come handles a client that needs the server.
func (m *Machine) Come(now time.Time) []Act {
	m.Clients++
	if m.Stage == Stopped && !now.Before(m.Rest) {
		return m.ask(now)
	}
	return nil
}

// Leave handles the end of a client's connection. Those that are refused are taken to go
// first: if it was another, the server is started once for nobody, but no client is
// forgotten.
func (m *Machine) Leave(now time.Time) {
	m.Refused = max(m.Refused-1, 0)
	if m.Clients--; m.Clients == 0 {
		m.Idle = now
	}
}

func (m *Machine) ask(now time.Time) []Act {
	m.enter(now, Asked)
	return []Act{Probe}
}

// Started handles that the server has got a process.
func (m *Machine) Started(now time.Time, pid int) []Act {
	m.PID = pid
	m.Starts++
	m.enter(now, Starting)
	return m.Anew()
}

// Notified handles that the server says that it is ready.
func (m *Machine) Notified() []Act {
	if m.Stage != Starting || m.Said {
		return nil
	}
	m.Said = true
	return []Act{Open}
}

// NotStarted handles that it could not get one.
func (m *Machine) NotStarted(now time.Time) []Act { return m.fail(now) }

// Answers handles that the server answers at its place.
func (m *Machine) Answers(now time.Time) []Act {
	var say []Act
	switch {
	case m.Stage == Starting && m.Notifies && !m.Said:
		return []Act{Hold} // an attempt from before it was started
	case m.Stage == Asked:
		say = []Act{SayAlready}
	case m.Stage == Starting && m.forked():
		m.Took, say = now.Sub(m.Since), []Act{SayForked}
	case m.Stage == Starting && m.Over:
		m.Took, say = now.Sub(m.Since), []Act{SayLate}
	case m.Stage == Starting:
		m.Took, say = now.Sub(m.Since), []Act{SayReady}
	case m.Stage == Stopped || m.Stage == Stopping:
		return nil
	}
	if m.Stage != Ready {
		m.enter(now, Ready)
	}
	if m.Clients == 0 {
		m.Idle = now
	}
	return append(say, Open, Trust)
}

// Taken handles that somebody else answers there.
func (m *Machine) Taken(now time.Time) []Act {
	if m.Stage == Stopped || m.Stage == Stopping {
		return nil
	}
	return append([]Act{SayTaken}, m.fail(now)...)
}

// Quiet handles that nobody answers there.
func (m *Machine) Quiet(now time.Time) []Act {
	switch {
	case m.Stage == Asked:
		return []Act{Start}
	case m.Stage != Ready:
		return nil
	case m.PID != 0: // it may be about to end; a client waits for it meanwhile
		m.enter(now, Silent)
		return nil
	}
	m.enter(now, Stopped) // whoever answered is gone
	if m.needed() {
		return append([]Act{Hold}, m.ask(now)...)
	}
	return []Act{Hold}
}

// Ended handles the end of the server's process; well is whether that was without an
// error.
func (m *Machine) Ended(now time.Time, well bool) []Act {
	m.PID = 0
	switch {
	case m.Stage == Starting && well && !m.Late:
		m.Forked = now
		return nil
	case m.Stage == Starting:
		return append([]Act{SayTooEarly, Kill}, m.fail(now)...)
	case m.Stage == Stopping || well:
		m.Rest = later(m.Rest, now.Add(resetTime))
		m.enter(now, Stopped)
		return []Act{Kill, Hold, Gone}
	}
	if now.Sub(m.Since) > calmTime {
		m.Failed = 0
	}
	m.Rest = now.Add(resetTime)
	if m.Failed > 0 {
		m.Rest = now.Add(delay(m.Failed))
	}
	m.Failed++
	m.enter(now, Stopped)
	return []Act{SayEnded, Kill, Hold, Gone}
}

// NeverRan handles that the process has ended before it was the server.
func (m *Machine) NeverRan(now time.Time) []Act {
	m.PID = 0
	return m.fail(now)
}

// Stop ends the server.
func (m *Machine) Stop(now time.Time) []Act {
	switch {
	case m.Stage == Stopping:
		return nil
	case m.PID == 0:
		m.Rest = later(m.Rest, now)
		m.enter(now, Stopped)
		return []Act{Hold}
	}
	m.enter(now, Stopping)
	return []Act{Hold, Term}
}

// Anew handles that the relay is a new one, which knows nothing yet.
func (m *Machine) Anew() []Act {
	switch m.Stage {
	case Asked:
		return []Act{Probe}
	case Starting:
		if m.Notifies && !m.Said {
			return nil
		}
		return []Act{Open}
	case Ready, Silent:
		return []Act{Open}
	}
	return nil
}

// fail refuses the clients that wait. The next one starts the server again, after a
// while that gets longer.
func (m *Machine) fail(now time.Time) []Act {
	acts := append([]Act{m.refuse()}, m.Stop(now)...)
	m.Rest = now.Add(delay(m.Failed))
	m.Failed++
	return acts
}

// refuse refuses all clients that there are.
func (m *Machine) refuse() Act {
	m.Refused = m.Clients
	return Refuse
}

// delay is how long a server is left alone that fails for the nth time in a row.
func delay(n int) time.Duration { return min(minRestart<<min(n, 10), maxRestart) }

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
