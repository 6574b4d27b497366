package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// verdict is the comparison of two outcomes: the differences, by what they are about.
// That is "sockets", "access" (who is served), "wider" (inetd serves a client that xinetd
// does not), "answer" (one daemon's client got a report and the other's did not),
// something that a server sees (see reports), or "stale" (the file calls deliberate what
// does not differ).
type verdict struct {
	differences map[string][]string
	deliberate  map[string]bool
	open        int // sockets of xinetd
}

func (v *verdict) differ(what, format string, args ...any) {
	v.differences[what] = append(v.differences[what], fmt.Sprintf(format, args...))
}

// judge compares what both daemons did.
func judge(s *scene, x, i *outcome) *verdict {
	v := &verdict{differences: map[string][]string{}, deliberate: map[string]bool{}, open: len(x.sockets)}
	v.sockets(x.sockets, i.sockets)
	for n := range s.tries {
		v.results(&s.tries[n], &x.results[n], &i.results[n])
	}
	for what := range v.differences {
		v.deliberate[what] = s.differs[what] != ""
	}
	for what := range s.differs {
		if v.differences[what] == nil {
			v.differ("stale", "%s does not differ", what)
		}
	}
	return v
}

// sockets compares which sockets are open. A socket of xinetd for both versions of IP is
// as good as two.
func (v *verdict) sockets(x, i []string) {
	x, i = reached(x), reached(i)
	for _, s := range x {
		if !slices.Contains(i, s) {
			v.differ("sockets", "only xinetd has %s", s)
		}
	}
	for _, s := range i {
		if !slices.Contains(x, s) {
			v.differ("sockets", "only inetd has %s", s)
		}
	}
}

