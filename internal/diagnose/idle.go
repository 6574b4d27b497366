package diagnose

import (
	"fmt"
	"os"
	"time"

	"inetd/internal/misfit"
	"inetd/internal/plan"
	"inetd/internal/running"
	"inetd/internal/syslog"
	"inetd/internal/table"

	"golang.org/x/sys/unix"
)

// A server that runs and serves nobody is found out by its ends: by errors in a row,
// and, once for a service, by an end within a moment. The server after such a one is
// watched: the daemon keeps a descriptor of its connection and asks the kernel what
// was said on it. So servers that are all right cost nothing.

const (
	probeTime = 250 * time.Millisecond // how long a client may not be told the end of its connection
	lookTime  = time.Second            // the age at which a server is asked where it listens
)

// Probe is a descriptor for the connection of a server that is suspect; 0: it is not.
func (d *Doctor) Probe(v *table.Service, conn int) int {
	if !v.Usage().Suspect || v.Do.Mode != plan.Accept {
		return 0
	}
	fd, err := unix.FcntlInt(uintptr(conn), unix.F_DUPFD_CLOEXEC, d.starter.Floor())
	if err != nil {
		return 0
	}
	d.starter.Note(fd)
	return fd
}

// Watch gives the descriptor of a probe up if the server lives on.
func (d *Doctor) Watch(p *running.Process) {
	if p.Probe == 0 {
		return
	}
	d.running.After(p, probeTime, p.Unprobe)
}

// endedIdle tells of a server that has ended without an error, having taken nothing
// from its client, unless a process that it has left serves that.
func (d *Doctor) endedIdle(p *running.Process, pid int) {
	v, path, begun, conn := p.Service, p.Program.Path(), time.Unix(0, p.Begun), p.Probe
	p.Probe = 0
	deserted, left := false, 0
	d.explain(func() {
		if deserted = misfit.Deserted(conn, os.Getpid()); deserted {
			left = misfit.Background(path, begun)
		}
		unix.Close(conn)
	}, func() {
		text := fmt.Sprintf("%s: %s[%d] has ended at once and read and written nothing", v.Label, path, pid)
		switch {
		case !deserted:
		case left > 0:
			d.log.Tell(syslog.Warning, v, text, "", fmt.Sprintf(": it went into the background as process %d and left its client; it needs an option to stay in the foreground, or one for inetd", left))
		default:
			d.log.Tell(syslog.Warning, v, text, "its client still waits", "; a server of inetd serves its standard input")
		}
	})
}

// Settled asks a server that lives for longer than most whether it listens itself,
// once for a service.
func (d *Doctor) Settled(p *running.Process) {
	if p.Service == nil || p.Service.Used == nil || p.Service.Used.Examined || p.Service.Do.Mode != plan.Accept {
		return
	}
	u, pid := p.Service.Used, p.PID
	u.Examined = true
	d.running.AfterOr(p, lookTime, func() {
		v, path, port := p.Service, p.Program.Path(), ""
		d.explain(func() { port = misfit.Listens(pid) }, func() {
			if port != "" {
				d.log.Tell(syslog.Warning, v, fmt.Sprintf("%s: %s[%d] was started for a client and listens itself", v.Label, path, pid), "port "+port,
					"; a server of inetd serves its standard input, so it needs an option for that, or an entry with key connect")
			}
		})
	}, func() { u.Examined = false })
}
