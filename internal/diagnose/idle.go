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

// A server that runs but serves nobody shows in the way its service's servers end: with
// errors in a row or, looked at once per service, within a moment. Then the next server
// is watched: the daemon keeps a descriptor of its connection and asks the kernel what
// was said on it. So servers that are all right cost nothing.

const (
	probeTime = 250 * time.Millisecond // how long a watched connection may stay open after its server has closed it
	lookTime  = time.Second            // the age at which it is looked up where a server listens
)

// Probe returns a descriptor that watches the connection of a suspect server; 0: the
// server is not suspect, or there is no descriptor left. The caller owns it.
func (d *Doctor) Probe(v *table.Service, conn int) int {
	if !v.Usage().Suspect || v.Do.Mode != plan.Accept {
		return 0
	}
	fd, _ := d.starter.Copy(conn)
	return fd
}

// Watch closes the probe of a server that lives on for probeTime.
func (d *Doctor) Watch(p *running.Process) {
	if p.Probe == 0 {
		return
	}
	d.running.After(p, probeTime, p.Unprobe)
}

// endedIdle logs a server that ended without an error and took nothing from its client,
// unless a process that it left behind serves the client. It closes the probe.
func (d *Doctor) endedIdle(p *running.Process, pid int) {
	v, path, started, conn := p.Service, p.Program.Path(), time.Unix(0, p.Begun), p.Probe
	p.Probe = 0
	begun := d.beside.Do(func() func() {
		defer unix.Close(conn)
		if !misfit.Deserted(conn, os.Getpid()) {
			return nothing
		}
		text, left := fmt.Sprintf("%s: %s[%d] has ended at once and read and written nothing", v.Label, path, pid), misfit.Background(path, started)
		return func() {
			if left > 0 {
				d.log.Tell(syslog.Warning, v, text, "", fmt.Sprintf(": it went into the background as process %d and left its client; it needs an option to stay in the foreground, or one for inetd", left))
				return
			}
			d.log.Tell(syslog.Warning, v, text, "its client still waits", "; a server of inetd serves its standard input")
		}
	}, nothing)
	if !begun {
		unix.Close(conn)
	}
}

func nothing() {}

// Settled finds out whether a server that lives longer than most listens itself, once per
// service.
func (d *Doctor) Settled(p *running.Process) {
	if p.Service == nil || p.Service.Used == nil || p.Service.Used.Examined || p.Service.Do.Mode != plan.Accept {
		return
	}
	u, pid := p.Service.Used, p.PID
	u.Examined = true
	another := func() { u.Examined = false }
	d.running.AfterOr(p, lookTime, func() {
		v, path := p.Service, p.Program.Path()
		d.beside.Do(func() func() {
			port := misfit.Listens(pid)
			if port == "" {
				return nothing
			}
			return func() {
				d.log.Tell(syslog.Warning, v, fmt.Sprintf("%s: %s[%d] was started for a client and listens itself", v.Label, path, pid), "port "+port,
					"; a server of inetd serves its standard input, so it needs an option for that, or an entry with key connect")
			}
		}, another)
	}, another)
}
