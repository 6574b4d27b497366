package inquiry

import (
	"fmt"

	"inetd/internal/access"
	"inetd/internal/child"
	"inetd/internal/client"
	"inetd/internal/environ"
	"inetd/internal/syslog"
	"inetd/internal/table"
	"inetd/internal/wrap"
)

// Inquiry is what is to be found out about a client before it is served, and the result.
type Inquiry struct {
	wrap.Question
	For    *table.Service
	Client client.Client

	Answer  *wrap.Answer
	Program *child.Program // to start in place of the service's; nil: start that one

	name, proto string // of the service
	wrapped     bool   // hosts.allow and hosts.deny are asked
}

// KnowsPeer reports whether the name of the client is wanted and known; false for a nil
// Inquiry.
func (q *Inquiry) KnowsPeer() bool { return q != nil && q.Named && q.Answer.PeerName != "" }

// AppendNames appends the variables with the names of both ends to an environment, if
// they are wanted and known.
func (q *Inquiry) AppendNames(env []byte) []byte {
	if !q.Named {
		return env
	}
	if name := q.Answer.LocalName; name != "" {
		env = environ.Append(env, "TCPLOCALHOST", name)
	}
	if name := q.Answer.PeerName; name != "" {
		env = environ.Append(env, "TCPREMOTEHOST", name)
		env = environ.Append(env, "REMOTE_HOST", name)
	}
	return env
}

// tell logs what was decided about a client, in the words of tcp_wrappers, and why.
func (d *Desk) tell(q *Inquiry) {
	a := q.Answer
	who := access.Expand("%c", a.Query, 0)
	switch about := fmt.Sprintf("%s, service %s (%s)", who, q.name, q.proto); {
	case a.Twist != "" && q.Program != nil:
		d.log.Log(q.priority(syslog.Warning), fmt.Sprintf("twist %s to %s, service %s (%s)%s", who, a.Twist, q.name, q.proto, a.Why()))
	case !a.Allow:
		d.log.Log(q.priority(syslog.Warning), "refused connection from "+about+a.Why())
	case q.wrapped:
		d.log.Log(q.priority(syslog.Info), "connection from "+about)
	}
}

// priority is the priority that the rule asks for, or else p.
func (q *Inquiry) priority(p syslog.Priority) syslog.Priority {
	if level := q.Answer.Severity; level >= 0 {
		return syslog.Priority(level)
	}
	return p
}
