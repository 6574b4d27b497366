// Package passing serves the entries with the key connect. In go clients that have been
// admitted; out come their connections, handed to the relay of their service (package
// relay), a process that passes them on to the place given by the key. If the entry has a
// program too, one server serves all its clients: it knows nothing of inetd, and listens
// at that place itself. Package demand decides when that server is started and ended, and
// whether its clients wait, go on or are refused; this package carries that out.
//
//	Pass -> relay ... its report -> Reports -> Loop.Release
//
// Everything runs on the event loop. Loop is what the event loop does for this package.
package passing

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"inetd/internal/child"
	"inetd/internal/demand"
	"inetd/internal/diagnose"
	"inetd/internal/lastwords"
	"inetd/internal/limit"
	"inetd/internal/logbook"
	"inetd/internal/loop"
	"inetd/internal/plaintext"
	"inetd/internal/relay"
	"inetd/internal/running"
	"inetd/internal/status"
	"inetd/internal/strerror"
	"inetd/internal/syslog"
	"inetd/internal/table"

	"golang.org/x/sys/unix"
)

// Relays are the relays and servers on demand of all services with the key connect. They
// belong to the goroutine of the event loop.
type Relays struct {
	loop     Loop
	services map[*table.Usage]*passing // that have a relay or had one
	relays   map[int]*passing          // by the daemon's end of the pair
	readying map[int]*passing          // whose server is to say that it is ready, by the socket for that
	words    map[int]lastwords.Words   // what relays and servers write to standard error, by process ID
	trimming bool                      // a timer for trim is set
	lookups  *loop.Beside              // of who answers at a place; not shared, so that clients do not wait for examinations
}

// New makes Relays for an event loop. No relay runs yet.
func New(l Loop) *Relays {
	return &Relays{
		loop: l, services: map[*table.Usage]*passing{}, relays: map[int]*passing{}, readying: map[int]*passing{}, words: map[int]lastwords.Words{},
		lookups: loop.NewBeside(l.Mail, maxLookups, lookupTime),
	}
}

// Loop is what the event loop has for Relays, and does for them. UserName is called
// beside the loop.
type Loop struct {
	Starter      *child.Starter
	Running      *running.Table // also has the processes of Relays
	Poll         *loop.Poll
	Relay, Ready loop.Tag // tags of the descriptors for which Reports and Notified are to be called
	Timers       *loop.Timers
	Mail         *loop.Mailbox
	Beside       *loop.Beside // for examinations; shared with others
	Log          *logbook.Book
	Doctor       *diagnose.Doctor
	Now          *table.InForce

	UserName func(v *table.Service, uid uint32) string
	Release  func(v *table.Service, source limit.Source) // called when a client has gone
}

// Client is a client that is to be passed on.
type Client struct {
	Conn        int // an accepted connection
	Peer, Local netip.AddrPort
	Source      limit.Source
	From        string // for a log line, such as " from 192.0.2.1:7"
}

// Bounds on what takes time.
const (
	perTurn    = 64               // messages read from one descriptor in a turn of the loop
	maxLookups = 64               // lookups of who answers at a place at once
	lookupTime = 20 * time.Second // for the process, and then for the name of its user
	holderTime = 5 * time.Second  // for the process alone
)

// passing is the relay of a service, with its server if the entry has one.
type passing struct {
	svc       *table.Service // as it was when its relay was started, or a later one: see renew
	fd        int            // the daemon's end of the pair; -1: no relay runs
	orders    relay.Commands
	mute      time.Time // since when the relay takes no command; zero: it does
	full      time.Time // since when the relay takes no client; zero: it does
	trusts    bool      // the relay was told that the server is who answers
	elder     bool      // an older version started the relay, which never sends relay.Unreached: see likeNow
	pid       int       // of the relay
	clients   map[uint32]passenger
	last      uint32 // the last ID given to a client
	in, out   uint64 // bytes from clients and to them
	resting   bool   // a timer is set that ends the relay if no client comes
	retired   bool   // the relay ends with its last client, as the entry has changed
	inherited bool   // svc comes from the program before an upgrade, and has no program to start
	idle      time.Time
	back      *backend // nil: the entry has no server
}

