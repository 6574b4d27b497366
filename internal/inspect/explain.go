package inspect

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"strings"

	"inetd/internal/access"
	"inetd/internal/plan"
	"inetd/internal/status"
	"inetd/internal/wrap"
)

// Explain writes the whole story of a service: what the files say now, what the
// daemon has, and with the address of a client what the rules say of it. It reads
// the files that the daemon reads. It returns the exit status: 0 if a client would
// get a server.
func Explain(shot *status.Snapshot, label, from string, w io.Writer) (code int, err error) {
	var c plan.Config
	if err := json.Unmarshal(shot.Config, &c); err != nil {
		return 1, fmt.Errorf("command line of process %d: %w", shot.PID, err)
	}
	all := plan.Check(&c, host(true))
	r := all.Only(func(service string) bool {
		return service == label || strings.HasPrefix(service, label+"/")
	})
	if len(r.Entries) == 0 && !shot.Has(label) {
		return 1, fmt.Errorf("no service %q is in force or in the files%s", label, shot.Hint(label))
	}
	fmt.Fprintf(w, "In %s:\n\n", strings.Join(c.Files, " "))
	if len(r.Entries) == 0 { // its line may be one of those with mistakes
		r, code = all.WithoutEntries(), 1
	}
	r.WriteText(w)
	fmt.Fprintf(w, "\nIn force:\n\n")
	if !shot.WriteService(w, label) {
		fmt.Fprintf(w, "    nothing; inetd -c reloads the files\n\n")
		code = 1
	}
	fmt.Fprintf(w, "Environment of a server, besides the variables about its client, and unless keys of its entry say otherwise:\n\n")
	for _, v := range shot.Environment {
		fmt.Fprintf(w, "    %q\n", v)
	}
	if from == "" {
		return max(code, min(r.Errors(), 1)), nil
	}
	fmt.Fprintln(w)
	allowed, err := verdicts(&c, r, from, w)
	if err == nil && !allowed {
		code = 1
	}
	return max(code, min(r.Errors(), 1)), err
}

// verdicts writes what the rules say of a client of each entry.
func verdicts(c *plan.Config, r *plan.Report, from string, w io.Writer) (allowed bool, err error) {
	addr, err := netip.ParseAddr(from)
	if err != nil {
		return false, fmt.Errorf("--from: %q is no address", from)
	}
	asker := wrap.NewAsker(net.DefaultResolver)
	allowed = true
	for i := range r.Entries {
		e := &r.Entries[i]
		q := wrap.Question{Query: access.Query{Daemon: filepath.Base(e.Server), Service: e.Service, Peer: netip.AddrPortFrom(addr, 0)}}
		if len(e.Argv) > 0 {
			q.Daemon = filepath.Base(e.Argv[0])
		}
		q.Rules = c.RulesOf(e)
		if _, _, sec := c.RuleFiles(); r.Secured {
			q.Rules = append(q.Rules, wrap.Sec(sec))
		}
		a := asker.Judge(context.Background(), q)
		word := "is let in"
		if !a.Allow {
			word, allowed = "is refused", false
		}
		fmt.Fprintf(w, "%s:%d: a client from %s %s%s\n", e.File, e.Line, addr, word, a.Why())
	}
	return allowed, nil
}
