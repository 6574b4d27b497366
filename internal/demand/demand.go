// Package demand decides about the life of a server on demand: its first client starts it,
// and it is ended after its last. In go events, each with its time; out come Acts, in the
// order in which they are to be done. It is pure: it knows no process, no socket and no
// clock, so that every order of events can be tested.
//
//	Stopped -> Asked -> Starting -> Ready -> Stopping -> Stopped
//	                                 ^  |
//	                               Silent -> Stopping
//
// In Asked the relay tries whether the server answers at its place already: an earlier
// daemon may have left one. Clients are held in every Stage but Ready.
package demand

import (
	"fmt"
	"slices"
	"time"
)

// Stage is how far a server has come.
type Stage uint8

// The Stages; the package comment pictures how they follow each other.
const (
	Stopped Stage = iota
	Asked         // the place is tried
	Starting
	Ready
	Silent // it runs, but the place no longer answers
	Stopping
)

var stages = []string{"stopped", "looked for", "starting", "ready", "silent", "stopping"}

// String returns the name of a Stage as users see it.
func (g Stage) String() string { return stages[g] }

// MarshalText returns the name of a Stage.
func (g Stage) MarshalText() ([]byte, error) { return []byte(g.String()), nil }

// UnmarshalText sets a Stage by its name.
func (g *Stage) UnmarshalText(text []byte) error {
	i := slices.Index(stages, string(text))
	if i < 0 {
		return fmt.Errorf("%q is no stage of a server", text)
	}
	*g = Stage(i)
	return nil
}

// Act is something for the caller to do.
type Act uint8

const (
	Probe   Act = iota // try the place once; Answers, Taken or Quiet follows
	Open               // try the place until it answers
	Trust              // let clients go on to what has answered
	Hold               // hold clients
	Refuse             // refuse the clients that are held
	Gone               // the server has ended: let go the clients that have had all it sent
	Start              // start the server; Started or NotStarted follows
	Term               // tell the server to end
	Kill               // kill all of the server's process group
	Examine            // find out where the server listens instead; Examined follows

	// The rest are to be logged.
	SayAlready  // it answers, though the daemon has not started it
	SayReady    // it is ready, after Took
	SayForked   // it answers, though the process that was started has ended
	SayTaken    // somebody else answers
	SayNever    // nobody answered in time
	SayLate     // it answers at last, after Took
	SayHopeless // it is ended, as it does not answer after Took either
	SayGone     // it runs, but nobody answers any more
	SayEnded    // its process has ended by itself
	SayTooEarly // likewise, before anybody answered
	SayIdle     // it is ended, as it has had no client for Limits.Idle
	SayKilled   // it is killed, as it has not ended within Limits.End
)

// Limits are the times that an entry allows.
type Limits struct {
	Start, Idle, End time.Duration // 0 for Idle: no end for want of clients
	Notifies         bool          // the server says when it is ready, and the place is not tried before
}

// Machine is the state of one server. Its methods are the events; they return what is to
// be done. The zero Machine, with Limits, is a server that was never started.
type Machine struct {
	Limits `json:"-"`

	Stage   Stage
	Since   time.Time     // when the Stage was entered
	PID     int           // 0: the daemon has no process of the server
	Begun   time.Time     // when its last process was started
	Took    time.Duration // from the last start until it was ready
	Starts  int
	Failed  int       // starts that failed in a row
	Rest    time.Time // when it may be started again
	Idle    time.Time // since when it has had no client
	Clients int       // that came for the server and have not gone
	Refused int       // clients that were refused and have not gone yet
	Said    bool      // in Starting: it has said that it is ready
	Late    bool      // in Starting: its time is over, and why is to be examined
	Over    bool      // in Starting: it was examined, and may still become ready
	Forked  time.Time // in Starting: when its process ended without error; another one may go on
	Killed  bool      // in Stopping: it was killed
}

const (
	resetTime  = 50 * time.Millisecond // for connections to a server that has ended to end, too
	forkTime   = 5 * time.Second       // for a server that has gone into the background to answer
	overTime   = 10 * time.Second      // for a late server to answer, at least
	calmTime   = 5 * time.Second       // a server that was ready for longer has not failed in a row
	minRestart = 250 * time.Millisecond
	maxRestart = 10 * time.Second
)