// passenger is a client whose connection the relay has.
type passenger struct {
	Client
	begun  int64 // Unix time in ns
	counts bool  // the client needs the server
}

// selfPath leads to the program that runs, even if its file was replaced since.
const selfPath = "/proc/self/exe"

// ErrFull is the error of a relay that takes no client at the moment. It concerns the
// relay's service alone.
var ErrFull = errors.New("the relay takes no client")

// Pass hands a client to the relay of its service, and starts the relay if need be. It
// closes c.Conn, which stays the caller's if there is an error.
func (rs *Relays) Pass(v *table.Service, c Client) (pid int, err error) {
	p, err := rs.relayOf(v)
	if err != nil {
		return 0, err
	}
	if p.orders.Waiting() {
		return 0, ErrFull
	}
	p.last++
	if relay.Send(p.fd, relay.Connection{ID: p.last, Peer: c.Peer, Local: c.Local}, c.Conn) != nil {
		rs.tookNone(p)
		return 0, ErrFull
	}
	p.full = time.Time{}
	unix.Close(c.Conn)
	c.Conn = -1
	counts := p.back != nil && !v.Do.Keys.WakeData
	p.clients[p.last] = passenger{c, time.Now().UnixNano(), counts}
	if p.back == nil {
		v.Usage().Started++ // with a server, its starts count instead
	}
	if rs.loop.Log.Connections {
		rs.loop.Log.Infof("%s: connection%s, relay %d", v.Label, c.From, p.pid)
	}
	if counts {
		rs.needed(p)
	}
	return p.pid, nil
}

// relayOf returns the relay of a service, and starts it unless it runs.
func (rs *Relays) relayOf(v *table.Service) (*passing, error) {
	u := v.Usage()
	p := rs.services[u]
	same := p != nil && (*p.svc.Do.Action == *v.Do.Action || p.back != nil && p.back.Stage != demand.Stopped)
	switch {
	case same && p.fd >= 0:
		return p, nil
	case same:
		return p, rs.startRelay(p)
	}
	next := &passing{svc: v, fd: -1, clients: map[uint32]passenger{}}
	if v.Do.Path != "" {
		next.back = newBackend(v.Do)
	}
	if p != nil {
		next.in, next.out = p.in, p.out
		rs.retire(p)
	}
	rs.services[u] = next
	return next, rs.startRelay(next)
}

// retire has a relay and its server end with the last client.
func (rs *Relays) retire(p *passing) {
	p.retired = true
	if len(p.clients) == 0 {
		rs.part(p)
	}
}

// RetireRemoved retires the relays of services that a reload has removed.
func (rs *Relays) RetireRemoved(services []*table.Service) {
	if len(rs.services) == 0 {
		return
	}
	left := make(map[*table.Usage]bool, len(services))
	for _, v := range services {
		left[v.Used] = true
	}
	for u, p := range rs.services {
		if !left[u] {
			delete(rs.services, u)
			rs.retire(p)
		}
	}
}

// startRelay starts the relay of a service, as the user of the entry and with nothing
// in its environment.
func (rs *Relays) startRelay(p *passing) error {
	v := p.svc
	setup := child.Setup{NoNewPrivs: rs.loop.Starter.Clone()} // without clone3 the relay does that itself
	profile, err := rs.loop.Starter.Profile(nil, v.Do.Program.Credential(), setup)
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
	pid, err := rs.start(v, program, theirs, nil, func(st child.Status, said string) { rs.relayEnded(v, program, st, said) })
	if err != nil {
		unix.Close(ours)
		unix.Close(theirs)
		return err
	}
	p.fd, p.pid, p.orders, p.mute, p.full, p.trusts = rs.loop.Starter.Keep(ours), pid, relay.Commands{}, time.Time{}, time.Time{}, false
	p.elder = false
	rs.relays[p.fd] = p
	if b := p.back; b != nil {
		rs.act(p, b.Anew())
	}
	return rs.loop.Poll.Add(p.fd, rs.loop.Relay, p.fd)
}

// command tells the relay of a service what to do with its clients.
func (rs *Relays) command(p *passing, c relay.Command) {
	if p.fd >= 0 {
		rs.ordered(p, p.orders.Tell(p.fd, c))
	}
}

