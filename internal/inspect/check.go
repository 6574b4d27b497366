// Package inspect answers what can be said of a configuration without serving it. In go
// the files, and for one service the state of a running daemon; out comes a report.
// No service is opened and no server started. For what the files do not say, the kernel,
// name servers and getent(1) are asked.
package inspect

import (
	"io"

	"inetd/internal/child"
	"inetd/internal/getent"
	"inetd/internal/machine"
	"inetd/internal/plan"
	"inetd/internal/sock"
)

// Check writes what a daemon started by root would open, and every problem: as text or,
// with asJSON, as one object. It returns the number of errors.
func Check(c *plan.Config, w io.Writer, asJSON bool) (errors int) {
	r := plan.Check(c, host(child.Clones()))
	if asJSON {
		r.WriteJSON(w)
	} else {
		r.WriteText(w)
	}
	return r.Errors()
}

// Convert writes a configuration to w as one file in the second syntax, and its errors
// and warnings to stderr. It returns the number of errors, and the error of writing to w.
func Convert(c *plan.Config, w, stderr io.Writer) (errors int, err error) {
	r, err := plan.Convert(c, &plan.Host{Getent: getent.New(getent.Exec)}, w)
	r.WriteProblems(stderr)
	return r.Errors(), err
}

// Usable returns why a configuration cannot be put into force, or nil. The service
// manager has opened the inherited sockets, and known files held something before.
func Usable(c *plan.Config, inherited []sock.Spec, known []string) error {
	h := host(child.Clones())
	h.Inherited, h.Known = inherited, known
	return plan.Load(c, h).Err
}

// host is this machine; clone tells whether its kernel has clone3.
func host(clone bool) *plan.Host {
	h := machine.Host()
	h.Clone, h.Getent = clone, getent.New(getent.Exec)
	return h
}
