package plan

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"

	"inetd/internal/conf"
	"inetd/internal/plaintext"
	"inetd/internal/report"
)

// Convert writes a configuration to w as one file in the second syntax, with amendments
// written into the entries themselves. The host is asked only for the ports of xinetd's
// services, which xinetd checks. Convert returns a report of the problems of reading,
// and the error of writing to w.
func Convert(cfg *Config, host *Host, w io.Writer) (*report.Report, error) {
	var body bytes.Buffer
	l := newLoader(cfg, host, false)
	l.converting = true
	l.parser.KeepRemarks()
	l.taken = func(e *conf.Entry) { fmt.Fprintf(&body, "\n%s", converted(e)) }
	files := l.files()
	l.databases(files)
	l.configuration(files)
	if rest := l.parser.Remarks(); len(rest) > 0 {
		fmt.Fprintf(&body, "\n%s\n", strings.TrimSpace(strings.Join(rest, "\n")))
	}
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "# Converted by inetd --convert from %s.\n", plaintext.Visible(strings.Join(cfg.Sources(), " ")))
	if l.xinetd != nil {
		for _, p := range l.xinetd.Apart {
			fmt.Fprintf(b, "# %s\n", plaintext.Visible(p.String()))
		}
	}
	body.WriteTo(b) // Flush returns the error
	sortProblems(l.plan.Problems)
	return l.reportOf(l.result()), b.Flush()
}

// converted returns an entry as a definition. A key that was written for every entry and
// has no effect on this one is left out: here it would be a mistake. Whether user.group
// is one user depends on the machine that will use the file, so a comment asks.
func converted(e *conf.Entry) conf.Definition {
	own := *e
	if e.Keys != nil {
		own.Keys = e.Keys.Without(func(o conf.Option) bool {
			why, _ := noEffect(e, &o)
			return o.General && why != ""
		})
	}
	def := conf.Define(&own)
	if e.Dotted {
		def.Comments = append(def.Comments, plaintext.Visible(fmt.Sprintf(
			"# user %s.%s: if that is one user, write user = %s.%s and no group", e.User, e.Group, e.User, e.Group)))
	}
	return def
}