func (m *Machine) enter(now time.Time, g Stage) {
	m.Stage, m.Since, m.Said, m.Late, m.Over, m.Forked, m.Killed = g, now, false, false, false, time.Time{}, false
}

// Deadline is when Tick is to be called; zero: not before another event comes.
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

// needed reports whether a client waits for the server or is served.
func (m *Machine) needed() bool { return m.Clients > m.Refused }

func (m *Machine) forked() bool { return !m.Forked.IsZero() }

// Tick handles the passing of time. It does nothing before the Deadline.
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

// IdleSince is when a ready server's last client left; zero: it has one, or is not ready.
func (m *Machine) IdleSince() time.Time {
	if m.Stage != Ready || m.Clients > 0 {
		return time.Time{}
	}
	return m.Idle
}

// Examined handles what was found out about a late server: it listens elsewhere, or
// nowhere yet. In the second case its clients are refused, but the server may still
// become ready for later ones.
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

// Leave handles the end of a client's connection. Whether that client was refused is not
// known, so refused clients are taken to leave first. If that is wrong, the server is
// started once for nobody, but no client is forgotten.
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

// Started handles the start of a process for the server.
func (m *Machine) Started(now time.Time, pid int) []Act {
	m.PID, m.Begun = pid, now
	m.Starts++
	m.enter(now, Starting)
	return m.Anew()
}

// Notified handles the server's message that it is ready.
func (m *Machine) Notified() []Act {
	if m.Stage != Starting || m.Said {
		return nil
	}
	m.Said = true
	return []Act{Open}
}

// NotStarted handles a failure to start a process.
func (m *Machine) NotStarted(now time.Time) []Act { return m.fail(now) }

// Answers handles an answer of the server at its place.
func (m *Machine) Answers(now time.Time) []Act {
	var say []Act
	switch {
	case m.Stage == Starting && m.Notifies && !m.Said:
		return []Act{Hold} // of an attempt that began before the server was started
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

// Taken handles an answer of somebody else at the place.
func (m *Machine) Taken(now time.Time) []Act {
	if m.Stage == Stopped || m.Stage == Stopping {
		return nil
	}
	return append([]Act{SayTaken}, m.fail(now)...)
}

// Quiet handles a place at which nobody answers.
func (m *Machine) Quiet(now time.Time) []Act {
	switch {
	case m.Stage == Asked:
		return []Act{Start}
	case m.Stage != Ready:
		return nil
	case m.PID != 0: // the server may be about to end; clients wait meanwhile
		m.calm(now)
		m.enter(now, Silent)
		return nil
	}
	m.enter(now, Stopped) // it was not the daemon's process, and is gone
	if m.needed() {
		return append([]Act{Hold}, m.ask(now)...)
	}
	return []Act{Hold}
}

// calm forgets the failures of a server that has been ready for long enough.
func (m *Machine) calm(now time.Time) {
	if m.Stage == Ready && now.Sub(m.Since) > calmTime {
		m.Failed = 0
	}
}

// Ended handles the end of the server's process; well: it ended without an error.
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
	m.calm(now)
	m.Rest = now.Add(resetTime)
	if m.Failed > 0 {
		m.Rest = now.Add(delay(m.Failed))
	}
	m.Failed++
	m.enter(now, Stopped)
	return []Act{SayEnded, Kill, Hold, Gone}
}

// NeverRan handles the end of a process that has not executed the server's program.
func (m *Machine) NeverRan(now time.Time) []Act {
	m.PID = 0
	return m.fail(now)
}

// Stop ends the server, or stops waiting for it.
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

// Anew handles a new relay, which knows nothing yet.
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

// fail refuses the clients that wait. A later client starts the server again, after a
// delay that grows with each failure.
func (m *Machine) fail(now time.Time) []Act {
	acts := append([]Act{m.refuse()}, m.Stop(now)...)
	m.Rest = now.Add(delay(m.Failed))
	m.Failed++
	return acts
}

// refuse refuses all clients that have not gone.
func (m *Machine) refuse() Act {
	m.Refused = m.Clients
	return Refuse
}

// delay is how long a server that has failed is not started again; n is how often it had
// failed before, in a row.
func delay(n int) time.Duration { return min(minRestart<<min(n, 10), maxRestart) }

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