// How often a relay that takes no command is told again, and for how long.
const (
	muteStep = 20 * time.Millisecond
	muteTime = 10 * time.Second
)

// ordered has a relay told later what it has not taken yet. One that takes nothing for
// long is killed: its clients would wait for ever.
func (rs *Relays) ordered(p *passing, err error) {
	switch {
	case errors.Is(err, relay.ErrDeaf):
		rs.endRelay(p)
	case err != nil: // the relay has ended: see Reports
	case !p.orders.Waiting():
		p.mute = time.Time{}
	case p.mute.IsZero():
		p.mute = time.Now()
		rs.tellAgain(p)
	}
}

func (rs *Relays) tellAgain(p *passing) {
	fd, since := p.fd, p.mute
	rs.loop.Timers.After(muteStep, func() {
		if p.fd != fd || p.mute != since || since.IsZero() {
			return // there is another relay, or this one has taken all
		}
		switch err := p.orders.Flush(fd); {
		case err != nil: // the relay has ended: see Reports
		case !p.orders.Waiting():
			p.mute = time.Time{}
		case time.Since(since) > muteTime:
			rs.endRelay(p)
		default:
			rs.tellAgain(p)
		}
	})
}

// tookNone notes that a relay has not taken a client. One that takes none for long is
// killed: the clients it has are stuck in it.
func (rs *Relays) tookNone(p *passing) {
	switch {
	case p.full.IsZero():
		p.full = time.Now()
	case time.Since(p.full) > muteTime:
		p.full = time.Time{}
		rs.endRelay(p)
	}
}

// endRelay kills a relay that takes nothing, unless it has ended already. relayGone does
// the rest.
func (rs *Relays) endRelay(p *passing) {
	if rs.loop.Running.Find(p.pid) == nil {
		return
	}
	rs.loop.Log.Tell(syslog.Err, p.svc, fmt.Sprintf("%s: relay[%d] takes no command and is killed", p.svc.Label, p.pid), "", "")
	unix.Kill(p.pid, unix.SIGKILL)
}

// relayConfig is what a relay is told about its entry.
func relayConfig(do *table.Action) relay.Config {
	k := do.Keys
	return relay.Config{
		Network: do.Connect.Network, Address: do.Connect.Address, Proxy: k.ProxySend,
		Hold: do.Path != "", WakeData: do.Path != "" && k.WakeData, Patience: cmp.Or(k.StartTime, defaultStartTime),
	}
}

// Reports handles what the relay of a descriptor reports.
func (rs *Relays) Reports(fd int) {
	p := rs.relays[fd]
	if p == nil {
		return
	}
	list, err := relay.Receive(fd)
	if err != nil && !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) {
		rs.relayGone(p)
		return
	}
	for _, r := range list {
		rs.reported(p, r)
	}
}

func (rs *Relays) reported(p *passing, r relay.Report) {
	switch {
	case r.Kind == relay.Ended || r.Kind == relay.Unreached || r.Kind == relay.Broken:
		rs.passed(p, r)
	case p.back == nil:
	case r.Kind == relay.Awake:
		rs.awake(p, r.ID)
	case r.Kind == relay.Answers:
		rs.whoAnswers(p, r)
	case r.Kind == relay.Silent:
		p.back.errno = r.Errno
		rs.act(p, p.back.Quiet(time.Now()))
	}
}

// awake handles the first bytes of a client, if the entry has wake = data.
func (rs *Relays) awake(p *passing, id uint32) {
	if c, ok := p.clients[id]; ok && !c.counts {
		c.counts = true
		p.clients[id] = c
		rs.needed(p)
	}
}

