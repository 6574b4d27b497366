// This file makes the Server and turns its loop.

package inetd

import (
	"os"
	"runtime"
	"sync/atomic"
	"time"

	"inetd/internal/admission"
	"inetd/internal/arrival"
	"inetd/internal/builtin"
	"inetd/internal/child"
	"inetd/internal/command"
	"inetd/internal/diagnose"
	"inetd/internal/drain"
	"inetd/internal/gate"
	"inetd/internal/gc"
	"inetd/internal/idle"
	"inetd/internal/inquiry"
	"inetd/internal/keep"
	"inetd/internal/logbook"
	"inetd/internal/loop"
	"inetd/internal/passing"
	"inetd/internal/plaintext"
	"inetd/internal/plan"
	"inetd/internal/running"
	"inetd/internal/sock"
	"inetd/internal/succession"
	"inetd/internal/table"
	"inetd/internal/talk"
	"inetd/internal/threads"
	"inetd/internal/watch"
	"inetd/internal/zone"

	"golang.org/x/sys/unix"
)

// Tags say what a descriptor in the epoll set stands for. The number stored with a tag
// is the descriptor of a socket, or the process id behind a pidfd.
const (
	tagWake loop.Tag = iota
	tagSocket
	tagProcess
	tagNetwork
	tagDrain
	tagRelay
	tagReady
)

// Server is the running super-server. Its exported methods may be called from
// any goroutine; everything else belongs to the goroutine of Run.
type Server struct {
	cfg     Config
	log     *logbook.Book
	starter *child.Starter
	begun   time.Time // the start of the daemon

	// the loop, and its turns
	poll     *loop.Poll
	mail     *loop.Mailbox
	timers   loop.Timers
	pacer    gc.Pacer
	clock    *zone.Clock // local time, for builtins and the key hours
	turned   time.Time   // when the loop began this turn
	yielded  time.Time   // when the loop last gave way to Go's scheduler
	stopping atomic.Bool
	failure  error // ends Run

	// what is served, and the stages that a client passes through
	now       *table.InForce
	sockets   *keep.Sockets
	gate      *gate.Gate
	arrivals  *arrival.Arrivals
	door      *admission.Door
	inquiries *inquiry.Desk
	delayed   []delayed // clients whose servers cannot be started yet
	retrying  bool      // a timer will try the delayed clients again
	relays    *passing.Relays
	talks     *talk.Talks

	// processes
	running  *running.Table
	commands *command.Runner // runs the daemon's own programs
	idle     *idle.Limiter
	stderrs  *running.Stderrs
	draining *drain.Sink
	relend   []*table.Socket // wait sockets that came back in this reap and are readable

	examinations *loop.Beside // goroutines that find out why something does not work
	doctor       *diagnose.Doctor

	// datagrams
	sessions  dgramSessions
	share     int                                // datagrams of one socket that may be served in this turn
	repliers  map[*table.Socket]*builtin.Service // the builtins that answer on sockets
	answering map[uint16]bool                    // the ports of builtins

	// loads
	load         func(*plan.Config, *plan.Host) *plan.Plan
	loading      bool            // a load is under way
	attempts     *loop.Beside    // runs loads, one at a time
	waiting      []func(Outcome) // to be called after the next load
	again        bool
	latecomers   latecomers   // entries that are tried again
	awaits       *loop.Beside // waits for name servers after a load
	ready        bool
	loads        int       // how many were put into force
	loadedAt     time.Time // when the last one was
	watcher      *watch.Watcher
	slowWatch    bool      // the log says that changes on disk are noticed late
	changedFiles []string  // files changed on disk since the last load
	checked      time.Time // when the account files were last looked at

	// an upgrade
	heir      *succession.Heir // what this daemon has taken over and does not serve yet; nil: nothing
	proofTime time.Duration    // how long a new program may take to prove itself

	// scratch of the accept path, which allocates nothing
	peer   sock.Address
	local  sock.Address
	env    []byte
	packet []byte
}

