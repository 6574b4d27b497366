package inspect

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"inetd/internal/access"
	"inetd/internal/conf"
	"inetd/internal/machine"
	"inetd/internal/plan"
	"inetd/internal/report"
	"inetd/internal/status"
	"inetd/internal/wrap"
)

// Explain writes the whole story of a service: first, if from is valid, what happens to a
// client from there, then what the files say now, and then what the daemon has. It reads
// the files that the daemon reads. It returns the exit status: 0 if a client would get a
// server.
func Explain(shot *status.Snapshot, label string, from netip.Addr, w io.Writer) (code int, err error) {
	var c plan.Config
	if err := json.Unmarshal(shot.Config, &c); err != nil {
		return 1, fmt.Errorf("command line of process %d: %w", shot.PID, err)
	}
	all := plan.Check(&c, host(true))
	found := mentions(all, label)
	r := all.Only(
		func(service string) bool { return service == label || strings.HasPrefix(service, label+"/") },
		func(file string, line int) bool { return mentioned(found, file, line) },
	)
	switch {
	case len(r.Entries) > 0:
		found = slices.DeleteFunc(found, func(m mention) bool { return m.what != amends })
	case len(found) > 0: // the entry is off, or has a mistake
		code = 1
	default:
		r, code = all.WithoutEntries(), 1
	}
	if len(r.Entries)+len(found) == 0 && !shot.Has(label) {
		return 1, fmt.Errorf("no service %q is in force or in the files%s", label, shot.Hint(label))
	}
	if from.IsValid() && !verdicts(&c, r, shot, from, w) {
		code = 1
	}
	fmt.Fprintf(w, "In %s:\n\n", strings.Join(c.Files, " "))
	for _, m := range found {
		fmt.Fprintf(w, "%s:%d: %s %s\n", m.file, m.line, label, m.what)
	}
	r.WriteText(w)
	fmt.Fprintf(w, "\nIn force:\n\n")
	if !shot.WriteService(w, label) {
		advice := ""
		if len(r.Entries) > 0 {
			advice = "; inetd -c reloads the files"
		}
		fmt.Fprintf(w, "    nothing%s\n\n", advice)
		code = 1
	}
	if shot.Closed(label) {
		code = 1
	}
	fmt.Fprintf(w, "Environment of a server, besides the variables about its client, and unless keys of its entry say otherwise:\n\n")
	for _, v := range shot.Environment {
		fmt.Fprintf(w, "    %q\n", v)
	}
	return max(code, min(r.Errors(), 1)), nil
}

// verdicts writes what happens to a client of each entry, and reports whether all of them
// serve it, now or later.
func verdicts(c *plan.Config, r *report.Report, shot *status.Snapshot, from netip.Addr, w io.Writer) (served bool) {
	asker := wrap.NewAsker(net.DefaultResolver)
	if len(r.Entries) == 0 {
		fmt.Fprintf(w, "a client from %s gets no server: the files have no entry for it\n\n", from)
		return false
	}
	served = true
	for i := range r.Entries {
		e := &r.Entries[i]
		a, word, hurdle := asker.Judge(context.Background(), question(c, r, i, from)), "is refused", ""
		if a.Allow {
			word = "is let in"
			hurdle = now(shot, fmt.Sprintf("%s:%d", e.File, e.Line), e.Served)
		}
		served = served && a.Allow && (hurdle == "" || strings.HasPrefix(hurdle, waits))
		fmt.Fprintf(w, "%s:%d: a client from %s %s%s%s\n", e.File, e.Line, from, word, a.Why(), hurdle)
	}
	fmt.Fprintln(w)
	return served
}

// question is what is asked about a client of entry i of a report.
func question(c *plan.Config, r *report.Report, i int, from netip.Addr) wrap.Question {
	e := &r.Entries[i]
	q := wrap.Question{Query: access.Query{Daemon: filepath.Base(e.Server), Service: e.Service, Peer: netip.AddrPortFrom(from, 0)}}
	if len(e.Argv) > 0 {
		q.Daemon = filepath.Base(e.Argv[0])
	}
	if e.Clients != nil && e.Clients.WrapName != "" {
		q.Daemon = e.Clients.WrapName
	}
	q.Rules = append(c.RulesOf(e.Clients, e.Builtin != ""), wrap.Fixed(opening(e.Clients)))
	if _, _, sec := c.RuleFiles(); r.Secured {
		q.Rules = append(q.Rules, wrap.Sec(sec))
	}
	return q
}

// waits begins the text about a client that is served later.
const waits = ", and waits: "

// now says what keeps a client that the rules let in from a server; "": nothing.
func now(shot *status.Snapshot, place string, served bool) string {
	i := slices.IndexFunc(shot.Services, func(v status.Service) bool { return absolute(shot, v.Place) == absolute(shot, place) })
	switch {
	case !served:
		return ", and the entry is not served"
	case i < 0:
		return ", and the entry is not in force"
	}
	switch v := &shot.Services[i]; {
	case v.State == status.Closed:
		return ", and a socket of the service is not open"
	case v.Against != "":
		return ", but is turned away now: " + v.Against
	case v.State == status.Suspended:
		return waits + "the service is suspended until " + v.Until
	case v.State == status.Full && v.Demand != nil:
		return waits + "as many clients are passed on as may"
	case v.State == status.Full:
		return waits + "as many servers run as may"
	}
	return ""
}

// absolute is a place with an absolute path. A relative one begins at the daemon's
// directory.
func absolute(shot *status.Snapshot, place string) string {
	if filepath.IsAbs(place) {
		return place
	}
	return filepath.Join(shot.Directory, place)
}

// opening is the rule of the keys that close a service to all clients for a while, as it
// applies now.
func opening(k *conf.Keys) wrap.Rules {
	return func(access.Query) access.Verdict {
		now := time.Now()
		why, key := k.Shut(now, func() float64 { return new(machine.Load).At(now) })
		at := k.At(key)
		return access.Verdict{Allow: key == "", File: at.File, Line: at.Line, Rule: why}
	}
}