// passed handles the end of a client that a relay had.
func (rs *Relays) passed(p *passing, r relay.Report) {
	c, ok := p.clients[r.ID]
	if !ok {
		return
	}
	delete(p.clients, r.ID)
	v := p.svc
	u := v.Usage()
	p.in, p.out = p.in+r.To, p.out+r.From
	if p.elder {
		r = likeNow(r)
	}
	if r.Kind == relay.Broken {
		rs.broken(p, c.Client, r.Errno)
	}
	switch {
	case r.Kind == relay.Unreached:
		rs.notPassed(p, c.Client, r.Errno)
	case p.back != nil: // with a server, its end counts instead
	case r.Errno == 0:
		u.EndedWell++
	default:
		u.EndedError++
	}
	if rs.loop.Log.Connections {
		rs.loop.Log.Infof("%s: end of connection%s, relay %d, %d bytes from the client, %d to it, after %v", v.Label, c.From, p.pid, r.To, r.From, time.Since(time.Unix(0, c.begun)).Round(time.Millisecond))
	}
	rs.loop.Release(v, c.Source)
	rs.left(p, c)
	rs.lull(p)
}

// likeNow turns a report from the relay of an older program into the one that a relay of
// this program would have made. Such a relay reports a client that has not reached the
// place only as one whose connection has ended.
func likeNow(r relay.Report) relay.Report {
	if r.Kind == relay.Ended && r.To == 0 && r.From == 0 && r.Errno != 0 && r.Errno != unix.ECONNRESET && r.Errno != relay.ErrRefused {
		r.Kind = relay.Unreached
	}
	return r
}

// notPassed logs why a client could not be passed on.
func (rs *Relays) notPassed(p *passing, c Client, e syscall.Errno) {
	v := p.svc
	place := v.Do.Connect
	to := place.Where()
	text := fmt.Sprintf("connect %s: %s", to, strerror.Errno(e))
	advice := adviceOn(e)
	switch {
	case e == unix.EMFILE:
		text = "relay: " + strerror.Errno(e)
		advice = "; raise ulimit -n of the daemon, or LimitNOFILE of systemd, or set accept_max"
	case e == unix.EACCES && place.Network == "unix":
		advice = "; user " + v.Do.User.Name + " may not: see the modes of the socket and its directories, or write another user"
	case e == unix.EADDRNOTAVAIL && place.Network == "tcp":
		text, advice = fmt.Sprintf("connect %s: the name has no address", to), "; try getent hosts "+hostOf(to)
	}
	v.Usage().Fail("connect", strerror.Errno(e), v.Label+": "+text, time.Now())
	rs.tellOf(v, c, text, advice)
}

// broken logs that the network to the place failed under a client, which sees a reset.
func (rs *Relays) broken(p *passing, c Client, e syscall.Errno) {
	v := p.svc
	text := fmt.Sprintf("connection to %s: %s", v.Do.Connect.Where(), strerror.Errno(e))
	v.Usage().Err(v.Label+": "+text, time.Now())
	rs.tellOf(v, c, text, adviceOn(e))
}

// tellOf logs what happened to a client, and then each minute to how many more.
func (rs *Relays) tellOf(v *table.Service, c Client, text, advice string) {
	log := rs.loop.Log
	if log.First(v.Cause(text), "client", ": "+text+" ("+log.Place(v)+")") {
		log.Tell(syslog.Err, v, v.Label+": "+text, strings.TrimPrefix(c.From, " "), advice)
	}
}

// adviceOn is advice about an error of the network.
func adviceOn(e syscall.Errno) string {
	switch e {
	case unix.ECONNREFUSED, unix.ENOENT:
		return "; nobody listens there"
	case unix.EHOSTUNREACH, unix.ENETUNREACH, unix.EHOSTDOWN, unix.ENETDOWN:
		return "; see ip route get, and whether that machine runs"
	case unix.ETIMEDOUT:
		return "; that machine may be down, or a firewall drop what is sent to it"
	case unix.EPERM:
		return "; a firewall of this machine forbids it"
	}
	return ""
}

func hostOf(address string) string { return address[:strings.LastIndexByte(address, ':')] }

// relayTime is how long a relay without clients goes on.
const relayTime = 10 * time.Second

// lull has a relay end relayTime after its last client.
func (rs *Relays) lull(p *passing) {
	if len(p.clients) > 0 {
		return
	}
	if p.retired {
		rs.part(p)
		return
	}
	p.idle = time.Now()
	if p.resting {
		return
	}
	p.resting = true
	rs.loop.Timers.After(relayTime, func() { rs.lulled(p) })
}