// New makes a Server: it opens what the loop needs, and finds out how children can be
// started. It does not read the configuration; Run does.
func New(c Config) (*Server, error) {
	starter, err := child.New()
	if err != nil {
		return nil, err
	}
	p, err := loop.NewPoll()
	if err != nil {
		return nil, err
	}
	s := &Server{
		cfg: c, starter: starter, poll: p, mail: loop.NewMailbox(starter.Wake()),
		env:      make([]byte, 0, 256),
		repliers: map[*table.Socket]*builtin.Service{}, begun: time.Now(),
		load: plan.Load, proofTime: proofTime, clock: zone.NewClock(),
	}
	s.now = &table.InForce{Generation: &table.Generation{}}
	s.log = logbook.New(c.Log, &s.timers, s.now)
	s.log.Connections = c.LogConnections
	s.running = running.New(starter, p, tagProcess, &s.timers, s.log)
	s.stderrs = running.NewStderrs(starter, s.log)
	s.draining = drain.NewSink(starter, p, tagDrain, &s.timers)
	s.running.Sweep = s.sweep
	s.examinations = loop.NewBeside(s.mail, diagnose.MaxExaminations, diagnose.ExamineTime)
	s.doctor = diagnose.New(s.log, starter, s.running, s.examinations)
	s.gate = gate.New(gate.Loop{Poll: p, Tag: tagSocket, Timers: &s.timers, Log: s.log, Now: s.now, Bound: s.bound})
	s.sockets = keep.New(keep.Loop{
		Starter: starter, Poll: p, Network: tagNetwork, Timers: &s.timers, Log: s.log, Now: s.now,
		Running: s.running, Beside: s.examinations, Gate: s.gate,
	})
	s.arrivals = arrival.New(s.log, starter, s.mail)
	s.idle = idle.NewLimiter(s.running, s.mail, &s.timers, s.log)
	s.commands, s.relays = s.runner(), s.newRelays()
	s.inquiries = inquiry.New(inquiry.Options{Config: &s.cfg.Config, Resolve: c.Resolve, KeepEnv: c.KeepEnv}, s.log, s.now, starter, s.commands, s.mail)
	s.door = admission.New(s.log, s.now, s.inquiries, s.clock)
	s.talks = talk.New(talk.Loop{
		Starter: starter, Mail: s.mail, Timers: &s.timers, Log: s.log, Door: s.door, Now: s.now, Clock: s.clock,
		Release: s.release, UserName: s.userName, Demux: s.demux,
	})
	s.awaits = loop.NewBeside(s.mail, maxAwaits, awaitTime)
	s.attempts = loop.NewBeside(s.mail, maxStuck, loadTime)
	s.sessions.Lost = s.notPutBack
	s.sockets.Adopt(c.Inherited)
	if c.Left != nil {
		if err := s.inherit(c.Left); err != nil {
			return nil, err
		}
	}
	return s, p.Add(starter.Wake(), tagWake, 0)
}

// Run loads the configuration and serves it until Stop; then it closes all sockets and
// returns nil. It returns an error if the first load is impossible. Servers that still
// run are left alone, or told to end first if Config.EndServers is set.
func (s *Server) Run() error {
	s.reserveThreads()
	if !s.starter.Clone() {
		s.log.Noticef("there is no clone3 here: servers are started more slowly")
	}
	s.reload(s.cfg.Loaded)
	if s.cfg.Watchdog > 0 {
		s.feedWatchdog()
	}
	if os.Getpid() == 1 {
		s.reapOrphans()
	}
	for !s.stopping.Load() && s.failure == nil {
		s.turn()
	}
	if s.cfg.EndServers && s.failure == nil {
		s.tellToEnd()
	}
	s.close()
	return s.failure
}

// launchTime is how long the process that started the daemon may take to end once the
// daemon serves.
const launchTime = time.Second

// reserveThreads has Go's runtime make its threads before servers can use up the limit
// on processes. If the limit leaves room for too few threads, the rest are made once the
// process that started the daemon is gone.
func (s *Server) reserveThreads() {
	if _, enough := threads.Reserve(s.starter.Room); enough {
		return
	}
	s.timers.After(launchTime, func() {
		if left, enough := threads.Reserve(s.starter.Room); !enough {
			s.log.Warningf("servers may have only %s at once here; raise ulimit -u, pids.max of the control group, or TasksMax of systemd",
				plaintext.Count(left, "process", "processes"))
		}
	})
}

// yieldTime is less than the 10 ms that Go's scheduler lets a goroutine run.
const yieldTime = 4 * time.Millisecond

