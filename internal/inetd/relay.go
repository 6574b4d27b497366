package inetd

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"inetd/internal/child"
	"inetd/internal/conf"
	"inetd/internal/demand"
	"inetd/internal/lastwords"
	"inetd/internal/plan"
	"inetd/internal/relay"
	"inetd/internal/status"
	"inetd/internal/strerror"
	"inetd/internal/syslog"
	"inetd/internal/table"

	"golang.org/x/sys/unix"
)

// The clients of an entry with the key connect are not served by a process each: they
// are handed to a relay (package relay), which passes them on to the place that the
// key says.
//
//	accept -> admit -> attend -> start -> pass -> relay ... its report -> passed

// passing is what is known of the relay of a service.
type passing struct {
	svc     *table.Service // as it was when its relay was started
	fd      int            // the daemon's end of the pair; -1: no relay runs
	orders  relay.Commands
	mute    time.Time // since then it takes none; zero: it does
	pid     int       // of the relay
	clients map[uint32]passenger
	last    uint32 // id given to a client
	in, out uint64 // bytes from clients and to them
	resting bool   // the relay ends if no client comes for a while
	retired bool   // the relay ends with its last client, as the entry has changed
	idle    time.Time
	back    *backend // nil: the entry has no server
}

// passenger is a client that the relay has.
type passenger struct {
	client
	begun  int64 // Unix time in ns
	counts bool  // the server is needed for it
}

// selfPath leads to the program that runs, also when its file was replaced.
const selfPath = "/proc/self/exe"

// pass hands a client to the relay of its service, which it starts if need be. With an
// error the client is still its caller's.
func (s *Server) pass(v *table.Service, c client) (pid int, err error) {
	p, err := s.relayOf(v)
	if err != nil {
		return 0, err
	}
	if p.orders.Waiting() {
		return 0, unix.EAGAIN
	}
	p.last++
	if err := relay.Send(p.fd, relay.Connection{ID: p.last, Peer: c.peer, Local: s.localEnd(&c)}, c.conn); err != nil {
		return 0, os.NewSyscallError("sendmsg", err)
	}
	unix.Close(c.conn)
	c.conn = -1
	counts := p.back != nil && !v.Do.Keys.WakeData
	p.clients[p.last] = passenger{c, time.Now().UnixNano(), counts}
	v.Usage().Started++
	if s.cfg.LogConnections {
		s.log.Infof("%s: connection%s, relay %d", v.Label, c.from(), p.pid)
	}
	if counts {
		s.needed(p)
	}
	return p.pid, nil
}

// relayOf is the relay of a service, which is started unless it runs.
func (s *Server) relayOf(v *table.Service) (*passing, error) {
	u := v.Usage()
	p := s.passings[u]
	same := p != nil && (*p.svc.Do.Action == *v.Do.Action || p.back != nil && p.back.Stage != demand.Stopped)
	switch {
	case same && p.fd >= 0:
		return p, nil
	case same:
		return p, s.startRelay(p)
	}
	next := &passing{svc: v, fd: -1, clients: map[uint32]passenger{}}
	if v.Do.Path != "" {
		next.back = newBackend(v.Do)
	}
	if p != nil {
		next.in, next.out = p.in, p.out
		s.retire(p)
	}
	s.passings[u] = next
	return next, s.startRelay(next)
}

// retire has a relay and its server end with the last client.
func (s *Server) retire(p *passing) {
	p.retired = true
	if len(p.clients) == 0 {
		s.part(p)
	}
}

// retireRemoved retires the relays of services that a reload has removed.
func (s *Server) retireRemoved() {
	if len(s.passings) == 0 {
		return
	}
	left := make(map[*table.Usage]bool, len(s.services))
	for _, v := range s.services {
		left[v.Used] = true
	}
	for u, p := range s.passings {
		if !left[u] {
			delete(s.passings, u)
			s.retire(p)
		}
	}
}

// startRelay starts the relay of a service, as the user of the entry and with nothing
// in its environment.
func (s *Server) startRelay(p *passing) error {
	v := p.svc
	profile, err := s.starter.Profile(nil, v.Do.Program.Credential(), child.Setup{})
	if err != nil {
		return err
	}
	program, err := profile.Program(selfPath, relayConfig(v.Do).Args())
	if err != nil {
		return err
	}
	ours, theirs, err := relay.Pair()
	if err != nil {
		return err
	}
	now := process{svc: v, program: program, begun: time.Now().UnixNano()}
	pid, err := s.startHelper(now, theirs, nil, func(st child.Status, said string) { s.relayEnded(now, st, said) })
	if err != nil {
		unix.Close(ours)
		unix.Close(theirs)
		return err
	}
	p.fd, p.pid, p.orders, p.mute = s.starter.Keep(ours), pid, relay.Commands{}, time.Time{}
	s.relays[p.fd] = p
	if b := p.back; b != nil {
		s.act(p, b.Anew())
	}
	return s.poll.Add(p.fd, tagRelay, p.fd)
}