func (rs *Relays) lulled(p *passing) {
	p.resting = false
	switch left := relayTime - time.Since(p.idle); {
	case p.fd < 0 || len(p.clients) > 0:
	case p.back != nil && p.back.Stage != demand.Stopped:
	case left > 0:
		p.resting = true
		rs.loop.Timers.After(left, func() { rs.lulled(p) })
	default:
		rs.dismiss(p)
	}
}

// dismiss lets go of a relay, which ends with its last client.
func (rs *Relays) dismiss(p *passing) {
	rs.loop.Poll.Remove(p.fd)
	delete(rs.relays, p.fd)
	unix.Close(p.fd)
	p.fd = -1
}

// Demand is the status of a service whose clients are passed on; nil if they are not.
func (rs *Relays) Demand(v *table.Service) *status.Demand {
	p := rs.services[v.Used]
	switch {
	case p == nil && v.Do.Passes():
		return neverNeeded(v)
	case p == nil:
		return nil
	}
	d := &status.Demand{Place: p.svc.Do.Connect.Where(), Clients: len(p.clients), BytesIn: p.in, BytesOut: p.out}
	if p.fd >= 0 {
		d.Relay = p.pid
	}
	if b := p.back; b != nil {
		d.Server = &status.Backend{Idle: b.IdleSince(), Stage: b.Stage.String(), Since: b.Since, PID: b.PID, Starts: b.Starts, Took: b.Took}
	}
	return d
}

// neverNeeded is the status of a service that has had no client.
func neverNeeded(v *table.Service) *status.Demand {
	d := &status.Demand{Place: v.Do.Connect.Where()}
	if v.Do.Path != "" {
		d.Server = &status.Backend{Stage: demand.Stopped.String()}
	}
	return d
}

// EndServers ends all servers on demand, and none is started again. Their relays end with
// their last clients.
func (rs *Relays) EndServers() {
	for _, p := range rs.services {
		if p.back != nil {
			p.retired = true
			rs.part(p)
		}
	}
}

// Serving reports whether a server on demand runs.
func (rs *Relays) Serving() bool {
	for _, p := range rs.services {
		if p.back != nil && p.back.PID != 0 {
			return true
		}
	}
	return false
}

// DismissAll lets go of all relays, which end with their last clients. Those clients no
// longer count, as nobody will be told of their ends.
func (rs *Relays) DismissAll() {
	for _, p := range rs.relays {
		rs.dismiss(p)
		rs.forget(p)
	}
}

// forget stops counting the clients of a service, and returns how many there were.
func (rs *Relays) forget(p *passing) (n int) {
	n = len(p.clients)
	for id, c := range p.clients {
		delete(p.clients, id)
		rs.loop.Release(p.svc, c.Source)
		rs.left(p, c)
	}
	return n
}

// relayGone handles the end of a relay that the daemon has not dismissed. Its clients are
// gone with it; the next client gets another relay.
func (rs *Relays) relayGone(p *passing) {
	rs.dismiss(p)
	lost := rs.forget(p)
	if p.back == nil {
		p.svc.Usage().EndedError += uint64(lost)
	}
	text := fmt.Sprintf("%s: relay[%d] has ended by itself", p.svc.Label, p.pid)
	if lost > 0 {
		text += "; with it went " + plaintext.Count(lost, "connection", "connections")
	}
	rs.loop.Log.Tell(syslog.Err, p.svc, text, "", "")
}

// relayEnded logs the end of a relay's process unless all went well.
func (rs *Relays) relayEnded(v *table.Service, g *child.Program, st child.Status, said string) {
	switch {
	case st.Stage != child.Run:
		rs.loop.Doctor.NotStarted(v, g, "", st)
	case st.Wait != 0:
		rs.loop.Log.Tell(syslog.Err, v, fmt.Sprintf("%s: relay[%d]: %s", v.Label, st.Pid, child.How(st.Wait)), "", quoted(said))
	}
}

// quoted is a process's last line on standard error, to follow what the log says of it.
func quoted(said string) string {
	if said == "" {
		return ""
	}
	return fmt.Sprintf("; its last line on standard error: %q", said)
}