// reached names sockets by the addresses that reach them.
func reached(list []string) (out []string) {
	for _, s := range list {
		network, address, _ := strings.Cut(s, " ")
		out = append(out, strings.TrimSuffix(network, "6")+" "+address)
		if port, any := strings.CutPrefix(address, "[::]:"); any {
			out = append(out, strings.TrimSuffix(network, "6")+" 0.0.0.0:"+port)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (v *verdict) results(t *try, x, i *result) {
	switch {
	case x.verdict == i.verdict:
	case i.verdict == "served":
		v.differ("wider", "%s: xinetd %s, inetd %s", t.original, x.verdict, i.verdict)
	default:
		v.differ("access", "%s: xinetd %s, inetd %s", t.original, x.verdict, i.verdict)
	}
	if (x.report == nil) != (i.report == nil) && x.verdict == i.verdict {
		v.differ("answer", "%s: xinetd %q, inetd %q", t.original, x.text, i.text)
	}
	if x.report != nil && i.report != nil {
		v.reports(t, x, i)
	}
}

// added are the variables that inetd adds to the environment of every server.
var added = []string{"PROTO", "TCPLOCALIP", "TCPLOCALPORT", "TCPREMOTEIP", "TCPREMOTEPORT", "REMOTE_ADDR", "REMOTE_PORT"}

func (v *verdict) reports(t *try, x, i *result) {
	compare := func(what string, a, b any) {
		if fmt.Sprint(a) != fmt.Sprint(b) {
			v.differ(what, "%s: xinetd %v, inetd %v", t.original, a, b)
		}
	}
	a, b := x.report, i.report
	compare("argv", strconv.Quote(strings.Join(a.Argv, " ")), strconv.Quote(strings.Join(b.Argv, " ")))
	compare("env", ownEnv(a.Env), ownEnv(b.Env))
	compare("uid", a.UID, b.UID)
	compare("gid", a.GID, b.GID)
	compare("groups", others(a), others(b))
	compare("umask", fmt.Sprintf("%03o", a.Umask), fmt.Sprintf("%03o", b.Umask))
	compare("nice", a.Nice, b.Nice)
	compare("directory", a.Directory, b.Directory)
	compare("descriptors", a.Descriptors, b.Descriptors)
	compare("signals", changed(a.Signals), changed(b.Signals))
	compare("keepalive", a.KeepAlive, b.KeepAlive)
	compare("nodelay", a.Delay, b.Delay)
	for n := range a.Limits {
		if n < len(b.Limits) && a.Limits[n] != b.Limits[n] {
			compare("limits", a.Limits[n], b.Limits[n])
		}
	}
}

// others are the supplementary groups of a server without its own group: it makes no
// difference whether that is among them.
func others(r *report) []int {
	return slices.DeleteFunc(slices.Clone(r.Groups), func(gid int) bool { return gid == r.GID })
}

// changed are masks of signals without those of this process: xinetd leaves those as they
// are, and inetd resets them.
func changed(masks []uint64) (own []uint64) {
	for i, inherited := range signals() {
		if i < len(masks) {
			own = append(own, masks[i]&^inherited)
		}
	}
	return own
}

// ownEnv is the environment without added variables, and without the prefix that IPv4
// addresses have on an IPv6 socket.
func ownEnv(env []string) (own []string) {
	for _, s := range env {
		name, value, _ := strings.Cut(s, "=")
		if slices.Contains(added, name) || value == "<no address>" { // which xinetd tells a wait server
			continue
		}
		if name == "REMOTE_HOST" {
			value = strings.TrimPrefix(value, "::ffff:")
		}
		own = append(own, name+"="+value)
	}
	return own
}

// fails reports whether any difference is not deliberate.
func (v *verdict) fails() bool {
	for what := range v.differences {
		if !v.deliberate[what] {
			return true
		}
	}
	return false
}

func (v *verdict) print(w io.Writer, s *scene, x, i *outcome) {
	fmt.Fprintf(w, "== %s\n", s.name)
	if s.generated {
		fmt.Fprintln(w, s.conf)
	}
	for _, what := range slices.Sorted(maps.Keys(v.differences)) {
		for _, text := range v.differences[what] {
			fmt.Fprintf(w, "%s: %s\n", what, text)
		}
	}
	fmt.Fprintf(w, "-- log of xinetd\n%s-- log of inetd\n%s\n", head(x.log), head(i.log))
}

// head is the beginning of a log, which may be very long.
func head(log string) string {
	lines := slices.Collect(strings.Lines(log))
	if len(lines) > 20 {
		lines = append(lines[:20:20], fmt.Sprintf("and %d more lines\n", len(lines)-20))
	}
	return strings.Join(lines, "")
}

// line is the line of a scene in the table.
func (v *verdict) line(s *scene) string {
	var deliberate, other []string
	for _, what := range slices.Sorted(maps.Keys(v.differences)) {
		if v.deliberate[what] {
			deliberate = append(deliberate, what+" ("+s.differs[what]+")")
		} else {
			other = append(other, what)
		}
	}
	word := "same"
	switch {
	case len(other) > 0:
		word = "DIFFERS"
	case len(deliberate) > 0:
		word = "differs"
	}
	text := strings.Join(append(other, deliberate...), "; ")
	return strings.TrimRight(fmt.Sprintf("%-8s %-24s %2d sockets %3d clients  %s", word, s.name, v.open, len(s.tries), text), " ")
}

// tally counts what came of all scenes.
type tally struct{ files, clients, generated, pairs, failed, deliberate int }

func (t *tally) add(s *scene, v *verdict) {
	if s.generated {
		t.generated++
		t.pairs += len(s.tries)
	} else {
		t.files++
		t.clients += len(s.tries)
	}
	switch {
	case v.fails():
		t.failed++
	case len(v.differences) > 0:
		t.deliberate++
	}
}

func (t tally) String() string {
	return fmt.Sprintf("%d files with %d clients, %d generated ones with %d: %s differ, %d of them as documented",
		t.files, t.clients, t.generated, t.pairs, cmp.Or(strconv.Itoa(t.failed+t.deliberate), "none"), t.deliberate)
}
