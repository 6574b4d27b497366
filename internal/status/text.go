package status

import (
	"bufio"
	"fmt"
	"inetd/internal/nearest"
	"inetd/internal/plaintext"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// WriteTable writes a line for each service, in at most 80 columns.
func (s *Snapshot) WriteTable(w io.Writer) {
	b := bufio.NewWriter(w)
	defer b.Flush()
	fmt.Fprintf(b, "inetd[%d] %s, up %s, %s, loaded %s ago\n", s.PID, s.Version, span(s.Now.Sub(s.Started)), count(len(s.Services), "service", "services"), span(s.Now.Sub(s.Loaded)))
	for _, path := range s.Changed {
		fmt.Fprintf(b, "%s has changed on disk and is not in force; inetd -c reloads it\n", plaintext.Visible(path))
	}
	if s.LogLost > 0 {
		fmt.Fprintf(b, "%d lines of the log were lost\n", s.LogLost)
	}
	fmt.Fprintf(b, "\n%-22s %-10s %5s %8s %8s %7s  %s\n", "SERVICE", "STATE", "RUN", "STARTED", "REFUSED", "FAILED", "LAST CLIENT")
	row := make([]byte, 0, 128)
	for i := range s.Services {
		row = s.Services[i].appendRow(row[:0], s.Now)
		b.Write(row)
	}
}

// appendRow appends a line of the table. There may be thousands of lines, and package fmt
// would take four times as long.
func (v *Service) appendRow(row []byte, now time.Time) []byte {
	row = appendLeft(row, cut(plaintext.Visible(v.Service), 22), 23)
	row = appendLeft(row, v.word(), 10)
	row = appendRight(row, strconv.Itoa(v.Running), 6)
	row = appendRight(row, short(v.Started), 9)
	row = appendRight(row, short(v.Refused.Total()), 9)
	row = appendRight(row, short(v.Failed), 8)
	row = append(row, "  "...)
	row = append(row, ago(now, v.LastClient)...)
	return append(row, '\n')
}

const blanks = "                        "

// appendLeft appends a text, padded on the right with blanks to a width.
func appendLeft(b []byte, text string, width int) []byte {
	return append(append(b, text...), blanks[:max(0, width-utf8.RuneCountInString(text))]...)
}

// appendRight appends a text, padded on the left to a width, with at least one blank.
func appendRight(b []byte, text string, width int) []byte {
	return append(append(b, blanks[:max(1, width-len(text))]...), text...)
}

// WriteService writes all that is known of the services with a label, and reports
// whether there is one. A name without a protocol stands for all services of that name.
func (s *Snapshot) WriteService(w io.Writer, label string) bool {
	found := false
	for i := range s.Services {
		if v := &s.Services[i]; v.Named(label) {
			v.write(w, s.Now)
			found = true
		}
	}
	return found
}

// Has reports whether there is a service with a label.
func (s *Snapshot) Has(label string) bool {
	return slices.ContainsFunc(s.Services, func(v Service) bool { return v.Named(label) })
}

// Closed reports whether a socket of a service with a label could not be opened.
func (s *Snapshot) Closed(label string) bool {
	return slices.ContainsFunc(s.Services, func(v Service) bool { return v.Named(label) && v.State == Closed })
}

// Only keeps the services with these labels; without labels it keeps all services.
func (s *Snapshot) Only(labels []string) {
	if len(labels) == 0 {
		return
	}
	s.Services = slices.DeleteFunc(s.Services, func(v Service) bool {
		return !slices.ContainsFunc(labels, v.Named)
	})
}

// Hint suggests the label that was probably meant, "" if none is near.
func (s *Snapshot) Hint(label string) string {
	names := make([]string, len(s.Services))
	for i, v := range s.Services {
		names[i] = v.Service
		if !strings.Contains(label, "/") {
			names[i], _, _ = strings.Cut(v.Service, "/")
		}
	}
	if near := nearest.Name(label, slices.Values(names)); near != "" {
		return "; did you mean " + near + "?"
	}
	return ""
}

// Named reports whether a service has a label, or a label that begins with it and a slash.
func (v *Service) Named(label string) bool {
	return v.Service == label || strings.HasPrefix(v.Service, label+"/")
}

func (v *Service) write(w io.Writer, now time.Time) {
	line := func(name, format string, args ...any) {
		fmt.Fprintf(w, "    %-12s %s\n", name, fmt.Sprintf(format, args...))
	}
	fmt.Fprintf(w, "%s: %s\n", plaintext.Visible(v.Place), plaintext.Visible(v.Service))
	state := v.State
	if v.Until != "" {
		state += " until " + v.Until
	}
	line("state", "%s", state)
	for _, k := range v.Sockets {
		line("socket", "%s", plaintext.Visible(k.Address+": "+k.State))
	}
	line("server", "%s", plaintext.Visible(v.Server))
	line("running", "%s", v.running())
	if v.Unstarted > 0 {
		line("waiting", "%s for a server", count(v.Unstarted, "client", "clients"))
	}
	line("limits", "%s", v.Limits)
	for _, k := range v.Keys {
		line("key", "%s", plaintext.Visible(k.Text+" ("+k.Place+")"))
	}
	line("clients", "%d accepted, the last %s", v.Accepted, ago(now, v.LastClient))
	line("refused", "%d by a limit of their source, %d by rules, %d for want of room", v.Refused.Limit, v.Refused.Rules, v.Refused.Room)
	for _, r := range []struct {
		n    uint64
		what string
	}{{v.Refused.Full, "because the service was full"}, {v.Refused.Penalty, "because of penalties"}, {v.Refused.Proxy, "without a proxy's header"}} {
		if r.n > 0 {
			line("refused", "%d %s", r.n, r.what)
		}
	}
	v.writeServers(line)
	v.writeDemand(line, now)
	line("suspended", "%s", count(int(v.Suspended), "time", "times"))
	for _, f := range v.Failures {
		line("failed", "%s: %s, %s", f.Stage, f.Cause, count(int(f.Count), "time", "times"))
	}
	if v.LastError != "" {
		line("last error", "%s, %s", plaintext.Visible(v.LastError), ago(now, v.LastAt))
	}
	fmt.Fprintln(w)
}

// running tells how many servers run, and the limit. On demand the limit counts clients,
// so the line of the relay shows it.
func (v *Service) running() string {
	if d := v.Demand; d != nil && d.Server != nil {
		return strconv.Itoa(v.Running)
	}
	return strconv.Itoa(v.Running) + of(v.Limits.Max)
}

// writeServers writes how the servers fared, or the connections of a relay without one.
func (v *Service) writeServers(line func(name, format string, args ...any)) {
	if d := v.Demand; d != nil && d.Server == nil {
		line("connections", "%d passed on, %d ended well, %d with an error", v.Started, v.EndedWell, v.EndedError)
		return
	}
	line("servers", "%d started, %d ended well, %d with an error, %d by a signal", v.Started, v.EndedWell, v.EndedError, v.Killed)
}

// writeDemand writes the state of a service whose clients are passed on.
func (v *Service) writeDemand(line func(name, format string, args ...any), now time.Time) {
	d := v.Demand
	if d == nil {
		return
	}
	if d.Server != nil {
		line("on demand", "%s", d.Server.story(now))
	}
	if d.Relay != 0 {
		line("relay", "process %d to %s, %s%s", d.Relay, plaintext.Visible(d.Place), count(d.Clients, "client", "clients"), of(v.Limits.Max))
	}
	line("passed on", "%d bytes from clients, %d to them", d.BytesIn, d.BytesOut)
}

// story words the state of a server on demand, and how long it has been in it.
func (b *Backend) story(now time.Time) string {
	text := b.Stage
	switch {
	case b.Since.IsZero():
	case strings.HasSuffix(text, " for"): // "looked for" takes no other "for"
		text += " since " + b.Since.Format(time.TimeOnly)
	default:
		text += " for " + now.Sub(b.Since).Round(time.Second).String()
	}
	if !b.Idle.IsZero() {
		text += fmt.Sprintf(", idle for %s", now.Sub(b.Idle).Round(time.Second))
	}
	if b.PID != 0 {
		text += fmt.Sprintf(", process %d", b.PID)
	}
	text += ", " + count(b.Starts, "start", "starts")
	if b.Took != 0 {
		text += fmt.Sprintf(", the last one took %s", b.Took.Round(time.Millisecond))
	}
	return text
}

// word is the state of a service in the table. For a service on demand that listens, it is
// the state of the server.
func (v *Service) word() string {
	switch {
	case v.State != Listening || v.Demand == nil || v.Demand.Server == nil:
		return v.State
	case !v.Demand.Server.Idle.IsZero():
		return "idle"
	}
	return v.Demand.Server.Stage
}

func of(limit int) string {
	if limit == 0 {
		return ""
	}
	return " of " + strconv.Itoa(limit)
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// short words a number in at most seven characters.
func short(n uint64) string {
	for _, unit := range []string{"", "k", "M", "G", "T"} {
		if n < 1_000_000 {
			return strconv.FormatUint(n, 10) + unit
		}
		n /= 1000
	}
	return strconv.FormatUint(n, 10) + "P"
}

// cut cuts a text to at most n characters; an ellipsis stands for the rest.
func cut(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}

// ago words how long ago something was; at is a Unix time in seconds, 0 for never.
func ago(now time.Time, at int64) string {
	if at == 0 {
		return "-"
	}
	return span(now.Sub(time.Unix(at, 0))) + " ago"
}

// span words a duration in its largest unit.
func span(d time.Duration) string {
	switch d = max(d, 0); {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours())/24)
}