// startHelper starts a program that serves no client itself, with fd as its descriptors
// 0 and 1, which it takes over unless there is an error. ended is called on the loop
// with its last line on standard error.
func (s *Server) startHelper(p process, fd int, extra []byte, ended func(st child.Status, said string)) (pid int, err error) {
	words, err := lastwords.New()
	if err != nil {
		return 0, err
	}
	stderr, err := words.Writer()
	if err != nil {
		words.Close()
		return 0, err
	}
	if pid, err = s.starter.Start(p.program, fd, stderr, extra); err != nil {
		unix.Close(stderr)
		words.Close()
		return 0, err
	}
	done := make(chan child.Status, 1)
	p.done = done
	s.track(pid, p, true)
	go func() {
		st := <-done
		said := words.Last()
		words.Close()
		s.mail.Post(func() { ended(st, said) })
	}()
	return pid, nil
}

// command tells the relay of a service what becomes of its clients.
func (s *Server) command(p *passing, c relay.Command) {
	if p.fd >= 0 {
		s.ordered(p, p.orders.Tell(p.fd, c))
	}
}

// How often it is tried to tell a relay what it does not take, and for how long.
const (
	muteStep = 20 * time.Millisecond
	muteTime = 10 * time.Second
)

// ordered has a relay told later what it has not taken yet. One that takes nothing for
// long is ended: its clients would wait for ever.
func (s *Server) ordered(p *passing, err error) {
	switch {
	case errors.Is(err, relay.ErrDeaf):
		s.endRelay(p)
	case err != nil: // it has ended, see reports
	case !p.orders.Waiting():
		p.mute = time.Time{}
	case p.mute.IsZero():
		p.mute = time.Now()
		s.tellAgain(p)
	}
}

func (s *Server) tellAgain(p *passing) {
	fd, since := p.fd, p.mute
	s.timers.After(muteStep, func() {
		if p.fd != fd || p.mute != since || since.IsZero() {
			return // it is another relay, or has taken all
		}
		switch err := p.orders.Flush(fd); {
		case err != nil: // it has ended, see reports
		case !p.orders.Waiting():
			p.mute = time.Time{}
		case time.Since(since) > muteTime:
			s.endRelay(p)
		default:
			s.tellAgain(p)
		}
	})
}

// endRelay ends a relay that takes nothing, unless it has ended already. relayGone
// tells the rest.
func (s *Server) endRelay(p *passing) {
	if s.processes[p.pid] == nil {
		return
	}
	s.tell(syslog.Err, p.svc, fmt.Sprintf("%s: relay[%d] takes no command and is killed", p.svc.Label, p.pid), "", "")
	unix.Kill(p.pid, unix.SIGKILL)
}

// relayConfig is what a relay is told of the entry.
func relayConfig(do *table.Action) relay.Config {
	k := do.Keys
	return relay.Config{
		Network: k.Connect.Network, Address: k.Connect.Address, Proxy: k.ProxySend,
		Hold: do.Path != "", WakeData: do.Path != "" && k.WakeData, Patience: cmp.Or(k.StartTime, defaultStartTime),
	}
}

// reports takes what a relay has to say.
func (s *Server) reports(fd int) {
	p := s.relays[fd]
	if p == nil {
		return
	}
	for range perTurn {
		r, err := relay.Receive(fd)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return
		case errors.Is(err, unix.EINTR):
		case err != nil:
			s.relayGone(p)
			return
		default:
			s.reported(p, r)
		}
	}
}

func (s *Server) reported(p *passing, r relay.Report) {
	switch {
	case r.Kind == relay.Ended:
		s.passed(p, r)
	case p.back == nil:
	case r.Kind == relay.Awake:
		s.awake(p, r.ID)
	case r.Kind == relay.Answers:
		s.whoAnswers(p, r)
	case r.Kind == relay.Silent:
		p.back.errno = r.Errno
		s.act(p, p.back.Quiet(time.Now()))
	}
}

// awake handles a client that has said something at last.
func (s *Server) awake(p *passing, id uint32) {
	if c, ok := p.clients[id]; ok && !c.counts {
		c.counts = true
		p.clients[id] = c
		s.needed(p)
	}
}

// passed handles the end of a client that a relay had.
func (s *Server) passed(p *passing, r relay.Report) {
	c, ok := p.clients[r.ID]
	if !ok {
		return
	}
	delete(p.clients, r.ID)
	v := p.svc
	u := v.Usage()
	p.in, p.out = p.in+r.To, p.out+r.From
	switch {
	case r.Errno == 0:
		u.EndedWell++
	case r.Errno == relay.ErrRefused: // the log says why
		u.EndedError++
	case r.To == 0 && r.From == 0 && r.Errno != unix.ECONNRESET:
		s.notPassed(p, c.client, r.Errno)
	default:
		u.EndedError++
	}
	if s.cfg.LogConnections {
		s.log.Infof("%s: end of connection%s, relay %d, %d bytes from the client, %d to it, after %v", v.Label, c.from(), p.pid, r.To, r.From, since(c.begun))
	}
	s.release(v, c.source)
	s.left(p, c)
	s.lull(p)
}

