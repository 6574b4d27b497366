package running

import (
	"inetd/internal/child"
	"inetd/internal/logbook"
)

// LogStart logs the start of a server, if connections are logged.
func (p *Process) LogStart(b *logbook.Book) {
	if !b.Connections {
		return
	}
	if p.Lent != nil {
		b.Infof("%s: server started, pid %d", p.Service.Label, p.PID)
		return
	}
	b.Infof("%s: connection%s, pid %d", p.Service.Label, p.Client.From(), p.PID)
}

// LogEnd logs the end of a server, if connections are logged.
func (p *Process) LogEnd(b *logbook.Book, st child.Status) {
	if !b.Connections {
		return
	}
	what := "server ended"
	if p.Lent == nil {
		what = "end of connection" + p.Client.From()
	}
	b.Infof("%s: %s, pid %d, %s after %v", p.Service.Label, what, st.Pid, child.How(st.Wait), logbook.Since(p.Begun))
}
