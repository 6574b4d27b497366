package diagnose

import (
	"fmt"
	"slices"
	"syscall"
	"time"

	"inetd/internal/child"
	"inetd/internal/misfit"
	"inetd/internal/plan"
	"inetd/internal/running"
	"inetd/internal/syslog"
	"inetd/internal/table"
)

// Ended draws conclusions from the end of a server, and logs what somebody should know.
// For a wait server that took nothing the daemon calls TookNothing instead.
func (d *Doctor) Ended(p *running.Process, st child.Status) {
	defer p.Unprobe()
	if st.Stage != child.Run {
		d.NotStarted(p.Service, p.Program, p.Client.From(), st)
		return
	}
	if u := p.Service.Usage(); u.Failing != nil {
		d.Works(u)
	}
	if p.Kill != 0 { // the daemon has ended it, and logged that
		return
	}
	if p.Lent != nil {
		d.waitEnded(p, st)
		return
	}
	if st.Wait.Signaled() && child.Crash(st.Wait.Signal()) {
		d.tellCrash(p, st)
	}
	d.fits(p, st)
}

// waitEnded logs a wait server that has not ended well.
func (d *Doctor) waitEnded(p *running.Process, st child.Status) {
	v := p.Service
	who := fmt.Sprintf("%s: %s[%d]: ", v.Label, p.Program.Path(), st.Pid)
	switch code := st.Wait.ExitStatus(); {
	case st.Wait.Signaled():
		sig := st.Wait.Signal()
		d.log.Tell(syslog.Warning, v, fmt.Sprintf("%sexit signal %d", who, sig), sig.String(), whySignal(p, sig)+Cramped(v, sig))
	case code == 126, code == 127:
		d.tellShell(p, st)
	case code > 0:
		d.log.Tell(syslog.Warning, v, fmt.Sprintf("%sexit status %d", who, code), "", "")
	}
}

// whySignal explains a signal that a wait server has caused itself.
func whySignal(p *running.Process, sig syscall.Signal) string {
	if sig != syscall.SIGPIPE || !p.Lent.Spec.Listens() {
		return ""
	}
	return ": its standard output is the listening socket; a server that does not accept connections itself needs nowait"
}

// Cramped names the memory limit of an entry that may be why a server has crashed by sig.
// The kernel kills a program that cannot be loaded within the limit by such a signal, and
// many programs crash when they get no more memory.
func Cramped(v *table.Service, sig syscall.Signal) string {
	if sig != syscall.SIGSEGV && sig != syscall.SIGBUS && sig != syscall.SIGABRT {
		return ""
	}
	i := slices.IndexFunc(v.Do.Asks, func(a plan.Ask) bool {
		return a.Key == "rlimit_as" || a.Key == "rlimit_data" || a.Key == "rlimit_stack"
	})
	if i < 0 {
		return ""
	}
	a := &v.Do.Asks[i]
	return fmt.Sprintf("; %s may be too little for it (%s)", a.Text, a.Place())
}

const (
	failCount  = 3 // this many errors in a row, within failWindow, are logged
	failWindow = 10 * time.Second
)

// streak counts the servers of a service that ended with an error, one after another.
type streak struct {
	n     int
	begun time.Time
}

// fits draws conclusions from the end of a server of one client.
func (d *Doctor) fits(p *running.Process, st child.Status) {
	if st.Wait != 0 {
		d.failed(p, st)
		return
	}
	u := p.Service.Usage()
	if len(d.streaks) > 0 {
		delete(d.streaks, u)
	}
	if u.Sound || p.Service.Do.Mode != plan.Accept {
		return
	}
	brief, probed := time.Now().UnixNano()-p.Begun < int64(probeTime), p.Probe > 0
	u.Suspect, u.Sound = brief && !probed, probed || !brief
	if probed && misfit.Idle(p.Probe) && !d.beside.Full() {
		d.endedIdle(p, st.Pid)
	}
}

// failed logs servers that end with an error again and again, and an exit status that has
// a meaning of its own.
func (d *Doctor) failed(p *running.Process, st child.Status) {
	code := st.Wait.ExitStatus()
	switch {
	case st.Wait.Signaled() && !child.Crash(st.Wait.Signal()):
		return
	case code == 126 || code == 127:
		d.tellShell(p, st)
		return
	}
	if p.Client.Session != nil { // package inetd logs what became of the datagram
		return
	}
	u, now := p.Service.Usage(), time.Now()
	k := d.streaks[u]
	if now.Sub(k.begun) > failWindow {
		k = streak{begun: now}
	}
	k.n++
	d.streaks[u] = k
	u.Suspect = k.n == failCount-1
	if k.n < failCount || st.Wait.Signaled() { // tellCrash logs signals
		return
	}
	delete(d.streaks, u)
	d.tellFailing(p, st)
}

// tellFailing logs that the servers of a service fail, and then each minute how many
// more did.
func (d *Doctor) tellFailing(p *running.Process, st child.Status) {
	v, path, idle := p.Service, p.Program.Path(), p.Probe > 0 && misfit.Idle(p.Probe)
	if !d.log.First(v.Cause("its servers fail"), "server", fmt.Sprintf(" failed %d times in a row (%s)", failCount, d.log.Place(v))) {
		return
	}
	text := fmt.Sprintf("%s: %s[%d]: %s again and again", v.Label, path, st.Pid, child.How(st.Wait))
	tell := func(advice string) func() {
		switch {
		case advice != "":
			advice = "; it reads and writes nothing: " + advice
		case v.Do.Keys == nil || v.Do.Keys.Stderr == "":
			advice = "; its client reads what it says on standard error, which the key stderr = log brings here"
		}
		return func() { d.log.Tell(syslog.Warning, v, text, fmt.Sprintf("%d in a row", failCount), advice) }
	}
	d.beside.Do(func() func() {
		if !idle {
			return tell("")
		}
		return tell(misfit.Failing(path))
	}, tell(""))
}

// tellCrash logs that a server has crashed, and then each minute how many more did.
func (d *Doctor) tellCrash(p *running.Process, st child.Status) {
	v, sig := p.Service, st.Wait.Signal()
	if !d.log.First(v.Cause(child.How(st.Wait)), "server", fmt.Sprintf(" ended with exit signal %d (%s, %s)", sig, sig, d.log.Place(v))) {
		return
	}
	d.log.Tell(syslog.Warning, v, fmt.Sprintf("%s: %s[%d]: exit signal %d", v.Label, p.Program.Path(), st.Pid, sig), sig.String(), Cramped(v, sig))
}

// tellShell explains the exit statuses of shells and of the dynamic loader.
func (d *Doctor) tellShell(p *running.Process, st child.Status) {
	v, path, code, who := p.Service, p.Program.Path(), st.Wait.ExitStatus(), p.Program.Credential()
	how := child.How(st.Wait)
	if !d.log.First(v.Cause(how), "server", " ended with "+how+" ("+d.log.Place(v)+")") {
		return
	}
	tell := func(why string) func() {
		if why != "" {
			why = ": " + why
		}
		return func() {
			d.log.Tell(syslog.Warning, v, fmt.Sprintf("%s: %s[%d]: exit status %d", v.Label, path, st.Pid, code), "", why)
		}
	}
	d.beside.Do(func() func() { return tell(misfit.Shell(path, code, seenBy(v.Do.Keys, who))) }, tell(""))
}
