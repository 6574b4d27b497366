package inetd

import (
	"cmp"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"inetd/internal/access"
	"inetd/internal/child"
	"inetd/internal/sock"
	"inetd/internal/strerror"
	"inetd/internal/syslog"

	"golang.org/x/sys/unix"
)

// findRules makes ready what inquiries need. It reads nothing.
func (s *Server) findRules() {
	c := &s.cfg
	c.AllowFile, c.DenyFile, c.SecFile = cmp.Or(c.AllowFile, allowFile), cmp.Or(c.DenyFile, denyFile), cmp.Or(c.SecFile, secFile)
	s.hosts, s.sec = hostRules(c), secRules(c)
	s.names.resolver = net.DefaultResolver
}

// readRules reads the rules in force ahead of the first client, for the sake of
// their problems.
func (s *Server) readRules(p *plan) {
	if s.cfg.Wrap || s.cfg.WrapInternal {
		s.hosts.current(s.log)
	}
	if p.secured != nil {
		s.sec.current(s.log)
	}
}

// attend serves a client that has been admitted. It takes over the connection.
func (s *Server) attend(v *service, c client) error {
	switch {
	case s.inquires(v.do):
		s.inquire(v, c)
		return nil
	case v.do.builtin != "":
		s.serveBuiltin(v, c)
		return nil
	}
	return s.start(v, c)
}

// inquires reports whether something must be found out about the clients of an
// action before they are served.
func (s *Server) inquires(do *action) bool {
	return s.wraps(do) || s.tellsNames(do) || s.plan.secured != nil
}

// wraps reports whether hosts.allow and hosts.deny decide who is served. What
// tcpd starts is left to tcpd, which asks them itself.
func (s *Server) wraps(do *action) bool {
	if do.builtin != "" {
		return s.cfg.WrapInternal
	}
	return s.cfg.Wrap && filepath.Base(do.path) != "tcpd"
}

// tellsNames reports whether the server is told the names of hosts.
func (s *Server) tellsNames(do *action) bool { return s.cfg.Resolve && do.builtin == "" }

// maxInquiries is how many clients are asked about at once; more wait in the
// listen queue.
const maxInquiries = 256

// inquire finds out about a client beside the loop, since rules may be many and
// name servers slow, and then goes on with it.
func (s *Server) inquire(v *service, c client) {
	q := s.inquiry(v, c)
	s.inquiries++
	go func() {
		q.run()
		s.mail.post(func() {
			s.inquiryEnded()
			s.decided(v, c, q)
		})
	}()
}

// inquiryEnded makes room for the next client.
func (s *Server) inquiryEnded() {
	s.inquiries--
	s.letGo()
}

// inquiry prepares what is to be asked about a client.
func (s *Server) inquiry(v *service, c client) *inquiry {
	q := &inquiry{server: s, do: v.do, conn: c.conn, wrapped: s.wraps(v.do), named: s.tellsNames(v.do)}
	q.name, q.proto = v.split()
	q.Daemon = cmp.Or(v.do.daemon, q.name)
	q.Peer, q.UnixPeer = c.peer, !c.peer.IsValid()
	if sock.Local(c.conn, &s.local) == nil {
		q.Local = s.local.AddrPort()
	}
	if s.plan.secured != nil {
		q.Service = cmp.Or(s.plan.secured[v.label], q.name)
		q.rules = append(q.rules, s.sec)
	}
	if q.wrapped {
		q.rules = append(q.rules, s.hosts)
	}
	return q
}

// split is the label as name and protocol.
func (v *service) split() (name, proto string) {
	proto = strings.ToLower(v.do.proto)
	i := strings.LastIndexByte(v.label, '/')
	if i <= 0 || v.label[0] == '/' || !strings.HasPrefix(v.label[i+1:], proto) {
		return v.label, proto // a path, or a name of tcpmux
	}
	return v.label[:i], v.label[i+1:]
}

// decided goes on with a client about whom everything is known.
func (s *Server) decided(v *service, c client, q *inquiry) {
	s.logDecision(q)
	pid := os.Getpid()
	switch {
	case q.program != nil:
		pid = s.startFor(v, c, q, q.program)
	case !q.allow:
		s.turnAway(v, c)
	case v.do.builtin != "":
		s.serveBuiltin(v, c)
	default:
		pid = s.startFor(v, c, q, v.do.program)
	}
	for _, cmd := range q.spawn {
		s.spawn(v, access.Expand(cmd, q.Query, pid))
	}
}

// turnAway ends a client that has been admitted.
func (s *Server) turnAway(v *service, c client) {
	if v.do.mux {
		unix.Write(c.conn, []byte(notAvailable))
	}
	unix.Close(c.conn)
	if v.do.builtin == "" {
		s.release(v, c.peer.Addr())
	}
}

// startFor starts a program for a client as a rule wants it, and returns the
// process that serves the client.
func (s *Server) startFor(v *service, c client, q *inquiry, g *child.Program) (pid int) {
	if v.do.builtin != "" {
		v.usage().Live++ // admit did not count it, but this is a process, which ends
	}
	if q.umask >= 0 {
		// The child inherits the mask, and nothing else makes files meanwhile.
		defer unix.Umask(unix.Umask(q.umask))
	}
	s.env = q.appendNames(s.clientEnv(s.env[:0], v, c))
	pid, err := s.launch(v, c, g)
	if err != nil {
		s.log.Errorf("%s: fork: %s", v.label, strerror.Call(err))
		return os.Getpid()
	}
	if q.nice != 0 {
		s.renice(v, pid, q.nice)
	}
	return pid
}

// renice adds to the nice value of a process, which is as yet the daemon's. What
// that has forked meanwhile runs without it.
func (s *Server) renice(v *service, pid, n int) {
	own, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
	if err == nil {
		err = unix.Setpriority(unix.PRIO_PROCESS, pid, 20-own+n) // getpriority(2): the kernel answers 20 minus the value
	}
	if err != nil {
		s.log.Warningf("%s: nice %d: %s", v.label, n, strerror.Call(err))
	}
}

// spawn starts a command beside a server.
func (s *Server) spawn(v *service, cmd string) {
	done := make(chan child.Status, 1)
	s.shell(cmd, done)
	go func() {
		if st := <-done; st.Stage != child.Run {
			s.log.Errorf("%s: spawn: %s", v.label, st.Error(shellPath))
		}
	}()
}

const shellPath = "/bin/sh"

// shell starts a command that has nothing to read and nowhere to write. done
// gets its end.
func (s *Server) shell(cmd string, done chan<- child.Status) {
	null, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		done <- child.Status{Stage: child.Descriptors, Errno: err.(unix.Errno)}
		return
	}
	s.startCommand(null, []string{shellPath, "sh", "-c", cmd}, done)
}

// logDecision logs what came of a client, in the words of tcp_wrappers, and why.
func (s *Server) logDecision(q *inquiry) {
	client := access.Expand("%c", q.Query, 0)
	switch about := fmt.Sprintf("%s, service %s (%s)", client, q.name, q.proto); {
	case q.twist != "" && q.program != nil:
		s.log.Log(q.priority(syslog.Warning), fmt.Sprintf("twist %s to %s, service %s (%s)%s", client, q.twist, q.name, q.proto, q.why()))
	case !q.allow:
		s.log.Log(q.priority(syslog.Warning), "refused connection from "+about+q.why())
	case q.wrapped:
		s.log.Log(q.priority(syslog.Info), "connection from "+about)
	}
}