// notPassed logs why a client could not be passed on.
func (s *Server) notPassed(p *passing, c client, e syscall.Errno) {
	v := p.svc
	to := placeOf(v.Do.Keys.Connect)
	text := fmt.Sprintf("%s: connect %s: %s", v.Label, to, strerror.Errno(e))
	advice := ""
	switch {
	case e == unix.EMFILE:
		text = v.Label + ": relay: " + strerror.Errno(e)
		advice = "; raise ulimit -n of the daemon, or LimitNOFILE of systemd, or set accept_max"
	case e == unix.EADDRNOTAVAIL && v.Do.Keys.Connect.Network == "tcp":
		text, advice = fmt.Sprintf("%s: connect %s: the name has no address", v.Label, to), "; try getent hosts "+hostOf(to)
	case e == unix.ECONNREFUSED || e == unix.ENOENT:
		advice = "; nobody listens there"
	}
	v.Usage().Fail("connect", strerror.Errno(e), text, time.Now())
	s.tell(syslog.Err, v, text, strings.TrimPrefix(c.from(), " "), advice)
}

// placeOf is a place as the key connect has it.
func placeOf(to conf.Place) string {
	if to.Network == "vsock" {
		return "vsock:" + to.Address
	}
	return to.Address
}

func hostOf(address string) string { return address[:strings.LastIndexByte(address, ':')] }

// relayTime is how long a relay without clients goes on.
const relayTime = 10 * time.Second

// lull has a relay end some time after its last client.
func (s *Server) lull(p *passing) {
	if len(p.clients) > 0 {
		return
	}
	if p.retired {
		s.part(p)
		return
	}
	p.idle = time.Now()
	if p.resting {
		return
	}
	p.resting = true
	s.timers.After(relayTime, func() { s.lulled(p) })
}

func (s *Server) lulled(p *passing) {
	p.resting = false
	switch left := relayTime - time.Since(p.idle); {
	case p.fd < 0 || len(p.clients) > 0:
	case p.back != nil && p.back.Stage != demand.Stopped:
	case left > 0:
		p.resting = true
		s.timers.After(left, func() { s.lulled(p) })
	default:
		s.dismiss(p)
	}
}

// dismiss has a relay end with its last client.
func (s *Server) dismiss(p *passing) {
	s.poll.Remove(p.fd)
	delete(s.relays, p.fd)
	unix.Close(p.fd)
	p.fd = -1
}

// demand is what is to be told of a service whose clients are passed on.
func (s *Server) demand(v *table.Service) *status.Demand {
	p := s.passings[v.Used]
	if p == nil {
		return nil
	}
	d := &status.Demand{Place: placeOf(p.svc.Do.Keys.Connect), Clients: len(p.clients), BytesIn: p.in, BytesOut: p.out}
	if p.fd >= 0 {
		d.Relay = p.pid
	}
	if b := p.back; b != nil {
		d.Server = &status.Backend{Stage: b.Stage.String(), Since: b.Since, PID: b.PID, Starts: b.Starts, Took: b.Took}
	}
	return d
}

// dismissAll has all relays end with their last clients, who count no longer: nobody
// will be told of their ends.
func (s *Server) dismissAll() {
	for _, p := range s.relays {
		s.dismiss(p)
		for id, c := range p.clients {
			delete(p.clients, id)
			s.release(p.svc, c.source)
			s.left(p, c)
		}
	}
}

// relayGone handles the end of a relay that the daemon has not dismissed: its clients
// are gone with it, and the next one has another relay.
func (s *Server) relayGone(p *passing) {
	s.dismiss(p)
	lost := len(p.clients)
	for id, c := range p.clients {
		delete(p.clients, id)
		p.svc.Usage().EndedError++
		s.release(p.svc, c.source)
		s.left(p, c)
	}
	text := fmt.Sprintf("%s: relay[%d] has ended by itself", p.svc.Label, p.pid)
	if lost > 0 {
		text += "; with it went " + plan.Count(lost, "connection", "connections")
	}
	s.tell(syslog.Err, p.svc, text, "", "")
}

// relayEnded logs the end of a relay's process that is no ordinary one.
func (s *Server) relayEnded(p process, st child.Status, said string) {
	switch {
	case st.Stage != child.Run:
		s.startFailed(&p, st)
	case st.Wait != 0:
		s.tell(syslog.Err, p.svc, fmt.Sprintf("%s: relay[%d]: %s", p.svc.Label, st.Pid, child.How(st.Wait)), "", quoted(said))
	}
}

// quoted is the last line on standard error of a process, behind what is said of it.
func quoted(said string) string {
	if said == "" {
		return ""
	}
	return fmt.Sprintf("; its last line on standard error: %q", said)
}