// yield begins a new time slice when the last one gets old. Go's monitor thread
// retakes the P of a goroutine that has run for 10 ms, in every system call from then
// on. Yielding before that avoids it.
func (s *Server) yield() {
	if s.turned.Sub(s.yielded) > yieldTime {
		s.yielded = s.turned
		runtime.Gosched()
	}
}

// Bounds on one turn of the event loop, so that nobody keeps others waiting. What is
// left over is done in the next turn.
const (
	perTurn      = 64  // events, calls posted, timers, processes reaped, datagrams of one socket
	datagramTurn = 256 // datagrams of all sockets, or four of each
)

// turn is one turn of the event loop.
func (s *Server) turn() {
	events := s.events()
	s.share = min(max(datagramTurn/max(len(events), 1), 4), perTurn)
	s.turned = time.Now()
	s.yield()
	for _, ev := range events {
		switch loop.Tag(ev.Pad) {
		case tagProcess:
			s.running.Expect()
		case tagWake:
			s.running.Expect() // a start may have failed
			for _, f := range s.mail.Collect() {
				f()
			}
		case tagNetwork:
			s.sockets.NetworkChanges()
		case tagDrain:
			s.draining.Readable(int(ev.Fd))
		case tagRelay:
			s.relays.Reports(int(ev.Fd))
		case tagReady:
			s.relays.Notified(int(ev.Fd))
		case tagSocket:
			switch k := s.sockets.At(int(ev.Fd)); {
			case k == nil || !k.Polled:
			case ev.Events&loop.ShutDown != 0:
				s.sockets.WasShutDown(k)
			default:
				s.readable(k)
			}
		}
	}
	if s.running.Due() {
		s.reap()
	}
}

// events waits for what happens next. Before it sleeps, though not if there is work to do,
// it waits for new children to have their own descriptor tables, so that the daemon can
// close its copies of their connections: a copy would hide a server's close from its client.
func (s *Server) events() []unix.EpollEvent {
	s.timers.Expire()
	more := s.carryOn() // which may set timers
	timeout := s.timers.Next()
	if more {
		timeout = 0
	}
	if s.starter.Settle(0) {
		if ready := s.poll.Wait(0); len(ready) > 0 {
			return ready
		}
		if s.starter.Settle(settleTime) && (timeout < 0 || timeout > settleTime) {
			timeout = settleTime
		}
	}
	return s.poll.Wait(timeout)
}

// carryOn does some of what the last turn left over. It reports whether the next turn
// must come at once.
func (s *Server) carryOn() (more bool) {
	room, unread := s.gate.Rearm(), s.sessions.Closing() && s.sessions.PutBackUnread(s.buffer(), perTurn)
	return room || unread || s.running.Due()
}

// settleTime is how long the loop waits for a child that has not yet got a
// descriptor table of its own: one that is stopped or starved of CPU.
const settleTime = 10 * time.Millisecond

// Stop makes Run return.
func (s *Server) Stop() {
	s.stopping.Store(true)
	s.mail.Post(func() {})
}

// Stopping reports whether Run is about to return.
func (s *Server) Stopping() bool { return s.stopping.Load() }

// ToggleConnectionLog turns the logging of connections on or off.
func (s *Server) ToggleConnectionLog() {
	s.mail.Post(func() {
		s.log.Connections = !s.log.Connections
		s.log.Noticef("connection logging %s", map[bool]string{true: "enabled", false: "disabled"}[s.log.Connections])
	})
}

func (s *Server) notify(state string) {
	if s.cfg.Notify != nil {
		s.cfg.Notify(state)
	}
}

// feedWatchdog tells the service manager that the loop turns.
func (s *Server) feedWatchdog() {
	s.notify("WATCHDOG=1")
	s.timers.After(s.cfg.Watchdog, s.feedWatchdog)
}

// close closes all sockets. Servers that run are left alone.
func (s *Server) close() {
	s.notify("STOPPING=1")
	s.pacer.Close()
	for pid, p := range s.running.All() { // the daemon's own commands: nobody waits for them any more
		if p.Done != nil && p.Service == nil {
			child.SignalGroup(pid, unix.SIGKILL)
		}
	}
	s.sockets.Close()
	if s.watcher != nil {
		s.watcher.Close()
	}
	s.idle.Resume()
	s.sessions.CloseAll()
	s.draining.CloseAll()
	s.stderrs.Close()
	s.relays.DismissAll()
	s.poll.Close()
	s.starter.Settle(settleTime)
	s.starter.Close()
}
