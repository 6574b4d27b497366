package inetd

import (
	"time"

	"inetd/internal/child"
	"inetd/internal/client"
	"inetd/internal/running"
	"inetd/internal/table"
)

// logStart logs the start of a server, if connections are logged.
func (s *Server) logStart(p *running.Process, pid int) {
	if !s.cfg.LogConnections {
		return
	}
	if p.Lent != nil {
		s.log.Infof("%s: server started, pid %d", p.Service.Label, pid)
		return
	}
	s.log.Infof("%s: connection%s, pid %d", p.Service.Label, p.Client.From(), pid)
}

// logExit logs the end of a server, if connections are logged.
func (s *Server) logExit(p *running.Process, st child.Status) {
	if !s.cfg.LogConnections {
		return
	}
	what := "server ended"
	if p.Lent == nil {
		what = "end of connection" + p.Client.From()
	}
	s.log.Infof("%s: %s, pid %d, %s after %v", p.Service.Label, what, st.Pid, child.How(st.Wait), since(p.Begun))
}

// logBuiltin logs that a builtin begins to serve a client, if connections are logged. A
// begun that is not 0 is the time at which that has begun already: then the log has it.
// end logs the end, and is for the event loop.
func (s *Server) logBuiltin(v *table.Service, c client.Client, begun int64) (end func()) {
	if !s.cfg.LogConnections {
		return func() {}
	}
	if begun == 0 {
		begun = time.Now().UnixNano()
		s.log.Infof("%s: connection%s, internal", v.Label, c.From())
	}
	return func() {
		s.log.Infof("%s: end of connection%s, internal, after %v", v.Label, c.From(), since(begun))
	}
}

// since is the time that has passed since a Unix time in ns.
func since(begun int64) time.Duration {
	return time.Duration(time.Now().UnixNano() - begun).Round(time.Millisecond)
}
