package plan

import (
	"slices"
	"strings"

	"inetd/internal/conf"
	"inetd/internal/netdb"
)

// cause tells whether a problem may pass by itself.
type cause uint8

const (
	lasting cause = iota // somebody has to mend it
	served               // the service is opened, but its clients are refused until the problem has passed
	asking               // a name server has not answered yet
	missing              // the entry is left out, or lacks addresses, until the problem has passed
)

// Late is what it takes to load again when entries wait for something that may appear
// by itself: a user, a host, a program. It holds the files as the first load read them,
// so that no change of the configuration counts before somebody asks for a reload.
type Late struct {
	Asking   bool // a name server had not answered yet when the plan was made
	problems []Problem
	err      error // of a file that could not be used; the other files are served
	sources  sources
	services *netdb.Services
	from     origin

	watch, known []string
}

// late returns what it takes to load again, or nil if no problem may pass by itself.
func (l *loader) late() *Late {
	waits := func(p Problem) bool { return p.cause != lasting }
	asks := func(p Problem) bool { return p.cause == asking }
	if !slices.ContainsFunc(l.plan.Problems, waits) {
		return nil
	}
	return &Late{
		Asking: slices.ContainsFunc(l.plan.Problems, asks), problems: l.plan.Problems, err: l.plan.Err,
		sources: l.sources, services: l.services, from: l.from, watch: l.plan.Watch, known: l.plan.Known,
	}
}

// resume begins a load with the files that an earlier load has read.
func (l *loader) resume(late *Late) {
	l.sources, l.services, l.from = late.sources.copy(), late.services, late.from
	l.plan.Watch, l.plan.Known = slices.Clip(late.watch), slices.Clip(late.known)
	l.plan.Problems = slices.Clone(late.sources.problems)
}

// copy returns the sources with unparsed copies of their files. A load that was given up
// may still be using the originals.
func (s *sources) copy() sources {
	copies := map[*conf.File]*conf.File{}
	unread := func(f *conf.File) *conf.File {
		if copies[f] == nil {
			copies[f] = &conf.File{Name: f.Name, Text: f.Text, Line: f.Line, Skip: f.Skip}
		}
		return copies[f]
	}
	c := *s
	c.files, c.named, c.included = map[fileID]*conf.File{}, map[string]*conf.File{}, map[string][]*conf.File{}
	for id, f := range s.files {
		c.files[id] = unread(f)
	}
	for path, f := range s.named {
		c.named[path] = unread(f)
	}
	for pattern, files := range s.included {
		c.included[pattern] = nil
		for _, f := range files {
			c.included[pattern] = append(c.included[pattern], unread(f))
		}
	}
	return c
}

// place is what a problem is about: two problems of one place may have different texts.
type place struct {
	file  string
	line  int
	label string
}

// News compares a plan made from late with the plan that late comes from. It returns the
// problems that have passed and those that are new. If ok is false, the plan must not be
// used: it failed, or lacks something that the plan before it had.
func (late *Late) News(p *Plan) (passed, fresh []Problem, ok bool) {
	if p.Err != nil && (late.err == nil || late.err.Error() != p.Err.Error()) {
		return nil, nil, false
	}
	before, now := map[place]cause{}, map[place]cause{}
	told := map[Problem]bool{}
	for _, o := range late.problems {
		before[o.place()] = max(before[o.place()], o.cause)
		o.Hint = ""
		told[o] = true
	}
	for _, n := range p.Problems {
		at := n.place()
		now[at] = max(now[at], n.cause)
		if n.cause == missing && before[at] < asking {
			return nil, nil, false
		}
		known := n.cause != lasting && before[at] != lasting && before[at] != asking
		again := n
		again.Hint = ""
		if !known && !told[again] {
			fresh = append(fresh, n)
		}
	}
	for _, o := range late.problems {
		if o.cause != lasting && now[o.place()] == lasting {
			passed = append(passed, o)
		}
	}
	return passed, fresh, true
}

func (p Problem) place() place { return place{p.Pos.File, p.Pos.Line, p.label} }

// Passed returns the log line that says that the problem has passed.
func (p Problem) Passed() string {
	p.Text = "works now; it was: " + strings.TrimSuffix(p.Text, ", service ignored")
	p.Hint, p.Severity, p.cause = "", conf.Hint, lasting
	return p.LogLine()
}
