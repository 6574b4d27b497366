package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

const preamble = `To the figure of the C reference or, where it has none, of the daemon with 1.00:
medians of the ratios of the rounds. Failures, and what may be zero or negative,
are given as they are. C is the number of clients, each of which connects, reads
to the end, and connects again; one that waits for more than 3 s has failed. PSS
divides a page by its users, so it falls when servers use the same C library.

`

const relayPreamble = `To the figure of systemd-socket-proxyd: medians of the ratios of the rounds. The server
that connections are passed on to is a part of the program that measures, on the same
cores. CPU is that of all processes of a daemon; of inetd these are the daemon and the
relay. TCP uses ` + congestion + `, as one that paces, such as bbr, would measure its timers.

`

// page renders the results as Markdown. about describes the machine and the
// versions, daemons names the columns in order, and relays those of the tables about
// passing connections on.
func (r *results) page(about string, daemons, relays []string) string {
	var b strings.Builder
	b.WriteString("# inetd and its peers, measured\n\n")
	b.WriteString(about)
	if slices.ContainsFunc(r.series, func(s *series) bool { return !s.relays }) {
		b.WriteString("\n## Ratios\n\n" + preamble)
		r.table(&b, false, daemons, (*series).relative)
		b.WriteString("\n## Absolute figures\n\nMedians; failures are sums over all rounds.\n\n")
		r.table(&b, false, daemons, (*series).absolute)
	}
	if slices.ContainsFunc(r.series, func(s *series) bool { return s.relays }) {
		b.WriteString("\n## Passing connections on\n\n" + relayPreamble)
		r.table(&b, true, relays, (*series).relative)
		b.WriteString("\nAbsolute figures:\n\n")
		r.table(&b, true, relays, (*series).absolute)
	}
	r.explain(&b)
	r.lost(&b, slices.Concat(daemons, relays))
	return b.String()
}

// table renders a row for each measure, those of relays or the others, and a column for
// each daemon.
func (r *results) table(b *strings.Builder, relays bool, daemons []string, figure func(*series, string) float64) {
	fmt.Fprintf(b, "| | better | %s |\n", strings.Join(daemons, " | "))
	fmt.Fprintf(b, "|---|---|%s\n", strings.Repeat("--:|", len(daemons)))
	for _, s := range r.series {
		if s.relays != relays {
			continue
		}
		better := "lower"
		if s.higher {
			better = "higher"
		}
		fmt.Fprintf(b, "| %s, %s | %s |", s.name, s.unit, better)
		for _, d := range daemons {
			fmt.Fprintf(b, " %s |", s.cell(figure(s, d), figure(s, s.one())))
		}
		b.WriteByte('\n')
	}
}

// cell renders a figure. Next to a base of exactly 1 it is a ratio and gets
// two decimals; else as many as three digits need.
func (s *series) cell(v, base float64) string {
	switch size := math.Abs(v); {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return "\u2013"
	case s.kind == count:
		return fmt.Sprintf("%.0f", v)
	case s.kind == ratio && base == 1, size < 10:
		return fmt.Sprintf("%.2f", v)
	case size < 100:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.0f", v)
	}
}

// explain lists the reasons for the dashes, which are missing figures.
func (r *results) explain(b *strings.Builder) {
	if len(r.gaps) == 0 {
		return
	}
	b.WriteString("\n## Missing figures\n\n")
	for _, g := range r.gaps {
		fmt.Fprintf(b, "* %s, %s: %s\n", g.daemon, g.group, g.reason)
	}
}

// lost lists the measures in which a peer is ahead of ours.
func (r *results) lost(b *strings.Builder, daemons []string) {
	var rows []string
	compared := false
	for _, s := range r.series {
		ours, best := s.absolute(oursName), s.best(daemons)
		if best == "" || math.IsNaN(ours) {
			continue
		}
		compared = true
		if theirs := s.absolute(best); s.leads(theirs, ours) {
			rows = append(rows, fmt.Sprintf("* %s, %s: %s %s, %s %s\n",
				s.name, s.unit, best, s.cell(theirs, 0), oursName, s.cell(ours, 0)))
		}
	}
	if !compared {
		return
	}
	if len(rows) == 0 {
		rows = []string{"Nowhere in this run.\n"}
	}
	fmt.Fprintf(b, "\n## Where %s is not first\n\n%s", oursName, strings.Join(rows, ""))
}
